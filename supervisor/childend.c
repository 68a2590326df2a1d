/* childend - see childend.h. */
#include "supervisor/childend.h"

#include <signal.h>

void gg_childend_ask(struct ev_loop *loop)
{
	ev_feed_signal_event(loop, SIGCHLD);
}

static void on_end(EV_P_ ev_io *w, int revents)
{
	(void)revents;
	ev_io_stop(EV_A_ w);
	gg_childend_ask(EV_A);
}

void gg_childend_watch(struct ev_loop *loop, ev_io *w, int pidfd)
{
	ev_io_init(w, on_end, pidfd, EV_READ);
	ev_io_start(loop, w);
}
