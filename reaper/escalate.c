/* escalate - the steps by which a session is ended. See escalate.h. */
#include "reaper/escalate.h"

const char *gg_step_name(enum gg_step s)
{
	static const char *const names[GG_NSTEPS] = {
		[GG_STEP_NONE] = "none",
		[GG_STEP_HANGUP] = "hangup",
		[GG_STEP_HALF_CLOSE] = "half-close",
		[GG_STEP_SHUTDOWN] = "shutdown",
		[GG_STEP_KILL_HOOK] = "kill-hook",
		[GG_STEP_KILL_LEAF] = "kill-leaf",
		[GG_STEP_HANGUP_GIT] = "hangup-git",
		[GG_STEP_KILL_GIT] = "kill-git",
		[GG_STEP_FREEZE] = "freeze",
		[GG_STEP_KILL_ALL] = "kill-all",
		[GG_STEP_RESUME] = "resume",
		[GG_STEP_STRAY] = "stray",
	};

	return names[s];
}

bool gg_step_target(enum gg_step s, const struct gg_snap *snap, size_t i)
{
	const struct gg_proc *p = &snap->v[i];
	bool trunk = p->role == GG_ROLE_SESSION || p->role == GG_ROLE_DAEMON || p->role == GG_ROLE_HTTP ||
		     p->role == GG_ROLE_BACKEND || p->role == GG_ROLE_RECEIVE_PACK ||
		     p->role == GG_ROLE_UPLOAD_PACK;

	if (!gg_proc_alive(p))
		return false;
	switch (s) {
	case GG_STEP_HANGUP:
		return trunk || p->role == GG_ROLE_GIT || p->role == GG_ROLE_UNPACKER;
	case GG_STEP_KILL_HOOK:
		return gg_in_hook(snap, i);
	case GG_STEP_KILL_LEAF:
		return !trunk;
	case GG_STEP_HANGUP_GIT:
		return trunk;
	case GG_STEP_KILL_GIT:
		return true;
	default:
		return false;
	}
}

static bool any_target(enum gg_step s, const struct gg_snap *snap)
{
	for (size_t i = 0; i < snap->n; i++)
		if (gg_step_target(s, snap, i))
			return true;
	return false;
}

/* Nothing that git itself waits for is left: no reference transaction of its own can be cut off. */
static bool git_is_gone(const struct gg_snap *snap)
{
	for (size_t i = 0; i < snap->n; i++)
		if (gg_proc_alive(&snap->v[i]) && !gg_in_hook(snap, i))
			return false;
	return true;
}

/*
 * Kill, look, kill again: a subtree may fork while it is being killed. What has outrun that for some rounds
 * is ended with its cgroup, if git has gone; else it stands still while it is looked at.
 */
static enum gg_step kill_hook(struct gg_ending *e, const struct gg_snap *snap, bool was_frozen,
			      int64_t round_ms, int64_t grace, int64_t *ret_next)
{
	*ret_next = snap->now_ms + round_ms;
	e->quiet_rounds = 0;
	if (e->rounds < GG_KILL_ROUNDS) {
		bool outrun = e->cgroup && e->rounds >= GG_FREE_ROUNDS;

		e->rounds++;
		e->acted_ms = snap->now_ms;
		if (outrun && git_is_gone(snap))
			return GG_STEP_KILL_ALL;
		e->frozen = outrun && !was_frozen;
		return e->frozen ? GG_STEP_FREEZE : GG_STEP_KILL_HOOK;
	}
	*ret_next = snap->now_ms + grace;
	if (e->strayed)
		return GG_STEP_NONE;
	e->strayed = true;
	return GG_STEP_STRAY;
}

static enum gg_step kill_leaf_or_hangup(struct gg_ending *e, const struct gg_snap *snap)
{
	if (any_target(GG_STEP_KILL_LEAF, snap)) {
		e->level = 2;
		return GG_STEP_KILL_LEAF;
	}
	e->level = 3;
	return GG_STEP_HANGUP_GIT;
}

