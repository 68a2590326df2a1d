/* proxied - connections from a proxy whose header has not come whole yet. See proxied.h. */
#include "supervisor/proxied.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/proxyhead.h"
#include "supervisor/access.h"
#include "supervisor/admit.h"

#define LATE_S 1. /* more, for one that had sent something that was not read yet */

struct waiting {
	ev_io io;
	ev_timer timer;
	struct gg_gate *gate;
	struct gg_addr proxy;
	enum gg_transport transport;
	bool whole;    /* its header was: it is the proxy's own, and what it wants is not known */
	bool late;     /* its time is up */
	size_t header; /* its length, once it was whole */
	size_t n;
	uint8_t head[GG_PROXY_MAX];
	TAILQ_ENTRY(waiting) by_age;
};

struct gg_proxied {
	TAILQ_HEAD(all, waiting) all; /* the oldest first */
	size_t n;
};

/* It waits no more. Its descriptor, which is the caller's now. */
static int take_out(struct waiting *w)
{
	struct gg_gate *g = w->gate;
	int fd = w->io.fd;

	ev_io_stop(g->loop, &w->io);
	ev_timer_stop(g->loop, &w->timer);
	TAILQ_REMOVE(&g->proxied->all, w, by_age);
	g->proxied->n--;
	free(w);
	return fd;
}

/* Nobody asked for anything. */
static void forget(struct waiting *w)
{
	char mem[64];
	struct gg_buf b = GG_BUF(mem);
	struct gg_fields f = { GG_NO_FIELDS, .transport = gg_transport_name(w->transport), .peer = b.s };

	gg_addr_add(&b, &w->proxy);
	gg_event(GG_EV_SESSION_STRANGER, &f, "a connection of a proxy's ended without a request");
	close(take_out(w));
}

static void refuse(struct waiting *w, enum gg_denial how, const char *what)
{
	struct gg_gate *g = w->gate;
	struct gg_addr proxy = w->proxy;
	enum gg_transport transport = w->transport;
	char mem[256];
	struct gg_buf why = GG_BUF(mem);

	gg_buf_add(&why, "a connection from ");
	gg_addr_host(&why, &proxy);
	gg_buf_add(&why, " %s (access.proxyFrom)", what);
	gg_admit_refuse(g, take_out(w), &proxy, transport, how, why.s);
}

static void admit(struct waiting *w, const struct gg_addr *peer)
{
	struct gg_gate *g = w->gate;
	struct gg_waiter client = { .transport = w->transport, .peer = *peer, .header_bytes = w->header };

	client.fd = take_out(w);
	gg_access_admit(g, &client);
}

/* The header is whole with what has just been looked at; what follows it stays in the socket. */
static void finish(struct waiting *w, const struct gg_proxy_head *h)
{
	if (recv(w->io.fd, w->head + w->n, h->len - w->n, MSG_DONTWAIT) != (ssize_t)(h->len - w->n))
		return forget(w); /* what was there a moment ago is there, or the connection is gone */
	w->header = h->len;
	if (h->known)
		return admit(w, &h->peer);
	w->n = 0;
	w->whole = true;
}

/* Read what is there. It may be gone afterwards. */
static void go_on(struct waiting *w)
{
	struct gg_proxy_head h;
	const char *why;
	ssize_t n = recv(w->io.fd, w->head + w->n, sizeof(w->head) - w->n, MSG_PEEK | MSG_DONTWAIT);
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		return forget(w);
	if (w->whole)
		return admit(w, &w->proxy);
	r = gg_proxy_parse(w->head, w->n + (size_t)n, &h, &why);
	if (r == -EINVAL)
		return refuse(w, GG_BAD, why);
	if (r == 0)
		return finish(w, &h);
	/* all of it is of the header, and looking at it again would never end */
	n = recv(w->io.fd, w->head + w->n, (size_t)n, MSG_DONTWAIT);
	w->n += n > 0 ? (size_t)n : 0;
}

static void on_input(EV_P_ ev_io *io, int revents)
{
	(void)loop;
	(void)revents;
	go_on(io->data);
}

/* It has waited long enough. */
static void give_up(struct waiting *w, enum gg_denial how, const char *what)
{
	if (w->whole)
		return forget(w);
	refuse(w, how, what);
}

static void on_time(EV_P_ ev_timer *timer, int revents)
{
	struct waiting *w = timer->data;
	char c;

	(void)revents;
	/* if we are late, the header may have come long ago; once, so that no trickle extends it */
	if (!w->late && recv(w->io.fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
		w->late = true;
		ev_timer_set(timer, LATE_S, 0.);
		ev_timer_start(EV_A_ timer);
		return go_on(w);
	}
	give_up(w, GG_BAD, "had no whole PROXY protocol header within deadline.init");
}

void gg_proxied_take(struct gg_gate *g, int fd, const struct gg_addr *proxy, enum gg_transport transport)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w)
		return gg_admit_refuse(g, fd, proxy, transport, GG_LATER, "out of memory, try again later");
	if (g->proxied->n == GG_PROXIED_MAX)
		give_up(TAILQ_FIRST(&g->proxied->all), GG_LATER,
			"had no whole PROXY protocol header yet, and too many wait for theirs");
	w->gate = g;
	w->proxy = *proxy;
	w->transport = transport;
	TAILQ_INSERT_TAIL(&g->proxied->all, w, by_age);
	g->proxied->n++;
	ev_io_init(&w->io, on_input, fd, EV_READ);
	ev_init(&w->timer, on_time);
	w->io.data = w->timer.data = w;
	ev_io_start(g->loop, &w->io);
	if (g->conf->init_ms != GG_NEVER) {
		ev_now_update(g->loop);
		ev_timer_set(&w->timer, (double)g->conf->init_ms / 1000., 0.);
		ev_timer_start(g->loop, &w->timer);
	}
	go_on(w); /* mostly the header came with the connection */
}

int gg_proxied_open(struct gg_gate *g)
{
	g->proxied = calloc(1, sizeof(*g->proxied));
	if (!g->proxied)
		return -ENOMEM;
	TAILQ_INIT(&g->proxied->all);
	return 0;
}

void gg_proxied_close(struct gg_gate *g, const char *why)
{
	struct gg_proxied *p = g->proxied;
	struct waiting *w;

	if (!p)
		return;
	while ((w = TAILQ_FIRST(&p->all))) {
		gg_clientsock_turn_away(w->io.fd, w->transport, GG_LATER, why);
		close(take_out(w));
	}
	free(p);
	g->proxied = NULL;
}
