/*
 * timeline - sessions as bars over time, those that overlap below each other, as inline SVG. Pure but for
 * memory and the stream. Tested by tests/unit/adminpage.c.
 */
#ifndef GG_ADMIN_TIMELINE_H
#define GG_ADMIN_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define GG_TIMELINE_LANES 24

struct gg_bar {
	int64_t from_ms, to_ms; /* before now: from_ms >= to_ms >= 0; of one that lives to_ms is 0 */
	bool live, reaped;
	const char *title; /* borrowed; any text */
	int lane;	   /* set by gg_timeline_place; -1: there is no room for it */
};

/* How much time is shown so that all of them are in it, up to a day: 1 m, 5 m, 15 m, 1 h, 6 h or 24 h in ms.
 */
int64_t gg_timeline_span(const struct gg_bar *v, size_t n);
/*
 * Sort them by their beginning, and give each the first lane that is free by then.
 *   gap_ms  what is left free between two bars of a lane, so that they can be told apart
 * Returns how many lanes are used.
 */
int gg_timeline_place(struct gg_bar *v, size_t n, int64_t span_ms, int64_t gap_ms);
/* The picture, and the scale below it. v is sorted by it. */
void gg_timeline_write(FILE *to, struct gg_bar *v, size_t n);

#endif
