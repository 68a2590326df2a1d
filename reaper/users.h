/*
 * users - which processes use a repository, or may. Effect: reads /proc. Used by reaper/cleanup.c.
 * A process uses it when its working directory or an open file lies in it, or when it is a git command that
 * cannot be looked into, or whose arguments or GIT_DIR name it.
 */
#ifndef GG_REAPER_USERS_H
#define GG_REAPER_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct gg_users; /* all processes, read once */

int gg_users_read(struct gg_users **ret);
void gg_users_free(struct gg_users *u);

/* Start times of those that use git directory dir (absolute, resolved). *ret is owned by the caller. 0 or
 * -errno. */
int gg_users_of(const struct gg_users *u, const char *dir, int64_t **ret, size_t *ret_n);
/* Has any process its working directory or an open file in dir, or names it in its arguments? */
bool gg_users_any_at(const struct gg_users *u, const char *dir);
/* Does any process belong to a session, by the environment it was started with? */
bool gg_users_any_of(const struct gg_users *u, const char *instance, const char *session);
/* When they were read, ms since the epoch: a process that began later may be missing. */
int64_t gg_users_looked(const struct gg_users *u);
/* When the process with this pid started; -1: there is none. */
int64_t gg_users_start(const struct gg_users *u, pid_t pid);

#endif
