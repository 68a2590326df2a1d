/*
 * refresh - fetch what is new upstream into the mirror, before a client is served. Effect. Called by
 * hooks/hook.c (git-gate-hook refresh DIR), outside of any push. Tested by tests/process/t0087-refresh.py.
 *
 * What upstream advertises below refs/ is mirrored, and pruned, but for what forges make by themselves and
 * mirrors do not want: pull requests, merge requests, changes, and their machinery (the list is below).
 * What is not mirrored is left alone here. HEAD follows upstream's default branch: git fetch does not tell
 * it, so it is asked for apart, when there was no answer yet for five minutes, or HEAD points at nothing.
 *
 * One at a time, and none while a push is between upstream and here: hooks/lock.h. Who waited for somebody
 * else's refresh takes its result, the bad as the good. The result is in git-gate.fresh in the repository
 * (base/stamp.h).
 * After a push of which it is not certain that both sides have the same now (hooks/doubt.h) it counts for
 * nothing.
 */
#ifndef GG_HOOKS_REFRESH_H
#define GG_HOOKS_REFRESH_H

#include "hooks/gate.h"

/* What is not mirrored: what GitHub, GitLab, Bitbucket, Gerrit and Azure make. Each as X(PATTERN). */
#define GG_REFRESH_NOT_MIRRORED(X) \
	X("refs/pull/*") \
	X("refs/merge-requests/*") \
	X("refs/pull-requests/*") \
	X("refs/changes/*") \
	X("refs/keep-around/*") \
	X("refs/pipelines/*") \
	X("refs/environments/*") \
	X("refs/cache-automerge/*") \
	X("refs/meta/*") \
	X("refs/git-gate/*")

/* What is mirrored, as words for git fetch. */
#define GG_REFRESH_EXCEPT(pattern) , "^" pattern
#define GG_REFRESH_REFSPECS "+refs/*:refs/*" GG_REFRESH_NOT_MIRRORED(GG_REFRESH_EXCEPT)

/*
 * Bounded by c->refresh_ms; a fetch that is ended then is given two seconds of these to take its lock files
 * away.
 *   ret_why  on failure: one line for the client, without paths
 * 0: what is there is as of c->fresh_ms ago at most, or there is no upstream.
 * -EBUSY: a push or another refresh has the repository for longer than that. -ETIMEDOUT, -EIO, other -errno:
 * upstream could not be asked. What is there is whole then, but may be stale: c->on_stale says what becomes
 * of the client.
 */
int gg_refresh(const char *gitdir, const struct gg_push_conf *c, const struct gg_gate_link *l,
	       struct gg_buf *ret_why);

/* What a client is told that is served what is there, though upstream could not be asked: one line. */
void gg_refresh_stale(const char *gitdir, const char *why, struct gg_buf *b);

#endif
