/* Tests of hooks/run.h: real processes, generous limits, short deadlines. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/children.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/pidfd.h"
#include "base/spawn.h"
#include "hooks/run.h"

#define LONG_MS 60000 /* a limit that no test is meant to reach */
#define SOON_MS 20000 /* what ends at once has ended by then, also on a busy machine */
#define MANY 60000000

static const char *env[] = { "PATH=/usr/bin:/bin", "COLOUR=blue", NULL };

struct seen {
	char out[4096], err[4096];
	size_t nout, nerr; /* all that came, of which the first bytes are kept */
	int ticks;
	int64_t last_tick_ms;
	bool tick_fell;
};

static void keep(char *to, size_t size, size_t *n, const char *bytes, size_t more)
{
	size_t room = *n < size - 1 ? size - 1 - *n : 0;

	cr_assert_gt(more, 0);
	memcpy(to + (room ? *n : 0), bytes, more < room ? more : room);
	*n += more;
}

static void on_out(void *arg, const char *bytes, size_t n)
{
	struct seen *s = arg;

	keep(s->out, sizeof(s->out), &s->nout, bytes, n);
}

static void on_err(void *arg, const char *bytes, size_t n)
{
	struct seen *s = arg;

	keep(s->err, sizeof(s->err), &s->nerr, bytes, n);
}

static void on_tick(void *arg, int64_t elapsed_ms)
{
	struct seen *s = arg;

	s->tick_fell |= elapsed_ms <= s->last_tick_ms;
	s->last_tick_ms = elapsed_ms;
	s->ticks++;
}

/* A script under limit_ms; in: fed to it. */
static struct gg_run_end run_with(const char *script, struct gg_run r, struct seen *s)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct gg_run_end e;

	memset(s, 0, sizeof(*s));
	r.name = "script";
	r.argv = (char *const *)argv;
	r.envp = (char *const *)env;
	r.in_fd = r.in_fd ? r.in_fd : -1;
	r.out = on_out;
	r.err = on_err;
	r.arg = s;
	gg_run(&r, &e);
	return e;
}

static struct gg_run_end run(const char *script, int64_t limit_ms, struct seen *s)
{
	return run_with(script, (struct gg_run){ .limit_ms = limit_ms }, s);
}

/* Nobody is below us: no process, no zombie. */
static void nobody_left(void)
{
	AUTO_FREE pid_t *pid = NULL;
	size_t n = 0, size = 0;

	cr_assert_eq(gg_children_read(getpid(), &pid, &n, &size, NULL), 0);
	cr_assert_eq(n, 0, "%zu children are left", n);
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
	cr_assert_eq(errno, ECHILD);
}

static size_t open_fds(void)
{
	AUTO_DIR DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	cr_assert(d);
	while (readdir(d))
		n++;
	return n;
}

static bool alive(pid_t pid)
{
	return kill(pid, 0) == 0;
}

Test(hookrun, what_cannot_be_started)
{
	char plain[] = "/tmp/gg-unit-XXXXXX", text[] = "/tmp/gg-unit-XXXXXX";
	int fd = mkstemp(plain), fd2 = mkstemp(text);
	const struct {
		const char *path, *cwd;
		int want;
	} rows[] = {
		{ "/nonexistent/program", NULL, -ENOENT },
		{ "/etc", NULL, -EACCES },
		{ plain, NULL, -EACCES },
		{ text, NULL, -ENOEXEC },
		{ "/bin/true", "/nonexistent", -ENOENT },
	};
	size_t fds;

	cr_assert_eq(write(fd2, "hello\n", 6), 6);
	fchmod(fd2, 0700);
	close(fd);
	close(fd2);
	fds = open_fds();
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char *argv[] = { (char *)rows[i].path, NULL };
		struct gg_run r = { .argv = argv, .cwd = rows[i].cwd, .in_fd = -1, .limit_ms = LONG_MS };
		struct gg_run_end e;

		cr_assert_eq(gg_run(&r, &e), rows[i].want, "row %zu: %d", i, e.error);
		cr_assert(e.not_started && e.error == rows[i].want && !gg_run_ok(&e), "row %zu", i);
	}
	nobody_left();
	cr_assert_eq(open_fds(), fds);
	unlink(plain);
	unlink(text);
}

