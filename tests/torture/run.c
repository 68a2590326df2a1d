#include "tests/torture/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tests/torture/gitpush.h"
#include "tests/torture/left.h"
#include "tests/torture/raw.h"
#include "tests/torture/relay.h"
#include "tests/torture/scratch.h"

enum {
	CLIENT_SLACK_S = 90, /* beyond twice the limit a client's process is broken, and ended */
	PUSH_MS = 60000
};

struct child {
	pid_t pid; /* 0: never started, or reaped */
	int pipe;  /* its result comes here; -1: it has come */
};

struct run {
	const struct gg_target *target;
	const struct gg_kind *const *kinds;
	size_t n;
	struct gg_result *results;
	struct child *children;
	struct pollfd *polls;	 /* one a child, and the signals */
	struct gg_claim *claims; /* shared with the children */
	struct gg_names before;
	struct gg_scratch scratch;
	bool has_scratch;
	int signals;
};

/* The client's process. */
static void play(const struct run *r, size_t i, int out)
{
	struct gg_client c = {
		.target = r->target,
		.kind = r->kinds[i],
		.scratch = r->has_scratch ? &r->scratch : NULL,
		.before = &r->before,
		.claims = r->claims,
		.nclaims = r->n,
		.me = i,
		.res = &r->results[i],
	};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm((unsigned)(2 * r->target->limit_ms / 1000) + CLIENT_SLACK_S);
	snprintf(c.tag, sizeof(c.tag), "torture/%s-%d-%zu", c.kind->name, (int)getpid(), i);
	if (gg_kind_is_real(c.kind))
		gg_relay_run(&c);
	else
		gg_raw_run(&c);
	c.res->after_ms = c.end_ms ? c.end_ms - c.silent_ms : -1;
	c.res->total_ms = c.end_ms ? c.end_ms - c.connect_ms : -1;
	gg_left_look(&c);
	for (size_t done = 0; done < sizeof(*c.res);) {
		ssize_t k = write(out, (const char *)c.res + done, sizeof(*c.res) - done);

		if (k > 0)
			done += (size_t)k;
		else if (errno != EINTR)
			_exit(1);
	}
	_exit(0);
}

