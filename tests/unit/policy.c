/*
 * Tests of reaper/policy.h. Each row says when a verdict
 * must come, or that none may.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "reaper/policy.h"
#include "tests/unit/world.h"

/* due: when the deadline passes, ms from accept; the verdict may come up to two samples later, never
 * before */
static const struct {
	const char *name;
	struct stretch s[4];
	size_t n;
	enum gg_reason want;
	int64_t due;
} verdicts_rows[] = {
	{ "says nothing", { REQUEST(LONG) }, 1, GG_REASON_INIT, 2000 },
	{ "trickled request is not excused",
	  { { LONG, GG_PHASE_REQUEST, true, 200, 1, false } },
	  1,
	  GG_REASON_INIT,
	  2000 },
	{ "request in time", { REQUEST(1900), COMMANDS(LONG) }, 2, GG_REASON_COMMANDS, 4900 },
	{ "no command", { COMMANDS(LONG) }, 1, GG_REASON_COMMANDS, 3000 },
	{ "no pack",
	  { COMMANDS(450),
	    { 50, GG_PHASE_COMMANDS, true, 50, 200, false },
	    { LONG, GG_PHASE_PACK_START, true, 0, 0, false } },
	  3,
	  GG_REASON_PACK_START,
	  3450 },
	{ "stops mid-pack", { PACK(1000, 20, 1000), PACK(LONG, 0, 0) }, 2, GG_REASON_IDLE, 2980 },
	{ "stops mid-pack while git still unpacks",
	  { PACK(1000, 20, 1000), WORK(5000, true), PACK(LONG, 0, 0) },
	  3,
	  GG_REASON_IDLE,
	  8000 },
	{ "does not read",
	  { { LONG, GG_PHASE_SENDING, true, 0, 0, false } },
	  1,
	  GG_REASON_NOT_READING,
	  2000 },
	{ "does not read, but sends",
	  { { 50, GG_PHASE_SENDING, true, 0, 0, false }, { LONG, GG_PHASE_PACK, true, 0, 0, false } },
	  2,
	  GG_REASON_IDLE,
	  2050 },
	{ "a hook hangs", { HOOK(LONG) }, 1, GG_REASON_HOOK, 5000 },
	{ "a busy hook has the same limit",
	  { { LONG, GG_PHASE_HOOK, false, 0, 0, true } },
	  1,
	  GG_REASON_HOOK,
	  5000 },
	{ "the second hook hangs", { HOOK(4500), HOOK(LONG) }, 2, GG_REASON_HOOK, 9500 },
	{ "trickles", { PACK(LONG, 300, 1) }, 1, GG_REASON_TRICKLE, 8000 },
	{ "trickles commands",
	  { { LONG, GG_PHASE_COMMANDS, true, 300, 1, false } },
	  1,
	  GG_REASON_TRICKLE,
	  8000 },
	{ "trickles in bursts below the rate", { PACK(LONG, 1500, 1000) }, 1, GG_REASON_TRICKLE, 8000 },
	{ "bursts of more than the rate, with pauses",
	  { PACK(LONG, 1900, 1500) },
	  1,
	  GG_REASON_TRICKLE,
	  8000 },
	{ "reads in such bursts",
	  { { LONG, GG_PHASE_SENDING, true, 1900, 1500, false } },
	  1,
	  GG_REASON_TRICKLE,
	  8000 },
};

