/* fields - what the events of a session say of it. See reaper.h. */
#include "base/event.h"
#include "reaper/reaper.h"

void gg_session_fields(const struct gg_session *s, int64_t now_ms, struct gg_fields *ret)
{
	bool judged = s->verdict.reason != GG_REASON_NONE;

	*ret = (struct gg_fields){
		GG_NO_STEP_FIELDS,
		.session = s->id,
		.transport = s->transport,
		.service = s->service[0] ? s->service : NULL,
		.repo = s->repo[0] ? s->repo : NULL,
		.peer = s->peer,
		.phase = gg_phase_name(judged ? s->verdict_phase : s->view.phase),
		.reason = judged ? gg_reason_name(s->verdict.reason) : NULL,
		.key = judged ? gg_verdict_key(&s->verdict) : NULL,
		.limit_ms = judged ? s->verdict.limit_ms : -1,
		.quiet_ms = judged ? s->verdict.quiet_ms : -1,
		.age_ms = now_ms - s->accepted_ms,
		.bytes_in = (int64_t)s->tcp.received,
		.bytes_out = (int64_t)s->tcp.acked,
	};
}
