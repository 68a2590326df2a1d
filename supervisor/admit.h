/*
 * admit - who of the accepted connections is served, when: limit.sessions, limit.sessionsPerPeer, the waiting
 * room with limit.waiting and deadline.wait, and limit.sessionsPerRepo once the request is known.
 */
#ifndef GG_SUPERVISOR_ADMIT_H
#define GG_SUPERVISOR_ADMIT_H

#include "base/addr.h"
#include "supervisor/clientsock.h"
#include "supervisor/session.h"
#include "supervisor/state.h"

/* 0 or -ENOMEM. */
int gg_admit_open(struct gg_gate *g);
/* Turn away all who wait, with the reason. */
void gg_admit_close(struct gg_gate *g, const char *why);

/* An operator's: nobody new is served and who waits is turned away, until gg_admit_resume. */
void gg_admit_drain(struct gg_gate *g);
void gg_admit_resume(struct gg_gate *g);

/* Takes w->fd, an accepted connection: it is served at once, waits, or is turned away with text. */
void gg_admit(struct gg_gate *g, const struct gg_waiter *w);
/*
 * Takes fd, a connection that is not to be served whatever room there is: its client is told why. Whoever can
 * reach us can cause it, so it costs no place, and is recorded seldom.
 */
void gg_admit_refuse(struct gg_gate *g, int fd, const struct gg_addr *peer, enum gg_transport transport,
		     enum gg_denial how, const char *why);
/* A session has ended, or accepting goes on after a pause: serve who waits, as far as the limits allow. */
void gg_admit_next(struct gg_gate *g);
/* False: to start sessions took so long in this turn of the loop that further connections wait for the next.
 */
bool gg_admit_has_time(struct gg_gate *g);

/*
 * A session's request was read. True: it may go on; false: too many sessions of its repository run, and it is
 * held until gg_admit_next finds room for it or deadline.wait passes.
 */
bool gg_admit_repo(struct gg_gate *g, struct gg_session *s);
/* It would be held. */
bool gg_admit_repo_full(const struct gg_gate *g, const struct gg_session *s);

/* Clients that wait while every place is taken, else 0. */
size_t gg_admit_pressed(const struct gg_gate *g);
/* Clients that wait for a session, held ones among them. */
size_t gg_admit_waiting(const struct gg_gate *g);
/* For how long the client in the waiting room has waited that has longest; -1: it is empty. */
int64_t gg_admit_longest_wait(const struct gg_gate *g, int64_t now_ms);
/* Clients turned away so far, because the room was full, they had waited too long, it
 * drained, or they may not connect. */
uint64_t gg_admit_refused(const struct gg_gate *g);

#endif
