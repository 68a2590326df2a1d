/* notify - what systemd is told. See notify.h. */
#include "supervisor/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/text.h"

#define AGAIN_S 1.

static int send_text(struct gg_notify *n, const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);

	if (!len)
		return 0;
	if (len >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = 0; /* an abstract address: its length counts, not a NUL at the end */
	if (n->fd < 0)
		n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd < 0 || sendto(n->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
				(const struct sockaddr *)&to, size) < 0)
		return -errno;
	return 0;
}

static void on_again(EV_P_ ev_timer *w, int revents)
{
	struct gg_notify *n = w->data;

	(void)revents;
	/* it may come up later, or be read again */
	if (send_text(n, n->ready) == 0) {
		n->ready[0] = 0;
		ev_timer_stop(EV_A_ w);
	}
}

void gg_notify_open(struct gg_notify *n)
{
	n->fd = -1;
	n->ready[0] = 0;
	ev_timer_init(&n->again, on_again, AGAIN_S, AGAIN_S);
	n->again.data = n;
}

void gg_notify_close(struct gg_notify *n, struct ev_loop *loop)
{
	ev_timer_stop(loop, &n->again);
	gg_close_fd(&n->fd);
}

int gg_notify(struct gg_notify *n, const char *fmt, ...)
{
	char mem[GG_NOTIFY_MAX];
	struct gg_buf text = GG_BUF(mem);
	va_list ap;

	va_start(ap, fmt);
	gg_buf_vadd(&text, fmt, ap);
	va_end(ap);
	return send_text(n, text.s);
}

void gg_notify_ready(struct gg_notify *n, struct ev_loop *loop, const char *status)
{
	snprintf(n->ready, sizeof(n->ready), "READY=1\nSTATUS=%.*s", (int)sizeof(n->ready) - 32, status);
	on_again(loop, &n->again, 0);
	if (n->ready[0])
		ev_timer_again(loop, &n->again);
}
