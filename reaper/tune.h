/*
 * tune - what a deadline would have to be for the silences of healthy sessions that were seen. Pure. Filled
 * through reaper/ledger.c; shown by supervisor/ledgercommands.c. Tested by tests/unit/tune.c.
 */
#ifndef GG_REAPER_TUNE_H
#define GG_REAPER_TUNE_H

#include <stddef.h>

#include "reaper/policy.h"

/* The deadlines that bound a silence, each with the reasons whose silences it bounds. The only list of them:
 * report, tune and the metrics go by it. */
enum gg_clock {
	GG_CLOCK_INIT,
	GG_CLOCK_COMMANDS,
	GG_CLOCK_PACK_START,
	GG_CLOCK_IDLE,
	GG_CLOCK_HOOK,
	GG_CLOCK_WORK,
	GG_NCLOCKS
};

/* "deadline.idle" */
const char *gg_clock_key(enum gg_clock c);
/* The clock of a setting, or GG_NCLOCKS: it is none of them; key may be NULL. */
enum gg_clock gg_clock_of_key(const char *key);
/* The longest of a session's silences (by reason) that counted against this clock. */
int64_t gg_clock_silence(enum gg_clock c, const int64_t silence_ms[GG_NREASONS]);
int64_t gg_clock_limit(enum gg_clock c, const struct gg_limits *lim);

/*
 * Values that people give a deadline, from 100ms to a day: proposals are of them, and silences are counted
 * between them, so that what each would have ended is known exactly.
 */
#define GG_TUNE_STEPS 56
/* The i-th, in ms; GG_NEVER past the end. */
int64_t gg_tune_step(size_t i);
/* The smallest of them that is at least ms; GG_NEVER: none. */
int64_t gg_tune_step_from(int64_t ms);

/* How long healthy sessions were silent at most, against one clock. */
struct gg_spread {
	uint64_t n; /* sessions */
	int64_t longest_ms;
	uint64_t count[GG_TUNE_STEPS + 1]; /* [i]: at least step i - 1, less than step i */
};

void gg_spread_add(struct gg_spread *s, int64_t ms);
/* How many of them the i-th value would have ended. */
uint64_t gg_spread_ended(const struct gg_spread *s, size_t i);

#define GG_TUNE_LEAST 20	/* healthy sessions, before anything is proposed */
#define GG_TUNE_LEAST_LOWER 100 /* before a lower value is */
#define GG_TUNE_LOWER 3		/* lower values that are shown */

enum gg_tuning {
	GG_TUNING_FEW,	/* not enough was seen */
	GG_TUNING_OFF,	/* it is never: to have a deadline at all is not a question of how long */
	GG_TUNING_KEEP, /* it is right as it is */
	GG_TUNING_RAISE,
	GG_TUNING_LOWER,
	GG_TUNING_CANNOT, /* it should be higher than it may be */
};

const char *gg_tuning_name(enum gg_tuning t);

struct gg_proposal {
	enum gg_tuning what;
	int64_t limit_ms; /* of RAISE and LOWER, and what CANNOT be; else -1 */
	uint64_t least;	  /* of FEW: healthy sessions that it takes */
	struct {
		int64_t limit_ms;
		uint64_t ended; /* healthy sessions that it would have ended */
	} lower[GG_TUNE_LOWER]; /* the highest that would have ended any, and those below it */
	size_t nlower;
};

/*
 * A value for the clock: the longest silence and half as much again, rounded up. Nothing is lowered below
 * five seconds, and what bounds the gate's own side (hook, work) not at all: what is slow once a month was
 * not seen.
 *   current_ms  as it is set now
 *   max_ms      the highest that can be set
 */
struct gg_proposal gg_tune(enum gg_clock c, const struct gg_spread *s, int64_t current_ms, int64_t max_ms);

#endif
