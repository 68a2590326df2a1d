/* tell - what a client that is ended is told. See tell.h. */
#include "reaper/tell.h"

#include <string.h>

static const char *what(enum gg_reason r)
{
	switch (r) {
	case GG_REASON_INIT:
		return "no complete request within";
	case GG_REASON_COMMANDS:
		return "no command for";
	case GG_REASON_PACK_START:
		return "no pack for";
	case GG_REASON_IDLE:
		return "nothing received in the middle of the pack for";
	case GG_REASON_NOT_READING:
		return "nothing read for";
	case GG_REASON_PEER_GONE:
		return "no answer from the client's host for";
	case GG_REASON_TRICKLE:
		return "too few bytes a second, last byte before";
	case GG_REASON_HOOK:
		return "a hook ran for";
	case GG_REASON_WORK:
		return "no progress of git for";
	case GG_REASON_PRESSURE:
		return "others wait for a session, and this one was silent for";
	case GG_REASON_SESSION:
		return "the session is open for";
	default:
		return NULL;
	}
}

void gg_tell_text(struct gg_buf *b, const struct gg_verdict *v, const char *id)
{
	const char *key = gg_verdict_key(v), *text = what(v->reason);

	gg_buf_add(b, "git-gate: ");
	if (text) {
		gg_buf_add(b, "%s ", text);
		gg_human_ms(b, v->quiet_ms);
		gg_buf_add(b, " (limit ");
		gg_duration_add(b, v->limit_ms);
		gg_buf_add(b, ", %s)", key);
	} else if (v->reason == GG_REASON_DRAIN) {
		gg_buf_add(b, "the gate is stopping, try again");
	} else if (v->reason == GG_REASON_PREDECESSOR) {
		gg_buf_add(b, "the gate was restarted, try again");
	} else {
		gg_buf_add(b, "ended by the operator");
	}
	gg_buf_add(b, ", session %s", id);
}

void gg_tell_packet(struct gg_buf *b, const struct gg_view *view, const char *text)
{
	int n = (int)strlen(text);

	if (view->fetch || view->phase == GG_PHASE_REQUEST)
		gg_buf_add(b, "%04xERR %s", n + 8, text);
	else if (view->phase == GG_PHASE_COMMANDS || view->phase == GG_PHASE_PACK_START)
		gg_buf_add(b, "%04x\003%s\n", n + 6, text);
	else if (view->phase == GG_PHASE_PACK && view->sideband)
		gg_buf_add(b, "%04x\002%s\n", n + 6, text);
}
