/* spawn - see spawn.h. */
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/pidfd.h"

enum { NFD = 4 }; /* 0, 1, 2 and extra */

#define STOP_CHECK_MS 100 /* how often a pending signal is looked for while a child runs */

struct plan {
	int from[NFD]; /* what becomes 0 to 3; -1: /dev/null, or nothing for 3 */
	int own[NFD];  /* copies to be closed */
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
};

/*
 * A source that is itself one of the targets could be overwritten before it is used, as in a swap of 1 and 2.
 * Such a one is copied out of the way first.
 */
static int lift_sources(struct plan *p)
{
	for (int i = 0; i < NFD; i++) {
		if (p->from[i] < 0 || p->from[i] >= NFD || p->from[i] == i)
			continue;
		p->own[i] = fcntl(p->from[i], F_DUPFD_CLOEXEC, NFD);
		if (p->own[i] < 0)
			return -errno;
		p->from[i] = p->own[i];
	}
	return 0;
}

/* A dup2 of a descriptor onto itself clears CLOEXEC in a file action, so it is never left out. */
static int fill_actions(struct plan *p, const char *cwd)
{
	int r = 0, last = p->from[3] >= 0 ? 3 : 2;

	for (int i = 0; i <= last && r == 0; i++) {
		if (p->from[i] >= 0)
			r = posix_spawn_file_actions_adddup2(&p->fa, p->from[i], i);
		else
			r = posix_spawn_file_actions_addopen(&p->fa, i, "/dev/null", i ? O_WRONLY : O_RDONLY,
							     0);
	}
	if (r == 0 && cwd)
		r = posix_spawn_file_actions_addchdir_np(&p->fa, cwd);
#ifdef __GLIBC__
	/* ours are all CLOEXEC; this is for what was inherited by us from a careless parent */
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(&p->fa, last + 1);
#endif
	return -r;
}

static int fill_attr(struct plan *p, bool new_session)
{
	short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
	sigset_t all, none;
	int r;

	memset(&all, 0xff,
	       sizeof(all)); /* sigfillset() leaves out 32 and 33, which glibc would then set to ignored */
	sigemptyset(&none);
	if (new_session)
		flags |= POSIX_SPAWN_SETSID;
	r = posix_spawnattr_setsigdefault(&p->attr, &all);
	if (r == 0)
		r = posix_spawnattr_setsigmask(&p->attr, &none);
	if (r == 0)
		r = posix_spawnattr_setflags(&p->attr, flags);
	return -r;
}

static int start(struct plan *p, const struct gg_spawn *sp, pid_t *ret_pid)
{
	int r = lift_sources(p);

	if (r == 0)
		r = fill_actions(p, sp->cwd);
	if (r == 0)
		r = fill_attr(p, sp->new_session);
	if (r == 0)
		r = -posix_spawn(ret_pid, sp->path, &p->fa, &p->attr, sp->argv, sp->envp);
	return r;
}

int gg_spawn(const struct gg_spawn *sp, pid_t *ret_pid, int *ret_pidfd)
{
	struct plan p = { .from = { sp->in, sp->out, sp->err, sp->extra }, .own = { -1, -1, -1, -1 } };
	AUTO_CLOSE int reserve = ret_pidfd ? eventfd(0, EFD_CLOEXEC) : -1;
	pid_t pid = -1;
	int r, fd = -1;

	/* a child that runs already and then gets no pidfd would have to be killed, with what it has started
	 * meanwhile */
	if (ret_pidfd && reserve < 0)
		return errno == ENFILE ? -ENFILE : -EMFILE;
	if (posix_spawn_file_actions_init(&p.fa) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&p.attr) != 0) {
		posix_spawn_file_actions_destroy(&p.fa);
		return -ENOMEM;
	}
	r = start(&p, sp, &pid);
	posix_spawnattr_destroy(&p.attr);
	posix_spawn_file_actions_destroy(&p.fa);
	for (int i = 0; i < NFD; i++)
		gg_close_fd(&p.own[i]);
	if (r < 0)
		return r;

	if (ret_pidfd) {
		gg_close_fd(&reserve);
		fd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (fd < 0) {
			r = -errno;
			/* the number is safe: it is our child and not waited for yet */
			kill(sp->new_session ? -pid : pid, SIGKILL);
			kill(pid, SIGKILL);
			while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
				;
			*ret_pid = pid;
			return r;
		}
		*ret_pidfd = fd;
	}
	*ret_pid = pid;
	return 0;
}

