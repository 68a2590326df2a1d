/* admit - who of the accepted connections is served, when. See admit.h. */
#include "supervisor/admit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/eventrate.h"
#include "base/headroom.h"
#include "supervisor/linger.h"
#include "supervisor/listen.h"
#include "supervisor/waitroom.h"

#define SWEEP_S 1.0 /* how often the room is looked at for who left, or waited too long */
#define TURN_MS 20  /* for starting sessions, at one turn of the loop */
#define SAY_EVERY_MS 60000
#define STRANGERS_BURST 20
#define LATE_MS 1000	    /* such a look that comes later than this after it was due */
#define STRANGERS_RATE 1    /* a second */
#define START_FDS 7	    /* that starting a session takes at most; four of them it keeps */
#define SESSION_PROCESSES 6 /* of a push: git-daemon, receive-pack, index-pack, a hook and what it runs */
#define DOUBT_MS 60000	    /* since a process was refused last */

static const char stopping[] = "the gate is stopping, try again";
static const char drained[] = "the gate is drained, try again later";
static const char not_free[] = "no session became free within deadline.wait, try again later";
static const char lacking[] = "the gate could not start a session within deadline.wait, try again later";
static const char room_full[] = "too many clients are waiting, try again later";
static const char repo_full[] = "too many sessions of this repository, try again later";

struct gg_admit {
	struct gg_waitroom *room;
	ev_timer sweep;
	ev_timer go_on; /* at the next turn of the loop */
	unsigned turn;
	int64_t turn_ms;  /* when the first session of this turn was to be started */
	int64_t sweep_ms; /* when it is due */
	uint64_t refused;
	int64_t said_ms;
	struct gg_bucket stranger_rate; /* records of who may not connect at all: they can be anybody */
	uint64_t strangers_untold;
	int64_t no_process_ms; /* when one was refused last; 0: never */
	bool serving_next; /* gg_admit_next is at work: a session that fails to start must not call it again
			    */
};

static size_t held(const struct gg_gate *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->reg.n; i++)
		n += g->reg.v[i]->held && !g->reg.v[i]->root_gone;
	return n;
}

size_t gg_admit_waiting(const struct gg_gate *g)
{
	return g->admit ? gg_waitroom_count(g->admit->room) + held(g) : 0;
}

int64_t gg_admit_longest_wait(const struct gg_gate *g, int64_t now_ms)
{
	int64_t arrived = g->admit ? gg_waitroom_oldest(g->admit->room) : -1;

	return arrived < 0 ? -1 : now_ms - arrived;
}

uint64_t gg_admit_refused(const struct gg_gate *g)
{
	return g->admit ? g->admit->refused : 0;
}

/* One that is closing already comes first. */
static bool longer_idle(const struct gg_session *a, const struct gg_session *b)
{
	return a->half_closed == b->half_closed ? a->track.accepted_ms < b->track.accepted_ms
						: a->half_closed;
}

static bool peer_may(const char *host, void *arg)
{
	struct gg_gate *g = arg;
	struct gg_session *idle = NULL;
	size_t n = 0, len = strlen(host);

	if (!g->conf->sessions_per_peer)
		return true;
	for (size_t i = 0; i < g->reg.n; i++) {
		struct gg_session *s = g->reg.v[i];

		if (s->root_gone || s->lent || gg_addr_host_len(s->peer) != len ||
		    strncmp(s->peer, host, len) != 0)
			continue;
		n++;
		if (s->view.phase == GG_PHASE_KEEP_ALIVE && (!idle || longer_idle(s, idle)))
			idle = s;
	}
	if (n < (size_t)g->conf->sessions_per_peer)
		return true;
	/* a connection of its own that it keeps for nothing makes room for it; not if one is closing already
	 */
	if (idle && !idle->half_closed && gg_reaper_close_idle(idle, gg_now_ms(), g->reaper.lim.grace))
		gg_gate_wake(g);
	return false;
}

static void turn_away(struct gg_gate *g, const struct gg_waiter *w, const char *why)
{
	char mem[64];
	struct gg_buf b = GG_BUF(mem);
	struct gg_fields f = { GG_NO_FIELDS, .transport = gg_transport_name(w->transport), .peer = b.s };

	gg_addr_add(&b, &w->peer);
	g->admit->refused++;
	gg_clientsock_turn_away(w->fd, w->transport, GG_LATER, why);
	gg_linger(g, w->fd, false, false);
	gg_event(GG_EV_SESSION_REFUSED, &f, "%s", why);
}

