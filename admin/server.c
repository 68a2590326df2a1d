/* server - see server.h. */
#include "admin/server.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/reply.h"
#include "base/addr.h"
#include "base/cidr.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define DOORS_MAX 8
#define PLACES 32      /* connections of one address; further ones wait in the queue of BACKLOG */
#define BACKLOG 512    /* the kernel caps it */
#define SILENT_MS 100  /* when all places are taken, one that has not asked since then makes room */
#define SLOW_MS 1000   /* and one that has asked, but does not take its answer */
#define WHOLE_MS 10000 /* from accept to the last byte of the answer */
#define IDLE_S 5       /* nothing moves */
#define HEAD_MAX 16384 /* bytes of memory of one connection: a longer head is refused */

struct conn {
	struct conn *next;
	struct door *door;
	int fd; /* libmicrohttpd's */
	int64_t began_ms;
	bool asked, ended;
};

/* One address. */
struct door {
	struct gg_server *server;
	struct MHD_Daemon *daemon;
	int listener; /* libmicrohttpd's */
	int epoll;
	bool local;
	bool wanted;	    /* all places were taken at the last sweep, and someone waited */
	struct conn *conns; /* the newest first */
	size_t n;
};

struct gg_server {
	struct gg_source *source;
	char *const *net; /* access.allow at the start, while the gate does not say what it is now */
	size_t nnet;
	struct door door[DOORS_MAX];
	size_t n;
};

static bool add_headers(struct MHD_Response *res, const struct gg_reply *r)
{
	/* the page has a style of its own, and nothing else: no script, no picture, no form, in no frame */
	char mem[200];
	struct gg_buf csp = GG_BUF(mem);
	bool all = true;
	const char *const header[][2] = {
		{ "Content-Type", r->type },
		{ "Content-Security-Policy", mem },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cache-Control", "no-store" },
		{ "Connection", "close" },
		{ "Allow", r->allow },
	};

	gg_buf_add(&csp, "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	if (r->nonce[0])
		gg_buf_add(&csp, "; style-src 'nonce-%s'", r->nonce);
	for (size_t i = 0; i < GG_LEN(header); i++)
		if (header[i][1])
			all = all && MHD_add_response_header(res, header[i][0], header[i][1]) == MHD_YES;
	return all;
}

/* MHD_NO: it closes the connection. */
static enum MHD_Result give(struct MHD_Connection *c, struct gg_reply *r)
{
	struct MHD_Response *res;
	enum MHD_Result ret;

	if (!r->body)
		return MHD_NO;
	res = MHD_create_response_from_buffer(r->size, r->body, MHD_RESPMEM_MUST_FREE);
	if (!res) {
		free(r->body);
		return MHD_NO;
	}
	/* without its headers a page is not as safe as it has to be */
	ret = add_headers(res, r) ? MHD_queue_response(c, r->status, res) : MHD_NO;
	MHD_destroy_response(res);
	return ret;
}

/* What has to be unescaped is no path of ours; and a NUL would end it early. */
static size_t leave_escaped(void *arg, struct MHD_Connection *c, char *s)
{
	(void)arg;
	(void)c;
	return strlen(s);
}

static bool is_allowed(char *const *net, size_t n, const struct gg_addr *peer)
{
	return !n || gg_cidr_any(net, n, peer);
}

/* A reload may have changed who may connect: the gate knows. */
static bool may_ask(struct gg_server *s, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const char *why;
	const json_t *allow = json_object_get(gg_source_get(s->source, GG_TOPIC_ACCESS, &why), "allow"), *v;
	struct gg_addr peer = { .len = 0 };
	bool any = !json_array_size(allow);
	size_t i;

	if (info && info->client_addr)
		memcpy(&peer.ss, info->client_addr,
		       info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
								: sizeof(struct sockaddr_in));
	if (!json_is_array(allow))
		return is_allowed(s->net, s->nnet, &peer);
	json_array_foreach(allow, i, v)
	{
		char *net = (char *)json_string_value(v); /* borrowed: it is only read */

		any = any || (net && gg_cidr_any(&net, 1, &peer));
	}
	return any;
}

/* Called once the head is whole. A body is not waited for: the connection is closed after the answer. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *path, const char *method,
				  const char *version, const char *data, size_t *size, void **state)
{
	struct door *d = arg;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct conn *conn = info ? info->socket_context : NULL;
	struct gg_request q = { .method = method,
				.path = path,
				.host = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Host"),
				.local = d->local };
	const char *hold;
	size_t hold_size;
	struct gg_reply r;

	(void)version;
	(void)data;
	(void)size;
	(void)state;
	q.hold = MHD_lookup_connection_value_n(c, MHD_GET_ARGUMENT_KIND, "hold", strlen("hold"), &hold,
					       &hold_size) == MHD_YES;
	q.stranger = !may_ask(d->server, c);
	if (conn)
		conn->asked = true;
	gg_reply_make(d->server->source, &q, &r);
	return give(c, &r);
}

static void forget(struct door *d, struct conn *conn)
{
	struct conn **at = &d->conns;

	while (*at && *at != conn)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = conn->next;
	d->n--;
	free(conn);
}

static void on_connection(void *arg, struct MHD_Connection *c, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct door *d = arg;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct conn *conn;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*context)
			forget(d, *context);
		*context = NULL;
		return;
	}
	conn = calloc(1, sizeof(*conn));
	*context = conn;
	if (!conn || !info) { /* it cannot be watched over */
		if (info)
			shutdown(info->connect_fd, SHUT_RDWR);
		free(conn);
		*context = NULL;
		return;
	}
	*conn = (struct conn){ .next = d->conns, .door = d, .fd = info->connect_fd, .began_ms = gg_now_ms() };
	d->conns = conn;
	d->n++;
}

