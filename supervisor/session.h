/*
 * session - one client's connection and the processes that serve it: start, what they say, and the end of the
 * connection. The reaper decides when nothing is left of it.
 */
#ifndef GG_SUPERVISOR_SESSION_H
#define GG_SUPERVISOR_SESSION_H

#include "base/addr.h"
#include "supervisor/state.h"

/* Takes fd, an accepted connection. When the session cannot be started the client is told so and accepting
 * pauses. */
void gg_session_start(struct gg_gate *g, int fd, const struct gg_addr *peer);

/* For the reaper: the process that talks to the client. Its exit ends the connection; pid 0: it has exited.
 */
void gg_session_served(struct gg_session *s, pid_t pid, uint64_t start_tick, void *gate);

/* For the reaper: nothing of the session is left. Logs its end and forgets it. */
void gg_session_finish(struct gg_session *s, void *gate);

#endif
