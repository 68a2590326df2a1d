/*
 * access - who may connect at all, and whom a connection counts for: access.allow and access.proxyFrom. It
 * stands between accepting a connection and the waiting room.
 */
#ifndef GG_SUPERVISOR_ACCESS_H
#define GG_SUPERVISOR_ACCESS_H

#include "base/addr.h"
#include "supervisor/state.h"
#include "supervisor/waitroom.h"

/*
 * Takes fd, which was just accepted: it goes to gg_admit, its client is told that it may not connect, or,
 * when a proxy made it (access.proxyFrom), it is found out first on whose behalf.
 */
void gg_access_take(struct gg_gate *g, int fd, const struct gg_addr *peer, enum gg_transport transport);
/* The same when it is known who the client is. */
void gg_access_admit(struct gg_gate *g, const struct gg_waiter *w);

#endif
