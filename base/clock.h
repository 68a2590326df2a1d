/* clock - CLOCK_MONOTONIC in milliseconds: every deadline of ours, never wall-clock time. */
#ifndef GG_BASE_CLOCK_H
#define GG_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t gg_clock_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline int64_t gg_now_ms(void)
{
	return gg_clock_ms(CLOCK_MONOTONIC);
}

#endif
