/* ask - see ask.h. */
#include "base/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"

enum { FIRST_ROOM = 16 << 10 };

struct answer {
	char *s;
	size_t len, room, max;
};

_Static_assert(GG_ASK_PATH_MAX == sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1, "room for a NUL");

int gg_ask_connect(const char *path, int64_t limit_ms, int *ret_fd)
{
	/* bounds connect(2) too: a listener whose queue is full makes it wait, and poll(2) would not */
	struct timeval limit = { .tv_sec = limit_ms / 1000, .tv_usec = limit_ms % 1000 * 1000 };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd = -1;

	if (strlen(path) > GG_ASK_PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	while (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		if (errno != EINTR) /* a queue that is full was waited for, and nothing has begun */
			return -errno;
	*ret_fd = gg_take_fd(&fd);
	return 0;
}

/* 0 when fd is ready for the events, else -ETIMEDOUT or -errno. */
static int wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int64_t left = deadline_ms - gg_now_ms();
		int n = poll(&p, 1, left > 0 ? (int)left : 0);

		if (n > 0)
			return 0;
		if (n == 0 && left <= 0)
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

/* A gate that refuses may have closed already: its answer, or the lack of one, says more than EPIPE. */
static int send_all(int fd, const char *s, size_t n, int64_t deadline_ms)
{
	while (n) {
		ssize_t sent = send(fd, s, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		int e = sent < 0 ? -errno : 0;

		if (e == -EAGAIN)
			e = wait_for(fd, POLLOUT, deadline_ms);
		else if (e == -EPIPE || e == -ECONNRESET)
			return 0;
		if (e < 0 && e != -EINTR)
			return e;
		if (sent > 0) {
			s += sent;
			n -= (size_t)sent;
		}
	}
	return 0;
}

/* One byte is kept for a NUL. */
static int make_room(struct answer *a)
{
	size_t room = a->room ? 2 * a->room : FIRST_ROOM;
	char *s;

	if (a->len + 1 < a->room)
		return 0;
	if (a->len >= a->max)
		return -EMSGSIZE;
	s = realloc(a->s, room);
	if (!s)
		return -ENOMEM;
	a->s = s;
	a->room = room;
	return 0;
}

/* One line, or what came before the end. 0 or -errno. */
static int receive(int fd, struct answer *a, int64_t deadline_ms)
{
	for (;;) {
		int e = make_room(a);
		char *end;
		ssize_t n;

		if (e == 0)
			e = wait_for(fd, POLLIN, deadline_ms);
		if (e < 0)
			return e;
		n = recv(fd, a->s + a->len, a->room - a->len - 1, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return a->len ? 0 : -ENODATA;
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		end = memchr(a->s + a->len, '\n', (size_t)n);
		a->len = end ? (size_t)(end - a->s) : a->len + (size_t)n;
		if (end)
			return 0;
	}
}

int gg_ask_line(int fd, const char *line, size_t n, int64_t deadline_ms, size_t max, char **ret,
		size_t *ret_len)
{
	AUTO_FREE char *s = NULL;
	struct answer a = { .max = max };
	int e = send_all(fd, line, n, deadline_ms);

	e = e ? e : receive(fd, &a, deadline_ms);
	s = a.s;
	if (e == 0 && a.len > max)
		e = -EMSGSIZE;
	if (e < 0)
		return e;
	s[a.len] = '\0';
	*ret = gg_take_ptr(&s);
	*ret_len = a.len;
	return 0;
}

int gg_ask(const char *path, const char *line, size_t n, int64_t limit_ms, size_t max, char **ret,
	   size_t *ret_len)
{
	int64_t deadline_ms = gg_now_ms() + limit_ms;
	AUTO_CLOSE int fd = -1;
	int e = gg_ask_connect(path, limit_ms, &fd);

	return e ? e : gg_ask_line(fd, line, n, deadline_ms, max, ret, ret_len);
}
