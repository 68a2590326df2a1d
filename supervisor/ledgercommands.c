/* ledgercommands - report and tune. See ledgercommands.h. */
#include "supervisor/ledgercommands.h"

#include "base/clock.h"
#include "supervisor/commands.h"
#include "supervisor/report.h"

static void set(json_t *to, const char *name, uint64_t n)
{
	json_object_set_new(to, name, json_integer((json_int_t)n));
}

/* What both answers begin with. */
static json_t *head(const struct gg_gate *g)
{
	const struct gg_ledger *l = &g->reg.ledger;

	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "mode",
			 g->conf->mode == GG_MODE_OBSERVE ? "observe" : "enforce", "since",
			 (json_int_t)l->since, "period_ms", (json_int_t)(gg_now_ms() - l->since_ms), "seen",
			 (json_int_t)l->seen, "healthy", (json_int_t)l->healthy, "watched",
			 (json_int_t)l->watched);
}

/*
 * The smallest value that would have spared a session that was silent for so long. Beginning and end of a
 * silence are seen by samples: another time it may count for two of them more.
 */
static json_t *spare(const struct gg_gate *g, int64_t silence_ms)
{
	return silence_ms < 0
		       ? json_null()
		       : gg_report_number(gg_tune_step_from(silence_ms + 2 * g->reaper.lim.period + 1));
}

static json_t *limit_row(const struct gg_gate *g, const char *key, int64_t silence_ms)
{
	return json_pack("{s:s, s:o, s:o}", "key", key, "silence_ms", gg_report_number(silence_ms),
			 "spare_ms", spare(g, silence_ms));
}

/* Every setting that a verdict on it named. */
static json_t *limits(const struct gg_gate *g, const struct gg_alarm *m)
{
	const struct gg_account *a = &m->account;
	json_t *list = json_array();

	for (enum gg_clock c = 0; c < GG_NCLOCKS; c++)
		if (a->clocks >> c & 1)
			json_array_append_new(
				list, limit_row(g, gg_clock_key(c), gg_clock_silence(c, a->silence_ms)));
	for (enum gg_reason r = GG_REASON_NONE + 1; r < GG_NREASONS; r++) {
		const char *key = gg_reason_key(r);

		/* of these no silence is the measure */
		if ((a->reasons >> r & 1) && key && gg_clock_of_key(key) == GG_NCLOCKS)
			json_array_append_new(list,
					      limit_row(g, key, r == GG_REASON_SESSION ? m->age_ms : -1));
	}
	return list;
}

static json_t *alarm_row(const struct gg_gate *g, const struct gg_alarm *m)
{
	const struct gg_account *a = &m->account;
	const char *key = gg_verdict_key(&a->first);
	json_t *j = json_pack("{s:s, s:I, s:s, s:s, s:o, s:s, s:s, s:s, s:s?, s:o, s:o}", "id", m->id, "time",
			      (json_int_t)a->first_time, "transport", m->transport, "service", m->service,
			      "repo", gg_report_text(m->repo), "peer", m->peer, "reason",
			      gg_reason_name(a->first.reason), "phase", gg_phase_name(a->first_phase), "key",
			      key, "limit_ms", gg_report_number(a->first.limit_ms), "limits", limits(g, m));

	json_object_set_new(j, "age_ms", json_integer((json_int_t)m->age_ms));
	json_object_set_new(j, "status", m->status < 0 ? json_null() : json_integer(m->status));
	json_object_set_new(j, "outcome", json_string(gg_fate_name(m->outcome)));
	return j;
}

static json_t *alarm_rows(const struct gg_gate *g, const struct gg_alarms *r)
{
	json_t *list = json_array();
	const struct gg_alarm *m;

	for (uint64_t i = 0; (m = gg_ledger_alarm(r, i)); i++)
		json_array_append_new(list, alarm_row(g, m));
	return list;
}

/* Sessions that live though a verdict was given on them. */
static uint64_t running(const struct gg_gate *g, enum gg_reason r)
{
	uint64_t n = 0;

	for (size_t i = 0; i < g->reg.n; i++)
		n += g->reg.v[i]->account.first.reason == r;
	return n;
}

/* A row for each reason that occurred, and the sums of their columns. */
static json_t *by_reason(const struct gg_gate *g, json_t *sums)
{
	static const char *const columns[] = { "would_end", "finished_well", "failed", "running", "unknown" };
	const struct gg_ledger *l = &g->reg.ledger;
	uint64_t sum[5] = { 0 };
	json_t *list = json_array();

	for (enum gg_reason r = GG_REASON_NONE + 1; r < GG_NREASONS; r++) {
		uint64_t well = l->outcome[r][GG_FATE_WELL], failed = l->outcome[r][GG_FATE_FAILED],
			 unknown = l->outcome[r][GG_FATE_UNKNOWN], live = running(g, r),
			 n[] = { well + failed + unknown + live, well, failed, live, unknown };
		json_t *row;

		if (!n[0])
			continue;
		row = json_pack("{s:s}", "reason", gg_reason_name(r));
		for (size_t i = 0; i < 5; i++) {
			set(row, columns[i], n[i]);
			sum[i] += n[i];
		}
		json_array_append_new(list, row);
	}
	for (size_t i = 0; i < 5; i++)
		set(sums, columns[i], sum[i]);
	return list;
}

