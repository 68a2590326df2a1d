/* listen - the sockets clients connect to. See listen.h. */
#include "supervisor/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event.h"
#include "base/libsystemd.h"
#include "supervisor/access.h"
#include "supervisor/admit.h"
#include "supervisor/unixsock.h"
#include "supervisor/gate.h"

#define ACCEPT_BATCH 64	   /* connections taken at one wake-up: signals and the reaper get their turn */
#define PAUSE_MIN_MS 100   /* when the machine lacks something; doubled while it does ... */
#define PAUSE_MAX_MS 1000  /* ... up to this */
#define SAY_EVERY_MS 60000 /* gate.limited is said at most this often for the same cause */

struct gg_listen {
	struct one {
		ev_io io;
		struct gg_addr addr;
		enum gg_transport transport;
		int lock; /* of a unix socket that is ours; -1: none */
		struct gg_gate *gate;
	} * v;
	size_t n;
	ev_timer pause;
	size_t inherited[GG_NTRANSPORTS]; /* from systemd, which stand before our own in v */
	bool paused;
	int64_t pause_ms;      /* how long the last pause was */
	int64_t pause_over_ms; /* when it ended, or will */
	int64_t said_pause_ms;
};

static bool time_to_say(int64_t *said_ms)
{
	int64_t now = gg_now_ms();

	if (*said_ms && now - *said_ms < SAY_EVERY_MS)
		return false;
	*said_ms = now;
	return true;
}

static void stop_accepting(struct gg_gate *g)
{
	for (size_t i = 0; i < g->listen->n; i++)
		ev_io_stop(g->loop, &g->listen->v[i].io);
}

void gg_listen_resume(struct gg_gate *g)
{
	struct gg_listen *l = g->listen;

	if (!l || l->paused || g->stage != GG_SERVING)
		return;
	for (size_t i = 0; i < l->n; i++)
		ev_io_start(g->loop, &l->v[i].io);
}

void gg_listen_retry(struct gg_gate *g)
{
	if (!g->listen || !g->listen->paused)
		return;
	ev_timer_stop(g->loop, &g->listen->pause);
	g->listen->pause_over_ms = gg_now_ms();
	g->listen->paused = false;
	gg_listen_resume(g);
}

static void on_pause_over(EV_P_ ev_timer *w, int revents)
{
	struct gg_gate *g = w->data;

	(void)loop;
	(void)revents;
	gg_listen_retry(g);
	gg_admit_next(g);
}

void gg_listen_pause(struct gg_gate *g, const char *what, int err)
{
	struct gg_listen *l = g->listen;
	int64_t now = gg_now_ms();

	if (time_to_say(&l->said_pause_ms))
		gg_event(
			GG_EV_GATE_LIMITED, NULL,
			"%s: %s; accepting pauses, clients wait, and it is tried again every second at least",
			what, strerror(err));
	/* no better than before the last pause? */
	if (l->pause_ms && now - l->pause_over_ms < PAUSE_MIN_MS)
		l->pause_ms = l->pause_ms < PAUSE_MAX_MS / 2 ? l->pause_ms * 2 : PAUSE_MAX_MS;
	else
		l->pause_ms = PAUSE_MIN_MS;
	l->pause_over_ms = now + l->pause_ms;
	l->paused = true;
	stop_accepting(g);
	ev_timer_stop(g->loop, &l->pause);
	ev_now_update(g->loop);
	ev_timer_set(&l->pause, (double)l->pause_ms / 1000., 0.);
	ev_timer_start(g->loop, &l->pause);
}

/* Errors of one connection that died in the queue, or of the network: the next one may be well. */
static bool passing(int err)
{
	return err == ECONNABORTED || err == EINTR || err == EPROTO || err == ENETDOWN ||
	       err == ENOPROTOOPT || err == EHOSTDOWN || err == ENONET || err == EHOSTUNREACH ||
	       err == EOPNOTSUPP || err == ENETUNREACH || err == EPERM;
}