Test(hookrun, surroundings_are_as_given)
{
	struct seen s;
	struct gg_run_end e;
	int leak = open("/dev/null", O_RDONLY),
	    fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC); /* leak: not */

	cr_assert(leak >= 3 && fd >= 3);
	e = run_with("ls /proc/$$/fd; readlink /proc/$$/fd/0; pwd; echo $COLOUR; :",
		     (struct gg_run){ .cwd = "/usr", .limit_ms = LONG_MS }, &s);
	cr_assert(gg_run_ok(&e));
	cr_assert_str_eq(s.out, "0\n1\n2\n/dev/null\n/usr\nblue\n");
	e = run_with("readlink /proc/$$/fd/0; ps -o sid= -p $$ | tr -d ' '; echo $$",
		     (struct gg_run){ .in_fd = fd, .in = "x", .nin = 1, .limit_ms = LONG_MS }, &s);
	cr_assert(gg_run_ok(&e));
	cr_assert(strncmp(s.out, "/etc/passwd\n", 12) == 0, "'%s'", s.out);
	cr_assert_eq(atoi(s.out + 12), atoi(strchr(s.out + 12, '\n')), "a session of its own");
}

Test(hookrun, bytes_and_where_they_come)
{
	char *argv[] = { (char *)"/bin/sh", (char *)"-c",
			 (char *)"echo 1; echo 2 >&2; echo 3; p=$(readlink /proc/$$/fd/1); echo $p >&2",
			 NULL };
	struct seen s;
	struct gg_run_end e = run("printf 'a\\0b\\377'; printf 'e\\033' >&2; exit 3", LONG_MS, &s);
	struct gg_run r = { .argv = argv, .in_fd = -1, .out = on_out, .arg = &s, .limit_ms = LONG_MS };

	cr_assert(WIFEXITED(e.status) && WEXITSTATUS(e.status) == 3 && !gg_run_ok(&e));
	cr_assert(s.nout == 4 && memcmp(s.out, "a\0b\377", 4) == 0);
	cr_assert(s.nerr == 2 && memcmp(s.err, "e\033", 2) == 0);
	/* without err both come as stdout, in order */
	memset(&s, 0, sizeof(s));
	cr_assert_eq(gg_run(&r, &e), 0);
	cr_assert(strncmp(s.out, "1\n2\n3\npipe:", 11) == 0, "'%s'", s.out);
	/* without out it is thrown away */
	memset(&s, 0, sizeof(s));
	r.out = NULL;
	r.err = on_err;
	cr_assert_eq(gg_run(&r, &e), 0);
	cr_assert_str_eq(s.err, "2\n/dev/null\n");
	cr_assert_eq(s.nout, 0);
}

