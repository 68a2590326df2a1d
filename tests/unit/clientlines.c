/* Tests of cli/insteadof.h, cli/addname.h and cli/sshsays.h. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/addname.h"
#include "cli/insteadof.h"
#include "cli/sshsays.h"

Test(clientlines, word)
{
	static const char *const rows[][2] = {
		{ "git://127.0.0.1:9418/r.git", "git://127.0.0.1:9418/r.git" },
		{ "a b", "'a b'" },
		{ "it's", "'it'\\''s'" },
		{ "$HOME", "'$HOME'" },
		{ "`x`", "'`x`'" },
		{ "a;b", "'a;b'" },
		{ "a*", "'a*'" },
		{ "#x", "'#x'" },
		{ "~/x", "'~/x'" },
		{ "x~", "x~" },
		{ "a=b", "'a=b'" },
		{ "[::1]", "'[::1]'" },
		{ "\\", "'\\'" },
		{ "\xc3\xa4", "'\xc3\xa4'" },
		{ "", "''" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[100];
		struct gg_buf b = GG_BUF(mem);

		gg_sh_word(&b, rows[i][0]);
		cr_expect_str_eq(mem, rows[i][1]);
	}
}

Test(clientlines, url)
{
	static const char *const rows[][2] = {
		{ "r.git", "http://h:1/r.git" },
		{ "org/r_1-x~.git", "http://h:1/org/r_1-x~.git" },
		{ "a b", "http://h:1/a%20b" },
		{ "100%", "http://h:1/100%25" },
		{ "q?a=b&c#d", "http://h:1/q%3Fa%3Db%26c%23d" },
		{ "\xc3\xa4'\"", "http://h:1/%C3%A4%27%22" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[100];
		struct gg_buf b = GG_BUF(mem);

		gg_gate_url(&b, "http://h:1", rows[i][0]);
		cr_expect_str_eq(mem, rows[i][1]);
	}
}

/* What stands behind insteadOf, line by line. */
Test(clientlines, forms)
{
	static const struct {
		const char *upstream, *forms[5];
	} rows[] = {
		{ "ssh://git@h/org/r.git",
		  { "ssh://git@h/org/r.git", "ssh://git@h:22/org/r.git", "git@h:org/r.git",
		    "git@h:/org/r.git" } },
		{ "ssh://git@h:22/r.git",
		  { "ssh://git@h:22/r.git", "ssh://git@h/r.git", "git@h:r.git", "git@h:/r.git" } },
		{ "ssh://h/r", { "ssh://h/r", "ssh://h:22/r", "h:r", "h:/r" } },
		{ "ssh://git@h:2222/r.git", { "ssh://git@h:2222/r.git" } },
		{ "ssh://git@h/~/r.git", { "ssh://git@h/~/r.git", "ssh://git@h:22/~/r.git", "git@h:r.git" } },
		{ "ssh://git@h/~bob/r.git",
		  { "ssh://git@h/~bob/r.git", "ssh://git@h:22/~bob/r.git", "git@h:~bob/r.git" } },
		{ "ssh://git@[fe80::1]/r.git",
		  { "'ssh://git@[fe80::1]/r.git'", "'ssh://git@[fe80::1]:22/r.git'", "'git@[fe80::1]:r.git'",
		    "'git@[fe80::1]:/r.git'" } },
		{ "ssh://h/a%20b%2", { "ssh://h/a%20b%2", "ssh://h:22/a%20b%2", "'h:a b%2'", "'h:/a b%2'" } },
		/* decoded it would be a line's end, or a terminal's command */
		{ "ssh://h/a%0a", { "ssh://h/a%0a", "ssh://h:22/a%0a" } },
		{ "ssh://h/a%1b", { "ssh://h/a%1b", "ssh://h:22/a%1b" } },
		{ "git@h:r.git", { NULL } },
		{ "", { NULL } },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[4096], want[4096];
		struct gg_buf b = GG_BUF(mem), w = GG_BUF(want);

		for (size_t k = 0; rows[i].forms[k]; k++) {
			const char *form = rows[i].forms[k];

			gg_buf_add(&w, "git config --global %s url.git://g/r.git.insteadOf %.*s\n",
				   k ? "--add" : "--replace-all", (int)strlen(form), form);
		}
		gg_insteadof_add(&b, "git://g/r.git", rows[i].upstream);
		cr_expect_str_eq(mem, want);
	}
}

Test(addname, rules)
{
	static char too_long[300], long_part[210];
	static const struct {
		const char *name, *wrong; /* a part of it; NULL: good */
	} rows[] = {
		{ "r.git", NULL },
		{ "org/sub/r", NULL },
		{ "with space's \"quotes\".git", NULL },
		{ "\xc3\xa4.git", NULL },
		{ "a..b", NULL },
		{ "a/b-", NULL },
		{ "", "empty" },
		{ "/r.git", "begins with a slash" },
		{ "r.git/", "empty part" },
		{ "a//b", "empty part" },
		{ ".", "dot" },
		{ "..", "'..'" },
		{ "../r", "'..'" },
		{ "a/../r", "'..'" },
		{ "a/..", "'..'" },
		{ "a/.git", "dot" },
		{ "-r", "dash" },
		{ "a\tb", "control" },
		{ "a\nb", "control" },
		{ "a\x7f", "control" },
		{ "a\xff", "UTF-8" },
		{ too_long, "too long" },
		{ long_part, "too long" },
	};

	memset(too_long, 'x', sizeof(too_long) - 1);
	memset(long_part, 'x', sizeof(long_part) - 1);
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		const char *wrong = gg_add_name_wrong(rows[i].name);

		if (rows[i].wrong)
			cr_expect(wrong && strstr(wrong, rows[i].wrong), "'%s': %s", rows[i].name,
				  wrong ? wrong : "good");
		else
			cr_expect(!wrong, "'%s': %s", rows[i].name, wrong);
	}
}