/* For each deadline that false alarms had: the one that all of them would have been spared by. */
static json_t *sparing(const struct gg_gate *g)
{
	const struct gg_ledger *l = &g->reg.ledger;
	json_t *list = json_array();

	for (enum gg_clock c = 0; c < GG_NCLOCKS; c++)
		if (l->false_alarms[c])
			json_array_append_new(list,
					      json_pack("{s:s, s:o, s:I, s:I, s:o}", "key", gg_clock_key(c),
							"current_ms",
							gg_report_number(gg_clock_limit(c, &g->reaper.lim)),
							"false_alarms", (json_int_t)l->false_alarms[c],
							"silence_ms", (json_int_t)l->longest_false_ms[c],
							"spare_ms", spare(g, l->longest_false_ms[c])));
	return list;
}

/* Those that were ended, by reason. */
static json_t *ended(const struct gg_gate *g)
{
	json_t *o = json_object();

	for (enum gg_reason r = GG_REASON_NONE + 1; r < GG_NREASONS; r++)
		if (g->reg.by_reason[r])
			set(o, gg_reason_name(r), g->reg.by_reason[r]);
	return o;
}

json_t *gg_ledger_report(struct gg_gate *g, const struct gg_controlreq *req)
{
	const struct gg_ledger *l = &g->reg.ledger;
	json_t *j = head(g), *reasons;

	(void)req;
	if (!j)
		return gg_command_data(NULL);
	reasons = by_reason(g, j);
	json_object_set_new(j, "reasons", reasons);
	json_object_set_new(j, "keys", sparing(g));
	json_object_set_new(j, "false_alarms", alarm_rows(g, &l->well));
	set(j, "false_alarms_left_out", l->well.n > GG_ALARMS ? l->well.n - GG_ALARMS : 0);
	json_object_set_new(j, "others", alarm_rows(g, &l->other));
	set(j, "others_left_out", l->other.n > GG_ALARMS ? l->other.n - GG_ALARMS : 0);
	set(j, "reaped", g->reg.reaped);
	json_object_set_new(j, "by_reason", ended(g));
	return gg_command_data(j);
}

/* Healthy sessions that ms would have ended; ms: between two values that are counted, at most that many. */
static uint64_t would_end(const struct gg_spread *s, int64_t ms)
{
	size_t i = 0;

	while (gg_tune_step(i + 1) <= ms && gg_tune_step(i + 1) != GG_NEVER)
		i++;
	return ms == GG_NEVER ? 0 : gg_spread_ended(s, i);
}

static json_t *lower_rows(const struct gg_proposal *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->nlower; i++)
		json_array_append_new(list,
				      json_pack("{s:I, s:I}", "limit_ms", (json_int_t)p->lower[i].limit_ms,
						"ends_healthy", (json_int_t)p->lower[i].ended));
	return list;
}

static json_t *tune_row(const struct gg_gate *g, enum gg_clock c, json_t *settings)
{
	const struct gg_limits *lim = &g->reaper.lim;
	const struct gg_ledger *l = &g->reg.ledger;
	const struct gg_spread *s = &l->spread[c];
	int64_t now = gg_clock_limit(c, lim);
	int64_t most = gg_tune_step(GG_TUNE_STEPS - 1);
	struct gg_proposal p = gg_tune(c, s, now, lim->session < most ? lim->session : most);
	bool change = p.what == GG_TUNING_RAISE || p.what == GG_TUNING_LOWER;
	json_t *j = json_pack("{s:s, s:o, s:I, s:I, s:s, s:o, s:I}", "key", gg_clock_key(c), "current_ms",
			      gg_report_number(now), "healthy", (json_int_t)s->n, "longest_ms",
			      (json_int_t)s->longest_ms, "proposal", gg_tuning_name(p.what), "proposed_ms",
			      gg_report_number(p.limit_ms), "stuck", (json_int_t)l->stuck[c]);

	json_object_set_new(j, "stuck_later_ms", change ? json_integer(p.limit_ms - now) : json_null());
	set(j, "ends_healthy_now", would_end(s, now));
	json_object_set_new(j, "ends_healthy",
			    change ? json_integer((json_int_t)would_end(s, p.limit_ms)) : json_null());
	json_object_set_new(j, "needs_healthy", p.least ? json_integer((json_int_t)p.least) : json_null());
	json_object_set_new(j, "lower", lower_rows(&p));
	if (change) {
		char mem[80];
		struct gg_buf b = GG_BUF(mem);

		gg_buf_add(&b, "%s=", gg_clock_key(c));
		gg_duration_add(&b, p.limit_ms);
		json_array_append_new(settings, json_string(b.s));
	}
	return j;
}

json_t *gg_ledger_tune(struct gg_gate *g, const struct gg_controlreq *req)
{
	json_t *j = head(g), *keys = json_array(), *settings = json_array();

	(void)req;
	for (enum gg_clock c = 0; c < GG_NCLOCKS; c++)
		json_array_append_new(keys, tune_row(g, c, settings));
	json_object_set_new(j, "keys", keys);
	json_object_set_new(j, "settings", settings);
	return gg_command_data(j);
}
