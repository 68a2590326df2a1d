/* sessionlog - the records of a session's beginning and end. See sessionlog.h. */
#include "supervisor/sessionlog.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/text.h"
#include "reaper/client.h"
#include "reaper/record.h"
#include "supervisor/hookword.h"
#include "supervisor/sessionio.h"
#include "supervisor/setup.h"

void gg_session_log_line(const char *line, void *arg)
{
	struct gg_session *s = arg;
	struct gg_fields f;

	gg_story_line(&s->story, line);
	gg_session_fields(s, gg_now_ms(), &f);
	f.reason = f.key = f.phase = NULL;
	f.limit_ms = f.quiet_ms = f.age_ms = f.bytes_in = f.bytes_out = -1;
	/* whoever scans ports must not fill the log */
	gg_event(s->io->stranger ? GG_EV_SESSION_STRANGER : GG_EV_SESSION_LOG, &f, "%s", line);
}

void gg_session_log_opened(struct gg_session *s, const struct gg_status *st)
{
	char mem[32];
	struct gg_buf age = GG_BUF(mem);
	struct gg_fields f;

	gg_session_fields(s, gg_now_ms(), &f);
	f.phase = NULL;
	if (st->refused[0]) {
		s->refused = true;
		gg_event(GG_EV_SESSION_REFUSED, &f, "%s", st->refused);
		return;
	}
	gg_human_ms(&age, f.age_ms);
	gg_event(GG_EV_SESSION_OPENED, &f, "%s of %s, %s after the client connected", s->service, s->repo,
		 age.s);
}

void gg_session_log_denied(struct gg_session *s, const struct gg_ruling *ruling)
{
	struct gg_fields f;

	s->refused = true;
	gg_session_fields(s, gg_now_ms(), &f);
	f.phase = NULL;
	f.reason = ruling->key[0] ? "access" : NULL;
	f.key = ruling->key[0] ? ruling->key : NULL;
	gg_event(ruling->challenge ? GG_EV_SESSION_CHALLENGED : GG_EV_SESSION_REFUSED, &f, "%s", ruling->why);
}

static void add_status(struct gg_buf *b, int status)
{
	if (status < 0)
		gg_buf_add(b, "ended, how is not known");
	else if (WIFSIGNALED(status))
		gg_buf_add(b, "ended by signal %d", WTERMSIG(status));
	else
		gg_buf_add(b, "exit status %d", WEXITSTATUS(status));
}

/* The phases that it was seen in, with the time of each: what went before session.closed. */
static void add_phases(struct gg_buf *b, const struct gg_story *st, int64_t end_ms)
{
	for (size_t i = 0; i < st->nspan; i++) {
		const struct gg_span *p = &st->span[i];
		int64_t until = i + 1 < st->nspan ? p[1].from_ms : end_ms;
		/* the first look comes late, and sees what has been so all the time */
		int64_t from = i || p->phase != GG_PHASE_REQUEST ? p->from_ms : 0;

		if (p->phase == GG_PHASE_CLOSING)
			continue;
		gg_buf_add(b, "%s%s%s%s ", i ? ", " : "; ", gg_phase_name(p->phase), p->step[0] ? " " : "",
			   p->step);
		gg_human_ms(b, until > from ? until - from : 0);
		if (i + 1 == GG_STORY_FIRST && st->left_out)
			gg_buf_add(b, ", …");
	}
}

static void log_reaped(struct gg_session *s, int64_t now)
{
	char mem[400];
	struct gg_buf text = GG_BUF(mem);
	const struct gg_verdict *v = &s->verdict;
	struct gg_fields f;

	gg_verdict_fields(s, v, now, &f);
	f.age_ms = s->ended_ms - s->accepted_ms;
	f.steps = s->steps;
	gg_buf_add(&text, "%s in phase %s", gg_reason_name(v->reason), gg_phase_name(s->verdict_phase));
	if (f.key) {
		gg_buf_add(&text, ": quiet for ");
		gg_human_ms(&text, v->quiet_ms);
		gg_buf_add(&text, "; if it was healthy, %s %s",
			   v->reason == GG_REASON_TRICKLE ? "lower" : "raise", f.key);
	}
	gg_client_explain(s, &text);
	gg_event(GG_EV_SESSION_REAPED, &f, "%s", text.s);
}

static void add_left_out(struct gg_buf *b, const struct gg_session *s)
{
	if (s->log_dropped)
		gg_buf_add(b, "; %llu lines of its log were over the rate",
			   (unsigned long long)s->log_dropped);
	if (s->told_dropped)
		gg_buf_add(b, "; %llu events of its hooks were too many",
			   (unsigned long long)s->told_dropped);
	if (s->own.suppressed)
		gg_buf_add(b, "; %llu of its records were over the rate",
			   (unsigned long long)s->own.suppressed);
}

