/* run - plays clients, each in a process of its own, and collects their results. */
#ifndef GG_TORTURE_RUN_H
#define GG_TORTURE_RUN_H

#include <stddef.h>

#include "tests/torture/torture.h"

enum { GG_CLIENTS_MAX = 1000 };

/*
 * kinds        one entry a client, n of them (at most GG_CLIENTS_MAX)
 * ret          n results, allocated by the caller, in the same order
 * All run at once. Before it returns every process that it started has been reaped and the scratch repository
 * is gone. Returns 0; -errno when nothing could be played (said on stderr); the number of SIGTERM, SIGINT or
 * SIGHUP if one came.
 */
int gg_run(const struct gg_target *target, const struct gg_kind *const *kinds, size_t n,
	   struct gg_result *ret);

#endif
