/* Tests of supervisor/rules.h. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "supervisor/rules.h"

#define HASH_A "aa0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"
#define HASH_B "bb0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"
#define HASH_X "cc0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"

/* Who asks: over git:// or HTTP, with which token. */
enum who { GIT, UNIX, HTTP, ANN, BOB, BEARER_BOB, WRONG, WRONG_NAME, BAD };

static struct gg_status request(enum who who, const char *service, const char *repo, bool found)
{
	static const struct gg_claim claims[] = {
		[HTTP] = { "", "", "" },	  [ANN] = { "B", "ann", HASH_A },
		[BOB] = { "B", "bob", HASH_B },	  [BEARER_BOB] = { "T", "", HASH_B },
		[WRONG] = { "B", "ann", HASH_X }, [WRONG_NAME] = { "B", "bob", HASH_A },
		[BAD] = { "?", "", "" },
	};
	struct gg_status st = { .request_bytes = 0 };

	strcpy(st.service, service);
	strcpy(st.repo, repo);
	strcpy(st.asked, "/");
	strcat(st.asked, repo);
	strcpy(st.found, found ? "1" : "");
	if (who >= HTTP)
		st.claim = claims[who];
	return st;
}

static void judge(const struct gg_conf *c, enum who who, const char *service, const char *repo, bool found,
		  struct gg_ruling *ret)
{
	struct gg_status st = request(who, service, repo, found);
	struct gg_addr peer;
	const char *why;

	cr_assert_eq(gg_addr_parse("10.1.2.3:4", &peer, &why), 0);
	if (who == UNIX) {
		peer.ss.ss_family = AF_UNIX;
		peer.uid = 1000;
	}
	gg_rules_judge(c, &peer, &st, who >= HTTP, ret);
}

static void read_conf(struct gg_reader *r, const char *const *set)
{
	static const char text[] = "ann:sha256:" HASH_A "\nbob:sha256:" HASH_B "\n";

	cr_assert_eq(gg_reader_init(r), 0);
	for (; *set; set += 2)
		cr_assert_eq(gg_reader_feed(r, "command line", set[0], set[1]), 0);
	cr_assert_eq(r->nerror, 0, "%s", r->nerror ? r->error[0] : "");
	cr_assert_eq(gg_tokenfile_parse(text, strlen(text), &r->conf.tokens, NULL, NULL), 0);
}

struct row {
	enum who who;
	const char *service, *repo;
	bool found;
	int status;
	const char *key, *user, *why; /* NULL: not looked at */
};

static void check(const char *const *set, const struct row *rows, size_t n)
{
	struct gg_reader r;

	read_conf(&r, set);
	for (size_t i = 0; i < n; i++) {
		const struct row *w = &rows[i];
		struct gg_ruling got;

		judge(&r.conf, w->who, w->service, w->repo, w->found, &got);
		cr_expect_eq(got.status, w->status, "row %zu: %d %s", i, got.status, got.why);
		cr_expect(!w->key || !strcmp(got.key, w->key), "row %zu: %s", i, got.key);
		cr_expect(!w->user || !strcmp(got.user, w->user), "row %zu: %s", i, got.user);
		cr_expect(!w->why || strstr(got.why, w->why), "row %zu: %s", i, got.why);
		cr_expect_eq(got.challenge, got.status == 401 && w->who == HTTP, "row %zu", i);
		cr_expect(!got.status == !got.why[0], "row %zu", i);
	}
	gg_reader_free(&r);
}

Test(rules, none)
{
	static const char *const set[] = { NULL };
	static const struct row rows[] = {
		{ GIT, "upload-pack", "r", true, 0, "", "", NULL },
		{ GIT, "receive-pack", "r", true, 0, "", "", NULL },
		{ GIT, "receive-pack", "r", false, 0, "", "", NULL }, /* others say that it is not there */
		{ UNIX, "receive-pack", "r", true, 0, "", "uid:1000", NULL },
		{ WRONG, "receive-pack", "r", true, 0, "", "",
		  NULL }, /* no tokens here: what a client shows is for others */
	};

	check(set, rows, GG_LEN(rows));
}

Test(rules, tokens_alone)
{
	static const char *const set[] = { "access.tokenFile", "/t", NULL };
	static const struct row rows[] = {
		{ GIT, "upload-pack", "r", true, 403, "access.tokenFile", "", "use http with one" },
		{ GIT, "upload-pack", "r", false, 403, "access.tokenFile", "", "use http with one" },
		{ UNIX, "receive-pack", "r", true, 403, NULL, "uid:1000", NULL },
		{ HTTP, "dumb", "r", true, 401, "access.tokenFile", "", "show a token" },
		{ HTTP, "upload-pack", "no", false, 401, "access.tokenFile", "", "show a token" },
		{ ANN, "upload-pack", "r", true, 0, "", "ann", NULL },
		{ ANN, "receive-pack", "r", true, 0, "", "ann", NULL },
		{ ANN, "receive-pack", "r", false, 0, "", "ann", NULL },
		{ BEARER_BOB, "receive-pack", "r", true, 0, "", "bob", NULL },
		{ WRONG, "receive-pack", "r", true, 401, "access.tokenFile", "",
		  "does not know this name and token" },
		{ WRONG_NAME, "receive-pack", "r", true, 401, "access.tokenFile", "", NULL },
		{ BAD, "upload-pack", "r", true, 401, "access.tokenFile", "", "kind of authorization" },
		{ GIT, "upload-archive", "r", true, 403, NULL, "", NULL },
		{ GIT, "nonsense", "r", true, 0, "", "", NULL }, /* git-gate-session says so */
	};

	check(set, rows, GG_LEN(rows));
}

