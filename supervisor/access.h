/*
 * access - who may connect at all: access.allow. It stands between accepting a connection and the waiting
 * room.
 */
#ifndef GG_SUPERVISOR_ACCESS_H
#define GG_SUPERVISOR_ACCESS_H

#include "base/addr.h"
#include "supervisor/state.h"

/* Takes fd, which was just accepted: it goes to gg_admit, or its client is told that it may not connect. */
void gg_access_take(struct gg_gate *g, int fd, const struct gg_addr *peer, enum gg_transport transport);

#endif
