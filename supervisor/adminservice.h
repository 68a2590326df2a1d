/*
 * adminservice - listen.admin as a service like those of the configuration: git-gate-admin (admin/), which
 * asks the control socket as any client does. It is never given up, and nothing waits for it.
 */
#ifndef GG_SUPERVISOR_ADMINSERVICE_H
#define GG_SUPERVISOR_ADMINSERVICE_H

#include "supervisor/state.h"

/* Set g->admin if listen.admin asks for one. 0 or -errno, and err says what is wrong. */
int gg_admin_service_open(struct gg_gate *g, struct gg_buf *err);
void gg_admin_service_free(struct gg_gate *g);

#endif
