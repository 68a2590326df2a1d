/* linger - end a connection so that the client reads git's last words. See linger.h. */
#include "supervisor/linger.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_MAX 256

struct lingering {
	bool taken;
	ev_io io;
	ev_timer timer;
	size_t budget; /* bytes of input that are still thrown away */
	struct lingering *next;
};

/*
 * File scope: it belongs to the loop, of which there is one. Not allocated: what a push has come to is on its
 * way, and for want of memory its client would read that the connection was reset. Untouched it costs
 * nothing.
 */
static struct lingering pool[LINGER_MAX];
static struct lingering *head, **tail = &head; /* the oldest first */

static void drop(EV_P_ struct lingering *l)
{
	struct lingering **at = &head;

	while (*at && *at != l)
		at = &(*at)->next;
	if (*at)
		*at = l->next;
	if (tail == &l->next)
		tail = at;
	ev_io_stop(EV_A_ & l->io);
	ev_timer_stop(EV_A_ & l->timer);
	close(l->io.fd);
	l->taken = false;
}

/* A free place; that of the oldest, when there is none. */
static struct lingering *take_place(EV_P)
{
	struct lingering *l = pool;

	while (l < pool + LINGER_MAX && l->taken)
		l++;
	if (l == pool + LINGER_MAX) {
		l = head;
		drop(EV_A_ l);
	}
	*l = (struct lingering){ .taken = true };
	return l;
}

/* Throw away what is there. False: it has ended, or has sent more than it is worth. */
static bool discard(int fd, size_t *budget)
{
	char buf[65536];

	for (int i = 0; i < 8 && *budget; i++) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return false;
		*budget -= (size_t)n < *budget ? (size_t)n : *budget;
	}
	return *budget > 0;
}

static void on_input(EV_P_ ev_io *w, int revents)
{
	struct lingering *l = w->data;

	(void)revents;
	if (!discard(w->fd, &l->budget))
		drop(EV_A_ l);
}

static void on_time(EV_P_ ev_timer *w, int revents)
{
	(void)revents;
	drop(EV_A_ w->data);
}

void gg_linger(struct gg_gate *g, int fd, bool half_closed, bool reaped)
{
	size_t budget = reaped ? 4 << 20 : 256 << 10;
	struct lingering *l;

	shutdown(fd, SHUT_WR);
	if (!discard(fd, &budget) || half_closed) {
		close(fd);
		return;
	}
	l = take_place(g->loop);
	l->budget = budget;
	ev_io_init(&l->io, on_input, fd, EV_READ);
	ev_timer_init(&l->timer, on_time, reaped ? 10. : 1., 0.);
	l->io.data = l->timer.data = l;
	ev_io_start(g->loop, &l->io);
	ev_timer_start(g->loop, &l->timer);
	*tail = l;
	tail = &l->next;
}

void gg_linger_stop(struct gg_gate *g)
{
	while (head)
		drop(g->loop, head);
}
