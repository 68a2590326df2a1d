/* lock - see lock.h. */
#include "hooks/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "hooks/say.h"

static int open_file(const char *gitdir, int *ret_fd)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/" GG_LOCK_FILE, gitdir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/* Somebody may have removed the file, or put another in its place, while we waited. 1, 0 or -errno. */
static int is_still_it(const char *gitdir, int fd)
{
	char path[PATH_MAX];
	struct stat a, b;

	snprintf(path, sizeof(path), "%s/" GG_LOCK_FILE, gitdir);
	if (fstat(fd, &a) < 0 || lstat(path, &b) < 0)
		return errno == ENOENT ? 0 : -errno;
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* The kernel's queue keeps the order of arrival, which polling would not. */
static int wait_in_queue(int fd, int64_t until_ms)
{
	struct sigaction wake = { .sa_handler = on_alarm }, before;
	int64_t left_ms = until_ms - gg_now_ms();
	/* again and again: the first may come before the wait begins */
	struct itimerval t = { .it_interval.tv_usec = 50000 }, none = { .it_interval.tv_usec = 0 };
	int r = 0;

	if (left_ms <= 0)
		return -ETIMEDOUT;
	t.it_value.tv_sec = (time_t)(left_ms / 1000);
	t.it_value.tv_usec = (suseconds_t)(left_ms % 1000 * 1000);
	sigaction(SIGALRM, &wake, &before);
	if (until_ms != INT64_MAX)
		setitimer(ITIMER_REAL, &t, NULL);
	while (r == 0 && flock(fd, LOCK_EX) < 0) {
		if (errno != EINTR)
			r = -errno;
		else if (gg_now_ms() >= until_ms)
			r = -ETIMEDOUT;
	}
	setitimer(ITIMER_REAL, &none, NULL);
	sigaction(SIGALRM, &before, NULL);
	return r;
}

static int take(const char *gitdir, int64_t limit_ms, bool tell, int *ret_fd, bool *ret_waited)
{
	int64_t now = gg_now_ms(), until_ms;
	bool waited = false;

	if (limit_ms == GG_NEVER || __builtin_add_overflow(now, limit_ms, &until_ms))
		until_ms = INT64_MAX;
	for (;;) {
		AUTO_CLOSE int fd = -1;
		int r = open_file(gitdir, &fd);

		if (r < 0)
			return r;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno != EWOULDBLOCK)
				return -errno;
			if (tell && !waited)
				gg_say_client("waiting for another push to this repository…");
			waited = true;
			r = wait_in_queue(fd, until_ms);
			if (r < 0)
				return r;
		}
		r = is_still_it(gitdir, fd);
		if (r < 0)
			return r;
		if (!r)
			continue;
		if (ret_waited)
			*ret_waited = waited;
		*ret_fd = gg_take_fd(&fd);
		return 0;
	}
}

int gg_lock_take(const char *gitdir, int64_t limit_ms, int *ret_fd)
{
	return take(gitdir, limit_ms, true, ret_fd, NULL);
}

int gg_lock_wait(const char *gitdir, int64_t limit_ms, int *ret_fd, bool *ret_waited)
{
	return take(gitdir, limit_ms, false, ret_fd, ret_waited);
}
