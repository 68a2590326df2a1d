/* lameduck - between the word to drain or to stop and its effect. See lameduck.h. */
#include "supervisor/lameduck.h"

#include "base/clock.h"
#include "base/event.h"
#include "supervisor/admit.h"

enum gg_lame gg_lameduck(const struct gg_gate *g)
{
	return g->lame;
}

int64_t gg_lameduck_left_ms(const struct gg_gate *g)
{
	int64_t left = g->lame_until_ms - gg_now_ms();

	return g->lame != GG_LAME_NOT && left > 0 ? left : 0;
}

void gg_lameduck_over(struct gg_gate *g)
{
	ev_timer_stop(g->loop, &g->lame_timer);
	g->lame = GG_LAME_NOT;
}

static void drain(struct gg_gate *g)
{
	gg_lameduck_over(g);
	gg_admit_drain(g);
	gg_gate_keep_or_close(g);
	gg_event(GG_EV_GATE_DRAINED, NULL, "%zu sessions may finish", gg_registry_serving(&g->reg));
}

static void on_over(EV_P_ ev_timer *w, int revents)
{
	struct gg_gate *g = w->data;

	(void)loop;
	(void)revents;
	if (g->lame == GG_LAME_STOP)
		gg_gate_stop(g);
	else
		drain(g);
}

static void begin(struct gg_gate *g, enum gg_lame what)
{
	char mem[32];
	struct gg_buf b = GG_BUF(mem);

	g->lame = what;
	g->lame_until_ms = gg_now_ms() + g->conf->lame_duck_ms;
	ev_timer_stop(g->loop, &g->lame_timer);
	ev_now_update(g->loop);
	ev_timer_set(&g->lame_timer, (double)g->conf->lame_duck_ms / 1000., 0.);
	ev_timer_start(g->loop, &g->lame_timer);
	gg_duration_add(&b, g->conf->lame_duck_ms);
	gg_event(GG_EV_GATE_LAME_DUCK, NULL,
		 "clients are served for %s yet (deadline.lameDuck), then the gate %s", b.s,
		 what == GG_LAME_STOP ? "stops" : "is drained");
}

void gg_lameduck_drain(struct gg_gate *g)
{
	if (g->drained || g->lame != GG_LAME_NOT)
		return;
	if (g->conf->lame_duck_ms)
		begin(g, GG_LAME_DRAIN);
	else
		drain(g);
}

void gg_lameduck_resume(struct gg_gate *g)
{
	if (!g->drained && g->lame != GG_LAME_DRAIN)
		return;
	gg_lameduck_over(g);
	gg_event(GG_EV_GATE_RESUMED, NULL, "new clients are served again");
	gg_admit_resume(g);
	gg_gate_keep_or_close(g);
}

void gg_lameduck_stop(struct gg_gate *g)
{
	/* drained: who could be sent elsewhere is not served as it is */
	if (g->stage != GG_SERVING || g->drained || g->lame == GG_LAME_STOP || !g->conf->lame_duck_ms)
		return gg_gate_stop(g);
	begin(g, GG_LAME_STOP);
	gg_notify(&g->notify, "STOPPING=1");
	ev_timer_again(g->loop, &g->extend);
}

void gg_lameduck_init(struct gg_gate *g)
{
	ev_timer_init(&g->lame_timer, on_over, 0., 0.);
	g->lame_timer.data = g;
}
