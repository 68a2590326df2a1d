/* late - a pass of the reaper that came late. See late.h. */
#include "reaper/late.h"

#include "base/event.h"
#include "base/text.h"

#define LATE_MS 1000	 /* a pass that comes later than this after it was due */
#define SAY_LATE_MS 5000 /* said of a pass that is later than this */

/* A grace is short, and so is what takes a good part of it. */
static void delay_steps(struct gg_reaper *r, int64_t late_ms, int64_t now_ms)
{
	if (late_ms <= r->lim.grace / 4)
		return;
	for (size_t i = 0; i < r->reg->n; i++) {
		struct gg_session *s = r->reg->v[i];

		if (s->ending.reason && s->due_ms <= now_ms)
			gg_escalate_delay(&s->ending, late_ms, now_ms, r->lim.grace, &s->due_ms);
	}
}

void gg_late_pass(struct gg_reaper *r, int64_t now_ms)
{
	int64_t late_ms = r->next_ms ? now_ms - r->next_ms : 0;
	char mem[32];
	struct gg_buf late = GG_BUF(mem);

	delay_steps(r, late_ms, now_ms);
	if (late_ms <= LATE_MS)
		return;
	r->doubt_ms = now_ms + 2 * r->lim.period;
	for (size_t i = 0; i < r->reg->n; i++) {
		struct gg_session *s = r->reg->v[i];
		bool same = s->observed_since == s->track.since_ms;

		gg_track_delay(&s->track, late_ms, now_ms);
		if (same) /* of that silence a verdict was recorded already */
			s->observed_since = s->track.since_ms;
	}
	if (late_ms < SAY_LATE_MS)
		return;
	gg_human_ms(&late, late_ms);
	gg_event(GG_EV_GATE_LIMITED, NULL,
		 "the gate could not look at its sessions for %s (stopped, starved, or the machine was): "
		 "their deadlines are that much later",
		 late.s);
}

bool gg_late_spare(const struct gg_reaper *r, struct gg_session *s, const struct gg_verdict *v,
		   int64_t now_ms)
{
	/* once a silence: a machine that holds us up again and again would spare the stuck for ever */
	if (!v->reason)
		s->spared_ms = 0;
	else if (!s->spared_ms && now_ms < r->doubt_ms)
		s->spared_ms = r->doubt_ms;
	return v->reason && now_ms < s->spared_ms;
}