Test(policy, verdicts)
{
	struct gg_limits lim = scaled();

	for (size_t i = 0; i < GG_LEN(verdicts_rows); i++) {
		struct result r = play(verdicts_rows[i].s, verdicts_rows[i].n, &lim, 60000, false);
		/* a trickle is noticed at the end of a slice, and its first slice begins anywhere */
		int64_t late = verdicts_rows[i].want == GG_REASON_TRICKLE
				       ? lim.rate_window / GG_SLICES + 2 * lim.period
				       : 2 * lim.period;

		cr_expect_eq(r.reason, verdicts_rows[i].want, "%s: %s", verdicts_rows[i].name,
			     gg_reason_name(r.reason));
		cr_expect_geq(r.at_ms, verdicts_rows[i].due, "%s: too early, at %d", verdicts_rows[i].name,
			      (int)r.at_ms);
		cr_expect_leq(r.at_ms, verdicts_rows[i].due + late, "%s: too late, at %d",
			      verdicts_rows[i].name, (int)r.at_ms);
	}
}

Test(policy, healthy)
{
	static const struct {
		const char *name;
		struct stretch s[4];
		size_t n;
	} rows[] = {
		{ "pre-push hook of 0.9 x commands, then a push",
		  { COMMANDS(2700), PACK(5000, 20, 1000), WORK(LONG, true) },
		  3 },
		{ "counts for 0.9 x packStart",
		  { { 2700, GG_PHASE_PACK_START, true, 0, 0, false },
		    PACK(5000, 20, 1000),
		    WORK(LONG, true) },
		  3 },
		{ "stopped and resumed in time, again and again", { PACK(LONG, 1900, 4000) }, 1 },
		{ "delta resolution for 5 x idle",
		  { PACK(1000, 20, 1000), WORK(10000, true), HOOK(100), WORK(LONG, false) },
		  4 },
		{ "a few commands, then counts for longer than rate.window",
		  { { 100, GG_PHASE_COMMANDS, true, 50, 100, false },
		    { 2900, GG_PHASE_PACK_START, true, 0, 0, false },
		    PACK(LONG, 20, 1000) },
		  3 },
		{ "silent work without CPU (deadline.work is never)", { WORK(LONG, false) }, 1 },
		{ "hook silent for 2 x idle", { HOOK(4900), WORK(LONG, false) }, 2 },
		{ "slow, above the rate", { PACK(LONG, 500, 600) }, 1 },
		{ "slow link, below the rate only while git is busy",
		  { { LONG, GG_PHASE_PACK, false, 1000, 10, true } },
		  1 },
		{ "the queue is full: git's turn", { { LONG, GG_PHASE_PACK, false, 0, 0, false } }, 1 },
		{ "reads slowly", { { LONG, GG_PHASE_SENDING, true, 1500, 3000, false } }, 1 },
		{ "client's turn, but a process uses CPU", { { LONG, GG_PHASE_PACK, true, 0, 0, true } }, 1 },
	};
	struct gg_limits lim = scaled();

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct result r = play(rows[i].s, rows[i].n, &lim, 60000, false);

		cr_expect_eq(r.reason, GG_REASON_NONE, "%s: %s at %d", rows[i].name, gg_reason_name(r.reason),
			     (int)r.at_ms);
	}
}

/* Behind ssh it shows only now and then that a client reads. */
Test(policy, reading_that_shows_in_steps)
{
	enum { STEP = 128 << 10 };
	static const struct {
		const char *name;
		int every_ms, bytes;
		enum gg_reason want;
		int64_t due;
	} rows[] = {
		{ "16 KB a second", 6000, 96 << 10, GG_REASON_NONE, 0 },
		{ "at the least rate", 96000, 96 << 10, GG_REASON_NONE, 0 },
		{ "does not read", 0, 0, GG_REASON_NOT_READING, 128000 },
	};
	struct gg_limits lim = scaled();

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct stretch s = { LONG, GG_PHASE_SENDING, true, rows[i].every_ms, rows[i].bytes, false };
		struct result r = play_in_steps(STEP, NULL, &s, 1, &lim, 400000, false);

		cr_expect_eq(r.reason, rows[i].want, "%s: %s at %d", rows[i].name, gg_reason_name(r.reason),
			     (int)r.at_ms);
		cr_expect_eq(r.limit_ms, rows[i].due, "%s: limit %d", rows[i].name, (int)r.limit_ms);
		cr_expect(r.at_ms >= rows[i].due && r.at_ms <= rows[i].due + 2 * lim.period, "%s: at %d",
			  rows[i].name, (int)r.at_ms);
		if (rows[i].want == GG_REASON_NONE)
			cr_expect_neq(play(&s, 1, &lim, 400000, false).reason, GG_REASON_NONE,
				      "%s: where all shows at once", rows[i].name);
	}
	/* what is sent is another matter, and without rate.min there is deadline.idle alone */
	static const struct stretch pack = PACK(LONG, 0, 0),
				    unread = { LONG, GG_PHASE_SENDING, true, 0, 0, false };

	cr_expect_eq(play_in_steps(STEP, NULL, &pack, 1, &lim, 400000, false).limit_ms, lim.idle);
	lim.rate_min = 0;
	cr_expect_eq(play_in_steps(STEP, NULL, &unread, 1, &lim, 400000, false).limit_ms, lim.idle);
}

