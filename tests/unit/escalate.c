/* Tests of reaper/escalate.h: the steps, in their order and time. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "reaper/escalate.h"

static const struct gg_limits lim = { .grace = 500 };

enum { DAEMON, RECEIVE, UNPACKER, HOOK, CHILD, WEB, NPROCS };

/* which: letters d r u h c, w: git-gate-http. */
static struct gg_snap make(const char *which, int64_t now, struct gg_proc *v)
{
	static const enum gg_role roles[NPROCS] = { GG_ROLE_DAEMON, GG_ROLE_RECEIVE_PACK, GG_ROLE_UNPACKER,
						    GG_ROLE_HOOK,   GG_ROLE_OTHER,	  GG_ROLE_HTTP };
	static const int parents[NPROCS] = { -1, DAEMON, RECEIVE, RECEIVE, HOOK, -1 };
	struct gg_snap s = { .now_ms = now, .v = v };

	for (int i = 0; i < NPROCS; i++)
		if (strchr(which, "druhcw"[i]))
			v[s.n++] = (struct gg_proc){ .pid = 100 + i,
						     .ppid = 100 + parents[i],
						     .role = roles[i],
						     .state = 'S',
						     .nlwp = 1,
						     .start_tick = 7,
						     .hook = i == HOOK ? GG_HOOK_PRE_RECEIVE : 0 };
	return s;
}

struct step {
	int64_t at;	   /* ms */
	const char *which; /* what is alive */
	enum gg_phase phase;
	enum gg_step want;
};

static void run(const char *name, enum gg_reason reason, bool no_shut, const struct step *steps, size_t n)
{
	struct gg_ending e = { .reason = reason,
			       .no_shut = no_shut,
			       .hook_pid = reason == GG_REASON_HOOK ? 103 : 0,
			       .hook_tick = reason == GG_REASON_HOOK ? 7 : 0 };

	for (size_t i = 0; i < n; i++) {
		struct gg_proc v[NPROCS];
		struct gg_snap s = make(steps[i].which, steps[i].at, v);
		struct gg_view view;
		int64_t next = -1;
		enum gg_step got;

		gg_classify(&s, &view);
		view.phase = steps[i].phase;
		got = gg_escalate(&e, &s, &view, &lim, &next);
		cr_expect_eq(got, steps[i].want, "%s, at %d: %s", name, (int)steps[i].at, gg_step_name(got));
		cr_expect_gt(next, steps[i].at, "%s, at %d: asks for a next look", name, (int)steps[i].at);
	}
}

#define RUN(name, reason, ...) \
	do { \
		static const struct step steps[] = { __VA_ARGS__ }; \
		run(name, reason, false, steps, GG_LEN(steps)); \
	} while (0)
/* the same where the connection is out of reach */
#define RUN_NO_SHUT(name, reason, ...) \
	do { \
		static const struct step steps[] = { __VA_ARGS__ }; \
		run(name, reason, true, steps, GG_LEN(steps)); \
	} while (0)