void gg_admit_refuse(struct gg_gate *g, int fd, const struct gg_addr *peer, enum gg_transport transport,
		     enum gg_denial how, const char *why)
{
	struct gg_admit *a = g->admit;
	char mem[64], more_mem[64];
	struct gg_buf b = GG_BUF(mem), more = GG_BUF(more_mem);
	struct gg_fields f = { GG_NO_FIELDS, .transport = gg_transport_name(transport), .peer = b.s,
			       .reason = "access" };

	gg_addr_add(&b, peer);
	gg_clientsock_turn_away(fd, transport, how, why);
	gg_linger(g, fd, false, false);
	a->refused++;
	if (!gg_bucket_take(&a->stranger_rate, gg_now_ms(), STRANGERS_BURST, STRANGERS_RATE)) {
		a->strangers_untold++;
		return;
	}
	if (a->strangers_untold)
		gg_buf_add(&more, "; so were %llu more since", (unsigned long long)a->strangers_untold);
	a->strangers_untold = 0;
	gg_event(GG_EV_SESSION_REFUSED, &f, "%s%s", why, more.s);
}

/* Only a connection whose client is still there is worth a process. */
static bool has_left(int fd)
{
	struct gg_tcp tcp;

	gg_scan_tcp(fd, &tcp);
	/* what it sent before a FIN may be a whole push */
	return tcp.valid && (tcp.gone || (tcp.peer_closed && !tcp.queued_in));
}

/* limit.waiting, or fewer where the machine has not the descriptors: the reaper and the control socket need
 * theirs. */
static size_t room_size(const struct gg_gate *g)
{
	size_t waiting = (size_t)g->conf->waiting;

	return waiting < g->room_fds ? waiting : g->room_fds;
}

static bool full(const struct gg_gate *g)
{
	return gg_registry_serving(&g->reg) >= (size_t)g->conf->sessions;
}

/* "[::1]:53211" and "[::1]:53212" */
static bool same_host(const struct gg_session *a, const struct gg_session *b)
{
	size_t n = gg_addr_host_len(a->peer);

	return gg_addr_host_len(b->peer) == n && !strncmp(a->peer, b->peer, n);
}

/*
 * Peers take turns in each repository. A session's turn comes after those of its peer that are held before
 * it, and after the one that is being served: who comes back at once waits for the others of this turn.
 */
static uint64_t next_turn(const struct gg_gate *g, const struct gg_session *s)
{
	uint64_t last = 0;

	for (size_t i = 0; i < g->reg.n; i++) {
		const struct gg_session *t = g->reg.v[i];

		if (t != s && !t->root_gone && t->turn > last && !strcmp(t->repo, s->repo) &&
		    (!t->held || same_host(t, s)))
			last = t->turn;
	}
	return last + 1;
}

/* Is it the next of those held for its repository? */
static bool is_next(const struct gg_gate *g, const struct gg_session *s)
{
	for (size_t i = 0; i < g->reg.n; i++) {
		const struct gg_session *t = g->reg.v[i];

		if (t->held && !t->root_gone &&
		    (t->turn < s->turn || (t->turn == s->turn && t->accepted_ms < s->accepted_ms)) &&
		    !strcmp(t->repo, s->repo))
			return false;
	}
	return true;
}

/* Of those that are next in a repository that has room again, the one that came first. */
static struct gg_session *releasable(struct gg_gate *g)
{
	struct gg_session *first = NULL;

	for (size_t i = 0; i < g->reg.n; i++) {
		struct gg_session *s = g->reg.v[i];

		if (s->held && !s->root_gone && (!first || s->accepted_ms < first->accepted_ms) &&
		    is_next(g, s) &&
		    (!g->conf->sessions_per_repo ||
		     gg_session_repo_count(g, s->repo) < (size_t)g->conf->sessions_per_repo))
			first = s;
	}
	return first;
}

size_t gg_admit_pressed(const struct gg_gate *g)
{
	return g->admit && full(g) ? gg_waitroom_count(g->admit->room) : 0;
}

/*
 * To start a session takes until its process has called exec, which on a busy machine takes many times as
 * long: for that the reaper, signals and who asks over the control socket get their turn in between.
 */
