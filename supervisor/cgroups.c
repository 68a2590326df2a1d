/* cgroups - when sessions get a cgroup of their own, and when it goes. See cgroups.h. */
#include "supervisor/cgroups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/event.h"

#define AGAIN_S 1. /* while one could not be removed */

struct gg_cgroups {
	struct gg_gate *gate;
	struct gg_cgroup own;
	ev_timer timer;
	bool failing; /* the last one could not be made, and that was said */
};

static bool in_use(const struct gg_gate *g)
{
	return g->cgroups && g->cgroups->own.base >= 0;
}

const char *gg_cgroups_path(const struct gg_gate *g, const char **ret_why)
{
	if (in_use(g))
		return g->cgroups->own.path;
	*ret_why = !g->cgroups							 ? "sessions are not ours"
		   : g->conf->cgroup == GG_CGROUP_OFF && !g->cgroups->own.why[0] ? "reaper.cgroup=off"
										 : g->cgroups->own.why;
	return NULL;
}

/* --- those of no session --- */

struct sweep {
	struct gg_cgroups *c;
	size_t left, killed; /* cgroups; processes */
};

static size_t count(int base, const char *id)
{
	AUTO_FREE pid_t *v = NULL;
	size_t n = 0, size = 0;

	return gg_cgroup_procs(base, id, &v, &n, &size) < 0 ? 0 : n;
}

/* Nobody knows any more who they are: the session is over, and who may outlive it has been let out. */
static void sweep_one(int base, const char *id, void *arg)
{
	struct sweep *w = arg;
	struct gg_cgroups *c = w->c;
	int r;

	if (gg_registry_find(&c->gate->reg, id))
		return;
	r = gg_cgroup_remove(&c->own, base, id);
	if (r == 0)
		return;
	w->left++;
	if (r == -EBUSY && !c->gate->reaper.observe) {
		w->killed += count(base, id);
		gg_cgroup_kill(&c->own, base, id);
	}
}

static struct sweep sweep(struct gg_cgroups *c)
{
	struct sweep w = { .c = c };

	gg_cgroup_each(c->own.base, sweep_one, &w);
	if (c->own.before >= 0)
		gg_cgroup_each(c->own.before, sweep_one, &w);
	return w;
}

static void on_timer(EV_P_ ev_timer *w, int revents)
{
	struct gg_cgroups *c = w->data;
	struct sweep s = sweep(c);

	(void)revents;
	if (s.killed)
		gg_event(GG_EV_SESSION_STRAY, NULL,
			 "%zu processes were found in the cgroups of sessions that are over; "
			 "they are ended",
			 s.killed);
	if (s.left)
		return;
	gg_cgroup_drop_before(&c->own);
	ev_timer_stop(EV_A_ w);
}

static void again(struct gg_cgroups *c)
{
	if (!ev_is_active(&c->timer))
		ev_timer_again(c->gate->loop, &c->timer);
}

/* --- sessions --- */

void gg_cgroups_begin(struct gg_gate *g, struct gg_session *s, char *ret_dir)
{
	struct gg_cgroups *c = g->cgroups;
	int r;

	ret_dir[0] = '\0';
	if (!in_use(g))
		return;
	r = gg_cgroup_make(c->own.base, s->id);
	if (r == 0) {
		s->cgroup = c->own.base;
		snprintf(ret_dir, PATH_MAX, "%.*s/session-%s", PATH_MAX - 32, c->own.path, s->id);
	} else if (!c->failing) {
		gg_event(GG_EV_GATE_CGROUP, NULL,
			 "cannot make a cgroup for a session: %s; it is served without", strerror(-r));
	}
	c->failing = r < 0;
}

void gg_cgroups_adopt(const struct gg_gate *g, struct gg_session *s)
{
	if (!in_use(g) || g->cgroups->own.before < 0)
		return;
	s->cgroup = g->cgroups->own.before;
	gg_cgroup_freeze(s->cgroup, s->id, false); /* it may have died in that moment */
}

void gg_cgroups_end(struct gg_gate *g, struct gg_session *s)
{
	if (s->cgroup >= 0 && gg_cgroup_remove(&g->cgroups->own, s->cgroup, s->id) < 0)
		again(g->cgroups);
	s->cgroup = -1;
}

void gg_cgroups_end_before(struct gg_gate *g)
{
	struct sweep w;

	if (!in_use(g) || g->cgroups->own.before < 0)
		return;
	w = sweep(g->cgroups);
	if (w.killed)
		gg_event(GG_EV_GATE_PREDECESSOR, NULL,
			 "%zu processes were found in the cgroups of sessions of a gate that died; they are "
			 "ended",
			 w.killed);
	again(g->cgroups); /* and once those that are adopted have gone */
}

/* --- the gate --- */

int gg_cgroups_open(struct gg_gate *g)
{
	struct gg_cgroups *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->gate = g;
	c->own.parent = c->own.base = c->own.before = -1;
	ev_timer_init(&c->timer, on_timer, 0., AGAIN_S);
	c->timer.data = c;
	g->cgroups = c;
	if (g->conf->cgroup == GG_CGROUP_OFF)
		return 0;
	r = gg_cgroup_open(&c->own, g->instance);
	if (r == -ENOMEM)
		return r; /* not for the life of a gate: the next start may have it */
	if (r < 0) {
		gg_event(GG_EV_GATE_CGROUP, NULL, "sessions have no cgroup of their own: %s", c->own.why);
		return 0;
	}
	r = gg_cgroup_find_before(&c->own, g->predecessor);
	if (r < 0)
		return r;
	g->reaper.cgroup = &c->own;
	gg_event(GG_EV_GATE_CGROUP, NULL, "each session is in a cgroup of its own, below %s", c->own.path);
	return 0;
}

void gg_cgroups_close(struct gg_gate *g)
{
	struct gg_cgroups *c = g->cgroups;

	if (!c)
		return;
	ev_timer_stop(g->loop, &c->timer);
	if (in_use(g) && !sweep(c).left)
		gg_cgroup_drop_before(&c->own);
	gg_cgroup_close(&c->own);
	free(c);
	g->cgroups = NULL;
	g->reaper.cgroup = NULL;
}
