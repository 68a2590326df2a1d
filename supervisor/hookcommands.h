/*
 * hookcommands - what the hooks of a session ask of the gate, and tell it: the commands push, step and event
 * of the control socket. Called through supervisor/commands.c.
 */
#ifndef GG_SUPERVISOR_HOOKCOMMANDS_H
#define GG_SUPERVISOR_HOOKCOMMANDS_H

#include <jansson.h>

#include "supervisor/controlreq.h"
#include "supervisor/state.h"

json_t *gg_hook_push(struct gg_gate *g, const struct gg_controlreq *req);
json_t *gg_hook_step(struct gg_gate *g, const struct gg_controlreq *req);
json_t *gg_hook_event(struct gg_gate *g, const struct gg_controlreq *req);

#endif
