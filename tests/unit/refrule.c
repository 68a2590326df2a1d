/* hooks/refrule.h: which refs a push may change. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "hooks/refrule.h"

#define A "1111111111111111111111111111111111111111"
#define B "2222222222222222222222222222222222222222"
#define Z "0000000000000000000000000000000000000000"

Test(refrule, patterns)
{
	static const struct {
		const char *pattern, *ref;
		bool match;
	} rows[] = {
		{ "refs/heads/main", "refs/heads/main", true },
		{ "refs/heads/main", "refs/heads/main2", false },
		{ "refs/heads/main", "refs/heads/mai", false },
		{ "main", "refs/heads/main", false },
		{ "refs/heads/*", "refs/heads/main", true },
		{ "refs/heads/*", "refs/heads/a/b", false },
		{ "refs/heads/*/b", "refs/heads/a/b", true },
		{ "refs/heads/*/b", "refs/heads/a/c/b", false },
		{ "refs/heads/**", "refs/heads/a/b/c", true },
		{ "refs/heads/**", "refs/headsx", false },
		{ "refs/heads/***", "refs/heads/a/b", true },
		{ "refs/**/x", "refs/a/b/x", true },
		{ "refs/**/x", "refs/x", false },
		{ "refs/**x", "refs/x", true },
		{ "**", "HEAD", true },
		{ "*", "HEAD", true },
		{ "*", "refs/a", false },
		{ "", "", true },
		{ "", "a", false },
		{ "*", "", true },
		{ "refs/heads/agent-*-x", "refs/heads/agent-1-x-x", true },
		{ "refs/heads/agent-*-x", "refs/heads/agent-1-xy", false },
		{ "refs/*a*b/**c", "refs/aab/x/c", true },
		{ "refs/*a*b/**c", "refs/aa/b/x/c", false },
		{ "refs/heads/[ab]?", "refs/heads/a1", false },
		{ "refs/heads/[ab]?", "refs/heads/[ab]?", true },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++)
		cr_expect_eq(gg_refrule_match(rows[i].pattern, rows[i].ref), rows[i].match, "%s on %s",
			     rows[i].pattern, rows[i].ref);
}

/* What a matcher with a way back never finishes. */
Test(refrule, no_exponential_time)
{
	char pattern[GG_REFRULE_PATTERN_MAX + 2] = "", ref[4000];
	clock_t begun = clock();

	for (size_t i = 0; i + 2 < GG_REFRULE_PATTERN_MAX; i += 2)
		memcpy(pattern + i, "*a", 3);
	strcat(pattern, "b");
	memset(ref, 'a', sizeof(ref) - 1);
	ref[sizeof(ref) - 1] = '\0';
	cr_expect_not(gg_refrule_match(pattern, ref));
	cr_expect_lt(clock() - begun, 5 * CLOCKS_PER_SEC);
}

/* No setting is as long. */
Test(refrule, longer_than_any_setting)
{
	char pattern[GG_REFRULE_PATTERN_MAX + 2];

	memset(pattern, '*', sizeof(pattern) - 1);
	pattern[sizeof(pattern) - 1] = '\0';
	cr_expect_not(gg_refrule_match(pattern, "refs/heads/main"));
	pattern[sizeof(pattern) - 2] = '\0';
	cr_expect(gg_refrule_match(pattern, "refs/heads/main"));
}

static void list(struct gg_list *l, const char *words)
{
	char copy[200], *save = NULL;

	strcpy(copy, words);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		cr_assert_eq(gg_list_add(l, w), 0);
}

