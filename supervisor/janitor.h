/*
 * janitor - have repositories, and hook.scratch, cleaned of what dead pushes left, by `git-gate cleanup`
 * processes, one at a time: looking through a repository and through /proc must not hold up the loop.
 */
#ifndef GG_SUPERVISOR_JANITOR_H
#define GG_SUPERVISOR_JANITOR_H

#include "supervisor/state.h"

/* 0 or -ENOMEM. Cleans all repositories once, from then on. */
int gg_janitor_start(struct gg_gate *g);
void gg_janitor_free(struct gg_gate *g);

/* Clean a repository of what was made since accepted_ms (CLOCK_MONOTONIC). Repeated until nothing is in use
 * any more. */
void gg_janitor_add(struct gg_janitor *j, const char *repo, int64_t accepted_ms);
/* Clean all repositories once more, of whatever was made whenever. */
void gg_janitor_add_all(struct gg_janitor *j);
/* A session of the repository has ended: what it kept from being removed may go now. */
void gg_janitor_retry(struct gg_janitor *j, const char *repo);
/* A cleanup runs now. */
bool gg_janitor_busy(const struct gg_janitor *j);

#endif
