/* report - the gate's state as JSON. See report.h. */
#include "supervisor/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/jsonmem.h"
#include "reaper/client.h"
#include "reaper/procfs.h"
#include "supervisor/admit.h"
#include "supervisor/cgroups.h"
#include "supervisor/control.h"
#include "supervisor/lameduck.h"
#include "supervisor/listen.h"
#include "supervisor/recent.h"
#include "supervisor/service.h"

/* For one list of the sessions, some hundred of them; of more, it is the others' turn the next time. Whoever
 * watches thousands must not hold up the gate. */
#define LOOK_CPU_MS 100

/* What its hook says it does, while there is one; a refresh goes before git. */
static const char *step(const struct gg_session *s)
{
	bool hook = s->view.phase == GG_PHASE_HOOK || s->view.phase == GG_PHASE_WORK;

	return hook && !s->root_gone ? s->step : "";
}

/*
 * What the row shows, which was looked at for it, is what the policy judges: if not, its next look begins
 * anew. In the request the time counts whose turn it ever is.
 */
static bool is_judged(const struct gg_session *s)
{
	return s->view.phase == s->track.phase &&
	       (s->view.phase == GG_PHASE_REQUEST || s->view.client_turn == s->track.client_turn);
}

/* The deadline that counts now, and how much of it is used. Who is being ended has none any more. */
static void add_deadline(json_t *to, const struct gg_gate *g, const struct gg_session *s, int64_t now_ms)
{
	int64_t limit = -1, used = -1;
	enum gg_reason r = GG_REASON_NONE;

	if (!s->root_gone && !s->held && !s->ending.reason && is_judged(s))
		r = gg_track_deadline(&s->track, now_ms, &g->reaper.lim, &limit, &used);
	json_object_set_new(to, "deadline", r ? json_string(gg_reason_key(r)) : json_null());
	json_object_set_new(to, "deadline_ms", gg_report_number(limit));
	json_object_set_new(to, "deadline_used_ms", gg_report_number(used));
}

json_t *gg_report_session(const struct gg_gate *g, const struct gg_session *s, int64_t now_ms)
{
	json_t *j = json_pack(
		"{s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:i, s:o, s:o}", "id", s->id,
		"transport", s->transport, "service", s->service, "repo", gg_report_text(s->repo), "peer",
		s->peer, "phase", gg_phase_name(s->root_gone ? GG_PHASE_CLOSING : s->view.phase), "step",
		step(s), "age_ms", (json_int_t)(now_ms - s->accepted_ms), "quiet_ms",
		(json_int_t)(now_ms - s->track.moved_ms), "bytes_in", (json_int_t)s->tcp.received,
		"bytes_out", (json_int_t)s->tcp.acked, "pid", (int)s->root, "ending",
		s->ending.reason ? json_string(gg_reason_name(s->ending.reason)) : json_null(), "watch",
		s->lent ? json_string(s->lent->watch) : json_null());

	json_object_set_new(j, "user", s->user[0] ? json_string(s->user) : json_null());
	add_deadline(j, g, s, now_ms);
	json_object_set_new(j, "rate_in", gg_report_number(s->track.rate_in));
	json_object_set_new(j, "rate_out", gg_report_number(s->track.rate_out));
	return j;
}

void gg_report_look(struct gg_gate *g, struct gg_session *s, int64_t now_ms)
{
	struct gg_snap snap;

	if (gg_reaper_look(&g->reaper, s, now_ms, &snap) == 0)
		free(snap.v);
}

json_t *gg_report_sessions(struct gg_gate *g)
{
	json_t *all = json_array();
	int64_t now = gg_now_ms(), until = gg_clock_ms(CLOCK_THREAD_CPUTIME_ID) + LOOK_CPU_MS;

	for (size_t i = 0; i < g->reg.n && gg_clock_ms(CLOCK_THREAD_CPUTIME_ID) < until; i++)
		gg_report_look(g, g->reg.v[g->looked_at++ % g->reg.n], now);
	for (size_t i = 0; i < g->reg.n; i++)
		json_array_append_new(all, gg_report_session(g, g->reg.v[i], now));
	return all;
}

