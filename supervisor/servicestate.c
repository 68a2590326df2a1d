/* servicestate - see servicestate.h. */
#include "supervisor/servicestate.h"

#define HEALTHY_MOST_MS 60000
#define HEALTHY_LEAST_MS 1000 /* an immediate restart a second is no busy loop */

/* How long a run has to be ready for the next restart to be immediate. */
static int64_t healthy_ms(const struct gg_service_conf *c)
{
	if (c->backoff_max_ms < HEALTHY_LEAST_MS)
		return HEALTHY_LEAST_MS;
	return c->backoff_max_ms < HEALTHY_MOST_MS ? c->backoff_max_ms : HEALTHY_MOST_MS;
}

int64_t gg_svc_backoff(const struct gg_service_conf *c, unsigned attempt, uint32_t random)
{
	int64_t ms = c->backoff_ms;

	for (; attempt && ms < c->backoff_max_ms; attempt--)
		ms *= 2;
	if (ms > c->backoff_max_ms)
		ms = c->backoff_max_ms;
	/* less than a quarter off, so that each wait is longer than the one before */
	return ms - ms / 4 * (int64_t)(random % 1000) / 1000;
}

static void enter(struct gg_svc *s, enum gg_svc_state state, int64_t now_ms)
{
	s->state = state;
	s->since_ms = now_ms;
	s->timed = false;
}

static void set_timer(struct gg_svc *s, int64_t due_ms)
{
	s->timed = true;
	s->due_ms = due_ms;
}

/* Note a failure. True: it is one too many. */
static bool count_failure(struct gg_svc *s, const struct gg_service_conf *c, int64_t now_ms)
{
	unsigned burst = c->burst < 1		       ? 1
			 : c->burst > GG_SVC_BURST_MAX ? GG_SVC_BURST_MAX
						       : (unsigned)c->burst;

	s->failure_ms[s->nfailures++ % GG_SVC_BURST_MAX] = now_ms;
	s->has_failed = true;
	if (s->nfailures < burst)
		return false;
	return now_ms - s->failure_ms[(s->nfailures - burst) % GG_SVC_BURST_MAX] <= c->burst_window_ms;
}

static enum gg_svc_act ended(struct gg_svc *s, const struct gg_service_conf *c, bool ok, int64_t now_ms,
			     uint32_t random)
{
	bool healthy = s->state == GG_SVC_UP && now_ms - s->since_ms >= healthy_ms(c);

	if (ok && s->state == GG_SVC_UP && c->restart != GG_RESTART_ALWAYS) {
		enter(s, GG_SVC_DONE, now_ms);
		return GG_SVC_FINISH;
	}
	if (count_failure(s, c, now_ms) || c->restart == GG_RESTART_NEVER) {
		enter(s, GG_SVC_GAVE_UP, now_ms);
		return GG_SVC_GIVE_UP;
	}
	enter(s, GG_SVC_BACKOFF, now_ms);
	if (healthy)
		s->attempt = 0;
	set_timer(s, healthy ? now_ms : now_ms + gg_svc_backoff(c, s->attempt, random));
	s->attempt += !healthy;
	return GG_SVC_SLEEP;
}

/* The gate would else end for a shortage that passes, when the service is essential. */
static enum gg_svc_act lacked(struct gg_svc *s, const struct gg_service_conf *c, int64_t now_ms,
			      uint32_t random)
{
	enter(s, GG_SVC_BACKOFF, now_ms);
	set_timer(s, now_ms + gg_svc_backoff(c, s->attempt++, random));
	s->has_failed = true;
	return GG_SVC_SLEEP;
}

static enum gg_svc_act start(struct gg_svc *s, const struct gg_service_conf *c, int64_t now_ms)
{
	enter(s, GG_SVC_STARTING, now_ms);
	set_timer(s, now_ms + c->ready_timeout_ms);
	return GG_SVC_SPAWN;
}

static enum gg_svc_act ask(struct gg_svc *s, const struct gg_service_conf *c, enum gg_svc_state state,
			   int64_t now_ms)
{
	enter(s, state, now_ms);
	set_timer(s, now_ms + c->kill_after_ms);
	return state == GG_SVC_FAILING ? GG_SVC_TOO_LATE : GG_SVC_SIGNAL;
}