/* The bounds above are worth something only if a hasty policy breaks them. */
Test(policy, a_policy_that_acts_at_half_the_deadline_is_caught)
{
	static const struct stretch silent[] = { COMMANDS(LONG) };
	static const struct stretch healthy[] = { COMMANDS(2700), PACK(5000, 20, 1000), WORK(LONG, true) };
	struct gg_limits lim = scaled(), half = lim;
	struct result r;

	half.init /= 2, half.commands /= 2, half.pack_start /= 2, half.idle /= 2, half.hook /= 2;
	r = play(silent, 1, &half, 60000, false);
	cr_expect_lt(r.at_ms, lim.commands);
	r = play(healthy, 3, &half, 60000, false);
	cr_expect_neq(r.reason, GG_REASON_NONE);
}

Test(policy, every_deadline_can_be_never)
{
	static const enum gg_phase phases[] = { GG_PHASE_REQUEST, GG_PHASE_COMMANDS, GG_PHASE_PACK_START,
						GG_PHASE_PACK,	  GG_PHASE_WORK,     GG_PHASE_HOOK,
						GG_PHASE_SENDING };
	struct gg_limits lim = { .init = GG_NEVER,
				 .commands = GG_NEVER,
				 .pack_start = GG_NEVER,
				 .idle = GG_NEVER,
				 .hook = GG_NEVER,
				 .work = GG_NEVER,
				 .session = GG_NEVER,
				 .grace = 500 };

	lim.period = gg_policy_period(&lim);
	cr_expect_eq(lim.period, 1000);
	for (size_t i = 0; i < GG_LEN(phases); i++) {
		struct stretch s = {
			LONG, phases[i], phases[i] != GG_PHASE_WORK && phases[i] != GG_PHASE_HOOK, 0, 0, false
		};

		cr_expect_eq(play(&s, 1, &lim, 600000, false).reason, GG_REASON_NONE, "%s",
			     gg_phase_name(phases[i]));
	}
}

Test(policy, session_and_work_deadlines)
{
	static const struct stretch push[] = { PACK(LONG, 20, 1000) };
	static const struct stretch dead[] = { WORK(LONG, false) }, alive[] = { WORK(LONG, true) };
	struct gg_limits lim = scaled();

	lim.session = 10000;
	lim.work = 4000;
	cr_expect_eq(play(push, 1, &lim, 60000, false).reason, GG_REASON_SESSION);
	cr_expect_eq(play(dead, 1, &lim, 9000, false).reason, GG_REASON_WORK);
	cr_expect_eq(play(alive, 1, &lim, 9000, false).reason, GG_REASON_NONE);
}