json_t *gg_report_ended(const struct gg_ended *e)
{
	json_t *j = json_pack(
		"{s:s, s:s, s:s, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:i, s:o, s:o, s:o, s:o, s:I, s:i, s:o}",
		"id", e->id, "transport", e->transport, "service", e->service, "repo",
		gg_report_text(e->repo), "peer", e->peer, "phase", gg_phase_name(e->phase), "age_ms",
		(json_int_t)e->age_ms, "quiet_ms", (json_int_t)e->quiet_ms, "bytes_in",
		(json_int_t)e->bytes_in, "bytes_out", (json_int_t)e->bytes_out, "pid", (int)e->pid, "reason",
		e->reason ? json_string(gg_reason_name(e->reason)) : json_null(), "key",
		e->key ? json_string(e->key) : json_null(), "limit_ms", gg_report_number(e->limit_ms),
		"steps", gg_report_split(e->steps, ','), "time", (json_int_t)e->time, "status", e->status,
		"watch", e->watch[0] ? json_string(e->watch) : json_null());

	json_object_set_new(j, "user", e->user[0] ? json_string(e->user) : json_null());
	return j;
}

json_t *gg_report_history(const struct gg_gate *g, bool all)
{
	json_t *list = json_array();
	struct gg_history at = { 0 };
	const struct gg_ended *e;

	while ((e = gg_registry_history(&g->reg, &at)))
		if (all || e->reason)
			json_array_append_new(list, gg_report_ended(e));
	return list;
}

static json_t *addresses(const struct gg_gate *g)
{
	json_t *a = json_array();

	for (size_t i = 0; i < gg_listen_count(g); i++) {
		char mem[80];
		struct gg_buf b = GG_BUF(mem);

		gg_listen_address(g, i, &b);
		json_array_append_new(a, json_string(b.s));
	}
	return a;
}

static json_t *by_reason(const struct gg_gate *g)
{
	json_t *o = json_object();

	for (enum gg_reason r = GG_REASON_NONE + 1; r < GG_NREASONS; r++)
		if (g->reg.by_reason[r])
			json_object_set_new(o, gg_reason_name(r),
					    json_integer((json_int_t)g->reg.by_reason[r]));
	return o;
}

static json_t *services(const struct gg_gate *g)
{
	json_t *a = json_array();
	struct gg_service_view v;

	for (size_t i = 0; gg_services_at(g, i, &v); i++)
		json_array_append_new(a, json_pack("{s:s, s:s, s:o, s:I, s:o, s:o}", "name", v.name, "state",
						   v.state, "pid", v.pid ? json_integer(v.pid) : json_null(),
						   "restarts", (json_int_t)v.restarts, "uptime_ms",
						   gg_report_number(v.uptime_ms), "last",
						   v.last[0] ? gg_report_text(v.last) : json_null()));
	return a;
}

static void add_cgroup(const struct gg_gate *g, json_t *to)
{
	const char *why = NULL, *path = gg_cgroups_path(g, &why);

	json_object_set_new(to, "cgroup", path ? gg_report_text(path) : json_null());
	json_object_set_new(to, "cgroup_unused", path ? json_null() : gg_report_text(why));
}

