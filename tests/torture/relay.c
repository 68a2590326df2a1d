#include "tests/torture/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "tests/torture/conn.h"
#include "tests/torture/cut.h"
#include "tests/torture/gitpush.h"
#include "tests/torture/left.h"
#include "tests/torture/scratch.h"
#include "tests/torture/torture.h"

enum {
	CONNECT_MS = 10000,
	EXIT_MS = 15000, /* for git push to exit once its server has gone */
	EARLY_MS = 2000, /* for the server to close once git push has gone of itself */
	LEARN_MS = 2000,
	LEARN_POLL_MS = 20,
	WINDOW = 65536 /* SO_RCVBUF towards git push: the rest of its pack stays with it */
};

struct flow {
	char buf[65536];
	size_t off, n;
};

struct relay {
	struct gg_client *c;
	struct gg_push push;
	int client, server;   /* non-blocking; -1 */
	struct flow up, down; /* client to server, server to client */
	struct gg_cut cut;
	bool stalled, stopped; /* nothing more is read from the client; the client was stopped */
	bool client_gone, exited, shut;
	enum gg_ended ended;
	int64_t until_ms, learn_until_ms;
};

static void fail(struct relay *r, const char *what, int err)
{
	r->ended = GG_FAILED;
	snprintf(r->c->res->error, sizeof(r->c->res->error), "%s%s%s", what, err ? ": " : "",
		 err ? strerror(-err) : "");
}

static void ended(struct relay *r, enum gg_ended by)
{
	if (r->ended != GG_BY_NONE)
		return;
	r->ended = by;
	r->c->end_ms = gg_now_ms();
}

static int listen_here(int *ret_fd, uint16_t *ret_port)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int window = WINDOW;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window)) < 0 ||
	    bind(fd, (struct sockaddr *)&a, len) < 0 || listen(fd, 1) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return -errno;
	*ret_port = ntohs(a.sin_port);
	*ret_fd = gg_take_fd(&fd);
	return 0;
}

/* Start git push and take its one connection. */
static int accept_push(struct relay *r)
{
	AUTO_CLOSE int listener = -1;
	char url[sizeof(r->c->target->path) + 64];
	uint16_t port = 0;
	int e = listen_here(&listener, &port);

	if (e < 0)
		return e;
	snprintf(url, sizeof(url), "%s://127.0.0.1:%u%s", r->c->target->http ? "http" : "git", port,
		 r->c->target->path);
	e = gg_push_start(&r->push, r->c->scratch, "big", url, r->c->tag);
	if (e < 0)
		return e;
	struct pollfd p[] = {
		{ .fd = listener, .events = POLLIN },
		{ .fd = r->push.pidfd, .events = POLLIN },
	};
	while (poll(p, GG_LEN(p), CONNECT_MS) < 0)
		if (errno != EINTR)
			return -errno;
	if (!(p[0].revents & POLLIN))
		return p[1].revents ? -ECHILD : -ETIMEDOUT;
	r->client = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return r->client < 0 ? -errno : 0;
}

static int connect_server(struct relay *r)
{
	struct gg_client *c = r->c;
	int e = gg_conn_open(&c->target->addr, 0, CONNECT_MS, &r->server, &c->res->port);

	c->connect_wall_ms = gg_clock_ms(CLOCK_REALTIME);
	c->connect_ms = c->silent_ms = gg_now_ms();
	r->until_ms = c->connect_ms + c->target->limit_ms;
	return e;
}

static void start_silence(struct relay *r)
{
	r->c->silent_ms = gg_conn_last_ms(r->server);
	r->until_ms = r->c->silent_ms + r->c->target->limit_ms;
}

static void start_learning(struct relay *r)
{
	r->learn_until_ms = gg_now_ms() + LEARN_MS;
}

/* New bytes of the client are in up: what of them passes, and is this the moment to stop it? */
static void judge_up(struct relay *r)
{
	enum gg_stall how = r->cut.where;
	size_t n = gg_cut_take(&r->cut, r->up.buf, r->up.n);
	int e;

	if (n < r->up.n) {
		r->up.n = n;
		r->stalled = true;
		start_silence(r);
		start_learning(r);
	}
	if ((how == GG_STOP_PUSH || how == GG_STOP_PACK_OBJECTS) && !r->stopped &&
	    gg_cut_is_mid_pack(&r->cut)) {
		e = gg_push_stop(&r->push, how == GG_STOP_PUSH);
		if (e < 0)
			return fail(r, "cannot stop git push in the middle of its pack", e);
		r->stopped = true;
		start_learning(r);
	}
}

