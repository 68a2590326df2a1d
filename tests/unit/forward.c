/* Tests of hooks/fwddir.h, hooks/fwdsay.h and of gg_prepush: what a push may have that git and upstream
 * seldom give. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hooks/fwddir.h"
#include "hooks/fwdsay.h"
#include "hooks/prepush.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void work_dir(char *ret)
{
	strcpy(ret, "/tmp/git-gate-unit.XXXXXX");
	cr_assert(mkdtemp(ret));
}

Test(forward, names_that_could_mean_something_else)
{
	static const struct {
		const char *ref[2];
		const char *want; /* NULL: it is made */
	} rows[] = {
		{ { "refs/heads/a", "refs/heads/b" }, NULL },
		{ { "refs/heads/a b", "refs/heads/b" }, "\"refs/heads/a b\" is no name of a reference" },
		{ { "HEAD", "refs/heads/b" }, "\"HEAD\" is no name of a reference" },
		{ { "refs/x", "refs/heads/b" }, "\"refs/x\" is no name of a reference" },
		{ { "refs/heads/a..b", "refs/heads/b" }, "\"refs/heads/a..b\" is no name of a reference" },
		{ { "refs/heads/*", "refs/heads/b" }, "\"refs/heads/*\" is no name of a reference" },
		{ { "refs/heads/a\x7f", "refs/heads/b" }, "is no name of a reference" },
		{ { "refs/heads/b", "refs/heads/b" }, "\"refs/heads/b\" is updated twice" },
	};
	char dir[PATH_MAX];

	work_dir(dir);
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_update v[] = { { A, B, (char *)rows[i].ref[0] }, { A, B, (char *)rows[i].ref[1] } };
		const struct gg_push p = { .v = v, .n = 2, .hash = 40 };
		const struct gg_fwd w = {
			.gitdir = dir, .url = "ssh://x/y", .hook = "/bin/true", .push = &p
		};
		static struct gg_fwddir d;
		char mem[300] = "";
		struct gg_buf why = GG_BUF(mem);
		int r = gg_fwddir_make(&w, &d, &why);

		cr_expect_eq(r, rows[i].want ? -EINVAL : 0, "row %zu: %s", i, strerror(-r));
		cr_expect(rows[i].want ? strstr(mem, rows[i].want) != NULL : !*mem, "row %zu: '%s'", i, mem);
	}
	cr_expect_eq(gg_fwddir_remove(dir), 0);
	cr_expect_eq(rmdir(dir), 0, "all of it is gone");
}

/* What the client reads of a failure; there is no gate to be told. */
static void said(const struct gg_push *p, const struct gg_fwd_failure *f, char *ret, size_t size)
{
	static const struct gg_push_conf c = { .upstream = (char *)"ssh://x/y", .repo = (char *)"r.git" };
	static const struct gg_gate_link none = { .control = NULL };
	int before = dup(STDERR_FILENO), fd[2];
	ssize_t n;

	cr_assert(before >= 0 && pipe2(fd, O_CLOEXEC) == 0);
	dup2(fd[1], STDERR_FILENO);
	gg_fwdsay_failed(&c, &none, p, f);
	dup2(before, STDERR_FILENO);
	close(before);
	close(fd[1]);
	n = read(fd[0], ret, size - 1);
	close(fd[0]);
	ret[n > 0 ? n : 0] = '\0';
}

Test(forward, what_upstream_has_of_a_push)
{
	static const struct {
		const char *ref;
		bool asked;
		size_t new, old, other;
		const char *blames, *says;
	} rows[] = {
		{ "", false, 0, 0, 0, "refs/heads/a and 2 more: why", "nothing was sent\n" },
		{ "refs/heads/b", true, 0, 3, 0, "refs/heads/b: why", "upstream is unchanged\n" },
		{ "", true, 1, 2, 0, "and 2 more", "upstream has 1 of 3 references: fetch, then push" },
		{ "", true, 0, 1, 2, "and 2 more", "upstream has other values for 2 of 3 references: fetch" },
	};
	struct gg_update v[] = { { A, B, (char *)"refs/heads/a" },
				 { A, B, (char *)"refs/heads/b" },
				 { A, B, (char *)"refs/heads/c" } };
	const struct gg_push p = { .v = v, .n = 3, .hash = 40 };

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		const struct gg_tally t = { .n = { [GG_SEEN_NEW] = rows[i].new,
						   [GG_SEEN_OLD] = rows[i].old,
						   [GG_SEEN_OTHER] = rows[i].other } };
		const struct gg_fwd_failure f = {
			.ref = rows[i].ref, .why = "why", .words = "", .t = rows[i].asked ? &t : NULL
		};
		char text[2000];

		said(&p, &f, text, sizeof(text));
		cr_expect(strstr(text, rows[i].blames) && strstr(text, rows[i].says), "row %zu: %s", i, text);
	}
}

/* git's list of a push, for pre-push, as a pipe. */
static int list_of(const char *text)
{
	int fd[2];

	cr_assert(pipe2(fd, O_CLOEXEC) == 0 && write(fd[1], text, strlen(text)) == (ssize_t)strlen(text));
	close(fd[1]);
	return fd[0];
}

Test(forward, pre_push_without_its_directory)
{
	char dir[64], path[128];
	int fd;

	work_dir(dir);
	unsetenv("GIT_DIR");
	cr_expect_eq(gg_prepush(list_of("")), 1, "nobody says where it is");
	setenv("GIT_DIR", dir, 1);
	cr_expect_eq(gg_prepush(list_of("")), 1, "nothing is expected");
	snprintf(path, sizeof(path), "%s/" GG_PREPUSH_EXPECT, dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	cr_assert(fd >= 0);
	cr_expect_gt(dprintf(fd, "refs/heads/a %s %s\n", A, B), 0);
	close(fd);
	cr_expect_eq(gg_prepush(list_of("refs/heads/a " B " refs/heads/a " A "\n")), 0);
	snprintf(path, sizeof(path), "%s/" GG_PREPUSH_SENT, dir);
	cr_expect_eq(unlink(path), 0, "it says that it let the push go");
	cr_expect_eq(mkdir(path, 0700), 0);
	cr_expect_eq(gg_prepush(list_of("refs/heads/a " B " refs/heads/a " A "\n")), 1,
		     "what cannot be noted is not sent");
	cr_expect_eq(rmdir(path), 0);
	snprintf(path, sizeof(path), "%s/" GG_PREPUSH_EXPECT, dir);
	unlink(path);
	cr_expect_eq(rmdir(dir), 0);
}
