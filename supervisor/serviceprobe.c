/* serviceprobe - see serviceprobe.h. */
#include "supervisor/serviceprobe.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define AGAIN_S 0.1

static void close_io(struct gg_probe *p)
{
	if (p->io.fd < 0)
		return;
	ev_io_stop(p->loop, &p->io);
	close(p->io.fd);
	p->io.fd = -1;
}

void gg_probe_stop(struct gg_probe *p)
{
	close_io(p);
	ev_timer_stop(p->loop, &p->again);
}

static void is_ready(struct gg_probe *p)
{
	gg_probe_stop(p);
	p->ready(p->arg);
}

static void on_pipe(EV_P_ ev_io *w, int revents)
{
	struct gg_probe *p = w->data;
	char buf[64];
	ssize_t n = read(w->fd, buf, sizeof(buf));

	(void)loop;
	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && memchr(buf, '\n', (size_t)n))
		is_ready(p);
	else if (n <= 0)
		close_io(p); /* it will never tell: readyTimeout is what is left */
}

/*
 * A port of which nobody listens can be connected to from itself, when the kernel happens to choose it for
 * our end too.
 */
static bool is_self(const struct gg_probe *p)
{
	struct gg_addr own = { .len = sizeof(own.ss) };

	return getsockname(p->io.fd, (struct sockaddr *)&own.ss, &own.len) == 0 &&
	       gg_addr_port(&own) == gg_addr_port(&p->addr);
}

static void on_connected(EV_P_ ev_io *w, int revents)
{
	struct gg_probe *p = w->data;
	int err = 0;
	socklen_t len = sizeof(err);

	(void)loop;
	(void)revents;
	if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err == 0 && !is_self(p))
		is_ready(p);
	else
		close_io(p);
}

static void on_again(EV_P_ ev_timer *w, int revents)
{
	struct gg_probe *p = w->data;
	int fd, r;

	(void)revents;
	if (p->io.fd >= 0)
		return;
	fd = socket(p->addr.ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	r = connect(fd, (struct sockaddr *)&p->addr.ss, p->addr.len);
	if (r < 0 && errno != EINPROGRESS) {
		close(fd);
		return;
	}
	/* made or in the making: it is writable when that has ended */
	ev_io_set(&p->io, fd, EV_WRITE);
	ev_io_start(EV_A_ & p->io);
}

void gg_probe_init(struct gg_probe *p, struct ev_loop *loop, void (*ready)(void *), void *arg)
{
	p->loop = loop;
	p->ready = ready;
	p->arg = arg;
	ev_io_init(&p->io, on_pipe, -1, EV_READ);
	ev_timer_init(&p->again, on_again, 0., AGAIN_S);
	p->io.data = p->again.data = p;
}

void gg_probe_fd(struct gg_probe *p, int fd)
{
	ev_set_cb(&p->io, on_pipe);
	ev_io_set(&p->io, fd, EV_READ);
	ev_io_start(p->loop, &p->io);
}

void gg_probe_port(struct gg_probe *p, const struct gg_addr *addr)
{
	p->addr = *addr;
	ev_set_cb(&p->io, on_connected);
	ev_timer_set(&p->again, 0., AGAIN_S);
	ev_timer_start(p->loop, &p->again);
}