bool gg_admit_has_time(struct gg_gate *g)
{
	struct gg_admit *a = g->admit;
	int64_t now = gg_now_ms();

	if (a->turn != ev_iteration(g->loop)) {
		a->turn = ev_iteration(g->loop);
		a->turn_ms = now;
	}
	return now - a->turn_ms < TURN_MS;
}

static void on_go_on(EV_P_ ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	gg_admit_next(timer->data);
}

/* Who waits does so for want of time, not of a place. */
static bool goes_on(const struct gg_gate *g)
{
	return ev_is_active(&g->admit->go_on);
}

static bool may_serve(const struct gg_gate *g)
{
	return g->stage == GG_SERVING && !g->drained && !gg_listen_out_of_resources(g) && !full(g);
}

/* What a session takes besides the first process. Not looked at when there is none: then it is tried. */
static int check_headroom(const struct gg_gate *g)
{
	const struct gg_admit *a = g->admit;

	if (!gg_registry_serving(&g->reg))
		return 0;
	if (!gg_headroom_fds(START_FDS + GG_SPARE_FDS))
		return -EMFILE;
	/* git would fail half-way, for want of a process of its own */
	if (a->no_process_ms && gg_now_ms() - a->no_process_ms < DOUBT_MS &&
	    !gg_headroom_processes(SESSION_PROCESSES))
		return -EAGAIN;
	return 0;
}

/* 0: w is served, or has left. -errno: the machine lacks something. */
static int serve(struct gg_gate *g, const struct gg_waiter *w)
{
	int r;

	if (has_left(w->fd)) {
		close(w->fd);
		return 0;
	}
	r = check_headroom(g);
	r = r ? r : gg_session_start(g, w);
	if (r == -EAGAIN)
		g->admit->no_process_ms = gg_now_ms();
	else if (r == 0)
		gg_hist_add(&g->metrics.wait[w->transport], GG_METRIC_WAIT,
			    (gg_now_ms() - w->arrived_ms) * 1000);
	return r;
}

void gg_admit_next(struct gg_gate *g)
{
	struct gg_admit *a = g->admit;
	const struct gg_waiter *next;
	struct gg_session *s;

	if (!a || a->serving_next)
		return;
	a->serving_next = true;
	while (may_serve(g) && (s = releasable(g)))
		gg_session_release(s);
	while (may_serve(g) && (next = gg_waitroom_next(a->room, peer_may, g))) {
		int r;

		if (!gg_admit_has_time(g)) {
			ev_timer_start(g->loop, &a->go_on);
			break;
		}
		r = serve(g, next);
		if (r < 0) /* the machine lacks something: it waits on, and is the next then */
			gg_listen_pause(g, "cannot start a session", -r);
		else
			gg_waitroom_take(a->room, next);
	}
	a->serving_next = false;
	if (!gg_admit_waiting(g))
		ev_timer_stop(g->loop, &a->sweep);
}

static void start_sweep(struct gg_gate *g)
{
	if (ev_is_active(&g->admit->sweep))
		return;
	ev_timer_again(g->loop, &g->admit->sweep);
	g->admit->sweep_ms = gg_now_ms() + (int64_t)(SWEEP_S * 1000);
}

void gg_admit(struct gg_gate *g, const struct gg_waiter *who)
{
	struct gg_admit *a = g->admit;
	struct gg_waiter w = *who, last;

	w.arrived_ms = gg_now_ms();
	if (g->drained)
		return turn_away(g, &w, drained);
	if (gg_admit_waiting(g) >= room_size(g) && (full(g) || (gg_admit_waiting(g) && !goes_on(g)))) {
		if (!gg_waitroom_displace(a->room, &w, &last))
			return turn_away(g, &w, room_full);
		turn_away(g, &last, room_full);
	}
	if (gg_waitroom_add(a->room, &w) < 0)
		return turn_away(g, &w, "out of memory, try again later");
	gg_admit_next(g);
	if (!gg_waitroom_count(a->room))
		return;
	start_sweep(g);
	if (full(g) && (!a->said_ms || w.arrived_ms - a->said_ms > SAY_EVERY_MS)) {
		a->said_ms = w.arrived_ms;
		gg_event(GG_EV_GATE_LIMITED, NULL, "limit.sessions (%lld) is reached: further clients wait",
			 (long long)g->conf->sessions);
	}
}

static void refuse_held(struct gg_gate *g, struct gg_session *s, const char *why)
{
	g->admit->refused++;
	gg_session_give_up(s, why);
}