static char *many_bytes(void)
{
	char *p = mmap(NULL, MANY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(p, MAP_FAILED);
	memset(p, 'x', MANY);
	return p;
}

Test(hookrun, stdin_that_is_not_read)
{
	char *in = many_bytes();
	struct seen s;
	struct gg_run_end e;

	e = run_with("exit 0", (struct gg_run){ .in = in, .nin = MANY, .limit_ms = LONG_MS }, &s);
	cr_assert(gg_run_ok(&e) && e.took_ms < SOON_MS, "took %lld ms", (long long)e.took_ms);
	/* one that closes it and lives */
	e = run_with("exec <&-; sleep 0.2; exit 4",
		     (struct gg_run){ .in = in, .nin = MANY, .limit_ms = LONG_MS }, &s);
	cr_assert(WIFEXITED(e.status) && WEXITSTATUS(e.status) == 4);
	/* one that never closes it */
	e = run_with("sleep 90", (struct gg_run){ .in = in, .nin = MANY, .limit_ms = 200 }, &s);
	cr_assert(e.timed_out && e.took_ms < SOON_MS);
	/* one whose child goes on reading when it has ended itself */
	e = run_with("exec 3<&0; sleep 0.2; cat <&3 >/dev/null 2>&1 & exit 0",
		     (struct gg_run){ .in = in, .nin = MANY, .limit_ms = LONG_MS }, &s);
	cr_assert(gg_run_ok(&e) && !e.stray && e.took_ms < SOON_MS);
	/* then it gets no more than lay in the pipe */
	e = run_with("exec 3<&0; (sleep 0.3; wc -c <&3) & exit 0",
		     (struct gg_run){ .in = in, .nin = MANY, .limit_ms = LONG_MS }, &s);
	cr_assert(gg_run_ok(&e) && s.nout > 1 && atoi(s.out) < 1 << 20, "it read %s", s.out);
}

Test(hookrun, much_in_all_directions_at_once)
{
	char *in = many_bytes();
	struct rusage before, after;
	struct seen s;
	struct gg_run_end e;

	getrusage(RUSAGE_SELF, &before);
	e = run_with("exec 3<&0; cat <&3 >&2 & head -c 60000000 /dev/zero; wait",
		     (struct gg_run){ .in = in, .nin = MANY, .limit_ms = LONG_MS }, &s);
	getrusage(RUSAGE_SELF, &after);
	cr_assert(gg_run_ok(&e), "status %d", e.status);
	cr_assert(s.nout == MANY && s.nerr == MANY, "%zu, %zu", s.nout, s.nerr);
	cr_assert_lt(after.ru_maxrss - before.ru_maxrss, 4096, "kB: %ld", after.ru_maxrss - before.ru_maxrss);
}

Test(hookrun, output_without_end_stops_at_the_limit)
{
	struct seen s;
	struct gg_run_end e =
		run_with("yes & yes >&2 & wait",
			 (struct gg_run){ .limit_ms = 3000, .tick = on_tick, .tick_ms = 50 }, &s);

	cr_assert(e.timed_out && e.took_ms < SOON_MS);
	cr_assert_gt(s.ticks, 2, "%d ticks", s.ticks); /* the clock is looked at meanwhile */
	nobody_left();
}

static void on_out_slowly(void *arg, const char *bytes, size_t n)
{
	struct seen *s = arg;

	(void)bytes;
	s->nout += n;
	nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

/* A pipe that is always full when it has been read: the clock is looked at all the same. */
Test(hookrun, a_program_faster_than_its_reader_stops_at_the_limit)
{
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)"yes & yes & exec yes", NULL };
	struct seen s = { .nout = 0 };
	struct gg_run r = {
		.argv = argv,
		.envp = (char *const *)env,
		.in_fd = -1,
		.out = on_out_slowly,
		.arg = &s,
		.limit_ms = 300,
	};
	struct gg_run_end e;

	cr_assert_eq(gg_run(&r, &e), 0);
	cr_assert(e.timed_out && e.took_ms < SOON_MS, "took %lld ms", (long long)e.took_ms);
	nobody_left();
}

/* Its process is another one every moment, so that a list of processes is old before it can be used. It ends
 * by itself after 20 s. */
Test(hookrun, a_process_that_changes_its_number_is_ended)
{
	struct seen s;
	struct gg_run_end e =
		run("exec perl -e '$end = time + 20; while (time < $end) { $p = fork; exit if $p }'", LONG_MS,
		    &s);

	cr_assert(gg_run_ok(&e) && e.stray && e.left == 0);
	cr_assert_lt(e.took_ms, GG_RUN_GRACE_MS + SOON_MS);
	nobody_left();
}

static bool after_some_words(void *arg)
{
	return ((struct seen *)arg)->nout >= 4;
}

static bool at_once(void *arg)
{
	(void)arg;
	return true;
}

static bool never(void *arg)
{
	((struct seen *)arg)->ticks++;
	return false;
}

Test(hookrun, stop_ends_the_whole_subtree)
{
	char mem[64];
	struct gg_buf b = GG_BUF(mem);
	struct seen s;
	struct gg_run_end e = run_with("trap '' TERM; setsid sleep 90 & echo now; sleep 90; exit 0",
				       (struct gg_run){ .limit_ms = LONG_MS, .stop = after_some_words }, &s);

	cr_assert(e.stopped && !e.timed_out && !e.stray && !gg_run_ok(&e));
	cr_assert(e.left == 0 && e.took_ms < SOON_MS);
	cr_assert(strstr(e.stray_text, "sleep"), "%s", e.stray_text);
	gg_run_why(&b, &e, &(struct gg_deadline){ .limit_ms = LONG_MS });
	cr_assert_str_eq(mem, "was interrupted");
	nobody_left();
	e = run_with("sleep 90", (struct gg_run){ .limit_ms = GG_NEVER, .stop = at_once }, &s);
	cr_assert(e.stopped && e.took_ms < SOON_MS);
	/* it is asked also of a program that is silent, and one that ends by itself was not stopped */
	e = run_with("sleep 1", (struct gg_run){ .limit_ms = LONG_MS, .stop = never }, &s);
	cr_assert(!e.stopped && gg_run_ok(&e));
	cr_assert(s.ticks >= 3, "%d", s.ticks);
	nobody_left();
}