/* libmicrohttpd sees the end, and closes it. */
static void end(struct conn *conn)
{
	if (!conn->ended)
		shutdown(conn->fd, SHUT_RDWR);
	conn->ended = true;
}

/* When it has had its time, if others wait for its place. */
static int64_t spared_until(const struct conn *conn)
{
	return conn->began_ms + (conn->asked ? SLOW_MS : SILENT_MS);
}

static bool someone_waits(const struct door *d)
{
	struct pollfd p = { .fd = d->listener, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static bool is_full(const struct door *d)
{
	return d->n >= PLACES;
}

/*
 * End those whose time is over, and one for each who waits for a place. Returns when to be called again,
 * INT64_MAX: when something happens.
 */
static int64_t sweep(struct door *d, int64_t now)
{
	int64_t next = INT64_MAX;

	d->wanted = is_full(d) && someone_waits(d);

	for (struct conn *c = d->conns; c; c = c->next) {
		int64_t due = c->began_ms + WHOLE_MS;

		if (d->wanted && spared_until(c) < due)
			due = spared_until(c);
		if (!c->ended && due <= now)
			end(c);
		else if (!c->ended && due < next)
			next = due;
	}
	return next;
}

static int wait_for_something(struct gg_server *s, int64_t until)
{
	struct pollfd p[2 * DOORS_MAX];
	int64_t now = gg_now_ms(), most = until == INT64_MAX ? INT_MAX : until - now;
	nfds_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		MHD_UNSIGNED_LONG_LONG ms;

		p[n++] = (struct pollfd){ .fd = s->door[i].epoll, .events = POLLIN };
		/* once all places were taken libmicrohttpd's own epoll knows of nobody until it is run again
		 */
		if (!s->door[i].wanted)
			p[n++] = (struct pollfd){ .fd = s->door[i].listener, .events = POLLIN };
		if (MHD_get_timeout(s->door[i].daemon, &ms) == MHD_YES && ms < (MHD_UNSIGNED_LONG_LONG)most)
			most = (int64_t)ms;
	}
	most = most < 0 ? 0 : most > INT_MAX ? INT_MAX : most;
	return poll(p, n, (int)most) < 0 && errno != EINTR ? -errno : 0;
}

int gg_server_run(struct gg_server *s)
{
	for (;;) {
		int64_t now = gg_now_ms(), next = INT64_MAX;
		int r;

		for (size_t i = 0; i < s->n; i++) {
			int64_t at = sweep(&s->door[i], now);

			next = at < next ? at : next;
		}
		r = wait_for_something(s, next);
		if (r < 0)
			return r;
		for (size_t i = 0; i < s->n; i++)
			if (MHD_run(s->door[i].daemon) != MHD_YES)
				return -EIO;
	}
}

/* --- the start --- */

static int bind_to(const char *address, struct gg_addr *a, int *ret_fd, struct gg_buf *err)
{
	AUTO_CLOSE int fd = -1;
	const char *why;
	int one = 1, r = gg_addr_parse(address, a, &why);

	if (r < 0) {
		gg_buf_add(err, "'%s': %s", address, why);
		return r;
	}
	fd = socket(a->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    (a->ss.ss_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0) ||
	    bind(fd, (struct sockaddr *)&a->ss, a->len) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a->ss, &a->len) < 0) {
		r = -errno;
		gg_buf_add(err, "cannot listen on %s (listen.admin): %s%s", address, strerror(-r),
			   r == -EADDRINUSE
				   ? "; stop what uses the port (ss -ltnp shows it), or change the setting"
			   : r == -EADDRNOTAVAIL ? "; it must be an address of this machine"
						 : "");
		return r;
	}
	*ret_fd = gg_take_fd(&fd);
	return 0;
}

int gg_server_listen(struct gg_server *s, const char *address, struct gg_buf *ret_where, struct gg_buf *err)
{
	struct door *d = &s->door[s->n];
	const union MHD_DaemonInfo *info;
	struct gg_addr a;
	int r, e;

	if (s->n == DOORS_MAX) {
		gg_buf_add(err, "listen.admin: %d addresses at most", DOORS_MAX);
		return -E2BIG;
	}
	r = bind_to(address, &a, &d->listener, err);
	if (r < 0)
		return r;
	d->server = s;
	d->local = gg_addr_is_loopback(&a);
	gg_addr_add(ret_where, &a);
	errno = 0;
	d->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, d, MHD_OPTION_LISTEN_SOCKET, d->listener,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)PLACES, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MAX,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION, on_connection, d,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, d, MHD_OPTION_END);
	e = errno;
	info = d->daemon ? MHD_get_daemon_info(d->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		gg_buf_add(err, "libmicrohttpd does not start on %s%s%s", address, e ? ": " : "",
			   e ? strerror(e) : "");
		if (d->daemon)
			MHD_stop_daemon(d->daemon);
		else
			close(d->listener);
		return -EIO;
	}
	d->epoll = info->epoll_fd;
	s->n++;
	return 0;
}

struct gg_server *gg_server_new(struct gg_source *source)
{
	struct gg_server *s = calloc(1, sizeof(*s));

	if (s)
		s->source = source;
	return s;
}

void gg_server_allow(struct gg_server *s, char *const *net, size_t n)
{
	s->net = net;
	s->nnet = n;
}

void gg_server_free(struct gg_server *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		MHD_stop_daemon(s->door[i].daemon);
	free(s);
}
