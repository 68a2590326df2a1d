/* service - see service.h. */
#include "supervisor/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/headroom.h"
#include "base/service.h"
#include "supervisor/servicesay.h"

#define EXIT_GAVE_UP 4 /* GG_EXIT_GAVE_UP of cli/exit.def */

struct gg_services {
	struct gg_gate *gate;
	/*
	 * What one service means for the others is decided here, once the callback that changed it has
	 * returned: nothing is started or stopped from within the work on another.
	 */
	ev_timer turn;
	bool stopping;
	size_t n;
	struct gg_service v[];
};

static void step(struct gg_service *s, enum gg_svc_event event);

static void arm(struct ev_loop *loop, ev_timer *w, int64_t delay_ms)
{
	ev_timer_stop(loop, w);
	ev_now_update(loop);
	ev_timer_set(w, (double)(delay_ms > 0 ? delay_ms : 0) / 1000., 0.);
	ev_timer_start(loop, w);
}

static void arm_step(struct gg_service *s)
{
	ev_timer_stop(s->all->gate->loop, &s->timer);
	if (s->svc.timed)
		arm(s->all->gate->loop, &s->timer, s->svc.due_ms - gg_now_ms());
}

static void on_line(struct gg_child *c, const char *line)
{
	gg_service_say(c->arg, GG_EV_SERVICE_LOG, -1, -1, line);
}

/* --- one service --- */

static void spawn(struct gg_service *s)
{
	const struct gg_gate *g = s->all->gate;
	int r;

	s->late = false;
	s->starts++;
	r = gg_child_start(&s->child, g->path, g->instance);
	if (r < 0) {
		gg_service_note_end(s, r);
		return step(s, gg_is_shortage(-r) ? GG_SVC_LACKED : GG_SVC_FAILED);
	}
	gg_service_say(s, GG_EV_SERVICE_STARTED, -1, -1, "started");
	if (s->conf->watch)
		gg_watch_start(&s->watch, s->child.pid);
	if (strcmp(s->conf->ready, "none") == 0)
		step(s, GG_SVC_READY);
}

static void on_ready(struct gg_child *c)
{
	step(c->arg, GG_SVC_READY);
}

static void on_gone(struct gg_child *c)
{
	struct gg_service *s = c->arg;

	gg_watch_stop(&s->watch);
	gg_service_note_end(s, 0);
	step(s, WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0 ? GG_SVC_OK : GG_SVC_FAILED);
}

static void act(struct gg_service *s, enum gg_svc_act a)
{
	switch (a) {
	case GG_SVC_NONE:
		return;
	case GG_SVC_SPAWN:
		return spawn(s);
	case GG_SVC_TELL_READY:
		return gg_service_say_ready(s);
	case GG_SVC_TOO_LATE:
		s->late = true;
		return gg_child_ask(&s->child, gg_service_signal(s->conf));
	case GG_SVC_SIGNAL:
		return gg_child_ask(&s->child, gg_service_signal(s->conf));
	case GG_SVC_KILL:
		return gg_child_kill(&s->child);
	case GG_SVC_SLEEP:
		return gg_service_say_end(s, GG_EV_SERVICE_EXITED, NULL);
	case GG_SVC_FINISH:
		return gg_service_say_end(s, GG_EV_SERVICE_STOPPED, "; its work is done");
	case GG_SVC_GIVE_UP:
		return gg_service_say_gave_up(s);
	case GG_SVC_END:
		return gg_service_say_end(s, GG_EV_SERVICE_STOPPED,
					  s->child.killed ? "; it did not follow its stopSignal in time"
							  : NULL);
	}
}

static void step(struct gg_service *s, enum gg_svc_event event)
{
	uint32_t random = 0;

	/* none is started any more */
	if (event == GG_SVC_TIMER && s->svc.state == GG_SVC_BACKOFF &&
	    (s->all->stopping || (s->conf->watch && s->all->gate->stage >= GG_DRAINING)))
		event = GG_SVC_STOP;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = 0; /* then without jitter */
	act(s, gg_svc_step(&s->svc, s->conf, event, gg_now_ms(), random));
	arm_step(s);
	arm(s->all->gate->loop, &s->all->turn, 0);
}

static void on_timer(EV_P_ ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	step(w->data, GG_SVC_TIMER);
}

/* --- all of them --- */

static bool comes_after(const struct gg_service *s, const struct gg_service *other)
{
	for (size_t i = 0; i < s->conf->after.n; i++)
		if (!strcmp(s->conf->after.v[i], other->conf->name))
			return true;
	return false;
}

static bool may_start(const struct gg_service *s)
{
	for (size_t i = 0; i < s->all->n; i++)
		if (comes_after(s, &s->all->v[i]) && !gg_svc_settled(&s->all->v[i].svc, s->all->v[i].conf))
			return false;
	return true;
}

static bool may_stop(const struct gg_service *s)
{
	if (s->svc.state == GG_SVC_WAITING || s->svc.state == GG_SVC_BACKOFF)
		return true;
	for (size_t i = 0; i < s->all->n; i++)
		if (comes_after(&s->all->v[i], s) && !gg_svc_over(&s->all->v[i].svc))
			return false;
	return true;
}

