/* tune - deadlines from the silences of healthy sessions. See tune.h. */
#include "reaper/tune.h"

#include <string.h>

#include "base/text.h"

#define FLOOR_MS 5000 /* a network that loses some packets is silent for some seconds at any time */

#define S(n) ((int64_t)(n)*1000)
#define M(n) S((n)*60)
#define H(n) M((n)*60)

static const int64_t steps[GG_TUNE_STEPS] = {
	100,   150,  200,   300,   400,	  500,	 600,	800,   S(1),  1500,  S(2),  2500,  S(3),  S(4),
	S(5),  S(6), S(8),  S(10), S(12), S(15), S(20), S(25), S(30), S(40), S(45), S(50), M(1),  S(90),
	M(2),  M(3), M(4),  M(5),  M(6),  M(8),	 M(10), M(12), M(15), M(20), M(25), M(30), M(40), M(45),
	M(50), H(1), M(90), H(2),  H(3),  H(4),	 H(5),	H(6),  H(8),  H(10), H(12), H(15), H(18), H(24),
};

static const struct {
	enum gg_reason reasons[2]; /* NONE: no second one */
	size_t limit;		   /* offset in struct gg_limits */
	bool own;		   /* of the gate's side */
} clocks[GG_NCLOCKS] = {
	[GG_CLOCK_INIT] = { { GG_REASON_INIT }, offsetof(struct gg_limits, init), false },
	[GG_CLOCK_COMMANDS] = { { GG_REASON_COMMANDS }, offsetof(struct gg_limits, commands), false },
	[GG_CLOCK_PACK_START] = { { GG_REASON_PACK_START }, offsetof(struct gg_limits, pack_start), false },
	[GG_CLOCK_IDLE] = { { GG_REASON_IDLE, GG_REASON_NOT_READING },
			    offsetof(struct gg_limits, idle),
			    false },
	[GG_CLOCK_HOOK] = { { GG_REASON_HOOK }, offsetof(struct gg_limits, hook), true },
	[GG_CLOCK_WORK] = { { GG_REASON_WORK }, offsetof(struct gg_limits, work), true },
};

const char *gg_clock_key(enum gg_clock c)
{
	return gg_reason_key(clocks[c].reasons[0]);
}

enum gg_clock gg_clock_of_key(const char *key)
{
	enum gg_clock c = 0;

	while (c < GG_NCLOCKS && !(key && !strcmp(key, gg_clock_key(c))))
		c++;
	return c;
}

int64_t gg_clock_silence(enum gg_clock c, const int64_t silence_ms[GG_NREASONS])
{
	int64_t a = silence_ms[clocks[c].reasons[0]], b = silence_ms[clocks[c].reasons[1]];

	return a > b ? a : b; /* that of NONE is 0 */
}

int64_t gg_clock_limit(enum gg_clock c, const struct gg_limits *lim)
{
	return *(const int64_t *)(const void *)((const char *)lim + clocks[c].limit);
}

int64_t gg_tune_step(size_t i)
{
	return i < GG_TUNE_STEPS ? steps[i] : GG_NEVER;
}

/* How many of the values are at most ms. */
static size_t passed(int64_t ms)
{
	size_t i = 0;

	while (i < GG_TUNE_STEPS && steps[i] <= ms)
		i++;
	return i;
}

int64_t gg_tune_step_from(int64_t ms)
{
	size_t i = passed(ms);

	return i && steps[i - 1] == ms ? ms : gg_tune_step(i);
}

void gg_spread_add(struct gg_spread *s, int64_t ms)
{
	s->n++;
	s->count[passed(ms)]++;
	if (ms > s->longest_ms)
		s->longest_ms = ms;
}

uint64_t gg_spread_ended(const struct gg_spread *s, size_t i)
{
	uint64_t n = 0;

	for (size_t k = i + 1; k <= GG_TUNE_STEPS; k++)
		n += s->count[k];
	return n;
}

const char *gg_tuning_name(enum gg_tuning t)
{
	static const char *const names[] = {
		[GG_TUNING_FEW] = "not-enough-seen", [GG_TUNING_OFF] = "off",
		[GG_TUNING_KEEP] = "keep",	     [GG_TUNING_RAISE] = "raise",
		[GG_TUNING_LOWER] = "lower",	     [GG_TUNING_CANNOT] = "cannot",
	};

	return names[t];
}

static void add_lower(struct gg_proposal *p, const struct gg_spread *s)
{
	for (size_t i = passed(s->longest_ms); i-- > 0 && p->nlower < GG_TUNE_LOWER; p->nlower++) {
		p->lower[p->nlower].limit_ms = steps[i];
		p->lower[p->nlower].ended = gg_spread_ended(s, i);
	}
}

struct gg_proposal gg_tune(enum gg_clock c, const struct gg_spread *s, int64_t current_ms, int64_t max_ms)
{
	struct gg_proposal p = { .what = GG_TUNING_KEEP, .limit_ms = -1 };
	int64_t want = s->longest_ms + (s->longest_ms + 1) / 2;
	int64_t needed = gg_tune_step_from(want), lowest = needed > FLOOR_MS ? needed : FLOOR_MS;

	add_lower(&p, s);
	if (current_ms == GG_NEVER)
		p.what = GG_TUNING_OFF;
	else if (s->n < GG_TUNE_LEAST) {
		p.what = GG_TUNING_FEW;
		p.least = GG_TUNE_LEAST;
	} else if (needed > current_ms)
		p.what = needed > max_ms ? GG_TUNING_CANNOT : GG_TUNING_RAISE;
	else if (lowest < current_ms && !clocks[c].own) {
		p.what = s->n < GG_TUNE_LEAST_LOWER ? GG_TUNING_FEW : GG_TUNING_LOWER;
		p.least = p.what == GG_TUNING_FEW ? GG_TUNE_LEAST_LOWER : 0;
	}
	if (p.what == GG_TUNING_RAISE || p.what == GG_TUNING_CANNOT)
		p.limit_ms = needed;
	else if (p.what == GG_TUNING_LOWER)
		p.limit_ms = lowest;
	return p;
}
