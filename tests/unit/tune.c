/* Tests of reaper/tune.h. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/text.h"
#include "reaper/tune.h"
#include "tests/unit/world.h"

Test(tune, steps)
{
	for (size_t i = 1; i < GG_TUNE_STEPS; i++)
		cr_assert_lt(gg_tune_step(i - 1), gg_tune_step(i), "step %zu", i);
	cr_assert_eq(gg_tune_step(0), 100);
	cr_assert_eq(gg_tune_step(GG_TUNE_STEPS - 1), 24 * 3600 * 1000);
	cr_assert_eq(gg_tune_step(GG_TUNE_STEPS), GG_NEVER);
	cr_assert_eq(gg_tune_step_from(0), 100);
	cr_assert_eq(gg_tune_step_from(15000), 15000);
	cr_assert_eq(gg_tune_step_from(15001), 20000);
	cr_assert_eq(gg_tune_step_from(25 * 3600 * 1000), GG_NEVER);
}

Test(tune, clocks)
{
	struct gg_limits lim = scaled();
	int64_t ms[GG_NREASONS] = { [GG_REASON_IDLE] = 7, [GG_REASON_NOT_READING] = 9, [GG_REASON_INIT] = 3 };

	cr_assert_eq(gg_clock_of_key("deadline.idle"), GG_CLOCK_IDLE);
	cr_assert_eq(gg_clock_of_key("rate.min"), GG_NCLOCKS);
	cr_assert_eq(gg_clock_of_key(NULL), GG_NCLOCKS);
	for (enum gg_clock c = 0; c < GG_NCLOCKS; c++)
		cr_assert_eq(gg_clock_of_key(gg_clock_key(c)), c);
	cr_assert_eq(gg_clock_silence(GG_CLOCK_IDLE, ms), 9);
	cr_assert_eq(gg_clock_silence(GG_CLOCK_INIT, ms), 3);
	cr_assert_eq(gg_clock_silence(GG_CLOCK_HOOK, ms), 0);
	cr_assert_eq(gg_clock_limit(GG_CLOCK_IDLE, &lim), lim.idle);
	cr_assert_eq(gg_clock_limit(GG_CLOCK_WORK, &lim), lim.work);
}

/* A limit ends those that were silent for exactly as long, too. */
Test(tune, spread)
{
	struct gg_spread s = { 0 };
	size_t i = 0;

	gg_spread_add(&s, 0);
	gg_spread_add(&s, 99);
	gg_spread_add(&s, 14999);
	gg_spread_add(&s, 15000);
	gg_spread_add(&s, 40 * 3600 * 1000);
	cr_assert_eq(s.n, 5);
	cr_assert_eq(s.longest_ms, 40 * 3600 * 1000);
	cr_assert_eq(gg_spread_ended(&s, 0), 3);
	while (gg_tune_step(i) < 15000)
		i++;
	cr_assert_eq(gg_spread_ended(&s, i - 1), 3);
	cr_assert_eq(gg_spread_ended(&s, i), 2);
	cr_assert_eq(gg_spread_ended(&s, i + 1), 1);
	cr_assert_eq(gg_spread_ended(&s, GG_TUNE_STEPS - 1), 1);
}