static void on_client(EV_P_ ev_io *w, int revents)
{
	struct one *o = w->data;
	struct gg_gate *g = o->gate;

	(void)loop;
	if (revents & EV_ERROR) /* libev has given it up: the kernel watches no more descriptors for us */
		return gg_listen_pause(g, "cannot watch a listening socket (fs.epoll.max_user_watches)",
				       ENOSPC);
	for (int i = 0; i < ACCEPT_BATCH && !g->listen->paused && gg_admit_has_time(g); i++) {
		struct gg_addr peer = { .len = sizeof(peer.ss) };
		int fd = accept4(w->fd, (struct sockaddr *)&peer.ss, &peer.len, SOCK_CLOEXEC);

		if (fd >= 0) {
			if (o->addr.ss.ss_family == AF_UNIX)
				gg_unixsock_peer(fd, &peer);
			gg_access_take(g, fd, &peer, o->transport);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (!passing(errno)) {
			gg_listen_pause(g, "cannot accept", errno);
			return;
		}
	}
}

/*
 * git's client writes a request of protocol v2, and the commands of a push, in small pieces, and its kernel
 * (Nagle) keeps the second back until ours has acknowledged the first: after 40 ms, unless told otherwise.
 * Clients' sockets inherit it. Since Linux 6.15; the least that is allowed depends on CONFIG_HZ.
 */
static void acknowledge_soon(int fd)
{
#ifndef TCP_DELACK_MAX_US
#define TCP_DELACK_MAX_US 46
#endif
	enum { ACK_LEAST_US = 1000, ACK_USUAL_US = 40000 };

	for (int us = ACK_LEAST_US; us < ACK_USUAL_US; us *= 2)
		if (setsockopt(fd, IPPROTO_TCP, TCP_DELACK_MAX_US, &us, sizeof(us)) == 0)
			return;
}

static int add(struct gg_gate *g, int fd, enum gg_transport transport)
{
	struct one *v = realloc(g->listen->v, (g->listen->n + 1) * sizeof(*v)), *o;

	if (!v)
		return -ENOMEM;
	g->listen->v = v;
	o = &v[g->listen->n];
	memset(o, 0, sizeof(*o));
	o->gate = g;
	o->transport = transport;
	o->lock = -1;
	o->addr.len = sizeof(o->addr.ss);
	if (getsockname(fd, (struct sockaddr *)&o->addr.ss, &o->addr.len) < 0)
		return -errno;
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	acknowledge_soon(fd);
	ev_io_init(&o->io, on_client, fd, EV_READ);
	g->listen->n++;
	return 0;
}

static int bind_unix(struct gg_gate *g, enum gg_transport transport, const struct gg_addr *a,
		     struct gg_buf *err)
{
	AUTO_CLOSE int fd = -1, lock = -1;
	int r;

	gg_buf_add(err, "listen.%s: ", gg_transport_name(transport));
	r = gg_unixsock_open(a, (mode_t)strtoul(g->conf->listen_mode, NULL, 8), GG_LISTEN_BACKLOG, &fd, &lock,
			     err);
	if (r < 0)
		return r;
	*err->s = 0;
	err->len = 0;
	r = add(g, fd, transport);
	if (r < 0)
		return r;
	gg_take_fd(&fd);
	g->listen->v[g->listen->n - 1].lock = gg_take_fd(&lock);
	return 0;
}

static int cannot_listen(enum gg_transport transport, const char *text, int r, struct gg_buf *err)
{
	gg_buf_add(err, "cannot listen on %s (listen.%s): %s%s", text, gg_transport_name(transport),
		   strerror(-r),
		   r == -EADDRINUSE ? "; stop what uses the port (ss -ltnp shows it), or change the setting"
		   : r == -EADDRNOTAVAIL ? "; it must be an address of this machine"
					 : "");
	return r;
}

static int bind_one(struct gg_gate *g, enum gg_transport transport, const char *text, struct gg_buf *err)
{
	AUTO_CLOSE int fd = -1;
	struct gg_addr a;
	const char *why;
	int one = 1, r;

	r = gg_addr_parse(text, &a, &why);
	if (r < 0) {
		gg_buf_add(err, "listen.%s: '%s': %s", gg_transport_name(transport), text, why);
		return r;
	}
	if (a.ss.ss_family == AF_UNIX)
		return bind_unix(g, transport, &a, err);
	fd = socket(a.ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* REUSEADDR: connections of a gate that died may linger in TIME_WAIT; V6ONLY: [::] and 0.0.0.0 can
	 * both be listed */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    (a.ss.ss_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0) ||
	    bind(fd, (struct sockaddr *)&a.ss, a.len) < 0 || listen(fd, GG_LISTEN_BACKLOG) < 0)
		return cannot_listen(transport, text, -errno, err);
	r = add(g, fd, transport);
	if (r < 0)
		return cannot_listen(transport, text, r, err);
	gg_take_fd(&fd);
	return 0;
}

static enum gg_transport transport_named(const char *name)
{
	enum gg_transport t = 0;

	while (t < GG_NTRANSPORTS && strcmp(name, gg_transport_name(t)))
		t++;
	return t;
}

static int bind_all(struct gg_gate *g, enum gg_transport transport, const struct gg_list *l,
		    struct gg_buf *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->n; i++)
		if (strcmp(l->v[i], "off"))
			r = bind_one(g, transport, l->v[i], err);
	return r;
}

