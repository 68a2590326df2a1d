/* eventsink - where events go: journald's socket and stderr, neither of which is ever waited for. See
 * eventsink.h. */
#include "base/eventsink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

static const char *journal_path = "/run/systemd/journal/socket";
static int journal_fd = -1;

/* stderr opened once more: the new description is non-blocking, while fd 2's flags, shared with others, stay
 * as they are. */
static int stderr_fd = -1;
static dev_t stderr_dev;
static ino_t stderr_ino;
static bool torn; /* the last line was written in part: the next one starts with a newline */

void gg_sink_journal_path(const char *path)
{
	journal_path = path;
}

/*
 * Not sd_journal_send(): that waits when journald is stuck, and reports success when there is none. The
 * socket is not connected, so a journald that was restarted is found again.
 */
int gg_sink_journal(const char *bytes, size_t n)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = n };
	struct msghdr msg = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1 };

	if (strlen(journal_path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, journal_path, strlen(journal_path));
	if (journal_fd < 0)
		journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (journal_fd < 0)
		return -errno;
	return sendmsg(journal_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

bool gg_sink_is_journal_stream(const char *value)
{
	uintmax_t dev, ino;
	struct stat st;
	int end = 0;

	if (!value || sscanf(value, "%" SCNuMAX ":%" SCNuMAX "%n", &dev, &ino, &end) != 2 || value[end])
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

/* The whole line went out, or it did not. */
static int outcome(ssize_t written, size_t n)
{
	if (written < 0)
		return -errno;
	torn = (size_t)written <
	       n; /* nothing: the old tear, if any, is still there, and a newline too many harms nobody */
	return torn ? -EIO : 0;
}

static size_t size_of(const struct iovec *iov, int niov)
{
	size_t n = 0;

	for (int i = 0; i < niov; i++)
		n += iov[i].iov_len;
	return n;
}

static ssize_t write_all(int fd, const struct iovec *iov, int niov)
{
	ssize_t n;

	do
		n = writev(fd, iov, niov);
	while (n < 0 && errno == EINTR);
	return n;
}

static int to_socket(struct iovec *iov, int niov)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)niov };

	return outcome(sendmsg(STDERR_FILENO, &msg, MSG_DONTWAIT | MSG_NOSIGNAL), size_of(iov, niov));
}

/* The non-blocking twin of fd 2, opened if need be and renewed when fd 2 was replaced. -1: it cannot be
 * opened. */
static int twin(const struct stat *st)
{
	if (stderr_fd >= 0 && (st->st_dev != stderr_dev || st->st_ino != stderr_ino))
		gg_close_fd(&stderr_fd);
	if (stderr_fd < 0) {
		stderr_fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		stderr_dev = st->st_dev;
		stderr_ino = st->st_ino;
	}
	return stderr_fd;
}

static bool would_block(int r)
{
	return r == -EAGAIN;
}

/* A pipe, a terminal, a device. */
static int to_stream(struct iovec *iov, int niov, const struct stat *st)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	size_t n = size_of(iov, niov);
	int r;

	if (twin(st) >= 0) {
		r = outcome(write_all(stderr_fd, iov, niov), n);
		if (r == 0 || r == -EIO || would_block(r))
			return r;
		gg_close_fd(&stderr_fd); /* it broke, which need not mean that fd 2 did */
	}
	/* a pipe that is writable takes a page at once */
	if (poll(&p, 1, 0) <= 0 || !(p.revents & POLLOUT))
		return -EAGAIN;
	return outcome(write_all(STDERR_FILENO, iov, niov), n);
}

/* Who rotates logs may have made it shorter; where it was not opened to be appended to, the next line would
 * be written behind a hole of NULs. */
static void go_to_end(const struct stat *st)
{
	if (lseek(STDERR_FILENO, 0, SEEK_CUR) > st->st_size)
		lseek(STDERR_FILENO, 0, SEEK_END);
}

int gg_sink_stderr(const char *line, size_t n)
{
	struct iovec iov[2] = { { .iov_base = (char[]){ '\n' }, .iov_len = 1 },
				{ .iov_base = (void *)line, .iov_len = n } };
	struct iovec *v = torn ? iov : iov + 1;
	int nv = torn ? 2 : 1;
	struct stat st;

	if (fstat(STDERR_FILENO, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode)) {
		go_to_end(&st);
		return outcome(write_all(STDERR_FILENO, v, nv), size_of(v, nv));
	}
	if (S_ISSOCK(st.st_mode))
		return to_socket(v, nv);
	return to_stream(v, nv, &st);
}