/* What an event means in a state. IGNORE is zero: what is not in the table cannot be, or does not matter. */
enum move {
	IGNORE,
	START,
	BE_READY,
	END_BY_ITSELF,
	END_TOLD,
	TRY_AGAIN,
	ASK,
	ASK_LATE,
	ASKED_ALREADY,
	KILL,
	NEVER_START
};

static const enum move moves[GG_NSVC_STATES][GG_NSVC_EVENTS] = {
	[GG_SVC_WAITING] = { [GG_SVC_GO] = START, [GG_SVC_STOP] = NEVER_START },
	[GG_SVC_STARTING] = { [GG_SVC_READY] = BE_READY,
			      [GG_SVC_OK] = END_BY_ITSELF,
			      [GG_SVC_FAILED] = END_BY_ITSELF,
			      [GG_SVC_LACKED] = TRY_AGAIN,
			      [GG_SVC_TIMER] = ASK_LATE,
			      [GG_SVC_STOP] = ASK },
	[GG_SVC_UP] = { [GG_SVC_OK] = END_BY_ITSELF, [GG_SVC_FAILED] = END_BY_ITSELF, [GG_SVC_STOP] = ASK },
	[GG_SVC_FAILING] = { [GG_SVC_OK] = END_BY_ITSELF,
			     [GG_SVC_FAILED] = END_BY_ITSELF,
			     [GG_SVC_TIMER] = KILL,
			     [GG_SVC_STOP] = ASKED_ALREADY },
	[GG_SVC_BACKOFF] = { [GG_SVC_TIMER] = START, [GG_SVC_STOP] = NEVER_START },
	[GG_SVC_STOPPING] = { [GG_SVC_OK] = END_TOLD, [GG_SVC_FAILED] = END_TOLD, [GG_SVC_TIMER] = KILL },
};

enum gg_svc_act gg_svc_step(struct gg_svc *s, const struct gg_service_conf *c, enum gg_svc_event event,
			    int64_t now_ms, uint32_t random)
{
	switch (moves[s->state][event]) {
	case IGNORE:
		return GG_SVC_NONE;
	case START:
		return start(s, c, now_ms);
	case BE_READY:
		enter(s, GG_SVC_UP, now_ms);
		s->was_ready = true;
		return GG_SVC_TELL_READY;
	case END_BY_ITSELF:
		return ended(s, c, event == GG_SVC_OK, now_ms, random);
	case TRY_AGAIN:
		return lacked(s, c, now_ms, random);
	case END_TOLD:
		enter(s, GG_SVC_STOPPED, now_ms);
		return GG_SVC_END;
	case ASK:
		return ask(s, c, GG_SVC_STOPPING, now_ms);
	case ASK_LATE:
		return ask(s, c, GG_SVC_FAILING, now_ms);
	case ASKED_ALREADY:
		s->state = GG_SVC_STOPPING; /* its timer goes on */
		return GG_SVC_NONE;
	case KILL:
		s->timed = false;
		return GG_SVC_KILL;
	case NEVER_START:
		enter(s, GG_SVC_STOPPED, now_ms);
		return GG_SVC_NONE;
	}
	return GG_SVC_NONE;
}

void gg_svc_hurry(struct gg_svc *s, int64_t due_ms)
{
	if ((s->state == GG_SVC_STOPPING || s->state == GG_SVC_FAILING) && s->timed && due_ms < s->due_ms)
		s->due_ms = due_ms;
}

const char *gg_svc_state_name(enum gg_svc_state state)
{
	static const char *const names[GG_NSVC_STATES] = {
		[GG_SVC_WAITING] = "waiting", [GG_SVC_STARTING] = "starting", [GG_SVC_UP] = "up",
		[GG_SVC_FAILING] = "failing", [GG_SVC_BACKOFF] = "backoff",   [GG_SVC_STOPPING] = "stopping",
		[GG_SVC_DONE] = "done",	      [GG_SVC_GAVE_UP] = "gave-up",   [GG_SVC_STOPPED] = "stopped",
	};

	return names[state];
}

bool gg_svc_over(const struct gg_svc *s)
{
	return s->state == GG_SVC_DONE || s->state == GG_SVC_GAVE_UP || s->state == GG_SVC_STOPPED;
}

bool gg_svc_settled(const struct gg_svc *s, const struct gg_service_conf *c)
{
	return s->was_ready || gg_svc_over(s) || (s->has_failed && !c->essential);
}