/* 0 or -errno. */
static int inherit(struct gg_gate *g, struct gg_buf *err)
{
	AUTO_LIBSYSTEMD struct gg_libsystemd sd = { 0 };
	char mem[512];
	struct gg_buf why = GG_BUF(mem);
	char **names = NULL;
	int n, r = 0;

	if (!getenv("LISTEN_FDS"))
		return 0;
	r = gg_libsystemd_load(&sd, &why);
	if (r < 0) {
		gg_buf_add(err, "LISTEN_FDS is set, and %s", why.s);
		return r;
	}
	n = sd.sd_listen_fds_with_names(1, &names);
	if (n <= 0)
		return n;
	for (int i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (r < 0) {
			/* the error is reported for the first */
		} else if (transport_named(names[i]) == GG_NTRANSPORTS) {
			gg_buf_add(err,
				   "LISTEN_FDS: descriptor %d is named '%s'; the socket unit needs "
				   "FileDescriptorName=git or http",
				   fd, names[i]);
			r = -EINVAL;
		} else if (sd.sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
			gg_buf_add(err, "LISTEN_FDS: descriptor %d is not a listening stream socket", fd);
			r = -EINVAL;
		} else if (add(g, fd, transport_named(names[i])) < 0) {
			gg_buf_add(err, "LISTEN_FDS: descriptor %d cannot be used: %s", fd, strerror(errno));
			r = -EINVAL;
		} else {
			g->listen->inherited[transport_named(names[i])]++;
		}
		free(names[i]);
	}
	free(names);
	return r;
}

static const struct gg_list *setting(const struct gg_gate *g, enum gg_transport t)
{
	return t == GG_HTTP ? &g->conf->listen_http : &g->conf->listen_git;
}

/* A client who connects to a socket of systemd's would wait there for ever. */
static int is_off(const char *name, struct gg_buf *err)
{
	gg_buf_add(err,
		   "listen.%s is off, but a socket for it is inherited (LISTEN_FDS): take the setting out, "
		   "or systemctl disable --now git-gate-%s.socket",
		   name, name);
	return -EINVAL;
}

/*
 * A transport that has no socket from systemd, while the other has, is served if an operator wrote where, and
 * not on its default address: nobody asked for that port.
 */
static int bind_what_lacks(struct gg_gate *g, enum gg_transport t, struct gg_buf *err)
{
	const struct gg_list *l = setting(g, t);

	if (g->listen->inherited[t])
		return g->start->listen_set[t] && l->n && strcmp(l->v[0], "off") == 0
			       ? is_off(gg_transport_name(t), err)
			       : 0;
	if (gg_listen_inherited(g) && !g->start->listen_set[t])
		return 0;
	return bind_all(g, t, l, err);
}