Test(hookrun, who_ignores_signals_is_ended_at_the_limit)
{
	char mem[128];
	struct gg_buf why = GG_BUF(mem);
	struct seen s;
	struct gg_run_end e = run("trap '' TERM HUP INT; echo begun; while :; do sleep 90; done", 300, &s);

	cr_assert(e.timed_out && !e.not_started && !gg_run_ok(&e));
	cr_assert(e.took_ms >= 300 && e.took_ms < SOON_MS, "%lld ms", (long long)e.took_ms);
	cr_assert(WIFSIGNALED(e.status) && WTERMSIG(e.status) == SIGKILL);
	cr_assert_str_eq(s.out, "begun\n");
	cr_assert(strstr(e.stray_text, "\"sleep\" ("), "%s", e.stray_text);
	gg_run_why(&why, &e, &(struct gg_deadline){ .limit_ms = 300 });
	cr_assert_str_eq(mem, "did not end within 300ms");
	cr_assert_eq(e.left, 0);
	nobody_left();
}

Test(hookrun, the_limit_ends_the_whole_subtree)
{
	struct seen s;
	struct gg_run_end e = run("sleep 90 & setsid sleep 90 >/dev/null 2>&1 & "
				  "(setsid env -i sh -c 'sleep 90 & exec sleep 90' &); "
				  "(trap '' TERM; sh -c 'kill -STOP $$' & :); wait",
				  500, &s);

	cr_assert(e.timed_out && e.left == 0 && e.took_ms < SOON_MS);
	nobody_left();
}

Test(hookrun, a_stopped_program_is_ended)
{
	struct seen s;
	struct gg_run_end e = run("kill -STOP $$; exit 0", 300, &s);

	cr_assert(e.timed_out && e.took_ms < SOON_MS);
	nobody_left();
}

Test(hookrun, a_daemon_that_holds_stderr_is_ended_and_named)
{
	struct seen s;
	struct gg_run_end e =
		run("(setsid env -i sh -c '(sleep 90 >/dev/null </dev/null &)' &); echo done", LONG_MS, &s);

	cr_assert(gg_run_ok(&e) && e.stray && !e.timed_out, "status %d", e.status);
	cr_assert(e.took_ms >= GG_RUN_GRACE_MS && e.took_ms < GG_RUN_GRACE_MS + SOON_MS);
	cr_assert(strncmp(e.stray_text, "\"sleep\" (", 9) == 0, "%s", e.stray_text);
	cr_assert_str_eq(s.out, "done\n");
	nobody_left();
	/* one that only takes a moment is waited for, and the limit cuts the grace short */
	e = run("(sleep 0.3; echo late) & exit 0", LONG_MS, &s);
	cr_assert(gg_run_ok(&e) && !e.stray);
	cr_assert_str_eq(s.out, "late\n");
	while (waitpid(-1, NULL, 0) > 0)
		; /* it closes its files a moment before it has ended */
	e = run("sleep 90 & exit 0", 300, &s);
	cr_assert(gg_run_ok(&e) && e.stray && !e.timed_out && e.took_ms < GG_RUN_GRACE_MS);
	nobody_left();
}

Test(hookrun, a_daemon_that_holds_nothing_is_left_alone)
{
	struct seen s;
	struct gg_run_end e = run("setsid sleep 90 >/dev/null 2>&1 </dev/null & echo $!", LONG_MS, &s);
	pid_t pid = atoi(s.out);

	cr_assert(gg_run_ok(&e) && !e.stray && e.took_ms < SOON_MS);
	cr_assert(pid > 1 && alive(pid));
	/* a later program's end is not its end either */
	e = run("sleep 90", 200, &s);
	cr_assert(e.timed_out && alive(pid));
	kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, NULL, 0), pid, "it has become our child");
	nobody_left();
}

