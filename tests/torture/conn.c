#include "tests/torture/conn.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/torture/http.h"
#include "tests/torture/wire.h"

enum {
	ACK_POLL_MS = 5,
	SEGMENT = 536 /* a small window opens in steps of a segment */
};

static int wait_connected(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int64_t until = gg_now_ms() + timeout_ms;
	int err = 0, n;

	do
		n = poll(&p, 1, until > gg_now_ms() ? (int)(until - gg_now_ms()) : 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &(socklen_t){ sizeof(err) }) < 0)
		return -errno;
	return -err;
}

int gg_conn_open(const struct gg_addr *to, int rcvbuf, int timeout_ms, int *ret_fd, uint16_t *ret_port)
{
	AUTO_CLOSE int fd = socket(to->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct gg_addr me = { .len = sizeof(me.ss) };
	int segment = SEGMENT;

	if (fd < 0)
		return -errno;
	if (rcvbuf > 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)) < 0 ||
			   setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment)) < 0))
		return -errno;
	if (connect(fd, (const struct sockaddr *)&to->ss, to->len) < 0) {
		int r = errno == EINPROGRESS ? wait_connected(fd, timeout_ms) : -errno;

		if (r < 0)
			return r;
	}
	if (getsockname(fd, (struct sockaddr *)&me.ss, &me.len) < 0)
		return -errno;
	*ret_port = gg_addr_port(&me);
	*ret_fd = gg_take_fd(&fd);
	return 0;
}

void gg_conn_close(struct gg_conn *c)
{
	gg_close_fd(&c->fd);
}

static void ended(struct gg_conn *c, enum gg_ended by)
{
	if (c->ended != GG_BY_NONE)
		return;
	c->ended = by;
	c->end_ms = gg_now_ms();
}

int64_t gg_conn_last_ms(int fd)
{
	struct tcp_info i = { 0 };
	uint32_t ago;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &(socklen_t){ sizeof(i) }) < 0)
		return gg_now_ms();
	ago = i.tcpi_last_ack_recv;
	if (i.tcpi_last_data_sent < ago)
		ago = i.tcpi_last_data_sent;
	if (i.tcpi_last_data_recv < ago)
		ago = i.tcpi_last_data_recv;
	return gg_now_ms() - ago;
}

void gg_conn_feed(struct gg_conn *c, const char *p, size_t n)
{
	if (c->http)
		gg_http_reply_feed(c->http, p, n);
	else
		gg_wire_feed(c->wire, p, n);
}

void gg_conn_pump(struct gg_conn *c)
{
	char buf[16384];

	while (c->ended == GG_BY_NONE) {
		ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n > 0)
			gg_conn_feed(c, buf, (size_t)n);
		else if (n == 0)
			ended(c, GG_BY_SERVER);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR)
			ended(c, GG_BY_RESET);
	}
}

/* Wait for events or the time, read what there is. False when the connection has ended. */
static bool turn(struct gg_conn *c, short events, int64_t until_ms)
{
	struct pollfd p = { .fd = c->fd, .events = (short)(events | (c->deaf ? 0 : POLLIN)) };
	int64_t rest = until_ms - gg_now_ms();

	if (rest < 0)
		rest = 0;
	if (poll(&p, 1, rest < INT_MAX ? (int)rest : INT_MAX) > 0) {
		if (!c->deaf && (p.revents & (POLLIN | POLLHUP | POLLERR)))
			gg_conn_pump(c);
		else if (p.revents & POLLERR)
			ended(c, GG_BY_RESET);
	}
	return c->ended == GG_BY_NONE;
}

static bool late(struct gg_conn *c, int64_t until_ms)
{
	if (gg_now_ms() < until_ms)
		return false;
	ended(c, GG_BY_NOBODY);
	return true;
}

bool gg_conn_send(struct gg_conn *c, const void *p, size_t n, int64_t until_ms)
{
	const char *at = p;

	while (n > 0 && c->ended == GG_BY_NONE) {
		ssize_t k = send(c->fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (k >= 0) {
			at += k;
			n -= (size_t)k;
		} else if (errno == EAGAIN) {
			if (late(c, until_ms))
				return false;
			turn(c, POLLOUT, until_ms);
		} else if (errno != EINTR) {
			/* what it said before it went, and whether that was a FIN or a reset */
			gg_conn_pump(c);
			ended(c, GG_BY_RESET);
		}
	}
	return c->ended == GG_BY_NONE;
}

bool gg_conn_acked(struct gg_conn *c, int64_t until_ms)
{
	int queued = 0;

	while (c->ended == GG_BY_NONE && ioctl(c->fd, SIOCOUTQ, &queued) == 0 && queued > 0) {
		if (late(c, until_ms))
			return false;
		turn(c, 0, gg_now_ms() + ACK_POLL_MS);
	}
	return c->ended == GG_BY_NONE;
}

bool gg_conn_advert(struct gg_conn *c, int64_t until_ms)
{
	while (!c->wire->advert_done && c->ended == GG_BY_NONE) {
		if (late(c, until_ms))
			return false;
		turn(c, 0, until_ms);
	}
	return c->ended == GG_BY_NONE;
}

bool gg_conn_wait(struct gg_conn *c, int64_t until_ms)
{
	while (c->ended == GG_BY_NONE && gg_now_ms() < until_ms)
		turn(c, 0, until_ms);
	return c->ended == GG_BY_NONE;
}
