/*
 * ready - whether new clients are served, and why not: what a load balancer or an exec probe asks. A gate
 * whose places are all taken is ready: clients wait.
 */
#ifndef GG_SUPERVISOR_READY_H
#define GG_SUPERVISOR_READY_H

#include <jansson.h>

#include "supervisor/controlreq.h"
#include "supervisor/state.h"

enum gg_unready {
	GG_UNREADY_STARTING,
	GG_UNREADY_STOPPING,
	GG_UNREADY_DRAINED,
	GG_UNREADY_RESOURCES,
	GG_UNREADY_SERVICE,
	GG_NUNREADY
};

/* A bit (1u << GG_UNREADY_…) for each reason; 0: ready. */
unsigned gg_ready_why_not(const struct gg_gate *g);
/* "drained", for labels. */
const char *gg_ready_word(enum gg_unready why);

/* {"ready": bool, "reasons": [text]}; a new reference, NULL without memory. */
json_t *gg_ready_report(const struct gg_gate *g);
/* The command: supervisor/protocol.md. */
json_t *gg_ready_command(struct gg_gate *g, const struct gg_controlreq *req);

#endif
