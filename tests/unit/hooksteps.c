/* Tests of hooks/steps.h and hooks/stepenv.h: real programs in a directory of their own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "hooks/stepenv.h"
#include "hooks/stepname.h"
#include "hooks/steps.h"

#define ZERO "0000000000000000000000000000000000000000"
#define ONE "1111111111111111111111111111111111111111"
#define TWO "2222222222222222222222222222222222222222"

static const char *const env[] = {
	"PATH=/usr/bin:/bin", "GIT_DIR=.", "GIT_GATE_SESSION=ab12cd34", "GIT_GATE_CONTROL=/run/control",
	"REMOTE_ADDR=1",      NULL,
};

static struct gg_update updates[] = {
	{ ZERO, ONE, (char *)"refs/heads/new" },
	{ ONE, TWO, (char *)"refs/heads/main" },
	{ TWO, ZERO, (char *)"refs/tags/old" },
};
static const struct gg_push push = { .v = updates, .n = GG_LEN(updates), .hash = 40 };

struct seen {
	char text[4096]; /* what the callbacks were told */
	struct gg_buf b;
};

static void on_begun(void *arg, const char *step)
{
	gg_buf_add(&((struct seen *)arg)->b, "begun %s\n", step);
}

static void on_failed(void *arg, const char *step, const char *why)
{
	gg_buf_add(&((struct seen *)arg)->b, "failed %s: %s\n", step, why);
}

static void on_stray(void *arg, const char *step, const char *who)
{
	gg_buf_add(&((struct seen *)arg)->b, "stray %s: %.7s\n", step, who);
}

struct place {
	char dir[64], said[16384]; /* what the client reads */
	struct seen seen;
};

static void make_place(struct place *p)
{
	char path[128];

	strcpy(p->dir, "/tmp/gg-unit-XXXXXX");
	cr_assert(mkdtemp(p->dir));
	snprintf(path, sizeof(path), "%s/pre-receive.d", p->dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/post-receive.d", p->dir);
	cr_assert_eq(mkdir(path, 0700), 0);
}

static void remove_place(const struct place *p)
{
	char cmd[192];

	snprintf(cmd, sizeof(cmd), "chmod -R u+rwx %s; rm -rf %s", p->dir, p->dir);
	cr_assert_eq(system(cmd), 0);
}

/* name: "pre-receive.d/10-x" */
static void put(const struct place *p, const char *name, mode_t mode, const char *text)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	cr_assert_eq(fchmod(fd, mode), 0);
	close(fd);
}

#define SH "#!/bin/sh\n"

