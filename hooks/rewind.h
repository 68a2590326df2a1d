/*
 * rewind - which updates of a push take commits away from a ref, as `git push --force` is needed for: for
 * hook.allowForce = false, and only called then. Effect: runs git (hooks/gitcmd). Tested by
 * tests/process/t0084-scan.py.
 *
 * An update rewinds when the old commit is no ancestor of the new, when either is no commit, and when it
 * moves a ref below refs/tags/. Creations and deletions never do.
 *
 * Cost: one `rev-list` over the commits that the push adds answers for whatever moves forward over new
 * commits, whether one ref or 20 000. What is left (moved to a commit that was there before, or really
 * rewound) takes a `git merge-base` for each different pair of old and new: some 2 ms.
 *
 * Memory: about 150 bytes a new commit.
 */
#ifndef GG_HOOKS_REWIND_H
#define GG_HOOKS_REWIND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "hooks/deadline.h"
#include "hooks/update.h"

/*
 *   until    for all of it
 *   ret      p->n entries
 *   ret_err  one line for the client, on failure
 * 0 or -errno: not known, nothing may be accepted.
 */
int gg_rewind_find(const struct gg_push *p, struct gg_deadline until, bool *ret, struct gg_buf *ret_err);

#endif