Test(policy, reduced_evidence)
{
	static const struct stretch mid_pack[] = { PACK(1000, 20, 1000), PACK(LONG, 0, 0) };
	struct gg_limits lim = scaled();
	struct gg_track t;
	struct gg_snap snap = { .now_ms = 1000, .tcp = { .valid = true } };
	struct gg_view view = { .phase = GG_PHASE_PACK, .client_turn = true, .push = true, .alive = 2 };
	struct gg_verdict v;
	int64_t next;

	/* nothing moves, nothing is queued, no CPU: enough */
	cr_expect_eq(play(mid_pack, 2, &lim, 60000, true).reason, GG_REASON_IDLE);
	/* something is queued: whoever should read it does not, and that is not the client's fault */
	gg_track_init(&t, 0);
	gg_policy_sample(&t, &snap, &lim, &next);
	gg_policy_look(&t, &snap, &view, &lim);
	snap.now_ms += 2000;
	snap.tcp.queued_in = 10;
	v = gg_policy_look(&t, &snap, &view, &lim);
	cr_expect_eq(v.reason, GG_REASON_NONE);
	cr_expect(v.doubted);
	/* neither the processes nor the client can be looked at: nothing is left to judge by */
	gg_track_init(&t, 0);
	snap = (struct gg_snap){ .now_ms = 1000 };
	gg_policy_sample(&t, &snap, &lim, &next);
	gg_policy_look(&t, &snap, &view, &lim);
	snap.now_ms += 2000;
	v = gg_policy_look(&t, &snap, &view, &lim);
	cr_expect_eq(v.reason, GG_REASON_NONE);
	cr_expect(v.doubted);
	/* the processes alone: good enough */
	gg_track_init(&t, 0);
	snap.now_ms = 1000;
	view.certain = true;
	gg_policy_sample(&t, &snap, &lim, &next);
	gg_policy_look(&t, &snap, &view, &lim);
	snap.now_ms += 2000;
	cr_expect_eq(gg_policy_look(&t, &snap, &view, &lim).reason, GG_REASON_IDLE);
}

/* Seen from outside nobody knows where the request ended: the client may have sent its commands and count. */
Test(policy, an_unknown_request)
{
	struct gg_limits lim = scaled();
	struct gg_snap snap = { .now_ms = 1000, .tcp = { .valid = true, .received = 40 } };
	struct gg_view view = {
		.phase = GG_PHASE_COMMANDS, .client_turn = true, .push = true, .certain = true, .alive = 2
	};
	struct gg_track t;
	int64_t next;

	lim.pack_start = 9000;
	gg_track_init(&t, 0);
	t.request_unknown = true;
	gg_policy_sample(&t, &snap, &lim, &next);
	gg_policy_look(&t, &snap, &view, &lim);
	snap.now_ms = 9999;
	cr_expect_eq(gg_policy_look(&t, &snap, &view, &lim).reason, GG_REASON_NONE);
	snap.now_ms = 10000;
	cr_expect_eq(gg_policy_look(&t, &snap, &view, &lim).reason, GG_REASON_PACK_START);
}

/* On a host the client may count for ten minutes, and rate.window is one: silence before the pack must not
 * pass for a trickle. */
Test(policy, counting_is_no_trickle)
{
	static const struct stretch counts[] = { { 100, GG_PHASE_COMMANDS, true, 50, 100, false },
						 { LONG, GG_PHASE_PACK_START, true, 0, 0, false } };
	struct gg_limits lim = scaled();
	struct result r;

	lim.pack_start = 50000;
	r = play(counts, 2, &lim, 49000, false);
	cr_expect_eq(r.reason, GG_REASON_NONE, "%s at %d", gg_reason_name(r.reason), (int)r.at_ms);
}

