/*
 * sessionlog - the records of a session's beginning and end, and of what it writes to stderr. For session.c
 * and foster.c.
 */
#ifndef GG_SUPERVISOR_SESSIONLOG_H
#define GG_SUPERVISOR_SESSIONLOG_H

#include "daemon-wrap/status.h"
#include "reaper/registry.h"
#include "supervisor/rules.h"
#include "supervisor/state.h"

/* session.log: one line of what git or a hook wrote to stderr; arg is the session. */
void gg_session_log_line(const char *line, void *arg);

/* session.opened, or session.refused when git-gate-session said no. */
void gg_session_log_opened(struct gg_session *s, const struct gg_status *st);

/* session.refused by a rule of access, or session.challenged. */
void gg_session_log_denied(struct gg_session *s, const struct gg_ruling *ruling);

/*
 * A push may be over, over HTTP a request: what its hook has not said of it, if anything. whole: the session
 * has ended, or git-gate-http says that the push has come and was answered; status: of what served it.
 */
void gg_session_log_hook(struct gg_session *s, bool whole, int status);
/* Of a request that was answered; another may follow. */
void gg_session_hook_over(struct gg_session *s, bool whole);

/* gate.outdated: once, when the first session after an upgrade comes. */
void gg_session_log_replaced(struct gg_gate *g, const struct gg_served *how);

/* session.reaped, if it was ended by us, and session.closed. */
void gg_session_log_end(struct gg_session *s, int64_t now_ms);

#endif
