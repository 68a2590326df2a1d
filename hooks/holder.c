/* holder - the child that keeps a repository's lock when pre-receive has ended. See lock.h. */
#include "hooks/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/pidfd.h"
#include "base/pstat.h"
#include "hooks/doubt.h"
#include "hooks/locals.h"

#define COMPARE_MS 30000 /* git for-each-ref; 100 ms for 50 000 references */

struct holder { /* what the child has of its parent */
	const char *gitdir;
	const struct gg_push *p;
	const struct gg_gate_link *l;
	struct gg_doubter doubter; /* the parent */
	const struct gg_deadline *until;
	int lock, receive_pack, ready; /* descriptors */
};

/* Nothing of git's may stay open: it waits for the end of its pipes. Descriptors end up as 3, 4, 5. */
static int keep_only(struct holder *h)
{
	int *keep[] = { &h->lock, &h->receive_pack, &h->ready };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* out of the way first, so that none is overwritten before it is moved */
	for (size_t i = 0; i < GG_LEN(keep); i++)
		if ((*keep[i] = fcntl(*keep[i], F_DUPFD_CLOEXEC, 16)) < 0)
			return -errno;
	for (size_t i = 0; i < GG_LEN(keep); i++)
		if (dup3(*keep[i], (int)i + 3, O_CLOEXEC) < 0)
			return -errno;
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		return -errno;
	for (size_t i = 0; i < GG_LEN(keep); i++)
		*keep[i] = (int)i + 3;
	return close_range(6, UINT_MAX, 0) < 0 ? -errno : 0;
}

/* "PID START-TICK SESSION": with it post-receive finds us. Where it cannot be written, on a full disk, the
 * lock is kept until receive-pack has ended. */
static void sign(const struct holder *h)
{
	char text[256];
	struct gg_pstat st;
	int n;

	if (gg_pstat_read(getpid(), &st) < 0)
		return;
	n = snprintf(text, sizeof(text), "%d %llu %.100s\n", (int)getpid(), (unsigned long long)st.start_tick,
		     h->l->session ? h->l->session : "-");
	if (ftruncate(h->lock, 0) < 0 || pwrite(h->lock, text, (size_t)n, 0) != n)
		(void)!ftruncate(h->lock, 0);
}

/* Where the parent reads it: 0, or an errno. */
static bool say_ready(const struct holder *h, int r)
{
	unsigned char e = (unsigned char)(r < 0 && r > -256 ? -r : 0);
	ssize_t n;

	do
		n = write(h->ready, &e, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

/* Until receive-pack has ended, or SIGTERM, or time is up. */
static void wait_for_end(const struct holder *h, int sigfd)
{
	struct pollfd p[] = { { .fd = h->receive_pack, .events = POLLIN },
			      { .fd = sigfd, .events = POLLIN } };

	for (;;) {
		int64_t left_ms = gg_deadline_left(h->until);

		if (left_ms == 0 || poll(p, GG_LEN(p), left_ms < INT_MAX ? (int)left_ms : INT_MAX) > 0)
			return;
	}
}

static void compare(const struct holder *h)
{
	char mem[256], name[128];
	struct gg_buf why = GG_BUF(mem), ref = GG_BUF(name);
	struct gg_tally t;
	const char *first;
	struct gg_deadline until = gg_deadline_in(COMPARE_MS, NULL);
	int r = gg_locals_compare(h->gitdir, h->p, &until, &t, &first, &why);

	if (r < 0) {
		gg_gate_event(h->l, "push.diverged", "forwarded, but what became of it here is not known: %s",
			      why.len ? why.s : strerror(-r));
	} else if (t.n[GG_SEEN_NEW] != h->p->n) {
		gg_escape(&ref, first, strlen(first), 100);
		gg_gate_event(
			h->l, "push.diverged",
			"upstream has %zu references of this push that are not so here, the first is %s; "
			"the next fetch or push heals it",
			h->p->n - t.n[GG_SEEN_NEW], ref.s);
	} else {
		gg_doubt_end(h->gitdir, &h->doubter);
	}
}

/* In the child, to its end. */
static void hold(struct holder *h)
{
	sigset_t set;
	int sigfd, r;

	setsid();
	r = keep_only(h);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	r = r < 0 || sigfd >= 0 ? r : -errno;
	if (r == 0)
		sign(h);
	if (!say_ready(h, r) || r < 0)
		_exit(1);
	gg_close_fd(&h->ready);
	wait_for_end(h, sigfd);
	compare(h);
	if (ftruncate(h->lock, 0) < 0)
		_exit(1);
	flock(h->lock, LOCK_UN); /* whoever else may have inherited it has no more business with it */
	_exit(0);
}

/* As long as it is our parent its number is nobody else's. */
static int open_parent(pid_t pid, int *ret_fd)
{
	struct gg_pstat st;
	int r = gg_pstat_read(pid, &st);

	r = r ? r : gg_pidfd_open(pid, st.start_tick, ret_fd);
	return r == 0 && getppid() != pid ? -ESRCH : r;
}

int gg_lock_hold(int fd, const char *gitdir, const struct gg_push *p, const struct gg_gate_link *l,
		 const struct gg_deadline *until)
{
	AUTO_CLOSE int receive_pack = -1, ready = -1, ours = -1;
	AUTO_FREE char *dir = realpath(gitdir, NULL);
	struct holder h = { .gitdir = dir,
			    .p = p,
			    .l = l,
			    .until = until,
			    .lock = fd,
			    .doubter = { .pid = getpid(), .session = l->session } };
	sigset_t term, before;
	int fds[2], r = dir ? open_parent(p->receive_pack, &receive_pack) : -errno;
	pid_t pid;
	unsigned char e;
	ssize_t n;

	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	ours = fds[0];
	ready = fds[1];
	h.receive_pack = receive_pack;
	h.ready = ready;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &before); /* the child waits for it */
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		hold(&h);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return -errno;
	gg_close_fd(&ready);
	do
		n = read(ours, &e, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? -(int)e : -EIO;
}

int gg_lock_let_go(const char *gitdir, const char *session, int64_t limit_ms)
{
	AUTO_CLOSE int dirfd = open(gitdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1, pidfd = -1;
	char text[256], who[128];
	unsigned long long start;
	struct pollfd p = { .events = POLLIN };
	ssize_t n;
	int pid, r;

	fd = dirfd < 0 ? -1 : openat(dirfd, GG_LOCK_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%d %llu %127s", &pid, &start, who) != 3 ||
	    strcmp(who, session ? session : "-") != 0)
		return 0;
	r = gg_pidfd_open(pid, start, &pidfd);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	r = gg_pidfd_signal(pidfd, SIGTERM);
	p.fd = pidfd;
	if (r == 0 && poll(&p, 1, limit_ms < INT_MAX ? (int)limit_ms : INT_MAX) == 0)
		r = -ETIMEDOUT;
	return r == -ESRCH ? 0 : r;
}