#define FRAME "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n"

Test(sshsays, what)
{
	static const struct {
		const char *err, *what, *quote; /* NULL: nothing that is known */
		enum gg_says_file file;
	} rows[] = {
		{ "No ED25519 host key is known for [127.0.0.1]:2222 and you have requested strict "
		  "checking.\nHost key verification "
		  "failed.\nfatal: Could not read from remote repository.\n",
		  "not pinned", "Host key verification failed.", GG_SAYS_KNOWN_HOSTS },
		{ "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification "
		  "failed.\n",
		  "another host key", "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!",
		  GG_SAYS_KNOWN_HOSTS },
		{ FRAME
		  "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n" FRAME
		  "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\nThe fingerprint for the ED25519 "
		  "key sent by the remote host "
		  "is\nSHA256:jsCgl6GrN3w0Y55F9pb2JYrC+930gWyJfkBv6bmvBAs.\nPlease "
		  "contact your system administrator.\nHost key verification failed.\n",
		  "another host key", "offered SHA256:jsCgl6GrN3w0Y55F9pb2JYrC+930gWyJfkBv6bmvBAs",
		  GG_SAYS_KNOWN_HOSTS },
		{ FRAME "@       WARNING: REVOKED HOST KEY DETECTED!               @\n" FRAME
			"The ED25519 host key for h is marked as revoked.\nHost key verification failed.\n",
		  "marked as revoked", "WARNING: REVOKED HOST KEY DETECTED!", GG_SAYS_KNOWN_HOSTS },
		{ FRAME "@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\n" FRAME
			"Permissions 0644 for '/k' are too open.\ngit@h: Permission denied (publickey).\n",
		  "others can read", "WARNING: UNPROTECTED PRIVATE KEY FILE!", GG_SAYS_IDENTITY },
		{ "git@h: Permission denied (publickey).\r\nfatal: Could not read from remote repository.\n",
		  "refuses the key", "git@h: Permission denied (publickey).", GG_SAYS_IDENTITY },
		{ "Load key \"/k\": invalid format\ngit@h: Permission denied (publickey).\n",
		  "cannot be read", "Load key \"/k\": invalid format", GG_SAYS_IDENTITY },
		{ "ssh: connect to host h port 22: Connection refused\n", "does not listen",
		  "ssh: connect to host h port 22: Connection refused", GG_SAYS_NO_FILE },
		{ "ssh: connect to host h port 22: Connection timed out\n", "in time",
		  "ssh: connect to host h port 22: Connection timed out", GG_SAYS_NO_FILE },
		{ "Connection timed out during banner exchange\n", "in time",
		  "Connection timed out during banner exchange", GG_SAYS_NO_FILE },
		{ "ssh: Could not resolve hostname h: Name or service not known\n", "looked up",
		  "ssh: Could not resolve hostname h: Name or service not known", GG_SAYS_NO_FILE },
		{ "fatal: '/x.git' does not appear to be a git repository\n", "no such repository",
		  "fatal: '/x.git' does not appear to be a git repository", GG_SAYS_NO_FILE },
		{ "ERROR: Repository not found.\nfatal: Could not read from remote repository.\n",
		  "no such repository", "ERROR: Repository not found.", GG_SAYS_IDENTITY },
		{ "ERROR: The key you are authenticating with has been marked as read only.\n", "read only",
		  "ERROR: The key you are authenticating with has been marked as read only.",
		  GG_SAYS_IDENTITY },
		{ "remote: Write access denied to robot.\n", "read only",
		  "remote: Write access denied to robot.", GG_SAYS_IDENTITY },
		{ "No user exists for uid 1234\n", "/etc/passwd", "No user exists for uid 1234",
		  GG_SAYS_NO_FILE },
		{ "kex_exchange_identification: Connection closed by remote host\n", "ended the connection",
		  "kex_exchange_identification: Connection closed by remote host", GG_SAYS_NO_FILE },
		{ "fatal: something new\n", NULL, "", GG_SAYS_NO_FILE },
		{ "", NULL, "", GG_SAYS_NO_FILE },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		const struct gg_says *s = gg_ssh_says(rows[i].err);
		char mem[400];
		struct gg_buf quote = GG_BUF(mem);

		gg_ssh_quote(&quote, rows[i].err);
		cr_expect_str_eq(mem, rows[i].quote, "row %zu", i);
		if (!rows[i].what) {
			cr_expect(!s, "row %zu: %s", i, s ? s->what : "");
			continue;
		}
		cr_assert(s, "row %zu: nothing", i);
		cr_expect(strstr(s->what, rows[i].what), "row %zu: %s", i, s->what);
		cr_expect_eq(s->file, rows[i].file, "row %zu", i);
		cr_expect(*s->cure, "row %zu", i);
	}
}
