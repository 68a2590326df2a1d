/* Tests of base/spawn.h: real processes. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/spawn.h"

static const char *env[] = { "PATH=/usr/bin:/bin", NULL };

#define SH(script) \
	{ \
		"sh", "-c", script, NULL \
	}

static struct gg_spawn shell(const char **argv)
{
	return (struct gg_spawn){
		.path = "/bin/sh",
		.argv = (char *const *)argv,
		.envp = (char *const *)env,
		.in = -1,
		.out = -1,
		.err = -1,
		.extra = -1,
	};
}

static void capture(const char *script, char *out, size_t size, int *status)
{
	const char *argv[] = SH(script);
	struct gg_spawn sp = shell(argv);
	size_t n;

	cr_assert_eq(gg_spawn_capture(&sp, 10000, out, size, &n, status), 0);
	cr_assert_eq(n, strlen(out));
}

Test(spawn, exec_errors_come_back)
{
	char plain[] = "/tmp/gg-unit-XXXXXX", text[] = "/tmp/gg-unit-XXXXXX";
	int fd = mkstemp(plain), fd2 = mkstemp(text);
	const char *argv[] = { "x", NULL };
	const struct {
		const char *path;
		int want;
	} rows[] = {
		{ "/nonexistent/program", -ENOENT },
		{ "/etc", -EACCES },
		{ plain, -EACCES },
		{ text, -ENOEXEC }, /* executable, but neither a binary nor a script; no shell takes it up */
		{ "/etc/passwd/x", -ENOTDIR },
	};

	cr_assert(fd >= 0 && fd2 >= 0);
	cr_assert_eq(write(fd2, "hello\n", 6), 6);
	fchmod(fd, 0600);
	fchmod(fd2, 0700);
	close(fd);
	close(fd2);
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_spawn sp = shell(argv);
		pid_t pid = -7;
		int pidfd = -7;

		sp.path = rows[i].path;
		cr_assert_eq(gg_spawn(&sp, &pid, &pidfd), rows[i].want, "%s", rows[i].path);
		cr_assert(pid == -7 && pidfd == -7, "untouched on failure");
	}
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "no child is left");
	unlink(plain);
	unlink(text);
}

