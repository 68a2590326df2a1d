/*
 * late - a pass of the reaper that came late: the gate was stopped, or starved, or the machine stood still.
 * Nobody knows what clients could do meanwhile, and what they sent may not have arrived yet. Used by
 * reaper/reaper.c. Tested by tests/process/t0162 and t0165.
 */
#ifndef GG_REAPER_LATE_H
#define GG_REAPER_LATE_H

#include "reaper/reaper.h"

/* Before a pass. One that is late by more than a second: that time counts against nobody, and who is being
 * ended has the time between two steps all the same. */
void gg_late_pass(struct gg_reaper *r, int64_t now_ms);

/* Does its verdict wait? After a late pass a client has a moment in which what it sent may arrive. */
bool gg_late_spare(const struct gg_reaper *r, struct gg_session *s, const struct gg_verdict *v,
		   int64_t now_ms);

#endif