static void no_word_fields(struct gg_session *s, struct gg_fields *f)
{
	gg_session_fields(s, gg_now_ms(), f);
	f->phase = NULL;
	f->limit_ms = f->quiet_ms = f->age_ms = f->bytes_in = f->bytes_out = -1;
}

/* What git has said of it: it could not be run, or a signal ended it. NULL: nothing. */
static const char *said_of_hook(const struct gg_session *s)
{
	const char *line, *found = NULL;

	for (size_t i = 0; (line = gg_story_line_at(&s->story, i)); i++)
		if (strstr(line, "/pre-receive") &&
		    (strstr(line, ": cannot ") || strstr(line, " died of signal ")))
			found = line;
	return found;
}

/* Git's own refusals cannot be told from a hook that failed before its first word: both leave git well. */
static void log_no_word(struct gg_session *s)
{
	const char *said = said_of_hook(s);
	struct gg_fields f;
	int r = gg_setup_hook(s->io->gate->conf);

	if (r == -EINVAL)
		return; /* the operator's own, which owes us nothing */
	no_word_fields(s, &f);
	if (r == -ENOENT) {
		f.key = "hook.path";
		gg_event(GG_EV_PUSH_STEP_FAILED, &f,
			 "pre-receive: it is not in hook.path any more, and git takes what no hook looks at");
	} else if (said) {
		gg_event(GG_EV_PUSH_STEP_FAILED, &f, "pre-receive: %s", said);
	} else {
		gg_event(GG_EV_PUSH_REJECTED, &f,
			 "without a word of its hook: git itself refused it before, or the hook was not "
			 "started, was killed, or could not reach the control socket; the client was told");
	}
}

/* On a unix socket what came is not told from other files that git read. */
static bool has_commands(const struct gg_session *s)
{
	return !s->local.is && s->tcp.received > s->track.request_bytes + GG_FLUSH_BYTES + GG_FIN_BYTES;
}

void gg_session_log_hook(struct gg_session *s, bool whole, int status)
{
	struct gg_push_seen seen = { .push = s->opened && s->found && !s->lent && !s->adopted &&
					     !strcmp(s->service, "receive-pack"),
				     .stopped = s->verdict.reason != GG_REASON_NONE,
				     .status = status,
				     .left = s->peer_gone,
				     .came = whole && (s->http || has_commands(s)),
				     .told = s->account.asked,
				     .at_work = s->step[0] };
	struct gg_fields f;

	switch (gg_hookword(&seen)) {
	case GG_HOOKWORD_WELL:
		break;
	case GG_HOOKWORD_LOST:
		no_word_fields(s, &f);
		gg_event(GG_EV_PUSH_STEP_FAILED, &f,
			 "%s: the push is over, and its hook has not said how this went", s->step);
		break;
	case GG_HOOKWORD_NEVER:
		log_no_word(s);
		break;
	}
}

void gg_session_hook_over(struct gg_session *s, bool whole)
{
	gg_session_log_hook(s, whole, 0);
	s->hook_died |= s->step[0] != 0;
	s->step[0] = 0;
}

void gg_session_log_replaced(struct gg_gate *g, const struct gg_served *how)
{
	if (g->said_replaced || !gg_setup_replaced(how))
		return;
	g->said_replaced = true;
	gg_event(GG_EV_GATE_OUTDATED, NULL,
		 "%s is another file than when this gate (version %s) began: sessions go on as before; "
		 "restart "
		 "the gate to have the new one",
		 how->prog, GG_VERSION);
}

void gg_session_log_end(struct gg_session *s, int64_t now)
{
	char mem[1000];
	struct gg_buf b = GG_BUF(mem);
	struct gg_fields f;

	if (s->verdict.reason != GG_REASON_NONE)
		log_reaped(s, now);
	gg_session_fields(s, now, &f);
	f.age_ms = s->ended_ms - s->accepted_ms;
	add_status(&b, s->root_status);
	if (s->peer_gone && s->verdict.reason == GG_REASON_NONE) {
		f.reason = gg_reason_name(GG_REASON_PEER_GONE);
		gg_buf_add(&b, "; meanwhile the client's host had stopped answering");
	}
	add_left_out(&b, s);
	add_phases(&b, &s->story, f.age_ms);
	/* a stranger that asked for nothing (a health check, a port scan) is not worth a line, unless
	 * somebody killed what served it */
	if (s->service[0] || s->verdict.reason != GG_REASON_NONE ||
	    (s->root_status >= 0 && WIFSIGNALED(s->root_status)))
		gg_event(GG_EV_SESSION_CLOSED, &f, "%s", b.s);
}
