/* sessionio - see sessionio.h. */
#include "supervisor/sessionio.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include "supervisor/gate.h"

#define SEND_TRIES 3

bool gg_sessionio_answer(int fd, const char *bytes, size_t n)
{
	ssize_t sent = -1;

	for (int i = 0; fd >= 0 && i < SEND_TRIES && sent < 0; i++)
		sent = send(fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent == (ssize_t)n;
}

static void again(struct gg_gate *g, ev_io *w)
{
	if (w->fd >= 0 && !ev_is_active(w))
		ev_io_start(g->loop, w);
}

bool gg_sessionio_lost(struct gg_gate *g, int revents)
{
	if (!(revents & EV_ERROR))
		return false;
	g->lost_watch = true;
	gg_gate_wake_soon(g);
	return true;
}

void gg_sessionio_rewatch(struct gg_gate *g)
{
	if (!g->lost_watch)
		return;
	g->lost_watch = false;
	for (size_t i = 0; i < g->reg.n; i++) {
		struct gg_session *s = g->reg.v[i];
		struct gg_io *io = s->io;

		if (!io)
			continue;
		again(g, &io->err);
		again(g, &io->server);
		again(g, &io->root);
		if (s->http || !io->asked)
			again(g, &io->status);
	}
}

uint64_t gg_socket_inode(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
}