/* What was too slow for less than a longer rate.window is no trickle of that window. */
Test(policy, new_limits)
{
	struct gg_track t;

	gg_track_init(&t, 1000);
	t.received = 300;
	t.acked = 200;
	t.slices = GG_SLICES;
	t.slow_pending = true;
	t.look_ms = GG_NEVER;
	t.since_ms = 1500;
	gg_track_new_limits(&t, 9000);
	cr_assert(!t.slices && !t.slow_pending);
	cr_assert_eq(t.slice_ms, 9000);
	cr_assert_eq(t.slice_bytes, 500);
	cr_assert_eq(t.look_ms, 9000);
	cr_assert_eq(t.since_ms, 1500, "how long the client has been silent is not forgotten");
	cr_assert_eq(t.accepted_ms, 1000);
}

Test(policy, the_longer_limit_after_the_first_commands)
{
	static const struct stretch plain[] = { { 100, GG_PHASE_COMMANDS, true, 50, 200, false },
						COMMANDS(LONG) };
	struct gg_limits lim = scaled();
	struct result r;

	/* a client without side-band that counts objects looks as if it still owed commands */
	lim.pack_start = 9000;
	r = play(plain, 2, &lim, 60000, false);
	cr_expect_eq(r.reason, GG_REASON_PACK_START);
	cr_expect_geq(r.at_ms, 9000);
}

Test(policy, period)
{
	static const struct {
		int64_t init, commands, pack_start, idle, want;
	} rows[] = {
		{ 15000, 30000, 30000, 15000, 1000 },
		{ 2000, 3000, 3000, 2000, 250 },
		{ 100, 3000, 3000, 2000, 50 },
		{ GG_NEVER, GG_NEVER, GG_NEVER, 4000, 500 },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_limits lim = { .init = rows[i].init,
					 .commands = rows[i].commands,
					 .pack_start = rows[i].pack_start,
					 .idle = rows[i].idle,
					 .hook = GG_NEVER };

		cr_expect_eq(gg_policy_period(&lim), rows[i].want);
	}
}

/* Between two HTTP requests: lim.keep bounds it, and others may have its place before, after a grace. */
Test(policy, a_kept_connection)
{
	struct gg_limits lim = scaled();
	struct gg_view view = {
		.phase = GG_PHASE_KEEP_ALIVE, .client_turn = true, .certain = true, .alive = 1
	};
	struct gg_track t;
	int64_t ended = -1, pressed = -1, quiet, next, at = 1000;

	lim.keep = lim.init;
	gg_track_init(&t, at);
	t.phase = GG_PHASE_KEEP_ALIVE;
	for (int64_t now = at; ended < 0 && now < at + 10000; now = next) {
		struct gg_snap s = {
			.now_ms = now,
			.tcp = { .valid = true, .recv_age_ms = now - at, .sent_age_ms = now - at }
		};

		if (gg_policy_sample(&t, &s, &lim, &next)) {
			struct gg_verdict v = gg_policy_look(&t, &s, &view, &lim);

			if (v.reason) {
				ended = now - at;
				cr_expect_eq(v.limit_ms, lim.keep);
			}
		}
		if (pressed < 0 && gg_policy_pressed(&t, now, &lim, &quiet)) {
			pressed = now - at;
			cr_expect_gt(quiet, 1000000, "before all others");
		}
	}
	cr_expect(ended >= lim.keep && ended <= lim.keep + 2 * lim.period, "%d", (int)ended);
	cr_expect(pressed >= lim.grace && pressed <= lim.grace + 2 * lim.period, "%d", (int)pressed);
	/* a request has come: the client's turn is over */
	view.client_turn = false;
	gg_policy_look(&t, &(struct gg_snap){ .now_ms = at + 20000 }, &view, &lim);
	cr_expect(!gg_policy_pressed(&t, at + 30000, &lim, &quiet));
}

/* What is shown of the deadline that counts: by whom it is bound, in which phase, and what is left of the
 * session's own. */