Test(escalate, steps)
{
	RUN("before the pack", GG_REASON_COMMANDS, { 0, "dr", GG_PHASE_COMMANDS, GG_STEP_HANGUP },
	    { 10, "dr", GG_PHASE_COMMANDS, GG_STEP_NONE }, { 499, "dr", GG_PHASE_COMMANDS, GG_STEP_NONE },
	    { 500, "dr", GG_PHASE_COMMANDS, GG_STEP_HANGUP_GIT },
	    { 999, "dr", GG_PHASE_COMMANDS, GG_STEP_NONE },
	    { 1000, "dr", GG_PHASE_COMMANDS, GG_STEP_KILL_GIT },
	    { 1500, "dr", GG_PHASE_COMMANDS, GG_STEP_STRAY },
	    { 2000, "dr", GG_PHASE_COMMANDS, GG_STEP_KILL_GIT });
	RUN_NO_SHUT("before the pack, behind a pipe", GG_REASON_COMMANDS,
		    { 0, "r", GG_PHASE_COMMANDS, GG_STEP_HANGUP },
		    { 20, "", GG_PHASE_CLOSING, GG_STEP_NONE });
	RUN_NO_SHUT("mid-pack, behind a pipe", GG_REASON_IDLE, { 0, "ru", GG_PHASE_PACK, GG_STEP_KILL_LEAF },
		    { 10, "r", GG_PHASE_WORK, GG_STEP_NONE }, { 500, "r", GG_PHASE_WORK, GG_STEP_HANGUP_GIT },
		    { 1000, "r", GG_PHASE_WORK, GG_STEP_KILL_GIT });
	RUN_NO_SHUT("mid-pack behind a pipe, its unpacker just gone", GG_REASON_IDLE,
		    { 0, "r", GG_PHASE_PACK, GG_STEP_HANGUP_GIT });
	RUN_NO_SHUT("not reading, behind a pipe", GG_REASON_NOT_READING,
		    { 0, "r", GG_PHASE_SENDING, GG_STEP_HANGUP_GIT },
		    { 500, "r", GG_PHASE_SENDING, GG_STEP_KILL_GIT });
	RUN("mid-pack, obeys", GG_REASON_IDLE, { 0, "dru", GG_PHASE_PACK, GG_STEP_HALF_CLOSE },
	    { 20, "", GG_PHASE_CLOSING, GG_STEP_NONE });
	RUN("mid-pack, does not", GG_REASON_IDLE, { 0, "dru", GG_PHASE_PACK, GG_STEP_HALF_CLOSE },
	    { 500, "dru", GG_PHASE_WORK, GG_STEP_KILL_LEAF }, { 600, "dr", GG_PHASE_WORK, GG_STEP_NONE },
	    { 1000, "dr", GG_PHASE_WORK, GG_STEP_HANGUP_GIT },
	    { 1500, "d", GG_PHASE_WORK, GG_STEP_KILL_GIT });
	RUN("no pack", GG_REASON_PACK_START, { 0, "dr", GG_PHASE_PACK_START, GG_STEP_HANGUP });
	RUN("no pack, over HTTP", GG_REASON_PACK_START, { 0, "wr", GG_PHASE_PACK_START, GG_STEP_HALF_CLOSE },
	    { 20, "", GG_PHASE_CLOSING, GG_STEP_NONE });
	RUN("no pack, over HTTP, does not obey", GG_REASON_PACK_START,
	    { 0, "wr", GG_PHASE_PACK_START, GG_STEP_HALF_CLOSE },
	    { 500, "wr", GG_PHASE_WORK, GG_STEP_HANGUP_GIT }, { 1000, "w", GG_PHASE_WORK, GG_STEP_KILL_GIT });
	RUN_NO_SHUT("no pack, over HTTP, out of reach", GG_REASON_PACK_START,
		    { 0, "wr", GG_PHASE_PACK_START, GG_STEP_HANGUP });
	RUN("no command, over HTTP", GG_REASON_COMMANDS, { 0, "wr", GG_PHASE_COMMANDS, GG_STEP_HANGUP });
	RUN("between two requests", GG_REASON_OPERATOR, { 0, "w", GG_PHASE_KEEP_ALIVE, GG_STEP_HANGUP_GIT },
	    { 500, "w", GG_PHASE_KEEP_ALIVE, GG_STEP_KILL_GIT });
	RUN("not reading", GG_REASON_NOT_READING, { 0, "dr", GG_PHASE_SENDING, GG_STEP_SHUTDOWN },
	    { 500, "dr", GG_PHASE_SENDING, GG_STEP_HANGUP_GIT });
	RUN("at work", GG_REASON_SESSION, { 0, "dru", GG_PHASE_WORK, GG_STEP_KILL_LEAF },
	    { 500, "dr", GG_PHASE_WORK, GG_STEP_HANGUP_GIT });
	RUN("at work, no leaf", GG_REASON_SESSION, { 0, "dr", GG_PHASE_WORK, GG_STEP_HANGUP_GIT },
	    { 500, "dr", GG_PHASE_WORK, GG_STEP_KILL_GIT });
}

Test(escalate, hook)
{
	RUN("a hook: killed until two looks find nothing, then the session goes on", GG_REASON_HOOK,
	    { 0, "drhc", GG_PHASE_HOOK, GG_STEP_KILL_HOOK }, { 50, "drhc", GG_PHASE_HOOK, GG_STEP_KILL_HOOK },
	    { 100, "dr", GG_PHASE_WORK, GG_STEP_NONE }, { 150, "dr", GG_PHASE_WORK, GG_STEP_NONE },
	    { 200, "dr", GG_PHASE_WORK, GG_STEP_RESUME });
	RUN("the operator ends a session in a hook: first the hook, then the session", GG_REASON_OPERATOR,
	    { 0, "drhc", GG_PHASE_HOOK, GG_STEP_KILL_HOOK }, { 50, "dr", GG_PHASE_WORK, GG_STEP_NONE },
	    { 100, "dr", GG_PHASE_WORK, GG_STEP_NONE }, { 150, "dr", GG_PHASE_WORK, GG_STEP_HANGUP_GIT });
	RUN("it ended by itself meanwhile", GG_REASON_HOOK, { 0, "dr", GG_PHASE_WORK, GG_STEP_RESUME });
}