static void give_up_held(struct gg_gate *g)
{
	int64_t before = g->conf->wait_ms == GG_NEVER ? INT64_MIN : gg_now_ms() - g->conf->wait_ms;
	struct gg_tcp tcp;

	for (size_t i = 0; i < g->reg.n; i++) {
		struct gg_session *s = g->reg.v[i];

		if (!s->held || s->root_gone)
			continue;
		gg_scan_tcp(s->sock, &tcp);
		if (s->accepted_ms + s->held_ms < before || (tcp.valid && tcp.peer_closed))
			refuse_held(g, s, repo_full);
	}
}

static void close_one(int fd)
{
	close(fd);
}

/* The gate stood still: nobody could be served meanwhile, and that is nobody's fault. */
static void make_good(struct gg_gate *g)
{
	int64_t now = gg_now_ms(), late = now - g->admit->sweep_ms;

	g->admit->sweep_ms = now + (int64_t)(SWEEP_S * 1000);
	if (late <= LATE_MS)
		return;
	gg_waitroom_delay(g->admit->room, late, now);
	for (size_t i = 0; i < g->reg.n; i++)
		g->reg.v[i]->held_ms += g->reg.v[i]->held ? late : 0;
}

static void on_sweep(EV_P_ ev_timer *timer, int revents)
{
	struct gg_gate *g = timer->data;
	struct gg_waiter w;

	(void)loop;
	(void)revents;
	make_good(g);
	gg_waitroom_sweep(g->admit->room, has_left, close_one);
	while (g->conf->wait_ms != GG_NEVER &&
	       gg_waitroom_expired(g->admit->room, gg_now_ms() - g->conf->wait_ms, &w))
		turn_away(g, &w, gg_listen_out_of_resources(g) ? lacking : not_free);
	give_up_held(g);
	gg_admit_next(g);
}

bool gg_admit_repo_full(const struct gg_gate *g, const struct gg_session *s)
{
	return g->conf->sessions_per_repo &&
	       gg_session_repo_count(g, s->repo) > (size_t)g->conf->sessions_per_repo;
}

bool gg_admit_repo(struct gg_gate *g, struct gg_session *s)
{
	s->turn = next_turn(g, s);
	if (!gg_admit_repo_full(g, s))
		return true;
	if (!g->admit) { /* stopping: nobody would let it go on */
		gg_session_give_up(s, stopping);
		return false;
	}
	if (g->drained) { /* it would be held until somebody resumes */
		refuse_held(g, s, drained);
		return false;
	}
	if (held(g) >= room_size(g)) {
		refuse_held(g, s, repo_full);
		return false;
	}
	s->held = true;
	start_sweep(g);
	gg_admit_next(g); /* its place is free: it runs nothing while it is held */
	return false;
}

int gg_admit_open(struct gg_gate *g)
{
	g->admit = calloc(1, sizeof(*g->admit));
	if (!g->admit)
		return -ENOMEM;
	g->admit->room = gg_waitroom_new();
	if (!g->admit->room)
		return -ENOMEM;
	ev_timer_init(&g->admit->sweep, on_sweep, SWEEP_S, SWEEP_S);
	ev_timer_init(&g->admit->go_on, on_go_on, 0., 0.);
	g->admit->sweep.data = g->admit->go_on.data = g;
	return 0;
}

static void turn_away_all(struct gg_gate *g, const char *why)
{
	struct gg_waiter w;

	for (size_t i = 0; i < g->reg.n; i++)
		if (g->reg.v[i]->held && !g->reg.v[i]->root_gone)
			refuse_held(g, g->reg.v[i], why);
	ev_timer_stop(g->loop, &g->admit->sweep);
	ev_timer_stop(g->loop, &g->admit->go_on);
	while (g->admit->room && gg_waitroom_expired(g->admit->room, INT64_MAX, &w))
		turn_away(g, &w, why);
}

void gg_admit_drain(struct gg_gate *g)
{
	g->drained = true;
	turn_away_all(g, drained);
}

void gg_admit_resume(struct gg_gate *g)
{
	g->drained = false;
	gg_admit_next(g);
}

void gg_admit_close(struct gg_gate *g, const char *why)
{
	if (!g->admit)
		return;
	turn_away_all(g, why);
	if (g->admit->room)
		gg_waitroom_free(g->admit->room);
	free(g->admit);
	g->admit = NULL;
}