Test(rules, for_all_repositories)
{
	static const char *const set[] = { "access.tokenFile",
					   "/t",
					   "access.allowFetch",
					   "10.0.0.0/8",
					   "access.allowPush",
					   "user:ann",
					   "access.allowPush",
					   "uid:1000",
					   NULL };
	static const struct row rows[] = {
		{ GIT, "upload-pack", "r", true, 0, "", "", NULL },
		{ GIT, "receive-pack", "r", true, 403, "access.allowPush", "",
		  "you may not push to r; over this" },
		{ GIT, "receive-pack", "no", false, 403, "access.allowPush", "", "or no such repository" },
		{ HTTP, "receive-pack", "r", true, 401, "access.allowPush", "", "show a token" },
		{ ANN, "receive-pack", "r", true, 0, "", "ann", NULL },
		{ BOB, "receive-pack", "r", true, 403, "access.allowPush", "bob", "to which you are bob" },
		{ WRONG, "upload-pack", "r", true, 401, "access.tokenFile", "",
		  NULL }, /* though he may without */
		{ UNIX, "receive-pack", "r", true, 0, "", "uid:1000", NULL },
		{ UNIX, "upload-pack", "r", true, 403, "access.allowFetch", "uid:1000",
		  NULL }, /* has no address */
	};

	check(set, rows, GG_LEN(rows));
}

Test(rules, of_a_repository)
{
	static const char *const set[] = { "access.tokenFile",
					   "/t",
					   "access.allowFetch",
					   "any",
					   "repo.secret.git.allowFetch",
					   "user:ann",
					   "repo.secret.git.allowPush",
					   "user:ann",
					   "repo.open.git.allowPush",
					   "any",
					   "repo.closed.git.allowPush",
					   "192.0.2.1",
					   NULL };
	static const struct row rows[] = {
		{ ANN, "upload-pack", "secret.git", true, 0, "", "ann", NULL },
		{ BOB, "upload-pack", "secret.git", true, 404, "repo.secret.git.allowFetch", "bob", NULL },
		{ BOB, "upload-pack", "open.git", true, 0, "", "bob", NULL },
		{ GIT, "receive-pack", "open.git", true, 0, "", "", NULL },
		{ BOB, "receive-pack", "closed.git", true, 403, "repo.closed.git.allowPush", "bob",
		  "ask whoever" },
		{ HTTP, "receive-pack", "closed.git", true, 403, "repo.closed.git.allowPush", "",
		  "ask whoever" },
		{ GIT, "upload-pack", "r", true, 0, "", "", NULL },
		{ GIT, "receive-pack", "r", true, 403, "access.tokenFile", "", NULL },
	};

	check(set, rows, GG_LEN(rows));
}

/* Whoever may not fetch a repository reads, and is answered, as if it were not there. */
Test(rules, what_is_hidden_looks_missing)
{
	static const char *const sets[][12] = {
		{ "access.tokenFile", "/t", "repo.x.allowFetch", "user:ann", NULL },
		{ "access.tokenFile", "/t", "access.allowFetch", "any", "repo.x.allowFetch", "user:ann",
		  NULL },
		{ "access.tokenFile", "/t", "access.allowFetch", "any", "access.allowPush", "10.0.0.0/8",
		  "repo.x.allowFetch", "user:ann", "repo.x.allowPush", "192.0.2.1", NULL },
		{ "access.allowFetch", "any", "repo.x.allowFetch", "192.0.2.1", "repo.x.allowPush", "uid:7",
		  NULL },
		{ "access.tokenFile", "/t", "access.allowFetch", "user:ann", NULL },
	};
	static const char *const services[] = { "upload-pack", "receive-pack", "dumb", "upload-archive" };
	static const enum who whos[] = { GIT, UNIX, HTTP, BOB, WRONG, BAD };
	size_t compared = 0;

	for (size_t s = 0; s < GG_LEN(sets); s++) {
		struct gg_reader r;

		read_conf(&r, sets[s]);
		for (size_t v = 0; v < GG_LEN(services); v++)
			for (size_t w = 0; w < GG_LEN(whos); w++) {
				struct gg_ruling there, fetch, not ;

				judge(&r.conf, whos[w], "upload-pack", "x", true, &fetch);
				judge(&r.conf, whos[w], services[v], "x", true, &there);
				judge(&r.conf, whos[w], services[v], "x", false, &not );
				if (!fetch.status || !there.status)
					continue;
				compared++;
				cr_expect_eq(there.status, not .status, "%zu %s %zu: %s | %s", s, services[v],
					     w, there.why, not .why);
				cr_expect_str_eq(there.why, not .why);
				cr_expect_eq(there.challenge, not .challenge);
			}
		gg_reader_free(&r);
	}
	cr_expect_gt(compared, 50u);
}

/* The real name of what an alias leads to is not said either. */
Test(rules, alias)
{
	static const char *const set[] = { "access.tokenFile", "/t", "repo.team/real.git.allowFetch",
					   "user:ann", NULL };
	struct gg_status st = request(BOB, "upload-pack", "team/real.git", true);
	struct gg_addr peer = { .len = 0 };
	struct gg_ruling got;
	struct gg_reader r;

	strcpy(st.asked, "/alias");
	read_conf(&r, set);
	gg_rules_judge(&r.conf, &peer, &st, true, &got);
	cr_expect_eq(got.status, 404);
	cr_expect(strstr(got.why, "fetch alias;"), "%s", got.why);
	cr_expect_not(strstr(got.why, "real"), "%s", got.why);
	cr_expect_str_eq(got.key, "repo.team/real.git.allowFetch");
	gg_reader_free(&r);
}
