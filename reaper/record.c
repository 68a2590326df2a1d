/* record - a verdict is kept with its evidence, and said. See record.h. */
#include "reaper/record.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "base/httplink.h"
#include "reaper/client.h"
#include "reaper/evidence.h"
#include "reaper/procfs.h"

void gg_session_fields(struct gg_session *s, int64_t now_ms, struct gg_fields *ret)
{
	bool judged = s->verdict.reason != GG_REASON_NONE;

	*ret = (struct gg_fields){
		GG_NO_STEP_FIELDS,
		.session = s->id,
		.transport = s->transport,
		.service = s->service[0] ? s->service : NULL,
		.repo = s->repo[0] ? s->repo : NULL,
		.peer = s->peer,
		.user = s->user[0] ? s->user : NULL,
		.phase = gg_phase_name(judged ? s->verdict_phase : s->view.phase),
		.reason = judged ? gg_reason_name(s->verdict.reason) : NULL,
		.key = judged ? gg_verdict_key(&s->verdict) : NULL,
		.limit_ms = judged ? s->verdict.limit_ms : -1,
		.quiet_ms = judged ? s->verdict.quiet_ms : -1,
		.age_ms = now_ms - s->accepted_ms,
		.bytes_in = (int64_t)s->tcp.received,
		.bytes_out = (int64_t)s->tcp.acked,
		.own = &s->own,
	};
}

void gg_verdict_fields(struct gg_session *s, const struct gg_verdict *v, int64_t now_ms,
		       struct gg_fields *ret)
{
	const struct gg_reason_help *help = gg_reason_help(v->reason);

	gg_session_fields(s, now_ms, ret);
	ret->reason = gg_reason_name(v->reason);
	ret->key = gg_verdict_key(v);
	ret->limit_ms = v->limit_ms;
	ret->quiet_ms = v->quiet_ms;
	ret->seen = help->seen;
	ret->look_at = help->look_at;
	ret->advice = help->advice;
	ret->evidence = s->story.evidence;
}

/* Inodes of the streams from and to the client, as git's processes have them. */
static void client_streams(const struct gg_session *s, uint64_t *ret_in, uint64_t *ret_out)
{
	*ret_in = s->lent ? s->lent->in_ino : s->sock_ino;
	*ret_out = s->lent ? s->lent->out_ino : s->sock_ino;
	if (s->http) {
		gg_procfs_stream(s->root, GG_HTTP_FD_BODY, ret_in, NULL);
		gg_procfs_stream(s->root, GG_HTTP_FD_REPLY, ret_out, NULL);
	}
}

void gg_record_evidence(struct gg_session *s, const struct gg_verdict *v, const struct gg_snap *snap)
{
	char text[GG_EVIDENCE_MAX + 1], outside_mem[160];
	struct gg_buf b = GG_BUF(text), outside = GG_BUF(outside_mem);
	struct gg_picked picked[GG_EVIDENCE_PROCS];
	struct gg_waits waits[GG_EVIDENCE_PROCS];
	struct gg_case c = { .verdict = v,
			     .view = &s->view,
			     .snap = snap,
			     .story = &s->story,
			     .step = s->step,
			     .picked = picked,
			     .waits = waits,
			     .n = gg_evidence_pick(snap, s->root, picked),
			     .tick_ms = 1000 / sysconf(_SC_CLK_TCK) };
	uint64_t in, out;

	client_streams(s, &in, &out);
	for (size_t i = 0; i < c.n; i++)
		gg_waits_read(&snap->v[picked[i].at], in, out, &waits[i]);
	gg_client_explain(s, &outside);
	c.outside = outside.s;
	gg_evidence_write(&b, &c);
	free(s->story.evidence);
	s->story.evidence = strdup(text);
}

void gg_record_observed(struct gg_session *s, const struct gg_verdict *v, const struct gg_snap *snap)
{
	struct gg_fields f;

	gg_record_evidence(s, v, snap);
	gg_verdict_fields(s, v, snap->now_ms, &f);
	f.phase = gg_phase_name(s->view.phase);
	gg_event(GG_EV_SESSION_OBSERVED, &f, "enforce would have ended the session now");
}

void gg_record_step(struct gg_session *s, const char *step, int64_t now_ms)
{
	char mem[160];
	struct gg_buf text = GG_BUF(mem);
	struct gg_fields f;

	/* between two requests nobody loses anything: see gg_reaper_close_idle */
	if (s->verdict_phase == GG_PHASE_KEEP_ALIVE && s->ending.reason != GG_REASON_OPERATOR)
		return;
	gg_session_fields(s, now_ms, &f);
	f.steps = s->steps;
	gg_buf_add(&text, "%s: %s in phase %s", step, gg_reason_name(s->ending.reason),
		   gg_phase_name(s->view.phase));
	gg_event(GG_EV_SESSION_ENDING, &f, "%s", text.s);
}

void gg_record_phase(struct gg_session *s, enum gg_phase phase, const char *step, int64_t now_ms)
{
	struct gg_fields f;

	if (!gg_story_phase(&s->story, phase, step, now_ms - s->accepted_ms))
		return;
	gg_session_fields(s, now_ms, &f);
	f.phase = gg_phase_name(phase);
	f.step = step[0] ? step : NULL;
	gg_event(GG_EV_SESSION_PHASE, &f, "%s%s%s", f.phase, step[0] ? ": " : "", step);
}

void gg_record_stray(struct gg_session *s, const struct gg_snap *snap, const char *what)
{
	char mem[160];
	struct gg_buf pids = GG_BUF(mem);
	struct gg_fields f;

	if (s->stray_logged)
		return;
	s->stray_logged = true;
	for (size_t i = 0; i < snap->n; i++)
		if (gg_proc_alive(&snap->v[i]))
			gg_buf_add(&pids, "%s%d", pids.len ? "," : "", (int)snap->v[i].pid);
	gg_session_fields(s, snap->now_ms, &f);
	f.pids = pids.s;
	gg_event(GG_EV_SESSION_STRAY, &f, "%s", what);
}

void gg_record_kept(struct gg_session *s, int64_t now, const char *what)
{
	char mem[400];
	struct gg_buf text = GG_BUF(mem);
	struct gg_fields f;

	if (s->doubt_logged)
		return;
	s->doubt_logged = true;
	gg_session_fields(s, now, &f);
	gg_buf_add(&text, "a deadline passed, but %s; the session is kept", what);
	gg_client_explain(s, &text);
	gg_event(GG_EV_SESSION_KEPT, &f, "%s", text.s);
}
