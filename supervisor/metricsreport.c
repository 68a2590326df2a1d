/* metricsreport - see metricsreport.h. */
#include "supervisor/metricsreport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event.h"
#include "reaper/procfs.h"
#include "supervisor/admit.h"
#include "supervisor/commands.h"
#include "supervisor/listen.h"
#include "supervisor/ready.h"
#include "supervisor/report.h"
#include "supervisor/service.h"

enum { TEXT_MAX = 256 << 10 };

#define LOOKS_MAX 64   /* sessions whose processes are looked at for one answer, in turns: it stays quick */
#define SHOWN_LIVE 100 /* of the overview */
#define SHOWN_ENDED 100
#define SHOWN_REAPED 20

#define ONE(label) ((const char *const[]){ (label), NULL })
#define NONE ((const char *const[]){ NULL })

/* --- what happened --- */

void gg_metrics_step_over(struct gg_gate *g, const struct gg_session *s, int64_t now_ms)
{
	if (s->step[0])
		gg_hist_add(&g->metrics.step[gg_metrics_step_index(s->step)], GG_METRIC_STEP,
			    (now_ms - s->step_ms) * 1000);
}

static void count_silences(struct gg_metrics *m, const struct gg_story *st)
{
	for (enum gg_clock c = 0; c < GG_NCLOCKS; c++) {
		int64_t longest_ms = gg_clock_silence(c, st->silence_ms);

		if (longest_ms)
			gg_hist_add(&m->quiet[c], GG_METRIC_QUIET, longest_ms * 1000);
	}
}

void gg_metrics_ended(struct gg_gate *g, const struct gg_session *s, int64_t now_ms)
{
	struct gg_metrics *m = &g->metrics;
	size_t service = gg_metrics_service_index(s->service), i = gg_metrics_transport_index(s->transport);
	int64_t end_ms = s->ended_ms >= 0 ? s->ended_ms : now_ms;

	gg_hist_add(&m->duration[service], GG_METRIC_DURATION, (end_ms - s->accepted_ms) * 1000);
	m->received[i] += s->tcp.received;
	m->sent[i] += s->tcp.acked;
	m->dropped_lines += s->log_dropped;
	m->dropped_hook_events += s->told_dropped;
	gg_metrics_step_over(g, s, end_ms); /* it died in it */
	if (s->verdict.reason == GG_REASON_NONE)
		count_silences(m, &s->story);
}

/* --- the text --- */

static void one(struct gg_buf *b, enum gg_metric id, uint64_t v)
{
	gg_metrics_head(b, id);
	gg_metrics_sample(b, id, NONE, v);
}

/* A counter for each word. */
static void row(struct gg_buf *b, enum gg_metric id, const char *const *words, const uint64_t *v, size_t n)
{
	gg_metrics_head(b, id);
	for (size_t i = 0; i < n; i++)
		gg_metrics_sample(b, id, ONE(words[i]), v[i]);
}

static void hists(struct gg_buf *b, enum gg_metric id, const char *(*label)(size_t), const struct gg_hist *h,
		  size_t n)
{
	gg_metrics_head(b, id);
	for (size_t i = 0; i < n; i++)
		gg_metrics_hist(b, id, label(i), &h[i]);
}

static void add_state(struct gg_buf *b, const struct gg_gate *g)
{
	unsigned why = gg_ready_why_not(g);

	gg_metrics_head(b, GG_METRIC_BUILD);
	gg_metrics_sample(b, GG_METRIC_BUILD, ONE(GG_VERSION), 1);
	one(b, GG_METRIC_START, (uint64_t)g->started_real);
	one(b, GG_METRIC_READY, !why);
	gg_metrics_head(b, GG_METRIC_NOT_READY);
	for (enum gg_unready i = 0; i < GG_NUNREADY; i++)
		gg_metrics_sample(b, GG_METRIC_NOT_READY, ONE(gg_ready_word(i)), why >> i & 1);
	one(b, GG_METRIC_OBSERVE, g->reaper.observe);
	one(b, GG_METRIC_REDUCED, g->reaper.reduced);
}

/* The phases are fresh, and the gate is not held up. */
static void look(struct gg_gate *g)
{
	int64_t now = gg_now_ms();
	size_t n = g->reg.n < LOOKS_MAX ? g->reg.n : LOOKS_MAX;

	for (size_t i = 0; i < n; i++) {
		struct gg_session *s = g->reg.v[g->looked_at++ % g->reg.n];

		if (!s->root_gone)
			gg_report_look(g, s, now);
	}
}