static int steps(struct place *p, bool post, int64_t limit_ms)
{
	char path[128];
	int saved = dup(STDERR_FILENO), fd, r;
	ssize_t n;
	struct gg_steps s = {
		.dir = p->dir,
		.post = post,
		.push = &push,
		.repo = "a/b.git",
		.env = (char *const *)env,
		.limit_ms = limit_ms,
		.begun = on_begun,
		.failed = on_failed,
		.stray = on_stray,
		.arg = &p->seen,
	};

	p->seen.b = GG_BUF(p->seen.text);
	snprintf(path, sizeof(path), "%s/said", p->dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cr_assert(fd >= 0 && saved >= 0);
	dup2(fd, STDERR_FILENO);
	r = gg_steps_run(&s);
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = pread(fd, p->said, sizeof(p->said) - 1, 0);
	close(fd);
	cr_assert_geq(n, 0);
	p->said[n] = 0;
	return r;
}

Test(hooksteps, names_that_are_left_out)
{
	static const struct {
		const char *name;
		bool want;
	} rows[] = {
		{ "10-check", false }, { ".hidden", true }, { "a~", true },	    { "a.bak", true },
		{ ".bak", true },      { "bak", false },    { "a.dpkg-old", true }, { "a.dpkg-dist", true },
		{ "a.bakery", false }, { "a.sh", false },   { "a.dpkg", false },    { "README", false },
		{ "~a", false },       { "a b\n", false },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++)
		cr_assert_eq(gg_step_ignored(rows[i].name), rows[i].want, "%s", rows[i].name);
}

Test(hooksteps, all_get_the_full_list_in_order)
{
	struct place p;

	make_place(&p);
	/* C locale: digits, capitals, small letters, whatever the order they were made in */
	put(&p, "pre-receive.d/b", 0700, SH "echo b: $(wc -l)\n");
	put(&p, "pre-receive.d/B", 0700, SH "read line; exit 0\n"); /* leaves the rest unread */
	put(&p, "pre-receive.d/10-first", 0700, SH "cat\n");
	put(&p, "pre-receive.d/9", 0700, SH "exec <&-; exit 0\n");
	put(&p, "pre-receive.d/a.bak", 0600, "not a step");
	put(&p, "post-receive.d/x", 0700, SH "echo not now\n");
	cr_assert_eq(steps(&p, false, 60000), 0);
	cr_assert_str_eq(p.said, "  " ZERO " " ONE " refs/heads/new\n  " ONE " " TWO
				 " refs/heads/main\n  " TWO " " ZERO " refs/tags/old\n  b: 3\n");
	cr_assert_str_eq(p.seen.text,
			 "begun pre-receive.d/10-first\nbegun pre-receive.d/9\nbegun pre-receive.d/B\n"
			 "begun pre-receive.d/b\n");
	remove_place(&p);
}

Test(hooksteps, environment_and_directory)
{
	static const char want[] = "  GIT_DIR=.\n  GIT_GATE_REPO=a/b.git\n  GIT_GATE_SESSION=ab12cd34\n"
				   "  GIT_NO_REPLACE_OBJECTS=1\n  HOME=/nonexistent\n  PATH=/usr/bin:/bin\n"
				   "  REMOTE_ADDR=1\n  /tmp/gg-unit-";
	struct place p;

	make_place(&p);
	put(&p, "pre-receive.d/x", 0700,
	    "#!/usr/bin/env -S /bin/sh\nenv | grep -vE '^(PWD|_|SHLVL|OLDPWD)=' | sort; pwd; ls /proc/$$/fd "
	    "| tr '\\n' ' '\n");
	cr_assert_eq(chdir(p.dir), 0);
	cr_assert_eq(steps(&p, false, 60000), 0);
	cr_assert(strncmp(p.said, want, strlen(want)) == 0, "%s", p.said);
	cr_assert(strstr(p.said, "  0 1 10 2 ") || strstr(p.said, "  0 1 2 "), "%s",
		  p.said); /* 10: dash's script */
	remove_place(&p);
}

Test(hooksteps, first_failure_refuses)
{
	static const struct {
		const char *step;
		mode_t mode;
		int want;
		const char *said, *why;
	} rows[] = {
		{ SH "echo bad word in main; exit 3\n", 0700, -EPERM,
		  "  bad word in main\ngit-gate: push refused: step pre-receive.d/20-x: exit status 3\n",
		  "exit status 3" },
		{ SH "ulimit -c 0; kill -ABRT $$\n", 0700, -EPERM,
		  "git-gate: push refused: step pre-receive.d/20-x: was killed by signal 6 (Aborted)\n",
		  "was killed by signal 6 (Aborted)" },
		{ SH "trap '' TERM; sleep 90\n", 0700, -EPERM,
		  "git-gate: push refused: step pre-receive.d/20-x: did not end within 2s (deadline.step)\n",
		  "did not end within 2s (deadline.step)" },
		{ "echo no first line\n", 0700, -ENOEXEC,
		  "git-gate: push refused: step pre-receive.d/20-x: cannot be run: Exec format error (a "
		  "script begins "
		  "with \"#!\" and its interpreter)\n",
		  "cannot be run: Exec format error" },
		{ "#!/nonexistent/sh\n", 0700, -ENOENT,
		  "git-gate: push refused: step pre-receive.d/20-x: cannot be run: No such file or directory "
		  "(is the "
		  "interpreter in its first line there?)\n",
		  "cannot be run: No such file or directory" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char told[256];
		struct place p;
		int r;

		make_place(&p);
		put(&p, "pre-receive.d/10-a", 0700, SH "exit 0\n");
		put(&p, "pre-receive.d/20-x", rows[i].mode, rows[i].step);
		put(&p, "pre-receive.d/30-b", 0700, SH "echo never\n");
		r = steps(&p, false, 2000);
		cr_assert_eq(r, rows[i].want, "row %zu: %d", i, r);
		cr_assert_str_eq(p.said, rows[i].said, "row %zu: %s", i, p.said);
		snprintf(
			told, sizeof(told),
			"begun pre-receive.d/10-a\nbegun pre-receive.d/20-x\nfailed pre-receive.d/20-x: %s\n",
			rows[i].why);
		cr_assert_str_eq(p.seen.text, told, "row %zu: %s", i, p.seen.text);
		remove_place(&p);
	}
}

/* What is no step fails before any step has run. */
Test(hooksteps, fails_closed)
{
	struct place p;
	char path[128], fifo[128], link[128];

	make_place(&p);
	put(&p, "pre-receive.d/10-a", 0700, SH "echo never\n");
	put(&p, "pre-receive.d/20-b", 0644, SH "exit 0\n");
	put(&p, "pre-receive.d/README\n\033[2J", 0644, "words");
	cr_assert_eq(steps(&p, false, 60000), -EACCES);
	cr_assert_str_eq(
		p.said,
		"git-gate: push refused: step pre-receive.d/20-b: is not executable; the operator can "
		"chmod +x it, or rename it so that it ends in '~'\n"
		"git-gate: push refused: step pre-receive.d/README\\n\\x1b[2J: is not executable; the "
		"operator "
		"can chmod +x it, or rename it so that it ends in '~'\n");
	cr_assert(!strstr(p.seen.text, "begun"), "%s", p.seen.text);
	remove_place(&p);

	make_place(&p);
	snprintf(fifo, sizeof(fifo), "%s/pre-receive.d/fifo", p.dir);
	cr_assert_eq(mkfifo(fifo, 0700), 0);
	cr_assert_eq(steps(&p, false, 60000), -EINVAL);
	cr_assert_str_eq(p.said,
			 "git-gate: push refused: step pre-receive.d/fifo: is no regular file; the operator "
			 "can remove it\n");
	cr_assert_eq(unlink(fifo), 0);
	snprintf(link, sizeof(link), "%s/pre-receive.d/link", p.dir);
	cr_assert_eq(symlink("nowhere", link), 0);
	cr_assert_eq(steps(&p, false, 60000), -ENOENT);
	cr_assert(strstr(p.said, "step pre-receive.d/link: cannot be looked at"), "%s", p.said);
	remove_place(&p);

	make_place(&p);
	snprintf(path, sizeof(path), "%s/pre-receive.d", p.dir);
	cr_assert_eq(rmdir(path), 0);
	put(&p, "pre-receive.d", 0600, "a file");
	cr_assert_eq(steps(&p, false, 60000), -ENOTDIR);
	cr_assert_str_eq(p.said,
			 "git-gate: push refused: pre-receive.d: cannot be read: Not a directory; the "
			 "operator can see to hook.dir\n");
	cr_assert_str_eq(p.seen.text, "failed pre-receive.d: cannot be read: Not a directory\n");
	remove_place(&p);
}

/* As a user that may not read it; only root can become one. */
Test(hooksteps, a_directory_that_cannot_be_read)
{
	struct place p;
	char path[128];

	make_place(&p);
	put(&p, "pre-receive.d/10-a", 0755, SH "echo never\n");
	put(&p, "said", 0666, "");
	snprintf(path, sizeof(path), "%s/pre-receive.d", p.dir);
	cr_assert_eq(chmod(path, 0), 0);
	cr_assert_eq(chmod(p.dir, 0755), 0);
	if (geteuid() == 0)
		cr_assert_eq(seteuid(65534), 0);
	cr_assert_eq(steps(&p, false, 60000), -EACCES);
	cr_assert_str_eq(p.said,
			 "git-gate: push refused: pre-receive.d: cannot be read: Permission denied; the "
			 "operator can see to hook.dir\n");
	if (getuid() == 0)
		cr_assert_eq(seteuid(0), 0);
	remove_place(&p);
}

Test(hooksteps, no_directory_no_steps)
{
	struct place p;
	char path[128];

	make_place(&p);
	cr_assert_eq(steps(&p, false, 60000), 0);
	snprintf(path, sizeof(path), "%s/pre-receive.d/sub", p.dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	cr_assert_eq(steps(&p, false, 60000), 0);
	cr_assert_eq(rmdir(path), 0);
	snprintf(path, sizeof(path), "%s/pre-receive.d", p.dir);
	cr_assert_eq(rmdir(path), 0);
	cr_assert_eq(steps(&p, false, 60000), 0);
	cr_assert_str_eq(p.said, "");
	cr_assert_str_eq(p.seen.text, "");
	remove_place(&p);
	/* nor without the name of one */
	p.dir[0] = '\0';
	cr_assert_eq(steps(&p, false, 60000), 0);
}

Test(hooksteps, after_the_push_all_run)
{
	struct place p;

	make_place(&p);
	put(&p, "post-receive.d/1", 0700, SH "echo one; exit 1\n");
	put(&p, "post-receive.d/2", 0600, SH "exit 0\n");
	put(&p, "post-receive.d/3", 0700, SH "exec sleep 90\n");
	put(&p, "post-receive.d/4", 0700, SH "wc -l\n");
	put(&p, "pre-receive.d/x", 0700, SH "echo not now\n");
	cr_assert_neq(steps(&p, true, 1500), 0);
	cr_assert_str_eq(
		p.said,
		"git-gate: the push stands: step post-receive.d/2: is not executable; the operator can chmod "
		"+x it, or rename it so that it ends in '~'\n"
		"  one\ngit-gate: the push stands: step post-receive.d/1: exit status 1\n"
		"git-gate: the push stands: step post-receive.d/3: did not end within 1500ms "
		"(deadline.step)\n"
		"  3\n");
	cr_assert(strstr(p.seen.text, "failed post-receive.d/1: exit status 1\n"));
	cr_assert(strstr(p.seen.text, "failed post-receive.d/2: is not executable"));
	cr_assert(strstr(p.seen.text, "failed post-receive.d/3: did not end within 1500ms "
				      "(deadline.step)\n"));
	cr_assert(strstr(p.seen.text, "begun post-receive.d/4\n"));
	remove_place(&p);
}

Test(hooksteps, chatty_steps_and_daemons)
{
	struct place p;

	make_place(&p);
	put(&p, "pre-receive.d/1", 0700, SH "head -c 60000000 /dev/zero | tr '\\0' '\\033' >&2\n");
	put(&p, "pre-receive.d/2", 0700,
	    SH "setsid sleep 90 >/dev/null </dev/null & echo git-gate: forwarded main\n");
	cr_assert_eq(steps(&p, false, 60000), 0);
	cr_assert(strncmp(p.said, "  \\x1b\\x1b", 10) == 0, "%s", p.said);
	cr_assert(strstr(p.said,
			 "...\ngit-gate: … 59 MB more not shown\n  git-gate: forwarded main\n"
			 "git-gate: step pre-receive.d/2 ended and left a process behind that held its "
			 "output; that was ended\n"),
		  "%s", p.said);
	cr_assert_str_eq(p.seen.text,
			 "begun pre-receive.d/1\nbegun pre-receive.d/2\nstray pre-receive.d/2: \"sleep\"\n");
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
	remove_place(&p);
}

static void check_env(const char *const *in, const char *const *want)
{
	char **got = NULL;
	size_t i;

	cr_assert_eq(gg_step_env((char *const *)in, "r.git", &got), 0);
	for (i = 0; want[i]; i++) {
		cr_assert(got[i], "%s is missing", want[i]);
		cr_assert_str_eq(got[i], want[i]);
	}
	cr_assert_str_eq(got[i], "GIT_GATE_REPO=r.git");
	cr_assert_str_eq(got[i + 1], "HOME=/nonexistent");
	cr_assert_str_eq(got[i + 2], "GIT_NO_REPLACE_OBJECTS=1");
	cr_assert(!got[i + 3], "%s", got[i + 3]);
	gg_step_env_free(got);
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__ NULL })

Test(hooksteps, environment_comes_from_a_list)
{
	check_env(LIST(), LIST());
	check_env(LIST("PATH=/bin", "GIT_GATE_CONTROL=/c", "SSH_AUTH_SOCK=/a", "SSH_AGENT_PID=1",
		       "GIT_GATE_INSTANCE=x", "HOME=/root", "LD_PRELOAD=x", "GIT_SSH_COMMAND=x",
		       "GIT_EXEC_PATH=/x", "GIT_PROTOCOL=version=2", "GIT_DIRX=1", "PATHX=1", "GIT_DIR",
		       "LC_ALL=C.UTF-8", "HTTP_PROXY=x", "REMOTE_USER=joe", "GIT_GATE_REPO=other",
		       "GIT_NO_REPLACE_OBJECTS=0", ),
		  LIST("PATH=/bin", "LC_ALL=C.UTF-8", "REMOTE_USER=joe", ));
	check_env(LIST("GIT_DIR=.", "GIT_QUARANTINE_PATH=/q", "GIT_OBJECT_DIRECTORY=/q",
		       "GIT_ALTERNATE_OBJECT_DIRECTORIES=/o", "GIT_PUSH_OPTION_COUNT=2",
		       "GIT_PUSH_OPTION_0=a=b\nX=1", "GIT_PUSH_OPTION_1=", "GIT_PUSH_OPTION_=x",
		       "GIT_PUSH_OPTION_1x=x", "GIT_PUSH_CERT=abc", "GIT_PUSH_CERT_STATUS=G",
		       "GIT_PUSH_CERT_NONCE_SLOP=1", "GIT_PUSH_CERT_OTHER=1", ),
		  LIST("GIT_DIR=.", "GIT_QUARANTINE_PATH=/q", "GIT_OBJECT_DIRECTORY=/q",
		       "GIT_ALTERNATE_OBJECT_DIRECTORIES=/o", "GIT_PUSH_OPTION_COUNT=2",
		       "GIT_PUSH_OPTION_0=a=b\nX=1", "GIT_PUSH_OPTION_1=", "GIT_PUSH_CERT=abc",
		       "GIT_PUSH_CERT_STATUS=G", "GIT_PUSH_CERT_NONCE_SLOP=1", ));
	/* of git's settings only those that let it work in another user's repository */
	check_env(LIST("GIT_CONFIG_KEY_0=core.hooksPath", "GIT_CONFIG_VALUE_0=/h",
		       "GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=/srv/*",
		       "GIT_CONFIG_KEY_2=safe.directory", "GIT_CONFIG_KEY_11=safe.directory",
		       "GIT_CONFIG_VALUE_11=.", "GIT_CONFIG_COUNT=12", "GIT_CONFIG_PARAMETERS='a=b'", ),
		  LIST("GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=/srv/*",
		       "GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=.", "GIT_CONFIG_COUNT=2", ));
}
