/* Tests of hooks/pushreport.h. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "hooks/pushreport.h"

Test(pushreport, references)
{
	static const struct {
		const char *out;
		size_t done, same, refused;
		const char *ref, *reason;
	} rows[] = {
		{ "To ssh://h/r\n*\trefs/a:refs/a\t[new tag]\n=\trefs/b:refs/b\t[up to date]\nDone\n", 1, 1,
		  0, "", "" },
		{ " \trefs/a:refs/a\t1..2\n+\trefs/b:refs/b\t1...2 (forced update)\n-\t:refs/c\t[deleted]\n",
		  3, 0, 0, "", "" },
		{ "!\trefs/a:refs/a\t[remote rejected] (hook declined)\n", 0, 0, 1, "refs/a",
		  "hook declined" },
		{ "!\t:refs/a\t[remote rejected] (deletion prohibited)\n", 0, 0, 1, "refs/a",
		  "deletion prohibited" },
		{ "!\trefs/a:refs/a\t[rejected] (atomic push failed)\n!\trefs/b:refs/b\t[rejected] (fetch "
		  "first)\n",
		  0, 0, 2, "refs/b", "fetch first" },
		{ "!\trefs/b:refs/b\t[rejected] (fetch first)\n!\trefs/a:refs/a\t[rejected] (atomic push "
		  "failed)\n",
		  0, 0, 2, "refs/b", "fetch first" },
		{ "!\trefs/a:refs/a\t[rejected] (atomic push failed)\n", 0, 0, 1, "refs/a",
		  "atomic push failed" },
		{ "!\trefs/a:refs/a\t[remote rejected] (no (really) no)\n", 0, 0, 1, "refs/a",
		  "no (really) no" },
		{ "!\trefs/a:refs/a\t[remote rejected]\n", 0, 0, 1, "refs/a", "[remote rejected]" },
		{ "!\trefs/a\n!\n\t\n\n", 0, 0, 1, "", "" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_push_report r = { 0 }, s = { 0 };

		gg_push_report_out(&r, rows[i].out, strlen(rows[i].out));
		for (const char *c = rows[i].out; *c; c++)
			gg_push_report_out(&s, c, 1);
		cr_assert_arr_eq(&r, &s, sizeof(r), "row %zu: in pieces", i);
		cr_assert_eq(r.done, rows[i].done, "row %zu", i);
		cr_assert_eq(r.same, rows[i].same, "row %zu", i);
		cr_assert_eq(r.refused, rows[i].refused, "row %zu", i);
		cr_assert_str_eq(r.ref, rows[i].ref, "row %zu", i);
		cr_assert_str_eq(r.reason, rows[i].reason, "row %zu", i);
	}
}

Test(pushreport, why)
{
	static const char *const hide[] = { "/etc/keys/id", "", "/etc/keys/known", NULL };
	static const struct {
		const char *err, *want;
	} rows[] = {
		{ "", "" },
		{ "Host key verification failed.\nfatal: Could not read from remote repository.\n\nPlease "
		  "make sure you have the correct access rights\nand the repository exists.\n",
		  "upstream's host key is not the one that is pinned (repo.NAME.knownHostsFile)" },
		{ "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nSHA256:x.\nOffending ED25519 "
		  "key in /etc/keys/known:1\n  remove with:\nHost key for [h]:2 has changed and you have "
		  "requested strict checking.\nHost key verification failed.\nfatal: Could not read from "
		  "remote repository.\n",
		  "upstream's host key is not the one that is pinned (repo.NAME.knownHostsFile)" },
		{ "git@h: Permission denied (publickey).\n",
		  "upstream does not accept the gate's key (repo.NAME.identityFile)" },
		{ "Connection timed out during banner exchange\n",
		  "upstream accepted the connection and said nothing (deadline.connect)" },
		{ "ssh: connect to host h port 22: Connection refused\n", "upstream refuses connections" },
		{ "Load key \"/etc/keys/id\": error in /etc/keys/known\n",
		  "Load key \\\"(path)\\\": error in (path)" },
		{ "fatal: a\x1b[2J\n", "fatal: a\\x1b[2J" },
		{ "fatal: the remote end hung up unexpectedly\n",
		  "fatal: the remote end hung up unexpectedly" },
		{ "fatal: one\nfatal: two\nerror: failed to push some refs to 'x'\nhint: try\n",
		  "fatal: two" },
		{ "fatal: one\nremote: two\n", "fatal: one" },
		{ "fatal: one: File exists.\n\nAnother git process seems to be running\nremove the file\n",
		  "fatal: one: File exists." },
		{ "fatal: the remote end hung up unexpectedly\nConnection reset\n", "Connection reset" },
		{ "hint: no\nwarning: yes\n", "warning: yes" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_push_report r = { 0 };
		char mem[600];
		struct gg_buf b = GG_BUF(mem);

		gg_push_report_err(&r, rows[i].err, strlen(rows[i].err));
		gg_push_report_why(&b, &r, hide);
		cr_assert_str_eq(mem, rows[i].want, "row %zu: %s", i, mem);
	}
}

static void collect(void *arg, const char *line)
{
	gg_buf_add(arg, "%s|", line);
}

Test(pushreport, upstream_s_own_words)
{
	static const char err[] =
		"remote: hello   \rremote: \nremote: 50%\rremote: 100%\nto-remote: x\nremote: bye\n";
	static const char rule[] = "remote: ====\nremote: \nremote: no\nremote: more\n";
	char mem[4096];
	struct gg_buf b = GG_BUF(mem);
	struct gg_push_report r = { .remote = collect, .arg = &b };

	gg_push_report_err(&r, err, sizeof(err) - 1);
	cr_assert_str_eq(mem, "hello|50%|100%|bye|");
	for (int i = 0; i < 2000; i++)
		gg_push_report_err(&r, "remote: x\n", 10);
	cr_assert_leq(b.len, 20 + 2 * GG_REPORT_REMOTE);
	cr_assert_eq(r.nremote, 2004);
	cr_assert_str_eq(r.words, "hello");
	r = (struct gg_push_report){ .remote = collect, .arg = &b };
	gg_push_report_err(&r, rule, sizeof(rule) - 1);
	cr_assert_str_eq(r.words, "no");
}