static void add_live(struct gg_buf *b, const struct gg_gate *g)
{
	uint64_t n[GG_NPHASES][GG_BY_TRANSPORTS] = { 0 };

	for (size_t i = 0; i < g->reg.n; i++) {
		const struct gg_session *s = g->reg.v[i];

		n[s->root_gone ? GG_PHASE_CLOSING : s->view.phase]
		 [gg_metrics_transport_index(s->transport)]++;
	}
	gg_metrics_head(b, GG_METRIC_SESSIONS);
	for (enum gg_phase p = 0; p < GG_NPHASES; p++)
		for (size_t t = 0; t < GG_BY_TRANSPORTS; t++)
			gg_metrics_sample(
				b, GG_METRIC_SESSIONS,
				(const char *const[]){ gg_phase_name(p), gg_metrics_transport(t), NULL },
				n[p][t]);
	one(b, GG_METRIC_SERVING, gg_registry_serving(&g->reg));
	one(b, GG_METRIC_SERVING_LIMIT, (uint64_t)g->conf->sessions);
}

static const char *clock_key(size_t i)
{
	return gg_clock_key((enum gg_clock)i);
}

static void add_ended(struct gg_buf *b, const struct gg_gate *g)
{
	gg_metrics_head(b, GG_METRIC_ENDED);
	for (enum gg_reason r = 0; r < GG_NREASONS; r++)
		gg_metrics_sample(b, GG_METRIC_ENDED, ONE(r ? gg_reason_name(r) : "none"),
				  g->reg.by_reason[r]);
	one(b, GG_METRIC_OBSERVED, g->reg.observed);
	hists(b, GG_METRIC_DURATION, gg_metrics_service, g->metrics.duration, GG_BY_SERVICES);
	hists(b, GG_METRIC_QUIET, clock_key, g->metrics.quiet, GG_NCLOCKS);
}

static void add_deadlines(struct gg_buf *b, const struct gg_limits *lim)
{
	gg_metrics_head(b, GG_METRIC_DEADLINE);
	for (enum gg_clock c = 0; c < GG_NCLOCKS; c++)
		gg_metrics_milli(b, GG_METRIC_DEADLINE, ONE(gg_clock_key(c)), gg_clock_limit(c, lim));
}

/* Of those that have ended and those that live. */
static void add_bytes(struct gg_buf *b, const struct gg_gate *g)
{
	uint64_t in[GG_BY_TRANSPORTS], out[GG_BY_TRANSPORTS];

	memcpy(in, g->metrics.received, sizeof(in));
	memcpy(out, g->metrics.sent, sizeof(out));
	for (size_t i = 0; i < g->reg.n; i++) {
		const struct gg_session *s = g->reg.v[i];
		size_t t = gg_metrics_transport_index(s->transport);

		in[t] += s->tcp.received;
		out[t] += s->tcp.acked;
	}
	gg_metrics_head(b, GG_METRIC_RECEIVED);
	for (size_t i = 0; i < GG_BY_TRANSPORTS; i++)
		gg_metrics_sample(b, GG_METRIC_RECEIVED, ONE(gg_metrics_transport(i)), in[i]);
	gg_metrics_head(b, GG_METRIC_SENT);
	for (size_t i = 0; i < GG_BY_TRANSPORTS; i++)
		gg_metrics_sample(b, GG_METRIC_SENT, ONE(gg_metrics_transport(i)), out[i]);
}

static void add_pushes(struct gg_buf *b, const struct gg_metrics *m)
{
	static const char *const scans[] = {
		[GG_SCAN_CLEAN] = "clean", [GG_SCAN_FINDING] = "finding", [GG_SCAN_FAILED] = "failed"
	};
	static const char *const rejected[] = {
		[GG_REJECTED_FINDING] = "finding", [GG_REJECTED_LIMIT] = "limit", [GG_REJECTED_RULE] = "rule"
	};
	static const char *const forwards[] = { [GG_FORWARDED] = "forwarded",
						[GG_FORWARD_FAILED] = "failed",
						[GG_FORWARD_DIVERGED] = "diverged" };
	static const char *const refreshes[] = { [GG_REFRESHED] = "done", [GG_REFRESH_FAILED] = "failed" };

	hists(b, GG_METRIC_STEP, gg_metrics_step, m->step, GG_BY_STEPS);
	row(b, GG_METRIC_SCANS, scans, m->scans, GG_NSCANS);
	one(b, GG_METRIC_SCANNED, m->scanned_objects);
	one(b, GG_METRIC_COMMITS, m->scanned_commits);
	one(b, GG_METRIC_SCANNED_BYTES, m->scanned_bytes);
	row(b, GG_METRIC_REJECTED, rejected, m->rejected, GG_NREJECTED);
	row(b, GG_METRIC_FORWARDS, forwards, m->forwards, GG_NFORWARDS);
	row(b, GG_METRIC_REFRESHES, refreshes, m->refreshes, GG_NREFRESHES);
}

