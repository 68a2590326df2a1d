/* hooks/gitcmd.h, hooks/rewind.h and hooks/git.h with a git that does not do what git does; hooks/newobj.h:
 * looking up. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "hooks/git.h"
#include "hooks/gitcmd.h"
#include "hooks/newobj.h"
#include "hooks/rewind.h"

#define LONG_MS 60000
#define A "1111111111111111111111111111111111111111"
#define B "2222222222222222222222222222222222222222"
#define C "3333333333333333333333333333333333333333"

static char dir[64];

/* A git that is found before the machine's; NULL: there is none. */
static void set_up(const char *script)
{
	char file[128], search[256];
	FILE *f;

	strcpy(dir, "/tmp/git-gate-unit.XXXXXX");
	cr_assert(mkdtemp(dir));
	snprintf(search, sizeof(search), script ? "%s:/usr/bin:/bin" : "%s", dir);
	setenv("PATH", search, 1);
	if (!script)
		return;
	snprintf(file, sizeof(file), "%s/git", dir);
	f = fopen(file, "w");
	cr_assert(f);
	fprintf(f, "#!/bin/sh\n%s\n", script);
	cr_assert_eq(fclose(f), 0);
	cr_assert_eq(chmod(file, 0755), 0);
}

static void tear_down(void)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/git", dir);
	unlink(file);
	cr_expect_eq(rmdir(dir), 0);
}

Test(gitcmd, how_it_ends)
{
	static const struct {
		const char *script;
		int64_t left_ms; /* of a minute */
		int result;
		const char *why;
	} rows[] = {
		{ "exit 0", LONG_MS, 0, "" },
		{ "exit 3", LONG_MS, 3, "git x: exit status 3" },
		{ "echo 'fatal: one' >&2; echo two >&2; exit 3", LONG_MS, 3,
		  "git x: exit status 3: fatal: one" },
		{ "kill -9 $$", LONG_MS, -EIO, "git x: was killed by signal 9" },
		{ "sleep 90", 100, -ETIMEDOUT, "git x: did not end within 1m (deadline.scan)" },
	};
	static const char *const args[] = { "x", NULL };

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		const struct gg_deadline until =
			gg_deadline_from(gg_now_ms() - LONG_MS + rows[i].left_ms, LONG_MS, "deadline.scan");
		struct gg_gitcmd git;
		struct gg_gitcmd_io io = { 0 };
		char mem[300];
		struct gg_buf why = GG_BUF(mem);

		set_up(rows[i].script);
		cr_assert_eq(gg_gitcmd_init(&git, until), 0);
		cr_expect_eq(gg_gitcmd_run(&git, GG_STORE_PUSH, args, &io, &why), rows[i].result, "%s: %s",
			     rows[i].script, mem);
		cr_expect(*rows[i].why ? !strncmp(mem, rows[i].why, strlen(rows[i].why)) : !*mem, "%s: %s",
			  rows[i].script, mem);
		tear_down();
	}
}

Test(gitcmd, there_is_none)
{
	struct gg_gitcmd cmd;
	struct gg_git git;
	struct gg_push p = { .hash = 40 };
	char mem[300];
	struct gg_buf why = GG_BUF(mem);
	bool forced;

	set_up(NULL);
	cr_expect_eq(gg_gitcmd_init(&cmd, gg_deadline_in(LONG_MS, NULL)), -ENOENT);
	cr_expect_eq(gg_git_open(&git, dir, &why), -ENOENT);
	cr_expect_str_eq(mem, "there is no git in PATH");
	why = GG_BUF(mem);
	cr_expect_eq(gg_rewind_find(&p, gg_deadline_in(LONG_MS, NULL), &forced, &why), -ENOENT);
	cr_expect_str_eq(mem, "git is not in the gate's PATH");
	tear_down();
}

#define LISTED "case $1 in rev-list) cat >/dev/null; echo " C " " A ";; *) exit 9;; esac"
/* as of a merge of so many that the line is cut */
#define CUT \
	"case $1 in rev-list) cat >/dev/null; printf '" C "'; for i in 1 2 3 4 5 6 7 8 9 10; do for j in 1 " \
	"2 3 4 5 6 7 8 9 10 11; do printf ' " B "'; done; done; echo;; merge-base) "
#define ASKED "case $1 in rev-list) cat >/dev/null;; merge-base) "

Test(gitcmd, what_a_push_takes_away)
{
	static const struct {
		const char *script;
		int result;
		bool forced;
		const char *why;
	} rows[] = {
		{ LISTED, 0, false, "" },
		{ CUT "exit 0;; esac", 0, false, "" },
		{ CUT "exit 1;; esac", 0, true, "" },
		{ ASKED "exit 0;; esac", 0, false, "" },
		{ ASKED "exit 1;; esac", 0, true, "" },
		{ ASKED "kill -9 $$;; esac", -EIO, false, "git merge-base: was killed by signal 9" },
		{ "echo x; exec cat >/dev/null", -EPROTO, false, "cannot tell which updates are forced: " },
		{ "echo " C " " A "1; exec cat >/dev/null", -EPROTO, false,
		  "cannot tell which updates are forced: " },
		{ "printf " C "; exec cat >/dev/null", -EPROTO, false,
		  "cannot tell which updates are forced: " },
		{ "exec cat >/dev/full", -EIO, false, "git rev-list: exit status 1" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_update u = { .old = A, .new = C, .ref = (char *)"refs/heads/main" };
		struct gg_push p = { .v = &u, .n = 1, .hash = 40 };
		char mem[300];
		struct gg_buf why = GG_BUF(mem);
		bool forced = false;

		set_up(rows[i].script);
		cr_expect_eq(gg_rewind_find(&p, gg_deadline_in(LONG_MS, NULL), &forced, &why), rows[i].result,
			     "%s: %s", rows[i].script, mem);
		cr_expect_eq(forced, rows[i].forced, "%s", rows[i].script);
		cr_expect(*rows[i].why ? !strncmp(mem, rows[i].why, strlen(rows[i].why)) : !*mem, "%s: %s",
			  rows[i].script, mem);
		tear_down();
	}
}

Test(gitcmd, objects_by_id)
{
	struct gg_objects o = { .hash = 40 };
	char path[GG_PATH_KEPT + 10];

	memset(path, 'p', sizeof(path));
	cr_assert_eq(gg_objects_add(&o, C, path, sizeof(path), GG_NO_COMMIT), 0);
	cr_assert_eq(gg_objects_add(&o, A, "", 0, GG_NO_COMMIT), 0);
	cr_expect_eq(gg_objects_find(&o, A), -ENOENT, "the list is not in order yet");
	cr_assert_eq(gg_objects_sort(&o), 0);
	cr_expect_eq(gg_objects_find(&o, A), 1);
	cr_expect_eq(gg_objects_find(&o, C), 0);
	cr_expect_eq(gg_objects_find(&o, B), -ENOENT);
	cr_expect_eq(gg_objects_find(&o, "refs/heads/main"), -ENOENT);
	cr_expect_eq(gg_objects_find(&o, "1111"), -ENOENT);
	cr_expect_eq(strlen(gg_objects_path(&o, 0)), GG_PATH_KEPT);
	cr_expect_str_eq(gg_objects_path(&o, 1), "");
	gg_objects_free(&o);
}