Test(escalate, a_step_that_comes_late_leaves_git_its_time)
{
	static const struct {
		const char *name;
		int level;
		bool delayed;
		int rounds;
		int64_t late_ms;
		int64_t want; /* from now on; -1: it is taken at once */
	} rows[] = {
		{ "late by less than a grace", 1, false, 0, 200, 200 },
		{ "late by hours", 3, false, 0, 3600000, 500 },
		{ "once a step", 1, true, 0, 200, -1 },
		{ "no step was taken yet", 0, false, 0, 200, -1 },
		{ "not late", 1, false, 0, 0, -1 },
		{ "a hook is being killed", 1, false, 3, 200, -1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gg_ending e = { .reason = GG_REASON_IDLE,
				       .level = rows[i].level,
				       .delayed = rows[i].delayed,
				       .rounds = rows[i].rounds };
		struct gg_proc v[NPROCS];
		struct gg_snap s = make("dru", 10000 + rows[i].want, v);
		struct gg_view view;
		int64_t next = -1;
		bool put_off = gg_escalate_delay(&e, rows[i].late_ms, 10000, lim.grace, &next);

		cr_expect_eq(put_off, rows[i].want >= 0, "%s", rows[i].name);
		cr_expect_eq(next, put_off ? 10000 + rows[i].want : -1, "%s: %lld", rows[i].name,
			     (long long)next);
		if (!put_off)
			continue;
		gg_classify(&s, &view);
		view.phase = GG_PHASE_PACK;
		s.now_ms--;
		cr_expect_eq(gg_escalate(&e, &s, &view, &lim, &next), GG_STEP_NONE, "%s: not before",
			     rows[i].name);
		s.now_ms++;
		cr_expect_neq(gg_escalate(&e, &s, &view, &lim, &next), GG_STEP_NONE, "%s: then",
			      rows[i].name);
		cr_expect(!e.delayed, "%s: the next step may be put off again", rows[i].name);
	}
}

Test(escalate, another_hook_has_its_own_deadline)
{
	struct gg_ending e = { .reason = GG_REASON_HOOK, .hook_pid = 999, .hook_tick = 1 };
	struct gg_proc v[NPROCS];
	struct gg_snap s = make("drh", 0, v);
	struct gg_view view;
	int64_t next;

	gg_classify(&s, &view);
	cr_expect_eq(gg_escalate(&e, &s, &view, &lim, &next), GG_STEP_RESUME);
}

Test(escalate, a_subtree_that_forks_faster_is_given_up_once)
{
	struct gg_ending e = { .reason = GG_REASON_HOOK, .hook_pid = 103, .hook_tick = 7 };
	struct gg_proc v[NPROCS];
	struct gg_view view;
	int64_t now = 0, next;
	int kills = 0, strays = 0;

	for (int i = 0; i < 200; i++, now = next) {
		struct gg_snap s = make("drhc", now, v);
		enum gg_step step;

		gg_classify(&s, &view);
		step = gg_escalate(&e, &s, &view, &lim, &next);
		kills += step == GG_STEP_KILL_HOOK;
		strays += step == GG_STEP_STRAY;
	}
	cr_expect_eq(kills, GG_KILL_ROUNDS);
	cr_expect_eq(strays, 1);
}

Test(escalate, never_git_itself_while_a_hook_runs)
{
	/* in a ref transaction a signal to receive-pack leaves locks behind: whatever the reason, however
	 * long it takes */
	for (enum gg_reason r = GG_REASON_INIT; r < GG_NREASONS; r++) {
		struct gg_ending e = { .reason = r, .hook_pid = 103, .hook_tick = 7 };
		struct gg_proc v[NPROCS];
		int64_t now = 0, next;

		for (int i = 0; i < 100; i++, now = next) {
			struct gg_snap s = make("drhc", now, v);
			struct gg_view view;
			enum gg_step step;

			gg_classify(&s, &view);
			step = gg_escalate(&e, &s, &view, &lim, &next);
			for (size_t k = 0; k < s.n; k++)
				cr_expect(!gg_step_target(step, &s, k) || v[k].role == GG_ROLE_HOOK ||
						  v[k].role == GG_ROLE_OTHER,
					  "%s: %s", gg_reason_name(r), gg_step_name(step));
		}
	}
}

Test(escalate, targets)
{
	static const struct {
		enum gg_step step;
		const char *want; /* of "druhc" */
	} rows[] = {
		{ GG_STEP_HANGUP, "dru" },    { GG_STEP_KILL_HOOK, "hc" },   { GG_STEP_KILL_LEAF, "uhc" },
		{ GG_STEP_HANGUP_GIT, "dr" }, { GG_STEP_KILL_GIT, "druhc" }, { GG_STEP_HALF_CLOSE, "" },
		{ GG_STEP_SHUTDOWN, "" },     { GG_STEP_NONE, "" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_proc v[NPROCS];
		struct gg_snap s = make("druhc", 0, v);

		for (size_t k = 0; k < s.n; k++)
			cr_expect_eq(gg_step_target(rows[i].step, &s, k),
				     strchr(rows[i].want, "druhc"[k]) != NULL, "%s, %zu",
				     gg_step_name(rows[i].step), k);
		v[RECEIVE].state = 'Z';
		cr_expect(!gg_step_target(rows[i].step, &s, RECEIVE), "a zombie needs no signal");
	}
}

Test(escalate, with_a_cgroup)
{
	struct gg_ending e = { .reason = GG_REASON_COMMANDS, .cgroup = true };
	static const enum gg_step last[] = { GG_STEP_HANGUP,   GG_STEP_HANGUP_GIT, GG_STEP_KILL_GIT,
					     GG_STEP_KILL_ALL, GG_STEP_STRAY,	   GG_STEP_KILL_GIT };
	struct gg_proc v[NPROCS];
	struct gg_view view;
	int64_t next;

	for (size_t i = 0; i < GG_LEN(last); i++) {
		struct gg_snap s = make("dr", (int64_t)i * 500, v);

		gg_classify(&s, &view);
		view.phase = GG_PHASE_COMMANDS;
		cr_expect_eq(gg_escalate(&e, &s, &view, &lim, &next), last[i], "step %zu", i);
	}
}

/* Kills a hook for that long, with a cgroup; counts what is done. */
static void outrun(const char *which, int n[static GG_NSTEPS])
{
	struct gg_ending e = { .reason = GG_REASON_OPERATOR, .cgroup = true };
	bool frozen = false;

	for (int i = 0; i <= GG_KILL_ROUNDS; i++) {
		struct gg_proc v[NPROCS];
		struct gg_snap s = make(which, i * 50, v);
		struct gg_view view;
		enum gg_step step;
		int64_t next;

		gg_classify(&s, &view);
		view.phase = GG_PHASE_HOOK;
		step = gg_escalate(&e, &s, &view, &lim, &next);
		n[step]++;
		if (i < GG_FREE_ROUNDS)
			cr_expect_eq(step, GG_STEP_KILL_HOOK, "round %d", i);
		cr_expect_eq(e.frozen, step == GG_STEP_FREEZE);
		cr_expect(!frozen || step == GG_STEP_KILL_HOOK, "who stands still is killed, and let go");
		frozen = e.frozen;
	}
	cr_expect_not(frozen);
}

Test(escalate, a_hook_that_outruns_its_killers)
{
	int n[GG_NSTEPS] = { 0 };

	/* git waits for it, perhaps in a reference transaction: it is never killed with it */
	outrun("drhc", n);
	cr_expect_eq(n[GG_STEP_KILL_ALL], 0);
	cr_expect_eq(n[GG_STEP_FREEZE], (GG_KILL_ROUNDS - GG_FREE_ROUNDS) / 2);
	cr_expect_eq(n[GG_STEP_STRAY], 1);
	memset(n, 0, sizeof(n));
	/* git has gone */
	outrun("hc", n);
	cr_expect_eq(n[GG_STEP_FREEZE], 0);
	cr_expect_eq(n[GG_STEP_KILL_ALL], GG_KILL_ROUNDS - GG_FREE_ROUNDS);
}
