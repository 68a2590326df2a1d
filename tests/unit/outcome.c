/* Tests of hooks/outcome.h. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "hooks/outcome.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccc"
#define Z "0000000000000000000000000000000000000000"
#define M "refs/heads/main"
#define T "refs/tags/t"

/* A push of one or two references: main from A to B unless told otherwise. */
static const struct row {
	const char *name;
	struct gg_update v[2];
	const char *listed;
	enum gg_outcome want;
	int seen[2];
} rows[] = {
	{ "moved", { { A, B, (char *)M } }, B "\t" M "\n", GG_OUTCOME_NEW, { GG_SEEN_NEW } },
	{ "not moved", { { A, B, (char *)M } }, A "\t" M "\n", GG_OUTCOME_OLD, { GG_SEEN_OLD } },
	{ "moved elsewhere", { { A, B, (char *)M } }, C "\t" M "\n", GG_OUTCOME_OTHER, { GG_SEEN_OTHER } },
	{ "gone", { { A, B, (char *)M } }, "", GG_OUTCOME_OTHER, { GG_SEEN_OTHER } },
	{ "created", { { Z, B, (char *)M } }, B "\t" M "\n", GG_OUTCOME_NEW, { GG_SEEN_NEW } },
	{ "not created", { { Z, B, (char *)M } }, "", GG_OUTCOME_OLD, { GG_SEEN_OLD } },
	{ "created by others", { { Z, B, (char *)M } }, C "\t" M "\n", GG_OUTCOME_OTHER, { GG_SEEN_OTHER } },
	{ "deleted", { { A, Z, (char *)M } }, "", GG_OUTCOME_NEW, { GG_SEEN_NEW } },
	{ "not deleted", { { A, Z, (char *)M } }, A "\t" M "\n", GG_OUTCOME_OLD, { GG_SEEN_OLD } },
	{ "moved, to be deleted",
	  { { A, Z, (char *)M } },
	  C "\t" M "\n",
	  GG_OUTCOME_OTHER,
	  { GG_SEEN_OTHER } },
	{ "a prefix is another", { { A, Z, (char *)M } }, A "\t" M "s\n", GG_OUTCOME_NEW, { GG_SEEN_NEW } },
	{ "HEAD and peeled are left out",
	  { { A, B, (char *)M }, { Z, C, (char *)T } },
	  "ref: refs/heads/main\tHEAD\n" A "\tHEAD\n" B "\t" M "\n" C "\t" T "\n" A "\t" T "^{}\n",
	  GG_OUTCOME_NEW,
	  { GG_SEEN_NEW, GG_SEEN_NEW } },
	{ "a part",
	  { { A, B, (char *)M }, { Z, C, (char *)T } },
	  B "\t" M "\n",
	  GG_OUTCOME_PART,
	  { GG_SEEN_NEW, GG_SEEN_OLD } },
	{ "a part, not sorted",
	  { { Z, C, (char *)T }, { A, B, (char *)M } },
	  C "\t" T "\n" A "\t" M "\n",
	  GG_OUTCOME_PART,
	  { GG_SEEN_NEW, GG_SEEN_OLD } },
	{ "nothing",
	  { { A, B, (char *)M }, { Z, C, (char *)T } },
	  A "\t" M "\n",
	  GG_OUTCOME_OLD,
	  { GG_SEEN_OLD, GG_SEEN_OLD } },
	{ "one of them by others",
	  { { A, B, (char *)M }, { Z, C, (char *)T } },
	  B "\t" M "\n" A "\t" T "\n",
	  GG_OUTCOME_OTHER,
	  { GG_SEEN_NEW, GG_SEEN_OTHER } },
};

Test(outcome, of_a_push)
{
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char text[512];
		const struct row *r = &rows[i];
		struct gg_push p = { .v = (struct gg_update *)r->v, .n = r->v[1].ref ? 2 : 1, .hash = 40 };
		struct gg_listing l;
		struct gg_tally t;
		unsigned char seen[2] = { 9, 9 };

		snprintf(text, sizeof(text), "%s", r->listed);
		cr_assert_eq(gg_listing_parse(text, strlen(text), &l), 0, "%s", r->name);
		cr_assert_eq(gg_outcome(&p, &l, seen, &t), r->want, "%s", r->name);
		for (size_t k = 0; k < p.n; k++)
			cr_assert_eq(seen[k], r->seen[k], "%s: %zu", r->name, k);
		gg_listing_free(&l);
	}
}

Test(outcome, lists_that_are_none)
{
	static const char *const bad[] = { "x\n", A " " M "\n", "0123\t" M "\n", A "\t" M, "\n" };

	for (size_t i = 0; i < GG_LEN(bad); i++) {
		char text[512];
		struct gg_listing l = { 0 };

		snprintf(text, sizeof(text), "%s", bad[i]);
		cr_assert_eq(gg_listing_parse(text, strlen(text), &l), -EPROTO, "row %zu", i);
		cr_assert_null(l.v);
	}
}

Test(outcome, sha256_ids)
{
	char text[] = A C "11111111" /* 40 + 24 */ "\t" M "\n";
	struct gg_listing l;

	memmove(text + 64, text + sizeof(text) - 18, 18); /* "\t" M "\n" NUL */
	cr_assert_eq(gg_listing_parse(text, strlen(text), &l), 0);
	cr_assert_eq(strlen(gg_listing_find(&l, M)), 64);
	gg_listing_free(&l);
}

/* Backwards listed, so that it has to be sorted; quadratic would be 400 million comparisons. */
Test(outcome, many)
{
	enum { N = 20000, LINE = 64 };
	AUTO_FREE char *text = malloc((size_t)N * LINE + 1);
	AUTO_FREE struct gg_update *v = calloc(N, sizeof(*v));
	AUTO_FREE unsigned char *seen = malloc(N);
	struct gg_push p = { .v = v, .n = N, .hash = 40 };
	struct gg_listing l;
	struct gg_tally t;
	clock_t begun = clock();
	size_t len = 0;

	for (int i = 0; i < N; i++) {
		len += (size_t)snprintf(text + len, LINE, "%s\trefs/tags/%06d\n", i % 2 ? A : B, N - 1 - i);
		memcpy(v[i].old, Z, 41);
		memcpy(v[i].new, B, 41);
		cr_assert(asprintf(&v[i].ref, "refs/tags/%06d", i) > 0);
	}
	cr_assert_eq(gg_listing_parse(text, len, &l), 0);
	cr_assert_eq(gg_outcome(&p, &l, seen, &t), GG_OUTCOME_OTHER);
	cr_assert_eq(t.n[GG_SEEN_NEW], N / 2);
	cr_assert_eq(t.n[GG_SEEN_OTHER], N / 2);
	cr_assert_eq(t.at[GG_SEEN_OTHER], 0);
	cr_assert_lt((clock() - begun) / CLOCKS_PER_SEC, 5, "of a processor");
	for (int i = 0; i < N; i++)
		free(v[i].ref);
	gg_listing_free(&l);
}
