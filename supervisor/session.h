/*
 * session - one client's connection and the processes that serve it: start, what they say, and the end of the
 * connection. The reaper decides when nothing is left of it.
 */
#ifndef GG_SUPERVISOR_SESSION_H
#define GG_SUPERVISOR_SESSION_H

#include "base/addr.h"
#include "supervisor/state.h"
#include "supervisor/waitroom.h"

/*
 * Start a session on fd, an accepted connection; its clocks start now. 0: fd is taken, and if the session
 * could not be started for a reason that will not pass, the client was told so. -errno: the machine lacks
 * descriptors, processes or memory; nothing has begun, and fd is the caller's still.
 */
int gg_session_start(struct gg_gate *g, const struct gg_waiter *w);

/* Sessions of a repository that run, held ones left out. */
size_t gg_session_repo_count(const struct gg_gate *g, const char *repo);
/* A held session may go on: its clocks start now. */
void gg_session_release(struct gg_session *s);
/* A held session is not begun; its client is told why. */
void gg_session_give_up(struct gg_session *s, const char *why);

/* Take what the session's first process has said and the loop has not come to yet: which repository it is
 * about. */
void gg_session_catch_up(struct gg_session *s);

/* For the reaper: the process that talks to the client. Its exit ends the connection; pid 0: it has exited.
 */
void gg_session_served(struct gg_session *s, pid_t pid, uint64_t start_tick, void *gate);

/* For the reaper: nothing of the session is left. Logs its end and forgets it. */
void gg_session_finish(struct gg_session *s, void *gate);

#endif
