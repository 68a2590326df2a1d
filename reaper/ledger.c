/* ledger - what all sessions together say of the verdicts. See ledger.h. */
#include "reaper/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int gg_ledger_init(struct gg_ledger *l, int64_t now_ms)
{
	*l = (struct gg_ledger){ .since_ms = now_ms, .since = time(NULL) };
	l->well.v = calloc(GG_ALARMS, sizeof(*l->well.v));
	l->other.v = calloc(GG_ALARMS, sizeof(*l->other.v));
	return l->well.v && l->other.v ? 0 : -ENOMEM;
}

void gg_ledger_free(struct gg_ledger *l)
{
	free(l->well.v);
	free(l->other.v);
	l->well.v = l->other.v = NULL;
}

static void copy(char *to, size_t size, const char *s)
{
	snprintf(to, size, "%.*s", (int)size - 1, s);
}

static void remember(struct gg_alarms *r, const struct gg_account *a, const struct gg_who *who,
		     enum gg_fate outcome, int status)
{
	struct gg_alarm *to = &r->v[r->n++ % GG_ALARMS];

	*to = (struct gg_alarm){ .transport = who->transport,
				 .account = *a,
				 .outcome = outcome,
				 .age_ms = who->age_ms,
				 .status = status };
	copy(to->id, sizeof(to->id), who->id);
	copy(to->peer, sizeof(to->peer), who->peer);
	copy(to->service, sizeof(to->service), who->service);
	copy(to->repo, sizeof(to->repo), who->repo);
}

static void add_alarm(struct gg_ledger *l, const struct gg_account *a, enum gg_fate outcome)
{
	enum gg_clock first = gg_clock_of_key(gg_verdict_key(&a->first));

	l->outcome[a->first.reason][outcome]++;
	if (outcome == GG_FATE_FAILED && first < GG_NCLOCKS)
		l->stuck[first]++;
	for (enum gg_clock c = 0; c < GG_NCLOCKS && outcome == GG_FATE_WELL; c++) {
		int64_t ms = gg_clock_silence(c, a->silence_ms);

		if (!(a->clocks >> c & 1))
			continue;
		l->false_alarms[c]++;
		if (ms > l->longest_false_ms[c])
			l->longest_false_ms[c] = ms;
	}
}

/* Could a session like this have been silent against that clock at all? */
static bool could(enum gg_clock c, const struct gg_account *a, const struct gg_finish *f)
{
	if (c == GG_CLOCK_PACK_START || c == GG_CLOCK_HOOK)
		return f->push && a->asked;
	return c == GG_CLOCK_INIT || c == GG_CLOCK_WORK || !a->advertise;
}

static void add_healthy(struct gg_ledger *l, const struct gg_account *a, const struct gg_finish *f)
{
	l->healthy++;
	for (enum gg_clock c = 0; c < GG_NCLOCKS; c++) {
		int64_t ms = gg_clock_silence(c, a->silence_ms);

		if (ms || could(c, a, f))
			gg_spread_add(&l->spread[c], ms);
	}
}

void gg_ledger_ended(struct gg_ledger *l, const struct gg_account *a, const struct gg_finish *f,
		     const struct gg_who *who)
{
	enum gg_fate outcome = gg_fate(a, f);

	if (!a->named && !a->first.reason)
		return; /* whoever asked for nothing was no session */
	l->seen++;
	l->watched += f->status < 0 && !f->answered;
	if (outcome == GG_FATE_WELL)
		add_healthy(l, a, f);
	if (!a->first.reason)
		return;
	add_alarm(l, a, outcome);
	remember(outcome == GG_FATE_WELL ? &l->well : &l->other, a, who, outcome, f->status);
}

void gg_ledger_reaped(struct gg_ledger *l, const struct gg_verdict *v)
{
	enum gg_clock c = gg_clock_of_key(gg_verdict_key(v));

	l->seen++;
	if (c < GG_NCLOCKS)
		l->stuck[c]++;
}

const struct gg_alarm *gg_ledger_alarm(const struct gg_alarms *r, uint64_t i)
{
	return i < r->n && i < GG_ALARMS ? &r->v[(r->n - 1 - i) % GG_ALARMS] : NULL;
}
