/* remains - see remains.h. */
#include "supervisor/remains.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event.h"
#include "base/headroom.h"
#include "base/pidfd.h"
#include "base/pstat.h"
#include "reaper/proctable.h"

#define LOOK_S 0.02 /* between two looks */

struct gg_idents {
	struct gg_ident *v; /* owned */
	size_t n;
};

struct gg_remains {
	struct gg_gate *gate;
	ev_timer timer;
	int64_t begun_ms;	 /* 0: not yet */
	int64_t killed_ms;	 /* of the first SIGKILL; 0: not yet */
	struct gg_idents elders; /* children that were there before us: not ours to end */
	struct gg_idents told;	 /* they had their SIGTERM */
	bool over;		 /* nothing is left, or we gave up */
};

/* The children of a process that may have gone meanwhile. */
static int children(pid_t pid, pid_t **v, size_t *n, size_t *size)
{
	int r = gg_children(pid, v, n, size);

	return r == -ENOENT || r == -ESRCH ? 0 : r;
}

static bool has(const struct gg_idents *l, pid_t pid, uint64_t start_tick)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].pid == pid && l->v[i].start_tick == start_tick)
			return true;
	return false;
}

static int add(struct gg_idents *l, pid_t pid, uint64_t start_tick)
{
	struct gg_ident *v = realloc(l->v, (l->n + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	l->v = v;
	l->v[l->n++] = (struct gg_ident){ pid, start_tick };
	return 0;
}

/* Nobody else's: a number that was listed as a child's may be another's by the time that it is looked at. */
static bool is_below_us(const struct gg_idents *l, pid_t ppid)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].pid == ppid)
			return true;
	return ppid == getpid();
}

static int find_once(const struct gg_gate *g, struct gg_idents *l)
{
	AUTO_FREE pid_t *pid = NULL;
	size_t n = 0, size = 0, ours, before;
	int r = children(getpid(), &pid, &n, &size);

	ours = n;
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct gg_pstat st;

		r = gg_pstat_read(pid[i], &st);
		if (gg_is_shortage(-r))
			break; /* whoever cannot be looked at may be there */
		if (r < 0 || !is_below_us(l, st.ppid) ||
		    (i < ours && g->remains && has(&g->remains->elders, pid[i], st.start_tick))) {
			r = 0;
			continue;
		}
		if (getpid() != 1 && gg_orphan_is_gc(pid[i], st.sid))
			continue; /* it does not need us */
		before = n;
		r = children(pid[i], &pid, &n, &size);
		if (n > before && gg_pstat_still(pid[i], st.start_tick) < 0)
			n = before; /* they may be another's */
		if (r == 0 && (!strchr("ZX", st.state) || st.nlwp > 1))
			r = add(l, pid[i], st.start_tick);
	}
	return r;
}

/*
 * All that live below us, into *l. 0 or -errno. Nobody does only when a second look says so, too: whose
 * parent ends while we are at it has become our child after those were listed.
 */
static int find(const struct gg_gate *g, struct gg_idents *l)
{
	int r = find_once(g, l);

	return r == 0 && !l->n ? find_once(g, l) : r;
}

/* SIGTERM once, and a stopped one is woken for it; those that come from a fork in its way too. */
static void tell(struct gg_remains *m, const struct gg_ident *who)
{
	if (has(&m->told, who->pid, who->start_tick) || add(&m->told, who->pid, who->start_tick) < 0)
		return;
	gg_proc_signal(who->pid, who->start_tick, SIGTERM);
	gg_proc_signal(who->pid, who->start_tick, SIGCONT);
}

static void say(const struct gg_idents *l)
{
	char mem[160];
	struct gg_buf pids = GG_BUF(mem);
	struct gg_fields f = { GG_NO_FIELDS, .pids = pids.s };

	for (size_t i = 0; i < l->n; i++)
		gg_buf_add(&pids, "%s%d", i ? "," : "", (int)l->v[i].pid);
	gg_event(GG_EV_SESSION_STRAY, &f, "%zu processes have outlived sessions and services; they are ended",
		 l->n);
}

/* A grace and a second after SIGKILL, however long we stood still before it, whatever is left is left. */
static bool out_of_patience(const struct gg_remains *m, int64_t now)
{
	return m->killed_ms && now - m->killed_ms > m->gate->reaper.lim.grace + 1000;
}

/* A look, and what follows from it. */
static void look(struct gg_remains *m)
{
	int64_t now = gg_now_ms();
	struct gg_idents l = { 0 };
	int r = find(m->gate, &l);

	if ((r == 0 && !l.n) || out_of_patience(m, now)) {
		m->over = true;
		if (r < 0 || l.n)
			gg_event(GG_EV_GATE_ERROR, NULL,
				 "%zu processes could not be ended%s%s; stopping without them", l.n,
				 r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
	} else if (l.n && !m->told.n) {
		say(&l);
	}
	if (!m->killed_ms && now - m->begun_ms >= m->gate->reaper.lim.grace)
		m->killed_ms = now;
	for (size_t i = 0; i < l.n && !m->over; i++)
		if (!m->killed_ms)
			tell(m, &l.v[i]);
		else
			gg_proc_signal(l.v[i].pid, l.v[i].start_tick, SIGKILL);
	free(l.v);
}

static void on_timer(EV_P_ ev_timer *w, int revents)
{
	struct gg_remains *m = w->data;

	(void)revents;
	look(m);
	if (!m->over)
		return;
	ev_timer_stop(EV_A_ w);
	gg_gate_session_gone(m->gate);
}

bool gg_remains_gone(struct gg_gate *g)
{
	struct gg_remains *m = g->remains;

	if (m->begun_ms)
		return m->over;
	m->begun_ms = gg_now_ms();
	look(m);
	if (!m->over)
		ev_timer_again(g->loop, &m->timer);
	return m->over;
}

bool gg_remains_begun(const struct gg_gate *g)
{
	return g->remains->begun_ms != 0;
}

void gg_remains_kill(struct gg_gate *g)
{
	struct gg_idents l = { 0 };

	find(g, &l);
	for (size_t i = 0; i < l.n; i++)
		gg_proc_signal(l.v[i].pid, l.v[i].start_tick, SIGKILL);
	free(l.v);
}

int gg_remains_open(struct gg_gate *g)
{
	struct gg_remains *m = calloc(1, sizeof(*m));
	struct gg_idents l = { 0 };
	int r = 0;

	if (!m)
		return -ENOMEM;
	m->gate = g;
	ev_timer_init(&m->timer, on_timer, LOOK_S, LOOK_S);
	m->timer.data = m;
	/* PID 1 takes everybody with it anyway */
	r = getpid() == 1 ? 0 : find(g, &l);
	m->elders = l;
	g->remains = m;
	return r;
}

void gg_remains_free(struct gg_gate *g)
{
	struct gg_remains *m = g->remains;

	if (!m)
		return;
	ev_timer_stop(g->loop, &m->timer);
	free(m->elders.v);
	free(m->told.v);
	free(m);
	g->remains = NULL;
}
