/*
 * waitroom - accepted connections that wait for a session to become free: served round-robin by peer, then by
 * arrival, so that one peer with a thousand connections cannot keep another out. Pure but for allocation: it
 * neither reads nor closes descriptors. Tested by tests/unit/waitroom.c; used by supervisor/admit.c.
 */
#ifndef GG_SUPERVISOR_WAITROOM_H
#define GG_SUPERVISOR_WAITROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "supervisor/transport.h"

struct gg_waiter {
	int fd;
	enum gg_transport transport;
	struct gg_addr peer;
	int64_t arrived_ms;  /* CLOCK_MONOTONIC */
	size_t header_bytes; /* taken from the socket already: what a proxy said of the client */
};

struct gg_waitroom;

struct gg_waitroom *gg_waitroom_new(void);
/* The room must be empty. */
void gg_waitroom_free(struct gg_waitroom *room);
size_t gg_waitroom_count(const struct gg_waitroom *room);

/* 0 or -ENOMEM. The room holds fd from then on. */
int gg_waitroom_add(struct gg_waitroom *room, const struct gg_waiter *w);

/*
 * Make room for w in a full room: of the peer with most waiters the last one leaves, if w's own peer has at
 * least two fewer. False: w is itself one too many. w is not added.
 */
bool gg_waitroom_displace(struct gg_waitroom *room, const struct gg_waiter *w, struct gg_waiter *ret);

/*
 * Who is to be served next; it stays where it is until it is taken out. may says whether a peer (its address
 * without the port) may have another session now; peers that may not are passed over. NULL: nobody may. Valid
 * until the room changes.
 */
const struct gg_waiter *gg_waitroom_next(const struct gg_waitroom *room,
					 bool (*may)(const char *host, void *arg), void *arg);
/* Take out what gg_waitroom_next returned: it is served, and its peer's turn comes last now. */
void gg_waitroom_take(struct gg_waitroom *room, const struct gg_waiter *w);

/* Take out the one that has waited longest, if it arrived before this time. */
bool gg_waitroom_expired(struct gg_waitroom *room, int64_t before_ms, struct gg_waiter *ret);

/* Nobody was served for so long because the gate stood still: everybody arrived that much later. */
void gg_waitroom_delay(struct gg_waitroom *room, int64_t lost_ms, int64_t now_ms);

/* When the one that has waited longest arrived; -1: nobody waits. */
int64_t gg_waitroom_oldest(const struct gg_waitroom *room);

/* Take out every waiter for which left() is true, in one pass; gone() gets its descriptor. */
void gg_waitroom_sweep(struct gg_waitroom *room, bool (*left)(int fd), void (*gone)(int fd));

#endif
