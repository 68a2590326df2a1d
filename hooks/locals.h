/*
 * locals - the references of the mirror itself: can a push be done to them, has it been done? Effect: runs
 * git. Used by hooks/hook.c (before upstream is told) and hooks/holder.c. Tested by
 * tests/process/t0086-lock.py.
 */
#ifndef GG_HOOKS_LOCALS_H
#define GG_HOOKS_LOCALS_H

#include "hooks/deadline.h"
#include "hooks/outcome.h"

/*
 * Could git do all of the push here, now? Is receive-pack, which is to do it, still there? It locks the
 * references, compares them with the old values, looks for names in the way, and lets go. (Of more than 1000
 * references only the old values are compared.) With the repository's lock held, before upstream is told.
 *   ret_why  one line for people: what is in the way
 * 0; -ESTALE: one has moved, the client has to fetch; -EBUSY: one cannot be locked; -ESRCH: receive-pack has
 * ended; -EIO, other -errno: git failed.
 */
int gg_locals_check(const char *gitdir, const struct gg_push *p, const struct gg_deadline *until,
		    struct gg_buf *ret_why);

/*
 * How do they stand? Outside of the quarantine.
 *   ret_ref  one that is not as the push wants it, "" when all are; borrowed from p
 * 0 or -errno.
 */
int gg_locals_compare(const char *gitdir, const struct gg_push *p, const struct gg_deadline *until,
		      struct gg_tally *ret, const char **ret_ref, struct gg_buf *ret_why);

#endif