json_t *gg_report_status(const struct gg_gate *g)
{
	json_t *j = json_pack(
		"{s:s, s:s, s:i, s:s, s:I, s:o, s:o, s:o}", "version", GG_VERSION, "instance", g->instance,
		"pid", (int)getpid(), "mode", g->conf->mode == GG_MODE_OBSERVE ? "observe" : "enforce",
		"uptime_ms", (json_int_t)(gg_now_ms() - g->started_ms), "listening", addresses(g), "control",
		gg_report_text(g->conf->control), "base_path", gg_report_text(g->conf->base_path));
	const struct {
		const char *key;
		uint64_t value;
	} counts[] = {
		{ "sessions", gg_registry_serving(&g->reg) },
		{ "limit_sessions", (uint64_t)g->conf->sessions },
		{ "waiting", gg_admit_waiting(g) },
		{ "refused", gg_admit_refused(g) },
		{ "ended", g->reg.ended_at },
		{ "reaped", g->reg.reaped },
		{ "observed", g->reg.observed },
		{ "dropped_events", gg_event_dropped() },
		{ "suppressed_events", gg_event_suppressed() },
		{ "proc_reads", gg_scan_reads() },
		{ "wakeups", ev_iteration(g->loop) },
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		json_object_set_new(j, counts[i].key, json_integer((json_int_t)counts[i].value));
	json_object_set_new(j, "by_reason", by_reason(g));
	json_object_set_new(j, "limits", gg_report_limits(g));
	json_object_set_new(j, "longest_wait_ms", gg_report_number(gg_admit_longest_wait(g, gg_now_ms())));
	json_object_set_new(j, "last_error", gg_recent_error(g->recent));
	json_object_set_new(j, "draining",
			    json_boolean(g->stage >= GG_DRAINING || g->drained || gg_lameduck(g)));
	json_object_set_new(j, "paused", json_boolean(gg_listen_out_of_resources(g)));
	json_object_set_new(j, "reduced_evidence", json_boolean(g->reaper.reduced));
	add_cgroup(g, j);
	json_object_set_new(j, "services", services(g));
	return j;
}

static json_t *process(const struct gg_proc *p)
{
	char argv[512] = "", state[2] = { p->state, 0 };
	size_t n = 0;
	int64_t tick_ms = 1000 / sysconf(_SC_CLK_TCK);

	if (gg_procfs_argv(p->pid, argv, sizeof(argv), &n) < 0)
		n = 0;
	for (size_t i = 0; i + 1 < n; i++)
		if (!argv[i])
			argv[i] = ' ';
	return json_pack("{s:i, s:i, s:s, s:s, s:I, s:I, s:o}", "pid", (int)p->pid, "ppid", (int)p->ppid,
			 "state", state, "role", gg_role_name(p->role), "cpu_ms",
			 (json_int_t)((int64_t)p->cpu_ticks * tick_ms), "io_bytes", (json_int_t)p->io_chars,
			 "argv", gg_report_text(argv));
}

json_t *gg_report_show(struct gg_gate *g, struct gg_session *s)
{
	int64_t now = gg_now_ms();
	struct gg_snap snap;
	json_t *j, *procs = json_array();
	const struct gg_tcp *t = &s->tcp;
	int r = gg_reaper_look(&g->reaper, s, now, &snap);

	if (r == -ENOMEM)
		gg_jsonmem_lack(); /* as of any other part: none of it is told */
	if (r == 0) {
		for (size_t i = 0; i < snap.n; i++)
			json_array_append_new(procs, process(&snap.v[i]));
		free(snap.v);
	}
	j = gg_report_session(g, s, now);
	json_object_set_new(j, "turn", json_string(s->view.client_turn ? "client" : "gate"));
	json_object_set_new(j, "certain", json_boolean(s->view.certain));
	json_object_set_new(j, "tcp",
			    json_pack("{s:I, s:I, s:I, s:I, s:I}", "queued_in", (json_int_t)t->queued_in,
				      "queued_out", (json_int_t)t->queued_out, "recv_age_ms",
				      (json_int_t)t->recv_age_ms, "sent_age_ms", (json_int_t)t->sent_age_ms,
				      "retransmits", (json_int_t)t->retransmits));
	json_object_set_new(j, "processes", procs);
	gg_report_story(j, &s->story);
	return j;
}
