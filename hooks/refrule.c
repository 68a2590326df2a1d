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

/* What a check has to look at, and to say. */
struct check {
	const struct gg_push_conf *c;
	const struct gg_update *u;
	struct gg_buf *why, *key;
};

/* The setting that refuses, behind what it refuses. */
static int blame(const struct check *k, enum gg_repo_key rule)
{
	gg_push_conf_key(k->key, k->c, rule);
	gg_buf_add(k->why, " (%s)", k->key->s);
	return -EPERM;
}

static void name(const struct check *k, const char *before, const char *after)
{
	gg_buf_add(k->why, "%s", before);
	gg_quote(k->why, k->u->ref, strlen(k->u->ref), SHOWN);
	gg_buf_add(k->why, "%s", after);
}

static int refuse(const struct check *k, const char *before, const char *after, enum gg_repo_key rule)
{
	name(k, before, after);
	return blame(k, rule);
}

static int check_patterns(const struct check *k)
{
	bool deny = too_long(&k->c->deny_ref);

	if (!deny && !too_long(&k->c->allow_ref))
		return 0;
	gg_buf_add(k->why, "a pattern is longer than %d bytes", GG_REFRULE_PATTERN_MAX);
	return blame(k, deny ? GG_REPO_deny_ref : GG_REPO_allow_ref);
}

static int check_name(const struct check *k)
{
	const struct gg_list *allow = &k->c->allow_ref;
	const char *ref = k->u->ref, *deny = find_match(&k->c->deny_ref, ref, "");

	if (deny) {
		name(k, "reference ", " is denied by ");
		gg_quote(k->why, deny, strlen(deny), SHOWN);
		return blame(k, GG_REPO_deny_ref);
	}
	if (!strncmp(ref, REPLACE, strlen(REPLACE)))
		return find_match(allow, ref, REPLACE)
			       ? 0
			       : refuse(k, "reference ", " replaces an object, which must be allowed by name",
					GG_REPO_allow_ref);
	if (strncmp(ref, "refs/", 5) != 0) {
		name(k, "reference ", " is not below refs/");
		return -EPERM;
	}
	if (allow->n && !find_match(allow, ref, ""))
		return refuse(k, "reference ", " is not allowed", GG_REPO_allow_ref);
	return 0;
}

int gg_refrule_check(const struct gg_push_conf *c, const struct gg_update *u, bool rewinds,
		     struct gg_buf *ret_why, struct gg_buf *ret_key)
{
	const struct check k = { .c = c, .u = u, .why = ret_why, .key = ret_key };
	int r = check_patterns(&k);

	r = r ? r : check_name(&k);
	if (r < 0)
		return r;
	if (gg_update_deletes(u))
		return c->allow_delete
			       ? 0
			       : refuse(&k, "deleting reference ", " is not allowed", GG_REPO_allow_delete);
	if (rewinds && !c->allow_force && !gg_update_creates(u))
		return refuse(&k, "a forced update of reference ", " is not allowed", GG_REPO_allow_force);
	return 0;
}

int gg_refrule_check_count(const struct gg_push_conf *c, size_t nrefs, struct gg_buf *ret_why,
			   struct gg_buf *ret_key)
{
	const struct check k = { .c = c, .why = ret_why, .key = ret_key };

	if (c->limit_refs <= 0 || nrefs <= (size_t)c->limit_refs)
		return 0;
	gg_buf_add(ret_why, "%zu references in one push, %lld are allowed", nrefs, (long long)c->limit_refs);
	return blame(&k, GG_REPO_push_refs);
}
