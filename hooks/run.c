/* run - see run.h. */
#include "hooks/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/pidfd.h"
#include "base/spawn.h"
#include "hooks/subtree.h"

#define CHUNK 65536  /* a pipe's usual size */
#define TURNS 8	     /* chunks of one stream before the others have their turn */
#define LAST_MAX 64  /* chunks of last words that are read once nobody writes any more */
#define REAP_MS 1000 /* how often orphans that have ended are waited for */

enum { EXITED, IN, OUT, ERR, NPOLL };

struct flow {
	const struct gg_run *r;
	struct gg_subtree elders;
	bool blind; /* /proc does not tell who is below us: only the program's process group can be ended */
	pid_t pid; /* waited for at the very end: until then its number, as a group's too, is nobody else's */
	int pidfd, in, out, err; /* our ends; -1: closed */
	size_t fed;
	int64_t begun_ms, exited_ms;	   /* exited_ms -1: it runs */
	int64_t tick_ms, reap_ms, stop_ms; /* when the next one is due */
	int lost;			   /* as in struct gg_run_end */
};

struct dispositions {
	struct sigaction pipe, chld;
	bool chld_set;
};

static void set_signals(struct dispositions *d)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, plain = { .sa_handler = SIG_DFL };

	sigaction(SIGPIPE, &ignore, &d->pipe);
	sigaction(SIGCHLD, NULL, &d->chld);
	d->chld_set = d->chld.sa_handler == SIG_IGN || (d->chld.sa_flags & SA_NOCLDWAIT);
	if (d->chld_set)
		sigaction(SIGCHLD, &plain, NULL);
}

static void reset_signals(const struct dispositions *d)
{
	sigaction(SIGPIPE, &d->pipe, NULL);
	if (d->chld_set)
		sigaction(SIGCHLD, &d->chld, NULL);
}

/* ours is non-blocking, theirs is not. */
static int make_pipe(bool to_child, int *ret_ours, int *ret_theirs)
{
	AUTO_CLOSE int ours = -1, theirs = -1;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	ours = fds[to_child];
	theirs = fds[!to_child];
	if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	*ret_ours = gg_take_fd(&ours);
	*ret_theirs = gg_take_fd(&theirs);
	return 0;
}

/* The program, its pipes and its pidfd. */
static int start(struct flow *f)
{
	static char *const empty[] = { NULL };
	const struct gg_run *r = f->r;
	AUTO_CLOSE int in = -1, out = -1, err = -1;
	struct gg_spawn sp = { .path = r->argv[0], .argv = r->argv, .envp = r->envp ? r->envp : empty };
	int rc = 0;

	if (r->in_fd < 0 && r->nin)
		rc = make_pipe(true, &f->in, &in);
	if (rc == 0 && r->out)
		rc = make_pipe(false, &f->out, &out);
	if (rc == 0 && r->err)
		rc = make_pipe(false, &f->err, &err);
	if (rc < 0)
		return rc;
	sp.in = r->in_fd >= 0 ? r->in_fd : in;
	sp.out = out;
	sp.err = r->err ? err : out;
	sp.extra = r->pass_fd ? r->pass_fd : -1;
	sp.new_session = true;
	sp.cwd = r->cwd;
	return gg_spawn(&sp, &f->pid, &f->pidfd);
}

static void lose(struct flow *f, int e)
{
	f->lost = f->lost ? f->lost : -e;
}

/* Write what fits. A reader that went away takes the rest of its input with it. */
static void feed(struct flow *f)
{
	size_t left = f->r->nin - f->fed;
	ssize_t n = write(f->in, (const char *)f->r->in + f->fed, left < CHUNK ? left : CHUNK);

	if (n > 0)
		f->fed += (size_t)n;
	if (n >= 0 || errno == EAGAIN || errno == EINTR) {
		if (f->fed == f->r->nin)
			gg_close_fd(&f->in);
		return;
	}
	if (errno != EPIPE)
		lose(f, errno);
	gg_close_fd(&f->in);
}

