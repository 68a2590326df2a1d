/*
 * pushlimit - limit.push of a session's repository, or its own (repo.NAME.push): what git-gate-session and
 * git-gate-http are told of it, and the record of a push that was larger. Effect: events. Called by
 * supervisor/session.c.
 */
#ifndef GG_SUPERVISOR_PUSHLIMIT_H
#define GG_SUPERVISOR_PUSHLIMIT_H

#include "supervisor/state.h"

/* The limit that the session's repository has itself; -1: it has none. */
int64_t gg_pushlimit_own(const struct gg_conf *c, const struct gg_session *s);

/* git-gate-http has refused a push for its size: push.rejected. */
void gg_pushlimit_record(const struct gg_conf *c, struct gg_session *s);

/*
 * At the end of a session. git alone knows that it refused a pack for its size, and tells only the client; so
 * over git:// a push counts as refused for it when more came than the limit and no hook of ours was run.
 */
void gg_pushlimit_ended(const struct gg_conf *c, struct gg_session *s);

#endif