static int start(struct run *r, size_t i)
{
	AUTO_CLOSE int in = -1, out = -1;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	in = fds[0];
	out = fds[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		play(r, i, out);
	r->children[i] = (struct child){ .pid = pid, .pipe = gg_take_fd(&in) };
	return 0;
}

/* A child has written, or died. A record is smaller than a pipe, so all of it is there or comes at once. */
static void collect(struct run *r, size_t i)
{
	struct gg_result *res = &r->results[i];
	size_t done = 0;
	ssize_t k;

	_Static_assert(sizeof(*res) <= 65536, "a result must fit a pipe");
	while (done < sizeof(*res)) {
		k = read(r->children[i].pipe, (char *)res + done, sizeof(*res) - done);
		if (k > 0)
			done += (size_t)k;
		else if (k == 0 || errno != EINTR)
			break;
	}
	if (done < sizeof(*res)) {
		*res = (struct gg_result){ .ended = GG_FAILED, .after_ms = -1, .total_ms = -1 };
		res->procs = res->nleft = -1;
		snprintf(res->error, sizeof(res->error), "the client's process died");
	}
	gg_close_fd(&r->children[i].pipe);
}

/* Returns 0, or the signal that came. */
static int collect_all(struct run *r)
{
	for (size_t open = r->n; open > 0;) {
		for (size_t i = 0; i < r->n; i++)
			r->polls[i] = (struct pollfd){ .fd = r->children[i].pipe, .events = POLLIN };
		r->polls[r->n] = (struct pollfd){ .fd = r->signals, .events = POLLIN };
		if (poll(r->polls, r->n + 1, -1) < 0)
			continue;
		if (r->polls[r->n].revents) {
			struct signalfd_siginfo si;

			if (read(r->signals, &si, sizeof(si)) == sizeof(si))
				return (int)si.ssi_signo;
		}
		open = 0;
		for (size_t i = 0; i < r->n; i++) {
			if (r->polls[i].revents)
				collect(r, i);
			open += r->children[i].pipe >= 0;
		}
	}
	return 0;
}

/* SIGKILL all our children: they are ours until we reap them, so the numbers are still theirs. */
static void kill_children(void)
{
	AUTO_FILE FILE *f = fopen("/proc/thread-self/children", "re");
	int pid;

	while (f && fscanf(f, "%d", &pid) == 1)
		kill(pid, SIGKILL);
}

/* End what is left of our clients. As their subreaper we get what they leave, a stopped git push too. */
static void reap_all(struct run *r)
{
	for (size_t i = 0; i < r->n; i++) {
		/* one that has reported is on its way out */
		if (r->children[i].pid > 0 && r->children[i].pipe >= 0)
			kill(r->children[i].pid, SIGKILL);
		while (r->children[i].pid > 0 && waitpid(r->children[i].pid, NULL, 0) < 0 && errno == EINTR)
			;
		r->children[i].pid = 0;
		gg_close_fd(&r->children[i].pipe);
	}
	do
		kill_children();
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

static int prepare_signals(struct run *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -errno;
	r->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return r->signals < 0 ? -errno : 0;
}

/* What the clones of this run fetch: pushed to the server by real git, and left there like any push. */
static int push_fetched(struct run *r, char *why, size_t size)
{
	struct gg_push push = GG_PUSH_NONE;
	char url[sizeof(r->target->host) + sizeof(r->target->path) + 16], err[160];
	struct gg_buf b;
	struct pollfd p;
	int status = 1, n, e;
	size_t len;

	snprintf(r->scratch.fetched, sizeof(r->scratch.fetched), "torture/fetched-%d", (int)getpid());
	snprintf(url, sizeof(url), "%s://%s%s", r->target->http ? "http" : "git", r->target->host,
		 r->target->path);
	e = gg_push_start(&push, &r->scratch, "fetched", url, r->scratch.fetched);
	p = (struct pollfd){ .fd = push.pidfd, .events = POLLIN };
	while (e == 0 && (n = poll(&p, 1, PUSH_MS)) <= 0)
		e = n == 0 ? -ETIMEDOUT : errno == EINTR ? 0 : -errno;
	if (e == 0)
		gg_push_reap(&push, &status);
	len = gg_push_stderr(&push, err, sizeof(err));
	gg_push_free(&push);
	if (e == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	b = (struct gg_buf){ .s = why, .size = size };
	gg_buf_add(&b, "cannot push what the clones are to fetch: %s", e < 0 ? strerror(-e) : "");
	gg_escape(&b, err, len, sizeof(err));
	return e < 0 ? e : -EIO;
}

static int prepare(struct run *r)
{
	struct rlimit lim;
	char why[300];
	int e = prepare_signals(r);

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
	r->children = calloc(r->n, sizeof(*r->children));
	r->polls = calloc(r->n + 1, sizeof(*r->polls));
	r->claims = mmap(NULL, r->n * sizeof(*r->claims), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	if (!r->children || !r->polls || r->claims == MAP_FAILED)
		e = -ENOMEM;
	for (size_t i = 0; i < r->n && r->children; i++)
		r->children[i].pipe = -1;
	if (e < 0) {
		fprintf(stderr, "git-gate-torture: cannot start: %s\n", strerror(-e));
		return e;
	}
	if (*r->target->repo)
		e = gg_left_scan(r->target->repo, &r->before);
	if (e < 0) {
		fprintf(stderr, "git-gate-torture: cannot read '%s': %s\n", r->target->repo, strerror(-e));
		return e;
	}
	for (size_t i = 0; i < r->n && !r->has_scratch; i++)
		r->has_scratch = gg_kind_needs_scratch(r->kinds[i]);
	for (size_t i = 0; i < r->n; i++)
		r->scratch.clones |= gg_kind_is_clone(r->kinds[i]);
	if (r->has_scratch)
		e = gg_scratch_make(&r->scratch, why, sizeof(why));
	if (e == 0 && r->scratch.clones)
		e = push_fetched(r, why, sizeof(why));
	if (e < 0)
		fprintf(stderr, "git-gate-torture: %s\n", why);
	return e;
}

static void release(struct run *r)
{
	if (r->children)
		reap_all(r);
	gg_scratch_free(&r->scratch);
	gg_names_free(&r->before);
	if (r->claims != MAP_FAILED && r->claims)
		munmap(r->claims, r->n * sizeof(*r->claims));
	free(r->children);
	free(r->polls);
	gg_close_fd(&r->signals);
}

int gg_run(const struct gg_target *target, const struct gg_kind *const *kinds, size_t n,
	   struct gg_result *ret)
{
	struct run r = { .target = target, .kinds = kinds, .n = n, .results = ret, .signals = -1 };
	int e = prepare(&r);

	for (size_t i = 0; i < n && e == 0; i++) {
		e = start(&r, i);
		if (e < 0)
			fprintf(stderr, "git-gate-torture: cannot start a client: %s\n", strerror(-e));
	}
	if (e == 0)
		e = collect_all(&r);
	release(&r);
	return e;
}
