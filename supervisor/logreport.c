/* logreport - what the log lost is told. See logreport.h. */
#include "supervisor/logreport.h"

#include "base/event.h"

#define EVERY_S 5.

static void on_again(EV_P_ ev_timer *w, int revents)
{
	(void)revents;
	gg_event_report();
	if (!gg_event_unreported())
		ev_timer_stop(EV_A_ w);
}

static void on_prepare(EV_P_ ev_prepare *w, int revents)
{
	struct gg_logreport *l = w->data;

	(void)revents;
	if (gg_event_unreported() && !ev_is_active(&l->again))
		ev_timer_again(EV_A_ & l->again);
}

void gg_logreport_start(struct gg_logreport *l, struct ev_loop *loop)
{
	ev_timer_init(&l->again, on_again, EVERY_S, EVERY_S);
	ev_prepare_init(&l->check, on_prepare);
	l->check.data = l;
	ev_prepare_start(loop, &l->check);
	ev_unref(loop); /* it keeps nothing running */
}

void gg_logreport_stop(struct gg_logreport *l, struct ev_loop *loop)
{
	gg_event_report();
	ev_timer_stop(loop, &l->again);
	ev_ref(loop);
	ev_prepare_stop(loop, &l->check);
}
