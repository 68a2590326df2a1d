/*
 * lock - one push or refresh of a repository at a time, from before upstream is told until the references
 * here have moved. Effect: flock on git-gate.lock in the repository. Used by hooks/hook.c and
 * hooks/refresh.c. The holder is in hooks/holder.c. Tested by tests/process/t0086-lock.py.
 *
 * Between the end of pre-receive and the moment when receive-pack moves the references a refresh must not
 * find the lock free: it would see upstream's new values, move the references itself, and receive-pack would
 * fail with the old ones. So pre-receive leaves a holder behind, which keeps the lock until receive-pack has
 * ended, or post-receive says that the references have moved.
 *
 * What talks to upstream inherits the lock (struct gg_git). Whatever is killed, it is free when the last of
 * them is gone; what was forwarded and not done here then, the next refresh fetches.
 */
#ifndef GG_HOOKS_LOCK_H
#define GG_HOOKS_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "hooks/deadline.h"
#include "hooks/gate.h"
#include "hooks/update.h"

#define GG_LOCK_FILE "git-gate.lock" /* in the repository, 0600; never removed */

/*
 * Wait for the lock, in the order of arrival. Tells the client when it has to wait. Uses SIGALRM and
 * ITIMER_REAL.
 *   ret_fd  owned; closing it, or exit, gives the lock back, unless a child has inherited it
 * 0, -ETIMEDOUT, or -errno.
 */
int gg_lock_take(const char *gitdir, int64_t limit_ms, int *ret_fd);
/* The same without a word; *ret_waited, NULL or whether it was free at once. */
int gg_lock_wait(const char *gitdir, int64_t limit_ms, int *ret_fd, bool *ret_waited);

/*
 * Leave the holder behind: a child without any of our descriptors but fd. It ends as soon as receive-pack has
 * (our parent), or gg_lock_let_go asks it to, or it is time; before it lets go it compares the
 * references with p, and has push.diverged recorded when they differ. Returns once it can be found by
 * gg_lock_let_go, which without space on the disk it cannot.
 * 0: fd may be closed here; -ESRCH: receive-pack has ended; other -errno: there is none. The lock is fd's
 * alone then.
 */
int gg_lock_hold(int fd, const char *gitdir, const struct gg_push *p, const struct gg_gate_link *l,
		 const struct gg_deadline *until);

/*
 * post-receive: the references have moved. Asks the holder of the same session to let go, and waits until it
 * has, for at most limit_ms. 0: none is left; -ETIMEDOUT, -errno.
 */
int gg_lock_let_go(const char *gitdir, const char *session, int64_t limit_ms);

#endif