static bool all_settled(const struct gg_services *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (!gg_svc_settled(&a->v[i].svc, a->v[i].conf))
			return false;
	return true;
}

static bool essential_lost(const struct gg_services *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].conf->essential && a->v[i].svc.state == GG_SVC_GAVE_UP)
			return true;
	return false;
}

static void on_turn(EV_P_ ev_timer *w, int revents)
{
	struct gg_services *a = w->data;
	struct gg_gate *g = a->gate;

	(void)loop;
	(void)revents;
	for (size_t i = 0; i < a->n && !a->stopping; i++)
		if (a->v[i].svc.state == GG_SVC_WAITING && may_start(&a->v[i]))
			step(&a->v[i], GG_SVC_GO);
	for (size_t i = a->n; i-- > 0 && a->stopping;)
		if (!gg_svc_over(&a->v[i].svc) && a->v[i].svc.state != GG_SVC_STOPPING && may_stop(&a->v[i]))
			step(&a->v[i], GG_SVC_STOP);
	if (g->stage < GG_DRAINING && essential_lost(a)) {
		g->exit_code = EXIT_GAVE_UP;
		gg_gate_stop(g);
	}
	if (g->stage == GG_STARTING && all_settled(a))
		gg_gate_ready(g);
	if (a->stopping && gg_services_gone(g))
		gg_gate_session_gone(g);
}

static void init_watch(struct gg_service *s)
{
	char mem[GG_WATCH_SIZE];
	struct gg_buf name = GG_BUF(mem);

	gg_buf_add(&name, "service %s", s->conf->name);
	gg_watch_init(&s->watch, s->all->gate, name.s);
}

int gg_services_start(struct gg_gate *g)
{
	size_t n = g->conf->nservice + (g->admin ? 1 : 0);
	struct gg_services *a;

	if (!n) {
		gg_gate_ready(g);
		return 0;
	}
	a = calloc(1, sizeof(*a) + n * sizeof(a->v[0]));
	if (!a)
		return -ENOMEM;
	g->services = a;
	a->gate = g;
	a->n = n;
	ev_timer_init(&a->turn, on_turn, 0., 0.);
	a->turn.data = a;
	for (size_t i = 0; i < n; i++) {
		static const struct gg_child_calls calls = { on_line, on_ready, on_gone };
		struct gg_service *s = &a->v[i];

		s->all = a;
		s->conf = i < g->conf->nservice ? &g->conf->service[i] : g->admin;
		gg_child_init(&s->child, g->loop, s->conf, &calls, s);
		ev_timer_init(&s->timer, on_timer, 0., 0.);
		s->timer.data = s;
		init_watch(s);
	}
	arm(g->loop, &a->turn, 0);
	return 0;
}

void gg_services_stop(struct gg_gate *g)
{
	if (!g->services || g->services->stopping)
		return;
	g->services->stopping = true;
	arm(g->loop, &g->services->turn, 0);
}

void gg_services_stop_watched(struct gg_gate *g)
{
	for (size_t i = 0; g->services && i < g->services->n; i++) {
		struct gg_service *s = &g->services->v[i];

		if (s->conf->watch && !gg_svc_over(&s->svc) && s->svc.state != GG_SVC_STOPPING)
			step(s, GG_SVC_STOP);
	}
}

void gg_services_hurry(struct gg_gate *g)
{
	struct gg_services *a = g->services;
	int64_t due = gg_now_ms() + g->reaper.lim.grace;

	if (!a)
		return;
	a->stopping = true;
	for (size_t i = a->n; i-- > 0;) {
		step(&a->v[i], GG_SVC_STOP);
		gg_svc_hurry(&a->v[i].svc, due);
		arm_step(&a->v[i]);
	}
}

bool gg_services_gone(const struct gg_gate *g)
{
	for (size_t i = 0; g->services && i < g->services->n; i++)
		if (!gg_svc_over(&g->services->v[i].svc))
			return false;
	return true;
}

void gg_services_free(struct gg_gate *g)
{
	struct gg_services *a = g->services;

	if (!a)
		return;
	ev_timer_stop(g->loop, &a->turn);
	for (size_t i = 0; i < a->n; i++) {
		ev_timer_stop(g->loop, &a->v[i].timer);
		gg_watch_stop(&a->v[i].watch);
		gg_child_close(&a->v[i].child);
	}
	free(a);
	g->services = NULL;
}

bool gg_services_at(const struct gg_gate *g, size_t i, struct gg_service_view *ret)
{
	const struct gg_services *a = g->services;
	const struct gg_service *s;
	bool runs;

	if (!a || i >= a->n)
		return false;
	s = &a->v[i];
	runs = s->child.pid && !s->child.exited;
	*ret = (struct gg_service_view){ .name = s->conf->name,
					 .state = gg_svc_state_name(s->svc.state),
					 .last = s->last,
					 .pid = runs ? s->child.pid : 0,
					 .restarts = s->starts ? s->starts - 1 : 0,
					 .essential = s->conf->essential,
					 .up = s->svc.state == GG_SVC_UP || s->svc.state == GG_SVC_DONE,
					 .dropped_lines = s->child.lines.dropped,
					 .uptime_ms = runs ? gg_now_ms() - s->child.started_ms : -1 };
	return true;
}
