/*
 * proxied - connections from a proxy of access.proxyFrom whose header, which says on whose behalf they were
 * made (base/proxyhead.h), has not come whole yet. They wait before the waiting room: for deadline.init, and
 * GG_PROXIED_MAX of them at most.
 */
#ifndef GG_SUPERVISOR_PROXIED_H
#define GG_SUPERVISOR_PROXIED_H

#include "base/addr.h"
#include "supervisor/state.h"

#define GG_PROXIED_MAX 256 /* the one that has waited longest makes room */

/* 0 or -ENOMEM. */
int gg_proxied_open(struct gg_gate *g);
/* Tell all that wait. */
void gg_proxied_close(struct gg_gate *g, const char *why);

/*
 * Takes fd, a connection of a proxy's. Once its header is there the client goes to gg_access_admit; of a
 * connection of the proxy's own the proxy does, once it sends something. One that closes without, a health
 * check, leaves no trace in the log above debug.
 */
void gg_proxied_take(struct gg_gate *g, int fd, const struct gg_addr *proxy, enum gg_transport transport);

#endif