static const struct row {
	const char *name;
	enum gg_clock clock;
	int64_t longest_ms, n, current_ms, max_ms;
	enum gg_tuning what;
	int64_t limit_ms;
	uint64_t least;
} rows[] = {
	{ "nothing seen", GG_CLOCK_IDLE, 0, 0, 15000, GG_NEVER, GG_TUNING_FEW, -1, 20 },
	{ "one too few, though one was nearly ended", GG_CLOCK_IDLE, 14000, 19, 15000, GG_NEVER,
	  GG_TUNING_FEW, -1, 20 },
	{ "enough to raise", GG_CLOCK_IDLE, 14000, 20, 15000, GG_NEVER, GG_TUNING_RAISE, 25000, 0 },
	{ "margin, rounded up", GG_CLOCK_COMMANDS, 20001, 50, 15000, GG_NEVER, GG_TUNING_RAISE, 40000, 0 },
	{ "margin is a value", GG_CLOCK_COMMANDS, 20000, 50, 15000, GG_NEVER, GG_TUNING_RAISE, 30000, 0 },
	{ "right as it is", GG_CLOCK_COMMANDS, 20000, 500, 30000, GG_NEVER, GG_TUNING_KEEP, -1, 0 },
	{ "no value of people, but enough", GG_CLOCK_COMMANDS, 20000, 99, 31000, GG_NEVER, GG_TUNING_FEW, -1,
	  100 },
	{ "one too few to lower", GG_CLOCK_COMMANDS, 1000, 99, 30000, GG_NEVER, GG_TUNING_FEW, -1, 100 },
	{ "enough to lower", GG_CLOCK_COMMANDS, 10000, 100, 30000, GG_NEVER, GG_TUNING_LOWER, 15000, 0 },
	{ "never below five seconds", GG_CLOCK_COMMANDS, 10, 1000, 30000, GG_NEVER, GG_TUNING_LOWER, 5000,
	  0 },
	{ "what is below is left", GG_CLOCK_COMMANDS, 10, 1000, 2000, GG_NEVER, GG_TUNING_KEEP, -1, 0 },
	{ "raised below five seconds", GG_CLOCK_COMMANDS, 2000, 20, 1500, GG_NEVER, GG_TUNING_RAISE, 3000,
	  0 },
	{ "a hook is not lowered", GG_CLOCK_HOOK, 1000, 1000, 600000, GG_NEVER, GG_TUNING_KEEP, -1, 0 },
	{ "a hook is raised", GG_CLOCK_HOOK, 500000, 20, 600000, GG_NEVER, GG_TUNING_RAISE, 900000, 0 },
	{ "work has none", GG_CLOCK_WORK, 1000, 1000, GG_NEVER, GG_NEVER, GG_TUNING_OFF, -1, 0 },
	{ "deadline.session is in the way", GG_CLOCK_IDLE, 50000, 20, 60000, 60000, GG_TUNING_CANNOT, 90000,
	  0 },
	{ "longer than any value", GG_CLOCK_IDLE, 20 * 3600 * 1000, 20, 15000, 86400000, GG_TUNING_CANNOT,
	  GG_NEVER, 0 },
};

Test(tune, proposals)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct gg_spread s = { 0 };
		struct gg_proposal p;

		for (int64_t n = 0; n < r->n; n++)
			gg_spread_add(&s, n ? 0 : r->longest_ms);
		p = gg_tune(r->clock, &s, r->current_ms, r->max_ms);
		cr_expect_eq(p.what, r->what, "%s: %s", r->name, gg_tuning_name(p.what));
		cr_expect_eq(p.limit_ms, r->limit_ms, "%s: %ld", r->name, (long)p.limit_ms);
		cr_expect_eq(p.least, r->least, "%s: %lu", r->name, (unsigned long)p.least);
	}
}

/* What is proposed ends none of what was seen, whatever that was. */
Test(tune, ends_no_healthy_one)
{
	for (int64_t ms = 0; ms < 50000000; ms = ms * 21 / 20 + 7) {
		struct gg_spread s = { 0 };
		struct gg_proposal p;

		for (int n = 0; n < 200; n++)
			gg_spread_add(&s, n ? ms * n / 200 : ms);
		p = gg_tune(GG_CLOCK_COMMANDS, &s, ms % 2 ? 100 : 86400000, 86400000);
		if (p.what != GG_TUNING_RAISE && p.what != GG_TUNING_LOWER)
			continue;
		cr_assert_gt(p.limit_ms, ms);
		for (size_t i = 0; i < p.nlower; i++) {
			cr_assert_leq(p.lower[i].limit_ms, ms);
			cr_assert_gt(p.lower[i].ended, i ? p.lower[i - 1].ended - 1 : 0);
		}
	}
}

Test(tune, lower_values)
{
	struct gg_spread s = { 0 };
	struct gg_proposal p;

	for (int64_t n = 0; n < 30; n++)
		gg_spread_add(&s, n * 1000);
	p = gg_tune(GG_CLOCK_COMMANDS, &s, 30000, GG_NEVER);
	cr_assert_eq(p.limit_ms, 45000);
	cr_assert_eq(p.nlower, 3);
	cr_assert(p.lower[0].limit_ms == 25000 && p.lower[0].ended == 5);
	cr_assert(p.lower[1].limit_ms == 20000 && p.lower[1].ended == 10);
	cr_assert(p.lower[2].limit_ms == 15000 && p.lower[2].ended == 15);
}