Test(hookrun, what_the_caller_started_before_lives_on)
{
	const char *argv[] = { "sh", "-c", "sleep 90 & echo $!; exec sleep 90", NULL },
		   *argv2[] = { "sh", "-c", "exit 7", NULL };
	struct gg_spawn sp = {
		.path = "/bin/sh",
		.argv = (char *const *)argv,
		.envp = (char *const *)env,
		.in = -1,
		.err = -1,
		.extra = -1,
	};
	pid_t holder, below, gone;
	char text[32] = "";
	struct seen s;
	struct gg_run_end e;
	siginfo_t info;
	int fds[2], status;

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	sp.out = fds[1];
	cr_assert_eq(gg_spawn(&sp, &holder, NULL), 0);
	cr_assert_gt(read(fds[0], text, sizeof(text) - 1), 0);
	below = atoi(text);
	sp.argv = (char *const *)argv2;
	cr_assert_eq(gg_spawn(&sp, &gone, NULL), 0);
	cr_assert_eq(waitid(P_PID, (id_t)gone, &info, WEXITED | WNOWAIT), 0);
	e = run("setsid sleep 90 & sleep 90", 300, &s);
	cr_assert(e.timed_out);
	e = run_with("setsid sleep 90 & exit 0", (struct gg_run){ .limit_ms = LONG_MS }, &s);
	cr_assert(e.stray && strncmp(e.stray_text, "\"sleep\"", 7) == 0 && !strstr(e.stray_text, ","));
	cr_assert(alive(holder) && alive(below));
	cr_assert_eq(waitpid(gone, &status, 0), gone, "its status is still there for us");
	cr_assert_eq(WEXITSTATUS(status), 7);
	kill(below, SIGKILL);
	kill(holder, SIGKILL);
	cr_assert_eq(waitpid(holder, &status, 0), holder);
	cr_assert_eq(waitpid(below, &status, 0), below, "an orphan below us is ours");
	nobody_left();
}

/* Six shells that each start a session every moment, 1800 in all were they let. */
Test(hookrun, a_fork_bomb_is_bounded)
{
	struct seen s;
	struct gg_run_end e =
		run("b() { i=0; while [ $i -lt 300 ]; do setsid sleep 90 & i=$((i+1)); done; wait; }\n"
		    "b & b & (b &) & (setsid sh -c 'b() { i=0; while [ $i -lt 300 ]; do "
		    "(sleep 90 &) ; i=$((i+1)); done; sleep 90; }; b & b & b' &)\nwait",
		    700, &s);

	cr_assert(e.timed_out && e.left == 0, "%zu left", e.left);
	cr_assert_lt(e.took_ms, SOON_MS);
	cr_assert(strstr(e.stray_text, " more"), "%s", e.stray_text);
	nobody_left();
}

Test(hookrun, killed_by_a_signal)
{
	char mem[128];
	struct gg_buf why = GG_BUF(mem);
	struct seen s;
	struct gg_run_end e = run("ulimit -c 0; kill -SEGV $$", LONG_MS, &s);

	cr_assert(WIFSIGNALED(e.status) && WTERMSIG(e.status) == SIGSEGV && !gg_run_ok(&e));
	gg_run_why(&why, &e, &(struct gg_deadline){ .limit_ms = LONG_MS });
	cr_assert_str_eq(mem, "was killed by signal 11 (Segmentation fault)");
}