Test(policy, the_deadline_that_counts)
{
	static const struct {
		const char *name;
		enum gg_phase phase;
		enum gg_reason bound;
		bool known, client_turn;
		int64_t since, session;
		enum gg_reason want;
		int64_t limit, used;
	} rows[] = {
		{ "no request yet: from accept on", GG_PHASE_REQUEST, GG_REASON_NONE, false, true, -1,
		  GG_NEVER, GG_REASON_INIT, 2000, 9000 },
		{ "the request is there, nothing was seen yet", GG_PHASE_REQUEST, GG_REASON_NONE, true, true,
		  -1, GG_NEVER, GG_REASON_NONE, -7, -7 },
		{ "commands", GG_PHASE_COMMANDS, GG_REASON_COMMANDS, true, true, 8000, GG_NEVER,
		  GG_REASON_COMMANDS, 3000, 2000 },
		{ "some commands: the longer limit of the pack's start", GG_PHASE_COMMANDS,
		  GG_REASON_PACK_START, true, true, 8000, GG_NEVER, GG_REASON_PACK_START, 6000, 2000 },
		{ "pack-start", GG_PHASE_PACK_START, GG_REASON_PACK_START, true, true, 9500, GG_NEVER,
		  GG_REASON_PACK_START, 6000, 500 },
		{ "the pack", GG_PHASE_PACK, GG_REASON_IDLE, true, true, 9000, GG_NEVER, GG_REASON_IDLE, 2500,
		  1000 },
		{ "the pack, moving", GG_PHASE_PACK, GG_REASON_IDLE, true, true, -1, GG_NEVER, GG_REASON_NONE,
		  -7, -7 },
		{ "sending", GG_PHASE_SENDING, GG_REASON_NOT_READING, true, true, 9000, GG_NEVER,
		  GG_REASON_NOT_READING, 2500, 1000 },
		{ "a hook", GG_PHASE_HOOK, GG_REASON_HOOK, true, false, 4000, GG_NEVER, GG_REASON_HOOK, 5000,
		  6000 },
		{ "work without a limit", GG_PHASE_WORK, GG_REASON_WORK, true, false, 4000, GG_NEVER,
		  GG_REASON_NONE, -7, -7 },
		{ "between two requests", GG_PHASE_KEEP_ALIVE, GG_REASON_NONE, true, true, 9900, GG_NEVER,
		  GG_REASON_INIT, 700, 100 },
		{ "the whole session ends first", GG_PHASE_PACK, GG_REASON_IDLE, true, true, 9900, 9200,
		  GG_REASON_SESSION, 9200, 9000 },
		{ "the whole session ends later", GG_PHASE_PACK, GG_REASON_IDLE, true, true, 9000, 20000,
		  GG_REASON_IDLE, 2500, 1000 },
		{ "moving, in a session that is bound", GG_PHASE_PACK, GG_REASON_IDLE, true, true, -1, 20000,
		  GG_REASON_SESSION, 20000, 9000 },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_limits lim = scaled();
		struct gg_track t;
		int64_t limit = -7, used = -7;
		enum gg_reason r;

		lim.pack_start = 6000;
		lim.idle = 2500;
		lim.keep = 700;
		lim.session = rows[i].session;
		gg_track_init(&t, 1000);
		t.phase = rows[i].phase;
		t.client_turn = rows[i].client_turn;
		t.bound = rows[i].bound;
		t.since_ms = rows[i].since;
		t.request_bytes = rows[i].known ? 50 : 0;
		r = gg_track_deadline(&t, 10000, &lim, &limit, &used);
		cr_expect(r == rows[i].want && limit == rows[i].limit && used == rows[i].used, "%s: %s %d %d",
			  rows[i].name, gg_reason_name(r), (int)limit, (int)used);
	}
}