/* What was bound is a setting, which was looked at when it was read; what was inherited is not. */
int gg_listen_check(const struct gg_gate *g, const struct gg_conf *c, struct gg_buf *err)
{
	for (size_t i = 0; g->listen && i < g->listen->n; i++) {
		const struct one *o = &g->listen->v[i];

		if (gg_conf_may_listen(c, &o->addr))
			continue;
		if (g->listen->inherited[o->transport])
			gg_buf_add(err, "LISTEN_FDS: descriptor %d (%s): '", o->io.fd,
				   gg_transport_name(o->transport));
		else
			gg_buf_add(err, "listen.%s: '", gg_transport_name(o->transport));
		gg_addr_add(err, &o->addr);
		gg_buf_add(err, "' " GG_IS_PUBLIC);
		return -EINVAL;
	}
	return 0;
}

int gg_listen_open(struct gg_gate *g, struct gg_buf *err)
{
	int r;

	g->listen = calloc(1, sizeof(*g->listen));
	if (!g->listen)
		return -ENOMEM;
	ev_timer_init(&g->listen->pause, on_pause_over, 0., 0.);
	g->listen->pause.data = g;
	r = inherit(g, err);
	for (enum gg_transport t = 0; t < GG_NTRANSPORTS && r == 0; t++)
		r = bind_what_lacks(g, t, err);
	r = r ? r : gg_listen_check(g, g->conf, err);
	/* watchers hold pointers into the array: it has its final place now */
	for (size_t i = 0; i < g->listen->n; i++)
		g->listen->v[i].io.data = &g->listen->v[i];
	return r;
}

void gg_listen_close(struct gg_gate *g)
{
	struct gg_listen *l = g->listen;

	if (!l)
		return;
	stop_accepting(g);
	ev_timer_stop(g->loop, &l->pause);
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].lock >= 0)
			gg_unixsock_remove(&l->v[i].addr);
		gg_close_fd(&l->v[i].lock);
		close(l->v[i].io.fd);
	}
	free(l->v);
	free(l);
	g->listen = NULL;
}

bool gg_listen_out_of_resources(const struct gg_gate *g)
{
	return !g->listen || g->listen->paused;
}

size_t gg_listen_count(const struct gg_gate *g)
{
	return g->listen ? g->listen->n : 0;
}

bool gg_listen_inherited(const struct gg_gate *g)
{
	for (enum gg_transport t = 0; t < GG_NTRANSPORTS; t++)
		if (g->listen->inherited[t])
			return true;
	return false;
}

void gg_listen_tell(const struct gg_gate *g, struct gg_buf *b)
{
	const struct gg_listen *l = g->listen;
	size_t of[GG_NTRANSPORTS] = { 0 };
	bool some = gg_listen_inherited(g);

	for (size_t i = 0; i < l->n; i++) {
		enum gg_transport t = l->v[i].transport;

		gg_buf_add(b, "%s", i ? ", " : "");
		gg_listen_address(g, i, b);
		if (some && of[t]++ < l->inherited[t])
			gg_buf_add(b, " (inherited)");
		else if (some)
			gg_buf_add(b, " (listen.%s; refuses clients during a restart)", gg_transport_name(t));
	}
	for (enum gg_transport t = 0; some && t < GG_NTRANSPORTS; t++) {
		if (l->inherited[t] && g->start->listen_set[t])
			gg_buf_add(b, "; listen.%s is not used", gg_transport_name(t));
		else if (!l->inherited[t] && !g->start->listen_set[t])
			gg_buf_add(b, "; no %s: no socket for it is inherited, and listen.%s is not set",
				   gg_transport_name(t), gg_transport_name(t));
	}
}

void gg_listen_address(const struct gg_gate *g, size_t i, struct gg_buf *b)
{
	gg_buf_add(b, "%s://", gg_transport_name(g->listen->v[i].transport));
	gg_addr_add(b, &g->listen->v[i].addr);
}
