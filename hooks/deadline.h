/*
 * deadline - when something has to be over, and the setting that says so: what is told afterwards names the
 * setting and its whole value, not what happened to be left of it when the last part began. Pure, but for the
 * clock. Used by what hooks/run.c runs.
 */
#ifndef GG_HOOKS_DEADLINE_H
#define GG_HOOKS_DEADLINE_H

#include <stdint.h>

#include "base/text.h"

struct gg_deadline {
	int64_t at_ms;	  /* monotonic; GG_NEVER: no end */
	int64_t limit_ms; /* from the beginning to at_ms; GG_NEVER */
	const char *key;  /* "deadline.scan"; NULL: no setting has it. Static */
};

/* limit_ms after begun_ms of the monotonic clock. One that no clock reaches is none. */
struct gg_deadline gg_deadline_from(int64_t begun_ms, int64_t limit_ms, const char *key);
/* From now on. */
struct gg_deadline gg_deadline_in(int64_t limit_ms, const char *key);

/* 0: it is over; GG_NEVER: no end. */
int64_t gg_deadline_left(const struct gg_deadline *d);

/* "3s (deadline.refresh)", "3s". */
void gg_deadline_add(struct gg_buf *b, const struct gg_deadline *d);

#endif