Test(refrule, rules)
{
	static const struct {
		const char *allow, *deny, *old, *new, *ref;
		bool rewinds, allow_delete, allow_force;
		const char *why; /* NULL: allowed */
	} rows[] = {
		{ "", "", A, B, "refs/heads/main", true, true, true, NULL },
		{ "", "", Z, B, "refs/heads/main", false, false, false, NULL },
		{ "refs/heads/**", "", Z, B, "refs/heads/a/b", false, true, true, NULL },
		{ "refs/heads/** refs/tags/*", "", Z, B, "refs/tags/v1", false, true, true, NULL },
		{ "refs/heads/**", "", Z, B, "refs/tags/v1", false, true, true,
		  "reference \"refs/tags/v1\" is not allowed (hook.allowRef)" },
		{ "", "refs/heads/main", A, B, "refs/heads/main", false, true, true,
		  "reference \"refs/heads/main\" is denied by \"refs/heads/main\" (hook.denyRef)" },
		{ "refs/heads/main", "refs/heads/*", A, B, "refs/heads/main", false, true, true,
		  "reference \"refs/heads/main\" is denied by \"refs/heads/*\" (hook.denyRef)" },
		{ "", "refs/heads/main", A, Z, "refs/heads/main", false, true, true,
		  "reference \"refs/heads/main\" is denied by \"refs/heads/main\" (hook.denyRef)" },
		{ "", "", A, Z, "refs/heads/x", false, false, true,
		  "deleting reference \"refs/heads/x\" is not allowed (hook.allowDelete)" },
		{ "", "", A, Z, "refs/heads/x", false, true, false, NULL },
		{ "", "", A, B, "refs/heads/x", true, true, false,
		  "a forced update of reference \"refs/heads/x\" is not allowed (hook.allowForce)" },
		{ "", "", A, B, "refs/heads/x", false, true, false, NULL },
		{ "", "", Z, B, "refs/heads/x", true, true, false, NULL },
		{ "", "", Z, B, "refs/replace/" A, false, true, true,
		  "reference \"refs/replace/" A
		  "\" replaces an object, which must be allowed by name (hook.allowRef)" },
		{ "** refs/**", "", Z, B, "refs/replace/" A, false, true, true,
		  "reference \"refs/replace/" A
		  "\" replaces an object, which must be allowed by name (hook.allowRef)" },
		{ "", "", A, Z, "refs/replace/" A, false, true, true,
		  "reference \"refs/replace/" A
		  "\" replaces an object, which must be allowed by name (hook.allowRef)" },
		{ "refs/replace/*", "", Z, B, "refs/replace/" A, false, true, true, NULL },
		{ "refs/replace/*", "**", Z, B, "refs/replace/" A, false, true, true,
		  "reference \"refs/replace/" A "\" is denied by \"**\" (hook.denyRef)" },
		{ "", "", Z, B, "HEAD", false, true, true, "reference \"HEAD\" is not below refs/" },
		{ "**", "", Z, B, "FETCH_HEAD", false, true, true,
		  "reference \"FETCH_HEAD\" is not below refs/" },
		{ "**", "", Z, B, "refsx", false, true, true, "reference \"refsx\" is not below refs/" },
		{ "refs/a", "", Z, B, "refs/\x1b", false, true, true,
		  "reference \"refs/\\x1b\" is not allowed (hook.allowRef)" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_push_conf c = { .allow_delete = rows[i].allow_delete,
					  .allow_force = rows[i].allow_force };
		struct gg_update u = { .ref = (char *)rows[i].ref };
		char text[500], setting[GG_RULE_KEY_MAX], end[GG_RULE_KEY_MAX + 4];
		struct gg_buf why = GG_BUF(text), key = GG_BUF(setting);

		strcpy(u.old, rows[i].old);
		strcpy(u.new, rows[i].new);
		list(&c.allow_ref, rows[i].allow);
		list(&c.deny_ref, rows[i].deny);
		cr_expect_eq(gg_refrule_check(&c, &u, rows[i].rewinds, &why, &key), rows[i].why ? -EPERM : 0,
			     "row %zu: %s", i, text);
		cr_expect_str_eq(text, rows[i].why ? rows[i].why : "");
		snprintf(end, sizeof(end), "(%s)", setting);
		cr_expect(strchr(text, '(') ? strstr(text, end) != NULL : !*setting, "row %zu: key %s", i,
			  setting);
		gg_list_clear(&c.allow_ref);
		gg_list_clear(&c.deny_ref);
	}
}

/* The setting that is named is the one that counted: the repository's own, or the one for all. */
Test(refrule, whose_setting)
{
	static const struct {
		const char *own; /* what the repository has itself */
		const char *allow, *deny, *new, *ref;
		size_t nrefs;
		const char *key;
	} rows[] = {
		{ "denyRef", "", "refs/x/*", B, "refs/x/a", 1, "repo.team/a b.git.denyRef" },
		{ "allowRef object", "", "refs/x/*", B, "refs/x/a", 1, "hook.denyRef" },
		{ "allowRef", "refs/y/*", "", B, "refs/x/a", 1, "repo.team/a b.git.allowRef" },
		{ "denyRef", "refs/y/*", "", B, "refs/x/a", 1, "hook.allowRef" },
		{ "allowRef", "", "", B, "refs/replace/a", 1, "repo.team/a b.git.allowRef" },
		{ "allowDelete", "", "", Z, "refs/x/a", 1, "repo.team/a b.git.allowDelete" },
		{ "allowForce", "", "", Z, "refs/x/a", 1, "hook.allowDelete" },
		{ "allowForce", "", "", B, "refs/x/a", 1, "repo.team/a b.git.allowForce" },
		{ "", "", "", B, "refs/x/a", 1, "hook.allowForce" },
		{ "refs", "", "", B, "refs/x/a", 3, "repo.team/a b.git.refs" },
		{ "object", "", "", B, "refs/x/a", 3, "limit.refs" },
		{ "denyRef allowRef", "", "", B, "HEAD", 1, "" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_push_conf c = { .repo = (char *)"team/a b.git", .limit_refs = 2 };
		struct gg_update u = { .old = A, .ref = (char *)rows[i].ref };
		char text[500], setting[GG_RULE_KEY_MAX];
		struct gg_buf why = GG_BUF(text), key = GG_BUF(setting);
		int r;

		strcpy(u.new, rows[i].new);
		list(&c.own, rows[i].own);
		list(&c.allow_ref, rows[i].allow);
		list(&c.deny_ref, rows[i].deny);
		r = gg_refrule_check_count(&c, rows[i].nrefs, &why, &key);
		r = r ? r : gg_refrule_check(&c, &u, true, &why, &key);
		cr_expect_eq(r, -EPERM, "row %zu", i);
		cr_expect_str_eq(setting, rows[i].key, "row %zu: %s", i, setting);
		cr_expect(!*setting || strstr(text, setting), "row %zu: %s", i, text);
		gg_list_clear(&c.own);
		gg_list_clear(&c.allow_ref);
		gg_list_clear(&c.deny_ref);
	}
}

/* A pattern that cannot be matched must not let through what it was to deny. */
Test(refrule, too_long)
{
	struct gg_push_conf c = { .allow_delete = true, .allow_force = true };
	struct gg_update u = { .new = A, .old = Z, .ref = (char *)"refs/heads/a" };
	char pattern[GG_REFRULE_PATTERN_MAX + 2], text[200], setting[GG_RULE_KEY_MAX];
	struct gg_buf why = GG_BUF(text), key = GG_BUF(setting);

	memset(pattern, '*', sizeof(pattern) - 1);
	pattern[sizeof(pattern) - 1] = '\0';
	cr_assert_eq(gg_list_add(&c.deny_ref, pattern), 0);
	cr_expect_eq(gg_refrule_check(&c, &u, false, &why, &key), -EPERM);
	cr_expect_str_eq(text, "a pattern is longer than 1024 bytes (hook.denyRef)");
	cr_expect_str_eq(setting, "hook.denyRef");
	gg_list_clear(&c.deny_ref);
}

Test(refrule, count)
{
	struct gg_push_conf c = { .limit_refs = 2 };
	char text[200], setting[GG_RULE_KEY_MAX];
	struct gg_buf why = GG_BUF(text), key = GG_BUF(setting);

	cr_expect_eq(gg_refrule_check_count(&c, 2, &why, &key), 0);
	cr_expect_eq(gg_refrule_check_count(&c, 3, &why, &key), -EPERM);
	cr_expect_str_eq(text, "3 references in one push, 2 are allowed (limit.refs)");
	c.limit_refs = 0;
	cr_expect_eq(gg_refrule_check_count(&c, 1000000, &why, &key), 0);
}