static enum gg_step first_step(struct gg_ending *e, const struct gg_snap *snap, const struct gg_view *view)
{
	bool http = false;

	for (size_t i = 0; i < snap->n; i++)
		http |= snap->v[i].role == GG_ROLE_HTTP && gg_proc_alive(&snap->v[i]);
	e->level = 1;
	switch (view->phase) {
	case GG_PHASE_REQUEST:
	case GG_PHASE_COMMANDS:
		return GG_STEP_HANGUP;
	case GG_PHASE_PACK_START:
		/* git-gate-http turns the end of the body into git's report, which its client shows; a status
		 * it would not show */
		return http && !e->no_shut ? GG_STEP_HALF_CLOSE : GG_STEP_HANGUP;
	case GG_PHASE_PACK:
		return e->no_shut ? kill_leaf_or_hangup(e, snap) : GG_STEP_HALF_CLOSE;
	case GG_PHASE_SENDING:
		return e->no_shut ? kill_leaf_or_hangup(e, snap) : GG_STEP_SHUTDOWN;
	default:
		return kill_leaf_or_hangup(e, snap);
	}
}

static enum gg_step later_step(struct gg_ending *e, const struct gg_snap *snap)
{
	if (e->level < 2 && any_target(GG_STEP_KILL_LEAF, snap)) {
		e->level = 2;
		return GG_STEP_KILL_LEAF;
	}
	if (e->level < 3 && any_target(GG_STEP_HANGUP_GIT, snap)) {
		e->level = 3;
		return GG_STEP_HANGUP_GIT;
	}
	if (e->level < 4) {
		e->level = 4;
		return GG_STEP_KILL_GIT;
	}
	if (e->level < 5 && e->cgroup) {
		e->level = 5;
		return GG_STEP_KILL_ALL;
	}
	if (!e->strayed) {
		e->level = 6;
		e->strayed = true;
		return GG_STEP_STRAY;
	}
	return GG_STEP_KILL_GIT;
}

enum gg_step gg_escalate(struct gg_ending *e, const struct gg_snap *snap, const struct gg_view *view,
			 const struct gg_limits *lim, int64_t *ret_next_ms)
{
	int64_t now = snap->now_ms, round_ms = lim->grace / 10 > 10 ? lim->grace / 10 : 10;
	bool was_frozen = e->frozen;
	enum gg_step step;

	e->frozen = false;
	*ret_next_ms = now + lim->grace;
	if (!view->alive)
		return GG_STEP_NONE;
	if (e->reason == GG_REASON_HOOK &&
	    (view->hook_pid != e->hook_pid || view->hook_tick != e->hook_tick) && view->hook_pid)
		return GG_STEP_RESUME; /* the next hook, with a deadline of its own */
	if (view->phase == GG_PHASE_HOOK && any_target(GG_STEP_KILL_HOOK, snap))
		return kill_hook(e, snap, was_frozen, round_ms, lim->grace, ret_next_ms);
	if (e->rounds && e->quiet_rounds < 2) {
		e->quiet_rounds++;
		*ret_next_ms = now + round_ms;
		return GG_STEP_NONE;
	}
	if (e->reason == GG_REASON_HOOK && view->server_pid)
		return GG_STEP_RESUME;
	if (e->level && now < e->acted_ms + lim->grace) {
		*ret_next_ms = e->acted_ms + lim->grace;
		return GG_STEP_NONE;
	}
	step = e->level ? later_step(e, snap) : first_step(e, snap, view);
	e->acted_ms = now;
	e->delayed = false;
	return step;
}

bool gg_escalate_delay(struct gg_ending *e, int64_t late_ms, int64_t now_ms, int64_t grace_ms,
		       int64_t *ret_next_ms)
{
	int64_t more = late_ms < grace_ms ? late_ms : grace_ms;

	if (!e->level || e->rounds || e->delayed || more <= 0)
		return false;
	e->delayed = true;
	*ret_next_ms = now_ms + more;
	e->acted_ms = *ret_next_ms - grace_ms;
	return true;
}
