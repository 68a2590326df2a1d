/* When the policy samples and looks, and what that costs. The verdicts: tests/unit/policy.c. */
#include <criterion/criterion.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/text.h"
#include "reaper/policy.h"
#include "tests/unit/world.h"

Test(policy, a_silent_session_costs_two_looks_a_deadline)
{
	static const struct stretch silent[] = { COMMANDS(LONG) };
	struct gg_limits lim = scaled();
	struct result r = play(silent, 1, &lim, 60000, false);

	cr_expect_eq(r.looks, 2, "%d looks", r.looks);
}

/* Wherever between two samples the last byte comes: no earlier than the limit after it, and no later than a
 * period more. */
Test(policy, who_stops_is_ended_within_a_period_of_the_deadline)
{
	struct gg_limits lim = scaled();

	lim.period = 1000;
	lim.idle = 8000;
	lim.rate_min = 0; /* or it is a trickle by then */
	for (int64_t ms = 3000; ms < 5000; ms += 10) {
		struct stretch stops[] = { PACK(0, 10, 1000), PACK(LONG, 0, 0) };
		struct result r;

		stops[0].ms = ms;
		r = play(stops, 2, &lim, 60000, false);
		cr_expect_eq(r.reason, GG_REASON_IDLE);
		cr_expect_geq(r.at_ms, ms - 10 + lim.idle, "stopped at %d", (int)ms);
		cr_expect_leq(r.at_ms, ms + lim.idle + lim.period + 1, "stopped at %d: %d", (int)ms,
			      (int)r.at_ms);
	}
}

/* A reader whose window opens every two seconds and a little takes nothing for longer than its limit, but no
 * more than a period longer: its look comes late enough. */
Test(policy, who_reads_in_lumps_is_not_ended_for_a_pause)
{
	struct gg_limits lim = scaled();

	lim.period = 250;
	lim.rate_min = 0;
	for (int every = 2000; every <= 2200; every += 20) {
		struct stretch reads[] = { { 1000, GG_PHASE_SENDING, true, 100, 1000, false },
					   { LONG, GG_PHASE_SENDING, true, every, 3000, false } };

		cr_expect_eq(play(reads, 2, &lim, 60000, false).reason, GG_REASON_NONE, "every %d ms", every);
	}
}

/* Who moves, however slowly, costs samples and next to no looks. */
Test(policy, a_busy_session_is_sampled_and_not_looked_at)
{
	static const struct stretch busy[] = { PACK(LONG, 400, 1000),
					       { LONG, GG_PHASE_SENDING, true, 480, 1000, false },
					       { LONG, GG_PHASE_SENDING, true, 700, 1500, false },
					       PACK(LONG, 950, 1500) };
	struct gg_limits lim = scaled();

	lim.period = 1000;
	for (size_t i = 0; i < GG_LEN(busy); i++) {
		struct result r = play(&busy[i], 1, &lim, 60000, false);

		cr_expect_eq(r.reason, GG_REASON_NONE);
		cr_expect_leq(r.looks, 4, "%zu: %d looks", i, r.looks);
		cr_expect_leq(r.samples, 2 * 60 + 1, "%zu: %d samples", i, r.samples);
	}
}

/* Hooks that began at moments of their own are looked at together, as often as ever. */
Test(policy, looks_at_the_servers_turn_share_a_wake_up)
{
	struct gg_view view = { .phase = GG_PHASE_HOOK, .certain = true, .alive = 3, .hook_pid = 7 };
	struct gg_limits lim = scaled();

	lim.period = 1000;
	lim.idle = 16000;
	lim.hook = 600000;
	for (int64_t begun = 20000; begun < 22000; begun += 7) {
		struct gg_snap snap = { .now_ms = begun };
		struct gg_track t;

		gg_track_init(&t, begun);
		gg_policy_look(&t, &snap, &view, &lim);
		cr_expect(t.look_ms > begun && t.look_ms <= begun + lim.idle / 8 + lim.period / 2);
		for (int i = 0; i < 3; i++) {
			snap.now_ms = t.look_ms;
			cr_expect_eq(snap.now_ms % lim.period, 0, "at %d", (int)snap.now_ms);
			gg_policy_look(&t, &snap, &view, &lim);
			cr_expect_eq(t.look_ms - snap.now_ms, lim.idle / 8);
		}
		/* but its own deadline is no multiple of anything */
		snap.now_ms = begun + lim.hook - 500;
		gg_policy_look(&t, &snap, &view, &lim);
		cr_expect_eq(t.look_ms, begun + lim.hook);
	}
}