/* As the policy itself sets it, and not only as a row says. */
Test(policy, the_deadline_after_some_commands)
{
	struct gg_limits lim = scaled();
	struct gg_view view = {
		.phase = GG_PHASE_COMMANDS, .client_turn = true, .certain = true, .push = true, .alive = 2
	};
	struct gg_snap s = { .now_ms = 2000, .tcp = { .valid = true, .received = 400 } };
	struct gg_track t;
	int64_t limit, used;

	lim.pack_start = 6000;
	gg_track_init(&t, 1000);
	t.request_bytes = 60;
	gg_policy_look(&t, &s, &view, &lim);
	s.now_ms = 2600;
	gg_policy_look(&t, &s, &view, &lim);
	s.now_ms = 3000;
	gg_policy_look(&t, &s, &view, &lim);
	cr_assert_eq(gg_track_deadline(&t, 3500, &lim, &limit, &used), GG_REASON_PACK_START);
	cr_assert_eq(limit, 6000);
}

Test(policy, rates)
{
	static const struct {
		int64_t ms;
		uint64_t in, out;
		int64_t want_in, want_out;
	} rows[] = {
		{ 0, 5000, 0, -1, -1 }, /* what was there before the first sample has no time */
		{ 500, 9000, 100, -1, -1 },
		{ 1000, 15000, 2000, 10000, 2000 },
		{ 1250, 15000, 2000, 10000, 2000 },
		{ 3000, 15000, 3000, 0, 500 },
	};
	struct gg_limits lim = scaled();
	struct gg_track t;
	int64_t next;

	gg_track_init(&t, 1000);
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_snap s = { .now_ms = 1000 + rows[i].ms,
				     .tcp = { .valid = true, .received = rows[i].in, .acked = rows[i].out } };

		gg_policy_sample(&t, &s, &lim, &next);
		cr_expect(t.rate_in == rows[i].want_in && t.rate_out == rows[i].want_out, "row %zu: %d %d", i,
			  (int)t.rate_in, (int)t.rate_out);
	}
}

/* A unix socket counts no bytes, and is read all the same when less is queued than before. */
Test(policy, unix_socket_that_is_read)
{
	struct gg_limits lim = { .init = 2000,
				 .commands = 3000,
				 .pack_start = 3000,
				 .idle = 2000,
				 .hook = 60000,
				 .work = GG_NEVER,
				 .session = GG_NEVER,
				 .grace = 500,
				 .period = 250 };
	struct gg_snap snap = { .now_ms = 1000, .tcp = { .valid = true, .local = true, .queued_out = 9000 } };
	struct gg_track t;
	int64_t next;

	gg_track_init(&t, 0);
	t.phase = GG_PHASE_SENDING;
	t.since_ms = 0;
	t.look_ms = 2000;
	gg_policy_sample(&t, &snap, &lim, &next);
	cr_assert_eq(t.since_ms, 0, "nothing was read");
	snap.now_ms = 1500;
	snap.tcp.takes = 1;
	gg_policy_sample(&t, &snap, &lim, &next);
	cr_assert_eq(t.since_ms, -1);
	cr_assert_eq(t.moved_ms, 1500);
	t.since_ms = 1600;
	snap.now_ms = 1750;
	gg_policy_sample(&t, &snap, &lim, &next);
	cr_assert_eq(t.since_ms, 1600, "once");
}

Test(policy, time_in_which_nobody_looked)
{
	struct gg_track t;

	gg_track_init(&t, 1000);
	t.since_ms = 2000;
	t.look_ms = 4000;
	t.slice_ms = 62500; /* begun after the gate went on */
	gg_track_delay(&t, 60000, 63000);
	cr_expect_eq(t.accepted_ms, 61000);
	cr_expect_eq(t.since_ms, 62000, "it had been silent for a second, and so it is");
	cr_expect_eq(t.look_ms, 64000);
	cr_expect_eq(t.slice_ms, 63000, "and nothing begins in the future");
	cr_expect_eq(t.probed_ms, -1);
	t.since_ms = -1;
	t.look_ms = GG_NEVER;
	gg_track_delay(&t, 60000, 130000);
	cr_expect_eq(t.since_ms, -1);
	cr_expect_eq(t.look_ms, GG_NEVER);
}
