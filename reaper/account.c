/* account - was a verdict right? See account.h. */
#include "reaper/account.h"

void gg_account_silence(struct gg_account *a, enum gg_reason reason, int64_t ms)
{
	if (ms > a->silence_ms[reason])
		a->silence_ms[reason] = ms;
}

void gg_account_verdict(struct gg_account *a, const struct gg_verdict *v, enum gg_phase phase,
			const struct gg_tcp *tcp, int64_t time)
{
	enum gg_clock c = gg_clock_of_key(gg_verdict_key(v));

	if (!a->first.reason) {
		a->first = *v;
		a->first_phase = phase;
		a->first_time = time;
	}
	a->reasons |= 1u << v->reason;
	a->clocks |= c < GG_NCLOCKS ? 1u << c : 0;
	a->last = v->reason;
	a->received = tcp->received;
	a->acked = tcp->acked;
}

const char *gg_fate_name(enum gg_fate o)
{
	static const char *const names[GG_NFATES] = {
		[GG_FATE_WELL] = "finished-well",
		[GG_FATE_FAILED] = "failed",
		[GG_FATE_UNKNOWN] = "unknown",
	};

	return names[o];
}

/* Has the client done anything since the last verdict? What git does by itself it cannot be asked for. */
static bool went_on(const struct gg_account *a, const struct gg_finish *f)
{
	switch (a->last) {
	case GG_REASON_NONE:
	case GG_REASON_HOOK:
	case GG_REASON_WORK:
	case GG_REASON_SESSION:
		return true;
	case GG_REASON_NOT_READING:
		return f->acked > a->acked + GG_FIN_BYTES;
	case GG_REASON_TRICKLE:
	case GG_REASON_PEER_GONE:
		return f->received > a->received + GG_FIN_BYTES || f->acked > a->acked + GG_FIN_BYTES;
	default:
		return f->received > a->received + GG_FIN_BYTES;
	}
}

/* It came whole, as far as is known. */
static enum gg_fate pushed(const struct gg_account *a, const struct gg_finish *f)
{
	if (a->asked ||
	    (!f->http && f->request_bytes && f->received <= f->request_bytes + GG_FLUSH_BYTES + GG_FIN_BYTES))
		return GG_FATE_WELL;
	return f->hooks_ask ? GG_FATE_FAILED : GG_FATE_UNKNOWN;
}

enum gg_fate gg_fate(const struct gg_account *a, const struct gg_finish *f)
{
	if (f->answered) /* whatever was thought of it: all of it had come */
		return a->refused ? GG_FATE_FAILED : GG_FATE_WELL;
	if (f->status < 0)
		return GG_FATE_UNKNOWN;
	if (!went_on(a, f))
		return GG_FATE_FAILED;
	if (f->stopped)
		return GG_FATE_UNKNOWN;
	if (!a->named || a->refused || f->status || f->peer_gone)
		return GG_FATE_FAILED;
	return f->push ? pushed(a, f) : GG_FATE_WELL;
}
