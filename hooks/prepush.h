/*
 * prepush - the lease of a forward: `git push` runs git-gate-hook as pre-push, between upstream's list of
 * references and the first byte that it sends. What git then sends as each reference's old value is what it
 * tells pre-push, and upstream compares and swaps: so when all of these are the values that the pusher saw,
 * nobody's work is lost, however forced the push is. Effect: files of the forward's directory. Used by
 * hooks/hook.c and hooks/forward.c. Tested by tests/unit/prepush.c.
 */
#ifndef GG_HOOKS_PREPUSH_H
#define GG_HOOKS_PREPUSH_H

#include "base/text.h"
#include "hooks/update.h"

#define GG_PREPUSH_EXPECT "expect" /* in: "REF SP OLD SP NEW LF", sorted by REF */
#define GG_PREPUSH_SENT "sent"	   /* out: allowed; from here on upstream may have changed */
#define GG_PREPUSH_STALE "stale"   /* out: refused, with the reason for people, "REF LF REASON" */

/* The file EXPECT in a directory. 0 or -errno. */
int gg_prepush_expect(int dirfd, const struct gg_push *sorted);

/*
 * One line of git's, "LOCAL-REF LOCAL-OID REMOTE-REF REMOTE-OID", against what is expected.
 *   expect  of n lines, as of the file, NUL-terminated ones
 * A reference to be deleted may be gone already: that is what was wanted. 0 or -EPERM, with the reason in
 * ret_why.
 */
int gg_prepush_check(char *const *expect, size_t n, char *line, struct gg_buf *ret_why);

/*
 * All of it, as git's pre-push: $GIT_DIR is the forward's directory, in_fd what git writes. The exit status:
 * 0 allows.
 */
int gg_prepush(int in_fd);

#endif
