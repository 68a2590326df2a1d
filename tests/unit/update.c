/* hooks/update.h: what git writes to pre-receive, and what it would never write. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hooks/update.h"

#define A "1111111111111111111111111111111111111111"
#define B "2222222222222222222222222222222222abcdef"
#define Z "0000000000000000000000000000000000000000"
#define A64 A "111111111111111111111111"
#define Z64 Z "000000000000000000000000"

static const struct {
	const char *name, *text;
	int result;
	size_t n, hash;
} rows[] = {
	{ "one", A " " B " refs/heads/main\n", 0, 1, 40 },
	{ "none", "", 0, 0, 0 },
	{ "created and deleted", Z " " A " refs/heads/a\n" A " " Z " refs/heads/b\n", 0, 2, 40 },
	{ "sha256", A64 " " Z64 " refs/tags/t\n", 0, 1, 64 },
	{ "any bytes of UTF-8", Z " " A " refs/heads/\xc3\xbc\"*\\\n", 0, 1, 40 },
	{ "not below refs/, for the rules to refuse", Z " " A " HEAD\n", 0, 1, 40 },
	{ "two lengths", A " " B " refs/a\n" A64 " " Z64 " refs/b\n", -EPROTO, 0, 0 },
	{ "two lengths in a line", A " " Z64 " refs/a\n", -EPROTO, 0, 0 },
	{ "deletes what is not there", Z " " Z " refs/a\n", 0, 1, 40 },
	{ "no LF", A " " B " refs/heads/main", -EPROTO, 0, 0 },
	{ "no LF at last", A " " B " refs/a\n" A " " B " refs/b", -EPROTO, 0, 0 },
	{ "empty line", "\n", -EPROTO, 0, 0 },
	{ "no ref", A " " B " \n", -EPROTO, 0, 0 },
	{ "no ref, no space", A " " B "\n", -EPROTO, 0, 0 },
	{ "one id", A " refs/heads/main\n", -EPROTO, 0, 0 },
	{ "short id", A " 2222 refs/heads/main\n", -EPROTO, 0, 0 },
	{ "an id of 41", A "1 " B "1 refs/heads/main\n", -EPROTO, 0, 0 },
	{ "capitals", "A111111111111111111111111111111111111111 " B " refs/a\n", -EPROTO, 0, 0 },
	{ "tab", A "\t" B " refs/a\n", -EPROTO, 0, 0 },
	{ "space in the ref", A " " B " refs/a b\n", -EPROTO, 0, 0 },
	{ "CR", A " " B " refs/a\r\n", -EPROTO, 0, 0 },
	{ "escape in the ref", A " " B " refs/\x1b[1m\n", -EPROTO, 0, 0 },
};

Test(update, table)
{
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_push p = { 0 };
		char text[200];
		struct gg_buf why = GG_BUF(text);
		int r = gg_push_parse(rows[i].text, strlen(rows[i].text), 0, &p, &why);

		cr_expect_eq(r, rows[i].result, "%s: %d", rows[i].name, r);
		cr_expect_eq(p.n, rows[i].n, "%s: %zu", rows[i].name, p.n);
		cr_expect_eq(p.hash, rows[i].hash, "%s: %zu", rows[i].name, p.hash);
		cr_expect_eq(!!why.len, r < 0, "%s: %s", rows[i].name, text);
		gg_push_free(&p);
	}
}

Test(update, nul)
{
	static const char line[] = A " " B " refs/a\0b\n";
	char text[200];
	struct gg_buf why = GG_BUF(text);
	struct gg_push p = { 0 };

	cr_expect_eq(gg_push_parse(line, sizeof(line) - 1, 0, &p, &why), -EPROTO);
}

Test(update, fields)
{
	struct gg_push p = { 0 };
	char text[200];
	struct gg_buf why = GG_BUF(text);
	static const char lines[] = Z " " A " refs/heads/a\n" A " " B " refs/heads/b\n" B " " Z
				      " refs/heads/c\n" Z " " Z " refs/d\n";

	cr_assert_eq(gg_push_parse(lines, sizeof(lines) - 1, 4, &p, &why), 0);
	cr_assert_eq(p.n, 4);
	cr_expect_str_eq(p.v[0].ref, "refs/heads/a");
	cr_expect_str_eq(p.v[1].old, A);
	cr_expect_str_eq(p.v[1].new, B);
	cr_expect(gg_update_creates(&p.v[0]) && !gg_update_deletes(&p.v[0]));
	cr_expect(!gg_update_creates(&p.v[1]) && !gg_update_deletes(&p.v[1]));
	cr_expect(!gg_update_creates(&p.v[2]) && gg_update_deletes(&p.v[2]));
	cr_expect(!gg_update_creates(&p.v[3]) && gg_update_deletes(&p.v[3]));
	cr_expect(gg_update_names_new(&p.v[0]) && gg_update_names_new(&p.v[3]));
	cr_expect(!gg_update_names_new(&p.v[1]) && !gg_update_names_new(&p.v[2]));
	gg_push_free(&p);
	cr_expect_eq(gg_push_parse(lines, sizeof(lines) - 1, 2, &p, &why), -E2BIG);
	cr_expect(strstr(text, "limit.refs"), "%s", text);
	cr_expect_null(p.v);
}

/* A pipe is smaller than the list, and the list is larger than one read. */
Test(update, from_a_pipe)
{
	struct gg_push p = { 0 };
	char text[200];
	struct gg_buf why = GG_BUF(text);
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	if (fork() == 0) {
		FILE *f = fdopen(fds[1], "w");

		close(fds[0]);
		for (int i = 0; i < 20000; i++)
			fprintf(f, Z " " A " refs/heads/branch-%05d\n", i);
		fclose(f);
		_exit(0);
	}
	close(fds[1]);
	cr_assert_eq(gg_push_read(fds[0], 0, &p, &why), 0, "%s", text);
	cr_expect_eq(p.n, 20000);
	cr_expect_str_eq(p.v[19999].ref, "refs/heads/branch-19999");
	gg_push_free(&p);
	close(fds[0]);
	cr_expect_eq(gg_push_read(fds[0], 0, &p, &why), -EBADF);
}

/* It is read to its end, so that git meets no closed pipe. */
Test(update, too_long)
{
	static const char zeros[65536];
	struct gg_push p = { 0 };
	char text[200];
	struct gg_buf why = GG_BUF(text);
	int fds[2], status;
	pid_t pid;

	cr_assert_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		for (size_t n = 0; n <= 2 * GG_PUSH_INPUT_MAX; n += sizeof(zeros))
			if (write(fds[1], zeros, sizeof(zeros)) != sizeof(zeros))
				_exit(1);
		_exit(0);
	}
	close(fds[1]);
	cr_expect_eq(gg_push_read(fds[0], 0, &p, &why), -E2BIG);
	cr_expect_str_eq(text, "the list of references is longer than 64 MiB");
	close(fds[0]);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect_eq(status, 0, "the writer met a closed pipe");
}
