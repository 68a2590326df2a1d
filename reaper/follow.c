/* follow - a session followed to its end. See follow.h. */
#include "reaper/follow.h"

#include <string.h>
#include <time.h>

#include "base/event.h"
#include "reaper/client.h"
#include "reaper/record.h"
#include "reaper/reaper.h"

/*
 * A client that has its pack and resolves deltas is no stuck one, see fetched() in reaper.c; a session that
 * is held waits for others, and so does one that is closing.
 */
static bool counts(const struct gg_session *s, enum gg_reason reason)
{
	bool has_pack = s->view.fetch && s->packed && !s->http;

	return reason && !s->held && !(reason == GG_REASON_COMMANDS && has_pack);
}

void gg_follow_silence(struct gg_session *s, int64_t now_ms)
{
	int64_t ms;
	enum gg_reason reason = gg_track_silence(&s->track, now_ms, &ms);

	if (!counts(s, reason))
		return;
	gg_story_silence(&s->story, reason, ms);
	gg_account_silence(&s->account, reason, ms);
}

bool gg_follow_verdict(struct gg_session *s, const struct gg_verdict *v, const struct gg_snap *snap)
{
	/* these two are no silence that a byte could end: once a session */
	if (v->reason == s->observed_reason &&
	    (v->reason == GG_REASON_SESSION || v->reason == GG_REASON_TRICKLE ||
	     s->observed_since == s->track.since_ms))
		return false;
	s->observed_reason = v->reason;
	s->observed_since = s->track.since_ms;
	gg_account_verdict(&s->account, v, s->view.phase, &s->tcp, time(NULL));
	gg_record_observed(s, v, snap);
	return true;
}

void gg_follow_request(struct gg_session *s, bool same, bool refused)
{
	s->account.named = true;
	s->account.refused = refused;
	s->account.advertise = s->http && !same;
}

void gg_follow_hook(struct gg_registry *r, struct gg_session *s)
{
	s->account.asked = true;
	r->hooks_ask = true;
}

static struct gg_finish finish(const struct gg_registry *r, const struct gg_session *s)
{
	return (struct gg_finish){ .status = s->lent || s->adopted ? -1 : s->root_status,
				   .http = s->http,
				   .push = !strcmp(s->service, "receive-pack"),
				   .peer_gone = s->peer_gone,
				   .stopped = s->verdict.reason != GG_REASON_NONE,
				   .hooks_ask = r->hooks_ask,
				   .received = s->tcp.received,
				   .acked = s->tcp.acked,
				   .request_bytes = s->track.request_bytes };
}

static struct gg_who who(const struct gg_session *s, int64_t now_ms)
{
	bool named = s->account.named;

	return (struct gg_who){ .id = s->id,
				.peer = s->peer,
				.service = named ? s->service : "",
				.repo = named ? s->repo : "",
				.transport = s->transport,
				.age_ms = (s->ended_ms >= 0 ? s->ended_ms : now_ms) - s->accepted_ms };
}

void gg_follow_answered(struct gg_registry *r, struct gg_session *s, int64_t now_ms)
{
	struct gg_finish f;
	struct gg_who w;

	gg_follow_silence(s, now_ms);
	if (s->account.first.reason)
		gg_client_sample(s, now_ms);
	f = finish(r, s);
	f.answered = true;
	f.stopped = false;
	w = who(s, now_ms);
	if (s->account.named)
		gg_ledger_ended(&r->ledger, &s->account, &f, &w);
	s->account = (struct gg_account){ 0 };
	s->observed_reason = GG_REASON_NONE;
	s->observed_since = -1;
}

/* A verdict of the policy's, and not someone's will. */
static bool judged(enum gg_reason r)
{
	return r != GG_REASON_NONE && r != GG_REASON_OPERATOR && r != GG_REASON_DRAIN &&
	       r != GG_REASON_PREDECESSOR;
}

void gg_follow_ended(struct gg_registry *r, const struct gg_session *s, int64_t now_ms)
{
	struct gg_finish f = finish(r, s);
	struct gg_who w = who(s, now_ms);

	if (judged(s->verdict.reason) && !s->adopted && !s->account.first.reason)
		gg_ledger_reaped(&r->ledger, &s->verdict);
	else
		gg_ledger_ended(&r->ledger, &s->account, &f, &w);
}
