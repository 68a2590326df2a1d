/* refrule - which refs a push may change. See refrule.h. */
#include "hooks/refrule.h"

#include <errno.h>
#include <string.h>

#define REPLACE "refs/replace/"

enum { SHOWN = 200 }; /* bytes of a ref or pattern in a message */

/* How many bytes the star at pattern[i] takes, 0 when there is none: "**" and more are one. */
static size_t stars(const char *pattern, size_t i)
{
	return strspn(pattern + i, "*");
}

/* Where the pattern can stand without taking a byte: behind a star it may always go on. */
static void skip_stars(const char *pattern, size_t m, bool *at)
{
	for (size_t i = 0; i < m; i++)
		if (at[i] && stars(pattern, i))
			at[i + stars(pattern, i)] = true;
}

/*
 * All places in the pattern where the text read so far can end, instead of one at a time with a way back: no
 * pattern takes exponential time. From the right, so that what a byte adds is not read again by that byte.
 */
bool gg_refrule_match(const char *pattern, const char *ref)
{
	bool at[GG_REFRULE_PATTERN_MAX + 1] = { true };
	size_t m = strlen(pattern);

	if (m > GG_REFRULE_PATTERN_MAX)
		return false;
	skip_stars(pattern, m, at);
	for (; *ref; ref++) {
		for (size_t i = m + 1; i-- > 0;) {
			size_t n = stars(pattern, i);

			if (!at[i])
				continue;
			at[i] = n > 1 || (n == 1 && *ref != '/');
			if (!n && i < m && pattern[i] == *ref)
				at[i + 1] = true;
		}
		skip_stars(pattern, m, at);
	}
	return at[m];
}

static const char *find_match(const struct gg_list *l, const char *ref, const char *prefix)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strncmp(l->v[i], prefix, strlen(prefix)) && gg_refrule_match(l->v[i], ref))
			return l->v[i];
	return NULL;
}

static bool too_long(const struct gg_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (strlen(l->v[i]) > GG_REFRULE_PATTERN_MAX)
			return true;
	return false;
}

static int refuse(struct gg_buf *why, const char *before, const struct gg_update *u, const char *after)
{
	gg_buf_add(why, "%s", before);
	gg_quote(why, u->ref, strlen(u->ref), SHOWN);
	gg_buf_add(why, "%s", after);
	return -EPERM;
}

static int check_name(const struct gg_push_conf *c, const struct gg_update *u, struct gg_buf *why)
{
	const char *deny = find_match(&c->deny_ref, u->ref, "");

	if (deny) {
		refuse(why, "reference ", u, " is denied by ");
		gg_quote(why, deny, strlen(deny), SHOWN);
		gg_buf_add(why, " (hook.denyRef)");
		return -EPERM;
	}
	if (!strncmp(u->ref, REPLACE, strlen(REPLACE)))
		return find_match(&c->allow_ref, u->ref, REPLACE)
			       ? 0
			       : refuse(why, "reference ", u,
					" replaces an object, which must be allowed by name (hook.allowRef)");
	if (strncmp(u->ref, "refs/", 5) != 0)
		return refuse(why, "reference ", u, " is not below refs/");
	if (c->allow_ref.n && !find_match(&c->allow_ref, u->ref, ""))
		return refuse(why, "reference ", u, " is not allowed (hook.allowRef)");
	return 0;
}

int gg_refrule_check(const struct gg_push_conf *c, const struct gg_update *u, bool rewinds,
		     struct gg_buf *ret_why)
{
	int r;

	if (too_long(&c->allow_ref) || too_long(&c->deny_ref)) {
		gg_buf_add(ret_why, "a pattern of hook.allowRef or hook.denyRef is longer than %d bytes",
			   GG_REFRULE_PATTERN_MAX);
		return -EPERM;
	}
	r = check_name(c, u, ret_why);
	if (r < 0)
		return r;
	if (gg_update_deletes(u))
		return c->allow_delete
			       ? 0
			       : refuse(ret_why, "deleting reference ", u, " is not allowed (hook.allowDelete)");
	if (rewinds && !c->allow_force && !gg_update_creates(u))
		return refuse(ret_why, "a forced update of reference ", u, " is not allowed (hook.allowForce)");
	return 0;
}

int gg_refrule_check_count(const struct gg_push_conf *c, size_t nrefs, struct gg_buf *ret_why)
{
	if (c->limit_refs <= 0 || nrefs <= (size_t)c->limit_refs)
		return 0;
	gg_buf_add(ret_why, "%zu references in one push, %lld are allowed (limit.refs)", nrefs,
		   (long long)c->limit_refs);
	return -EPERM;
}