static void add_waiting(struct gg_buf *b, const struct gg_gate *g)
{
	one(b, GG_METRIC_WAITING, gg_admit_waiting(g));
	one(b, GG_METRIC_WAITING_LIMIT, (uint64_t)g->conf->waiting);
	hists(b, GG_METRIC_WAIT, gg_metrics_transport, g->metrics.wait, GG_NTRANSPORTS);
	one(b, GG_METRIC_REFUSED, gg_admit_refused(g));
	one(b, GG_METRIC_PAUSED, g->listen && gg_listen_out_of_resources(g));
}

static void add_events(struct gg_buf *b, const struct gg_gate *g)
{
	uint64_t service_lines = 0;
	struct gg_service_view v;

	gg_metrics_head(b, GG_METRIC_EVENTS);
	for (enum gg_event_id i = 0; i < GG_NEVENTS; i++)
		gg_metrics_sample(b, GG_METRIC_EVENTS, ONE(gg_event_name(i)), gg_event_count(i));
	for (size_t i = 0; gg_services_at(g, i, &v); i++)
		service_lines += v.dropped_lines;
	row(b, GG_METRIC_DROPPED,
	    (const char *const[]){ "event", "session-line", "service-line", "hook-event" },
	    (const uint64_t[]){ gg_event_dropped(), g->metrics.dropped_lines, service_lines,
				g->metrics.dropped_hook_events },
	    4);
}

static void add_services(struct gg_buf *b, const struct gg_gate *g)
{
	struct gg_service_view v;

	gg_metrics_head(b, GG_METRIC_SERVICE_UP);
	for (size_t i = 0; gg_services_at(g, i, &v); i++)
		gg_metrics_sample(b, GG_METRIC_SERVICE_UP, ONE(v.name), v.up);
	gg_metrics_head(b, GG_METRIC_RESTARTS);
	for (size_t i = 0; gg_services_at(g, i, &v); i++)
		gg_metrics_sample(b, GG_METRIC_RESTARTS, ONE(v.name), v.restarts);
}

static int64_t cpu_ms(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) < 0)
		return 0;
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

static uint64_t resident_bytes(void)
{
	char text[128];
	size_t len;
	unsigned long pages;

	if (gg_procfs_read(getpid(), "statm", text, sizeof(text), &len) < 0 ||
	    sscanf(text, "%*u %lu", &pages) != 1)
		return 0;
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void add_cost(struct gg_buf *b, const struct gg_gate *g)
{
	gg_metrics_head(b, GG_METRIC_PASS);
	gg_metrics_hist(b, GG_METRIC_PASS, NULL, &g->metrics.pass);
	one(b, GG_METRIC_PROC_READS, gg_scan_reads());
	one(b, GG_METRIC_WAKEUPS, ev_iteration(g->loop));
	gg_metrics_head(b, GG_METRIC_CPU);
	gg_metrics_milli(b, GG_METRIC_CPU, NONE, cpu_ms());
	one(b, GG_METRIC_MEMORY, resident_bytes());
}

json_t *gg_metrics_command(struct gg_gate *g, const struct gg_controlreq *req)
{
	AUTO_FREE char *mem = calloc(1, TEXT_MAX);
	struct gg_buf b = { .s = mem, .size = TEXT_MAX };

	(void)req;
	if (!mem)
		return gg_command_data(NULL);
	look(g);
	add_state(&b, g);
	add_live(&b, g);
	add_ended(&b, g);
	add_deadlines(&b, &g->reaper.lim);
	add_bytes(&b, g);
	add_pushes(&b, &g->metrics);
	add_waiting(&b, g);
	add_events(&b, g);
	add_services(&b, g);
	add_cost(&b, g);
	if (b.cut)
		return gg_command_error("the metrics are longer than there is room for");
	return gg_command_data(json_string(b.s));
}

/* --- the overview --- */

static json_t *live(const struct gg_gate *g)
{
	json_t *a = json_array();
	int64_t now = gg_now_ms();

	for (size_t i = 0; i < g->reg.n && i < SHOWN_LIVE; i++)
		json_array_append_new(a, gg_report_session(g, g->reg.v[i], now));
	return a;
}

static json_t *ended(const struct gg_gate *g, bool reaped, size_t most)
{
	struct gg_history at = { 0 };
	json_t *a = json_array();
	const struct gg_ended *e;

	while (json_array_size(a) < most && (e = gg_registry_history(&g->reg, &at)))
		if (!reaped || e->reason)
			json_array_append_new(a, reaped ? gg_report_ended_whole(e) : gg_report_ended(e));
	return a;
}

json_t *gg_overview_command(struct gg_gate *g, const struct gg_controlreq *req)
{
	(void)req;
	look(g);
	return gg_command_data(json_pack(
		"{s:I, s:o, s:o, s:I, s:o, s:o, s:o}", "time", (json_int_t)time(NULL), "ready",
		gg_ready_report(g), "status", gg_report_status(g), "live", (json_int_t)g->reg.n, "sessions",
		live(g), "reaped", ended(g, true, SHOWN_REAPED), "ended", ended(g, false, SHOWN_ENDED)));
}