/* What could not be read is not taken for the end: lines that are missing would be objects that nobody scans.
 */
static void drain(struct flow *f, int *fd, int turns, void (*take)(void *, const char *, size_t), void *arg)
{
	char buf[CHUNK];

	while (*fd >= 0 && turns-- > 0) {
		ssize_t n = read(*fd, buf, sizeof(buf));

		if (n > 0)
			take(arg, buf, (size_t)n);
		else if (n < 0 && errno == EAGAIN)
			return;
		else if (n < 0 && errno == EINTR)
			continue;
		else {
			if (n < 0)
				lose(f, errno);
			gg_close_fd(fd);
		}
	}
}

static void drain_both(struct flow *f, int turns)
{
	drain(f, &f->out, turns, f->r->out, f->r->arg);
	drain(f, &f->err, turns, f->r->err, f->r->arg);
}

static int64_t after(int64_t start_ms, int64_t ms)
{
	int64_t at;

	return __builtin_add_overflow(start_ms, ms, &at) ? INT64_MAX : at;
}

static int64_t min_ms(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When it is over whatever happens. */
static int64_t end_ms(const struct flow *f)
{
	int64_t limit = after(f->begun_ms, f->r->limit_ms);

	return f->exited_ms < 0 ? limit : min_ms(limit, f->exited_ms + GG_RUN_GRACE_MS);
}

/* What is due by the clock. A tick that was missed is not made up for. */
static void on_time(struct flow *f, int64_t now)
{
	if (now >= f->tick_ms) {
		f->r->tick(f->r->arg, now - f->begun_ms);
		f->tick_ms += ((now - f->tick_ms) / f->r->tick_ms + 1) * f->r->tick_ms;
	}
	if (now >= f->reap_ms) {
		gg_subtree_reap(&f->elders);
		f->reap_ms = now + REAP_MS;
	}
}

static void wait_once(struct flow *f, int64_t now)
{
	struct pollfd p[NPOLL] = {
		[EXITED] = { .fd = f->exited_ms < 0 ? f->pidfd : -1, .events = POLLIN },
		[IN] = { .fd = f->in, .events = POLLOUT },
		[OUT] = { .fd = f->out, .events = POLLIN },
		[ERR] = { .fd = f->err, .events = POLLIN },
	};
	int64_t until = min_ms(min_ms(end_ms(f), f->stop_ms), min_ms(f->tick_ms, f->reap_ms));

	if (poll(p, NPOLL, until > now ? (int)min_ms(until - now, INT_MAX) : 0) <= 0)
		return;
	if (p[IN].revents)
		feed(f);
	if (p[OUT].revents)
		drain(f, &f->out, TURNS, f->r->out, f->r->arg);
	if (p[ERR].revents)
		drain(f, &f->err, TURNS, f->r->err, f->r->arg);
	if (p[EXITED].revents) {
		f->exited_ms = gg_now_ms();
		gg_close_fd(&f->in); /* what it did not read nobody shall */
	}
}

static bool is_stopped(struct flow *f, int64_t now)
{
	if (now < f->stop_ms)
		return false;
	f->stop_ms = now + GG_RUN_STOP_MS;
	return f->r->stop(f->r->arg);
}

/* Until the program has ended and nothing holds its pipes, or time is up. */
static void work(struct flow *f, struct gg_run_end *ret)
{
	for (;;) {
		int64_t now = gg_now_ms();

		if (f->exited_ms >= 0 && f->out < 0 && f->err < 0)
			return;
		if (now >= end_ms(f)) {
			ret->timed_out = f->exited_ms < 0;
			ret->stray = f->exited_ms >= 0;
			return;
		}
		if (is_stopped(f, now)) {
			ret->stopped = true;
			return;
		}
		on_time(f, now);
		wait_once(f, now);
	}
}

/* End all of it. They are named first. The program's group as such takes those who fork faster than they can
 * be listed. */
static void end_all(struct flow *f, struct gg_run_end *ret)
{
	struct gg_buf who = GG_BUF(ret->stray_text);
	struct pollfd p = { .fd = f->pidfd, .events = POLLIN };

	if (!f->blind)
		gg_subtree_end(&f->elders, 0, &who, &ret->left);
	kill(-f->pid, SIGKILL);
	if (!f->blind)
		gg_subtree_end(&f->elders, GG_RUN_END_MS, &(struct gg_buf){ .size = 0 }, &ret->left);
	poll(&p, 1, ret->left ? 0 : GG_RUN_END_MS); /* at once, unless /proc told nothing */
	/* last words; who still holds the pipe is waited for no longer */
	drain_both(f, LAST_MAX);
}

static void collect(struct flow *f, struct gg_run_end *ret)
{
	int status = 0;
	pid_t r;

	do
		r = waitpid(f->pid, &status, WNOHANG);
	while (r < 0 && errno == EINTR);
	if (r == f->pid)
		ret->status = status;
	else if (r < 0)
		lose(f, errno);
	else if (r == 0 && !ret->left)
		ret->left = 1;
	if (!f->blind)
		gg_subtree_reap(&f->elders);
}

/* Everything between a start that worked and the end. */
static void see_through(struct flow *f, struct gg_run_end *ret)
{
	f->elders.keep = f->pid;
	work(f, ret);
	if (ret->timed_out || ret->stopped || ret->stray)
		end_all(f, ret);
	collect(f, ret);
	ret->lost = f->lost;
	ret->took_ms = gg_now_ms() - f->begun_ms;
}

int gg_run(const struct gg_run *r, struct gg_run_end *ret)
{
	struct flow f = { .r = r, .pidfd = -1, .in = -1, .out = -1, .err = -1, .exited_ms = -1 };
	struct dispositions d;
	int rc;

	*ret = (struct gg_run_end){ .error = 0 };
	set_signals(&d);
	f.blind = gg_subtree_adopt() < 0 || gg_subtree_elders(&f.elders) < 0;
	f.begun_ms = gg_now_ms();
	f.tick_ms = r->tick && r->tick_ms > 0 ? f.begun_ms + r->tick_ms : INT64_MAX;
	f.stop_ms = r->stop ? f.begun_ms : INT64_MAX;
	f.reap_ms = f.blind ? INT64_MAX : f.begun_ms + REAP_MS;
	rc = start(&f);
	if (rc == 0)
		see_through(&f, ret);
	ret->not_started = rc < 0;
	ret->error = rc;
	gg_close_fd(&f.in);
	gg_close_fd(&f.out);
	gg_close_fd(&f.err);
	gg_close_fd(&f.pidfd);
	gg_subtree_free(&f.elders);
	reset_signals(&d);
	return rc;
}

bool gg_run_ok(const struct gg_run_end *e)
{
	return !e->not_started && !e->timed_out && !e->stopped && !e->lost && WIFEXITED(e->status) &&
	       WEXITSTATUS(e->status) == 0;
}

void gg_run_why(struct gg_buf *b, const struct gg_run_end *e, const struct gg_deadline *d)
{
	if (e->not_started) {
		gg_buf_add(b, "cannot be run: %s", strerror(-e->error));
	} else if (e->timed_out) {
		gg_buf_add(b, "did not end within ");
		gg_deadline_add(b, d);
	} else if (e->stopped) {
		gg_buf_add(b, "was interrupted");
	} else if (e->lost) {
		gg_buf_add(b, "could not be talked to: %s", strerror(-e->lost));
	} else if (WIFSIGNALED(e->status)) {
		gg_buf_add(b, "was killed by signal %d (%s)", WTERMSIG(e->status),
			   strsignal(WTERMSIG(e->status)));
	} else {
		gg_buf_add(b, "exit status %d", WEXITSTATUS(e->status));
	}
}