Test(hookrun, tick_comes_about_so_often_and_waiting_costs_nothing)
{
	struct timespec a, b;
	int64_t cpu_ms;
	struct seen s;
	struct gg_run_end e;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	/* it has closed its pipes, too: nothing in them may wake us without end */
	e = run_with("exec >&- 2>&- <&-; sleep 1.2; exit 3",
		     (struct gg_run){ .limit_ms = LONG_MS, .tick = on_tick, .tick_ms = 200 }, &s);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	cpu_ms = (int64_t)(b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
	cr_assert(WIFEXITED(e.status) && WEXITSTATUS(e.status) == 3);
	cr_assert(s.ticks >= 3 && s.ticks <= e.took_ms / 200, "%d ticks in %lld ms", s.ticks,
		  (long long)e.took_ms);
	cr_assert(!s.tick_fell && s.last_tick_ms <= e.took_ms);
	cr_assert_lt(cpu_ms, 200, "%lld ms of CPU", (long long)cpu_ms);
}

static void on_child(int sig)
{
	(void)sig;
}

Test(hookrun, signals_of_the_caller)
{
	struct sigaction sa;
	struct seen s;
	struct gg_run_end e;

	signal(SIGCHLD, SIG_IGN); /* as a careless parent leaves it: the kernel would throw the status away */
	signal(SIGPIPE, SIG_DFL);
	e = run_with("exit 7", (struct gg_run){ .in = "much", .nin = 4, .limit_ms = LONG_MS }, &s);
	cr_assert(WIFEXITED(e.status) && WEXITSTATUS(e.status) == 7);
	sigaction(SIGCHLD, NULL, &sa);
	cr_assert(sa.sa_handler == SIG_IGN);
	sigaction(SIGPIPE, NULL, &sa);
	cr_assert(sa.sa_handler == SIG_DFL);
	signal(SIGCHLD, on_child); /* interrupts what waits */
	e = run("for i in 1 2 3 4 5; do (true &); true; done; kill -PIPE $$", LONG_MS, &s);
	cr_assert(WIFSIGNALED(e.status) && WTERMSIG(e.status) == SIGPIPE, "default in the child");
	sigaction(SIGCHLD, NULL, &sa);
	cr_assert(sa.sa_handler == on_child);
}

Test(hookrun, orphans_that_end_meanwhile_are_waited_for)
{
	struct seen s;
	struct gg_run_end e = run("i=0; while [ $i -lt 40 ]; do (true &); i=$((i+1)); done; sleep 1.5; "
				  "ps -o ppid=,state= -e | awk -v p=$PPID '$1 == p && $2 == \"Z\"' | wc -l",
				  LONG_MS, &s);

	cr_assert(gg_run_ok(&e));
	cr_assert_eq(atoi(s.out), 0, "%s zombies", s.out);
	nobody_left();
}

Test(hookrun, nothing_is_kept_open)
{
	size_t fds = open_fds();
	struct rlimit old, low;
	struct seen s;
	struct gg_run_end e;

	for (int i = 0; i < 20; i++)
		run(i % 2 ? "exit 1" : "exec sleep 90", i % 2 ? LONG_MS : 30, &s);
	cr_assert_eq(open_fds(), fds);
	getrlimit(RLIMIT_NOFILE, &old);
	for (size_t room = 0; room < 7; room++) { /* each of the steps before the start fails once */
		low = (struct rlimit){ .rlim_cur = fds - 2 + room, .rlim_max = old.rlim_max };
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
		e = run_with("cat", (struct gg_run){ .in = "x", .nin = 1, .limit_ms = LONG_MS }, &s);
		setrlimit(RLIMIT_NOFILE, &old);
		cr_assert(e.not_started ? e.error == -EMFILE : gg_run_ok(&e), "room %zu: %d", room, e.error);
		cr_assert_eq(open_fds(), fds, "room %zu", room);
		nobody_left();
	}
}

Test(hookrun, no_limit_is_a_limit_too)
{
	struct seen s;
	struct gg_run_end e = run("exit 0", GG_NEVER, &s);

	cr_assert(gg_run_ok(&e) && !e.timed_out);
}

Test(hookrun, why)
{
	static const struct {
		struct gg_run_end e;
		const char *want;
	} rows[] = {
		{ { .not_started = true, .error = -ENOENT }, "cannot be run: No such file or directory" },
		{ { .timed_out = true, .status = SIGKILL }, "did not end within 1m (deadline.scan)" },
		{ { .status = SIGKILL }, "was killed by signal 9 (Killed)" },
		{ { .status = 3 << 8 }, "exit status 3" },
		{ { .status = 0 }, "exit status 0" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[128];
		struct gg_buf b = GG_BUF(mem);

		gg_run_why(&b, &rows[i].e, &(struct gg_deadline){ 0, 60000, "deadline.scan" });
		cr_assert_str_eq(mem, rows[i].want);
		cr_assert_eq(gg_run_ok(&rows[i].e), i == 4, "row %zu", i);
	}
}