/* Returns bytes read, 0 for nothing now, -1 for the end; *ret_reset tells which. */
static int fill(int fd, struct flow *f, bool *ret_reset)
{
	ssize_t n = recv(fd, f->buf, sizeof(f->buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	*ret_reset = n < 0;
	f->off = 0;
	f->n = n > 0 ? (size_t)n : 0;
	return n > 0 ? (int)n : -1;
}

/* Returns bytes written, 0 for nothing now, -1 when the other side takes no more. */
static int drain(int fd, struct flow *f)
{
	ssize_t n = send(fd, f->buf + f->off, f->n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	f->off += (size_t)n;
	f->n -= (size_t)n;
	return (int)n;
}

static void serve_server(struct relay *r, short revents)
{
	bool reset;

	if (r->up.n > 0 && (revents & POLLOUT) && drain(r->server, &r->up) > 0)
		start_silence(r);
	if (r->down.n == 0 && (revents & (POLLIN | POLLHUP | POLLERR)) &&
	    fill(r->server, &r->down, &reset) < 0)
		ended(r, reset ? GG_BY_RESET : GG_BY_SERVER);
}

static void serve_client(struct relay *r, short revents)
{
	bool reset;

	if (r->down.n > 0 && (revents & POLLOUT) && drain(r->client, &r->down) < 0)
		r->client_gone = true;
	if (!r->stalled && r->up.n == 0 && (revents & POLLIN)) {
		int n = fill(r->client, &r->up, &reset);

		if (n < 0)
			r->client_gone = true;
		else if (n > 0)
			judge_up(r);
	} else if (revents & (POLLHUP | POLLERR)) {
		r->client_gone = true;
	}
	if (r->client_gone)
		r->down.n = 0;
}

/* While the server has not ended it. */
static void step(struct relay *r)
{
	struct pollfd p[] = {
		{ .fd = r->client_gone ? -1 : r->client,
		  .events = (short)((!r->stalled && !r->up.n ? POLLIN : 0) | (r->down.n ? POLLOUT : 0)) },
		{ .fd = r->server, .events = (short)((!r->down.n ? POLLIN : 0) | (r->up.n ? POLLOUT : 0)) },
		{ .fd = r->exited ? -1 : r->push.pidfd, .events = POLLIN },
	};
	int64_t rest = r->until_ms - gg_now_ms();

	if (rest <= 0)
		return ended(r, GG_BY_NOBODY);
	if (r->learn_until_ms && rest > LEARN_POLL_MS)
		rest = LEARN_POLL_MS;
	if (poll(p, GG_LEN(p), (int)rest) < 0)
		return;
	serve_server(r, p[1].revents);
	serve_client(r, p[0].revents);
	if (p[2].revents) {
		r->exited = true;
		if (!r->stalled && !r->stopped)
			r->until_ms = gg_now_ms() + EARLY_MS;
	}
	if (r->learn_until_ms && (gg_left_learn(r->c, r->cut.part == GG_CUT_PACK && r->cut.pack > 0) ||
				  gg_now_ms() > r->learn_until_ms))
		r->learn_until_ms = 0;
}

/* The server has gone: pass its last words and its end on, let the client go on, wait for its exit. */
static void wind_down(struct relay *r)
{
	int64_t until = gg_now_ms() + EXIT_MS, rest;
	bool reset;

	gg_push_continue(&r->push);
	while (!r->exited && (rest = until - gg_now_ms()) > 0) {
		struct pollfd p[] = {
			{ .fd = r->client_gone ? -1 : r->client,
			  .events = (short)(POLLIN | (r->down.n ? POLLOUT : 0)) },
			{ .fd = r->push.pidfd, .events = POLLIN },
		};

		if (!r->down.n && !r->shut) {
			shutdown(r->client, SHUT_WR);
			r->shut = true;
		}
		if (poll(p, GG_LEN(p), (int)rest) < 0)
			continue;
		if (r->down.n && (p[0].revents & POLLOUT) && drain(r->client, &r->down) < 0)
			r->client_gone = true;
		/* what it still sends goes nowhere */
		if ((p[0].revents & (POLLIN | POLLHUP | POLLERR)) && fill(r->client, &r->up, &reset) < 0)
			r->client_gone = true;
		r->exited = p[1].revents != 0;
	}
}

static void record(struct relay *r)
{
	struct gg_result *res = r->c->res;
	struct gg_buf b = GG_BUF(res->said);
	char err[1000];
	size_t n;

	res->has_exit = r->exited;
	if (!r->exited)
		gg_push_kill(&r->push);
	gg_push_reap(&r->push, &res->status);
	n = gg_push_stderr(&r->push, err, sizeof(err));
	gg_escape(&b, err, n, sizeof(err));
	res->ended = r->ended;
	if (r->stopped && r->cut.pack >= GG_BIG_BYTES && r->ended != GG_FAILED) {
		fail(r, "the whole pack had left before git push was stopped", 0);
		res->ended = GG_FAILED;
	}
}

void gg_relay_run(struct gg_client *c)
{
	struct relay r = { .c = c, .push = GG_PUSH_NONE, .client = -1, .server = -1 };
	int e;

	r.cut.where = c->kind->stall;
	r.cut.http = c->target->http;
	snprintf(c->res->ref, sizeof(c->res->ref), "refs/heads/%s", c->tag);
	e = accept_push(&r);
	if (e < 0) {
		fail(&r, e == -ECHILD ? "git push ended before it connected" : "cannot run git push",
		     e == -ECHILD ? 0 : e);
	} else {
		e = connect_server(&r);
		if (e < 0)
			fail(&r, "cannot connect", e);
	}
	while (r.ended == GG_BY_NONE)
		step(&r);
	if (r.ended == GG_BY_NOBODY && r.exited && !r.stalled && !r.stopped)
		fail(&r, "git push ended by itself before it stalled", 0);
	if (r.ended == GG_BY_SERVER || r.ended == GG_BY_RESET)
		wind_down(&r);
	record(&r);
	gg_push_free(&r.push);
	gg_close_fd(&r.client);
	gg_close_fd(&r.server);
}
