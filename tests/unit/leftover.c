/* Tests of reaper/leftover.h: what may be removed, and what never. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "reaper/leftover.h"

Test(leftover, kind)
{
	static const struct {
		const char *path;
		enum gg_leftover_kind want;
	} rows[] = {
		{ "objects/tmp_objdir-incoming-aB3x9Z", GG_LEFT_QUARANTINE },
		{ "objects/incoming-aB3x9Z", GG_LEFT_QUARANTINE },
		{ "objects/pack/tmp_pack_x1", GG_LEFT_TEMPORARY },
		{ "objects/pack/tmp_idx_x1", GG_LEFT_TEMPORARY },
		{ "objects/pack/tmp_rev_x1", GG_LEFT_TEMPORARY },
		{ "objects/ab/tmp_obj_x1", GG_LEFT_TEMPORARY },
		{ "objects/pack/pack-123.keep", GG_LEFT_KEEP },
		{ "objects/pack/pack-123.pack", GG_LEFT_NONE },
		{ "objects/pack/x.keep", GG_LEFT_NONE },
		{ "objects/ab/cdef", GG_LEFT_NONE },
		{ "objects/info/alternates", GG_LEFT_NONE },
		{ "refs/heads/main.lock", GG_LEFT_LOCK },
		{ "refs/heads/a/b.lock", GG_LEFT_LOCK },
		{ "refs/heads/main", GG_LEFT_NONE },
		{ "HEAD.lock", GG_LEFT_LOCK },
		{ "packed-refs.lock", GG_LEFT_LOCK },
		{ "shallow.lock", GG_LEFT_LOCK },
		{ "git-gate.forward", GG_LEFT_FORWARD },
		{ "git-gate.forward/config", GG_LEFT_NONE },
		{ "git-gate.lock", GG_LEFT_NONE },
		{ "config.lock", GG_LEFT_NONE }, /* an operator's git config, never a push's */
		{ "gc.pid.lock", GG_LEFT_NONE },
		{ "hooks/x.lock", GG_LEFT_NONE },
		{ ".lock", GG_LEFT_NONE },
		{ "tmp_objdir-incoming-x", GG_LEFT_NONE },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++)
		cr_expect_eq(gg_leftover_kind(rows[i].path), rows[i].want, "%s", rows[i].path);
}

Test(leftover, judge)
{
	enum { R = GG_LEFTOVER_REMOVE, U = GG_LEFTOVER_IN_USE, N = GG_LEFTOVER_NOT_OURS };
	static const struct {
		const char *name;
		struct gg_leftover l;
		int64_t user[2]; /* start times; 0: none */
		struct gg_rule rule;
		int want;
	} rows[] = {
		{ "nobody uses the repository",
		  { GG_LEFT_QUARANTINE, 5, 1000, 0, 0, 0 },
		  { 0 },
		  { 5, 0, 0, 0 },
		  R },
		{ "the user is younger than it",
		  { GG_LEFT_QUARANTINE, 5, 1000, 0, 0, 0 },
		  { 2000 },
		  { 5, 0, 0, 0 },
		  R },
		{ "the user is older: it may be its",
		  { GG_LEFT_QUARANTINE, 5, 1000, 0, 0, 0 },
		  { 900 },
		  { 5, 0, 0, 0 },
		  U },
		{ "born before the look at the users",
		  { GG_LEFT_QUARANTINE, 5, 1000, 0, 0, 0 },
		  { 0 },
		  { 5, 0, 1051, 0 },
		  R },
		{ "born after the look: its owner may have come since",
		  { GG_LEFT_QUARANTINE, 5, 1000, 0, 0, 0 },
		  { 0 },
		  { 5, 0, 1040, 0 },
		  U },
		{ "one of two is older",
		  { GG_LEFT_QUARANTINE, 5, 1000, 0, 0, 0 },
		  { 2000, 900 },
		  { 5, 0, 0, 0 },
		  U },
		{ "started within the clock's resolution",
		  { GG_LEFT_QUARANTINE, 5, 1000, 0, 0, 0 },
		  { 1005 },
		  { 5, 0, 0, 0 },
		  U },
		{ "the clock was set: any user protects it",
		  { GG_LEFT_QUARANTINE, 5, 1000, 0, 0, 0 },
		  { 2000 },
		  { 5, 0, 0, 1 },
		  U },
		{ "the clock was set, nobody there",
		  { GG_LEFT_QUARANTINE, 5, 1000, 0, 0, 0 },
		  { 0 },
		  { 5, 0, 0, 1 },
		  R },
		{ "of another user", { GG_LEFT_QUARANTINE, 6, 1000, 0, 0, 0 }, { 0 }, { 5, 0, 0, 0 }, N },
		{ "older than the session", { GG_LEFT_LOCK, 5, 1000, 0, 0, 0 }, { 0 }, { 5, 3000, 0, 0 }, N },
		{ "made by the session", { GG_LEFT_LOCK, 5, 3001, 0, 0, 0 }, { 0 }, { 5, 3000, 0, 0 }, R },
		{ "keep of an operator", { GG_LEFT_KEEP, 5, 1000, 0, 1, 0 }, { 0 }, { 5, 0, 0, 0 }, N },
		{ "keep of another host", { GG_LEFT_KEEP, 5, 1000, 7, 0, 0 }, { 0 }, { 5, 0, 0, 0 }, N },
		{ "keep of a live receive-pack",
		  { GG_LEFT_KEEP, 5, 1000, 7, 1, 1 },
		  { 0 },
		  { 5, 0, 0, 0 },
		  U },
		{ "keep of a dead one", { GG_LEFT_KEEP, 5, 1000, 7, 1, 0 }, { 0 }, { 5, 0, 0, 0 }, R },
		{ "keep of a dead one, somebody older there",
		  { GG_LEFT_KEEP, 5, 1000, 7, 1, 0 },
		  { 900 },
		  { 5, 0, 0, 0 },
		  U },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		size_t n = rows[i].user[1] ? 2 : rows[i].user[0] ? 1 : 0;
		const char *why = NULL;

		cr_expect_eq((int)gg_leftover_judge(&rows[i].l, rows[i].user, n, &rows[i].rule, &why),
			     rows[i].want, "%s: %s", rows[i].name, why ? why : "-");
		cr_expect_eq(why != NULL, rows[i].want != R, "%s: a reason", rows[i].name);
	}
}

Test(leftover, keep_text)
{
	static const struct {
		const char *text;
		pid_t pid; /* 0: refused */
		const char *host;
	} rows[] = {
		{ "receive-pack 123 on build.example\n", 123, "build.example" },
		{ "receive-pack 1 on h", 1, "h" },
		{ "", 0, NULL },
		{ "kept by the operator\n", 0, NULL },
		{ "receive-pack -1 on h", 0, NULL },
		{ "receive-pack 0 on h", 0, NULL },
		{ "receive-pack 12 on", 0, NULL },
		{ "fetch-pack 12 on h", 0, NULL },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char host[64] = "";
		pid_t pid = 0;
		int r = gg_leftover_parse_keep(rows[i].text, &pid, host, sizeof(host));

		cr_expect_eq(r == 0, rows[i].pid != 0, "'%s'", rows[i].text);
		if (rows[i].pid) {
			cr_expect_eq(pid, rows[i].pid);
			cr_expect_str_eq(host, rows[i].host);
		}
	}
}