/* Read what there is, but not for ever from a child that writes faster than we read. 1: there may be more; 0:
 * the end of the stream; -errno: what could not be read is not taken for the end. */
static int drain(int fd, char *out, size_t size, size_t *len)
{
	char rest[4096];

	for (int turn = 0; turn < 32; turn++) {
		size_t room = size - 1 - *len;
		ssize_t n = read(fd, room ? out + *len : rest, room ? room : sizeof(rest));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 1 : -errno;
		if (n == 0)
			return 0;
		if (room)
			*len += (size_t)n;
	}
	return 1;
}

bool gg_stop_pending(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1 ||
		sigismember(&pending, SIGPWR) == 1);
}

/* Collect until the child has ended (a grandchild may keep the pipe open for longer). 0 or -ETIMEDOUT. */
static int collect(int pipe_fd, int pidfd, int timeout_ms, char *out, size_t size, size_t *len)
{
	int64_t end_ms = gg_now_ms() + timeout_ms;
	struct pollfd p[2] = { { .fd = pidfd, .events = POLLIN }, { .fd = pipe_fd, .events = POLLIN } };

	for (;;) {
		int64_t left_ms = end_ms - gg_now_ms();
		int n = left_ms > 0 ? poll(p, 2, left_ms < STOP_CHECK_MS ? (int)left_ms : STOP_CHECK_MS) : 0;
		int r;

		if (left_ms <= 0)
			return -ETIMEDOUT;
		if (gg_stop_pending())
			return -EINTR;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n <= 0)
			continue;
		r = p[1].revents ? drain(pipe_fd, out, size, len) : 1;
		if (r == 0)
			p[1].fd = -1;
		if (r > 0 && p[0].revents)
			r = drain(pipe_fd, out, size, len);
		if (r < 0 || p[0].revents)
			return r < 0 ? r : 0;
	}
}

int gg_capture_begin(struct gg_capture *c, const struct gg_spawn *sp)
{
	AUTO_CLOSE int from_child = -1, to_us = -1;
	struct gg_spawn s = *sp;
	int fds[2], r;

	*c = (struct gg_capture){ .pid = -1, .pidfd = -1, .fd = -1 };
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	from_child = fds[0];
	to_us = fds[1];
	if (fcntl(from_child, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	s.out = s.err = to_us;
	r = gg_spawn(&s, &c->pid, &c->pidfd);
	if (r == 0)
		c->fd = gg_take_fd(&from_child);
	return r;
}

int gg_capture_end(struct gg_capture *c, int timeout_ms, char *out, size_t size, size_t *ret_len,
		   int *ret_status)
{
	int r, status = 0;
	size_t len = 0;

	r = collect(c->fd, c->pidfd, timeout_ms, out, size, &len);
	if (r < 0)
		gg_pidfd_signal(c->pidfd, SIGKILL);
	while (waitpid(c->pid, &status, 0) < 0) {
		if (errno == EINTR)
			continue;
		r = -errno; /* ECHILD: someone ignores SIGCHLD, and the status is lost */
		break;
	}
	gg_close_fd(&c->fd);
	gg_close_fd(&c->pidfd);
	out[len] = '\0';
	*ret_len = len;
	*ret_status = status;
	return r;
}

int gg_spawn_capture(const struct gg_spawn *sp, int timeout_ms, char *out, size_t size, size_t *ret_len,
		     int *ret_status)
{
	struct gg_capture c;
	int r = gg_capture_begin(&c, sp);

	return r < 0 ? r : gg_capture_end(&c, timeout_ms, out, size, ret_len, ret_status);
}

static bool executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static int try_path(char *ret, size_t size, const char *dir, int ndir, const char *slash, const char *name)
{
	char full[PATH_MAX];
	int n = snprintf(full, sizeof(full), "%.*s%s%s", ndir, dir, slash, name);

	if (n < 0 || (size_t)n >= sizeof(full) || (size_t)n >= size || !executable(full))
		return -ENOENT;
	memcpy(ret, full, (size_t)n + 1);
	return 0;
}

int gg_path_search(const char *name, const char *path, char *ret, size_t size)
{
	if (*name == '/')
		return try_path(ret, size, "", 0, "", name);
	if (!*name || strchr(name, '/') || !path)
		return -ENOENT;
	for (const char *dir = path, *end; dir; dir = *end ? end + 1 : NULL) {
		end = strchrnul(dir, ':');
		/* a relative directory is skipped: it may be anybody's */
		if (*dir == '/' && try_path(ret, size, dir, (int)(end - dir), "/", name) == 0)
			return 0;
	}
	return -ENOENT;
}