Test(spawn, pidfd_ends_with_the_child)
{
	const char *argv[] = SH("exit 7");
	struct gg_spawn sp = shell(argv);
	struct pollfd p = { .events = POLLIN };
	int status;
	pid_t pid;

	cr_assert_eq(gg_spawn(&sp, &pid, &p.fd), 0);
	cr_assert(fcntl(p.fd, F_GETFD) & FD_CLOEXEC);
	cr_assert_eq(poll(&p, 1, 10000), 1);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	close(p.fd);
	cr_assert_eq(gg_spawn(&sp, &pid, NULL), 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
}

Test(spawn, only_the_given_descriptors)
{
	char out[256];
	int status,
		leak = open("/dev/null", O_RDONLY); /* not CLOEXEC: as if inherited from a careless parent */

	cr_assert_geq(leak, 3);
	capture("ls /proc/$$/fd; :", out, sizeof(out), &status);
	cr_assert_str_eq(out, "0\n1\n2\n");
	capture("readlink /proc/$$/fd/0; cat", out, sizeof(out), &status);
	cr_assert_str_eq(out, "/dev/null\n");
	cr_assert_eq(status, 0);
}

Test(spawn, swapped_descriptors_and_an_extra_one)
{
	const char *argv[] = SH("echo one; echo two >&2; echo three >&3; ls /proc/$$/fd; :");
	struct gg_spawn sp = shell(argv);
	char text[3][64] = { "", "", "" };
	int pipes[3][2], status;
	pid_t pid;

	for (int i = 0; i < 3; i++)
		cr_assert_eq(pipe2(pipes[i], O_CLOEXEC), 0);
	/* 1 and 2 of ours are swapped on the way; the extra one is our 0 */
	dup2(pipes[0][1], 2);
	dup2(pipes[1][1], 1);
	dup2(pipes[2][1], 0);
	sp.out = 2;
	sp.err = 1;
	sp.extra = 0;
	cr_assert_eq(gg_spawn(&sp, &pid, NULL), 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	for (int i = 0; i < 3; i++)
		cr_assert_gt(read(pipes[i][0], text[i], sizeof(text[i]) - 1), 0);
	cr_assert_str_eq(text[0], "one\n0\n1\n2\n3\n");
	cr_assert_str_eq(text[1], "two\n");
	cr_assert_str_eq(text[2], "three\n");
	cr_assert_eq(fcntl(0, F_GETFD), 0, "ours are as they were");
}

Test(spawn, one_descriptor_for_all_and_same_number)
{
	const char *argv[] = SH("echo a; echo b >&2");
	struct gg_spawn sp = shell(argv);
	char text[64] = "";
	int p[2], status;
	pid_t pid;

	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	cr_assert_eq(dup3(p[1], 1, O_CLOEXEC), 1); /* its own target, and CLOEXEC: must survive */
	sp.out = 1;
	sp.err = 1;
	cr_assert_eq(gg_spawn(&sp, &pid, NULL), 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(read(p[0], text, sizeof(text) - 1), 4);
	cr_assert_str_eq(text, "a\nb\n");
	cr_assert(fcntl(1, F_GETFD) & FD_CLOEXEC);
}

Test(spawn, signals_are_reset)
{
	char out[512];
	sigset_t all;
	int status;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	capture("while read -r k v; do case $k in SigBlk:|SigIgn:) echo $v;; esac; done </proc/self/status",
		out, sizeof(out), &status);
	cr_assert_str_eq(out, "0000000000000000\n0000000000000000\n");
}

Test(spawn, new_session)
{
	const char *argv[] = SH("exec sleep 60");
	struct gg_spawn sp = shell(argv);
	pid_t pid;
	int status;

	cr_assert_eq(gg_spawn(&sp, &pid, NULL), 0);
	cr_assert_eq(getsid(pid), getsid(0));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	sp.new_session = true;
	cr_assert_eq(gg_spawn(&sp, &pid, NULL), 0);
	cr_assert_eq(getsid(pid), pid);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

Test(spawn, capture_takes_both_streams_and_the_status)
{
	char out[64];
	int status;

	capture("echo out; echo err >&2; exit 3", out, sizeof(out), &status);
	cr_assert_str_eq(out, "out\nerr\n");
	cr_assert_eq(WEXITSTATUS(status), 3);
	capture("kill -9 $$", out, sizeof(out), &status);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

Test(spawn, capture_throws_away_what_does_not_fit)
{
	char out[8];
	int status;

	capture("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done", out, sizeof(out),
		&status);
	cr_assert_str_eq(out, "0123456");
	cr_assert_eq(status, 0);
}

Test(spawn, capture_does_not_wait_for_grandchildren)
{
	char out[64];
	int64_t start_ms = gg_now_ms();
	pid_t grandchild;
	int status;

	capture("sleep 90 & echo $!", out, sizeof(out), &status);
	grandchild = (pid_t)strtol(out, NULL, 10);
	cr_assert_gt(grandchild, 1, "%s", out);
	cr_assert_lt(gg_now_ms() - start_ms, 30000);
	cr_assert_eq(kill(grandchild, SIGKILL), 0, "it goes on");
}

Test(spawn, capture_timeout)
{
	static const char *scripts[] = {
		"echo begun; exec sleep 60", "exec 1>&- 2>&-; exec sleep 60",
		"while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done"
	};

	for (size_t i = 0; i < GG_LEN(scripts); i++) {
		const char *argv[] = SH(scripts[i]);
		struct gg_spawn sp = shell(argv);
		int64_t start_ms = gg_now_ms();
		char out[64] = "";
		int status = 0;
		size_t n = 0;

		cr_assert_eq(gg_spawn_capture(&sp, 300, out, sizeof(out), &n, &status), -ETIMEDOUT);
		cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		cr_assert_lt(gg_now_ms() - start_ms, 30000);
		cr_assert(i != 0 || strcmp(out, "begun\n") == 0, "%s", out);
		cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "no child is left");
	}
}

Test(spawn, path_search)
{
	static const struct {
		const char *name, *path, *want; /* NULL: not found */
	} rows[] = {
		{ "sh", "/nonexistent:/bin", "/bin/sh" },
		{ "sh", "/bin:/usr/bin", "/bin/sh" },
		{ "/bin/sh", "/nonexistent", "/bin/sh" },
		{ "/bin/sh", NULL, "/bin/sh" },
		{ "/bin", NULL, NULL },
		{ "sh", NULL, NULL },
		{ "sh", "", NULL },
		{ "sh", ":bin:.::../bin", NULL }, /* relative: not followed */
		{ "./sh", "/bin", NULL },
		{ "bin/sh", "/", NULL },
		{ "", "/bin", NULL },
		{ "passwd", "/etc", NULL }, /* not executable */
		{ "bin", "/", NULL },	    /* a directory */
	};

	cr_assert_eq(chdir("/"), 0);
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char found[64] = "untouched";
		int r = gg_path_search(rows[i].name, rows[i].path, found, sizeof(found));

		cr_assert_eq(r, rows[i].want ? 0 : -ENOENT, "row %zu", i);
		cr_assert_str_eq(found, rows[i].want ? rows[i].want : "untouched", "row %zu", i);
	}
	cr_assert_eq(gg_path_search("sh", "/bin", (char[4]){ "" }, 4), -ENOENT, "it does not fit");
}
