/*
 * refrule - which refs a push may create, move and delete: hook.allowRef, hook.denyRef, hook.allowDelete,
 * hook.allowForce, limit.refs. Pure. Called by hooks/hook.c, tested by tests/unit/refrule.c.
 *
 * A pattern is a ref's whole name; '*' stands for any text without '/', '**' for any text. hook.denyRef goes
 * before hook.allowRef; an empty hook.allowRef allows every ref below refs/ but refs/replace/, which only a
 * pattern that itself begins with "refs/replace/" allows: such a ref makes git show one object in place of
 * another.
 */
#ifndef GG_HOOKS_REFRULE_H
#define GG_HOOKS_REFRULE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "hooks/pushconf.h"
#include "hooks/update.h"

enum { GG_REFRULE_PATTERN_MAX = 1024 }; /* bytes; a longer pattern refuses every push */

/*
 *   rewinds  the update takes commits away (hooks/rewind.h); looked at only if c->allow_force is false
 *   ret_why  one line for the client on failure: 'reference "refs/x" is not allowed (hook.allowRef)'
 *   ret_key  the setting that refuses, which ret_why has at its end ("repo.NAME.allowRef" when it is the
 *            repository's own); nothing when there is none
 * 0 or -EPERM.
 */
int gg_refrule_check(const struct gg_push_conf *c, const struct gg_update *u, bool rewinds,
		     struct gg_buf *ret_why, struct gg_buf *ret_key);

/* limit.refs, for a push that was read before the limit was known. 0 or -EPERM. */
int gg_refrule_check_count(const struct gg_push_conf *c, size_t nrefs, struct gg_buf *ret_why,
			   struct gg_buf *ret_key);

/* Does the ref match the pattern (of at most GG_REFRULE_PATTERN_MAX bytes)? Time: length of one times length
 * of the other. */
bool gg_refrule_match(const char *pattern, const char *ref);

#endif
