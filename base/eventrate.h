/*
 * eventrate - how many records may be written: so many at once, then so many a second. Pure. Called by
 * base/event.c. Tested by tests/unit/eventrate.c.
 */
#ifndef GG_BASE_EVENTRATE_H
#define GG_BASE_EVENTRATE_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: full. */
struct gg_bucket {
	int64_t used_milli; /* thousandths of records that are missing from a full one */
	int64_t seen_ms;
};

/* Take one, if there is one. now_ms never goes backwards. */
bool gg_bucket_take(struct gg_bucket *b, int64_t now_ms, int64_t burst, int64_t per_s);

#endif
