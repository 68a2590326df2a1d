/*
 * setup - what must be right before a gate can serve: git, its version, the base path, our own programs, the
 * lock. Effect; blocks; only before the loop runs. Every function returns 0 or -errno, with a text in err
 * that names the culprit and the cure.
 */
#ifndef GG_SUPERVISOR_SETUP_H
#define GG_SUPERVISOR_SETUP_H

#include <limits.h>

#include "base/text.h"
#include "supervisor/state.h"

/* Is /proc there, and of our PID namespace? 0 or -errno with err. */
int gg_setup_proc(struct gg_buf *err);

/* git 2.36 or newer, and the commands of it that serve. Fills g->path and the commands of g->served. */
int gg_setup_git(struct gg_gate *g, struct gg_buf *err);
/* git-gate-session and git-gate-http beside our own program, or in PREFIX/libexec/git-gate. Fills the
 * programs of g->served. */
int gg_setup_programs(struct gg_gate *g, struct gg_buf *err);
/*
 * What to exec for such a program: the file that was there when the gate began, also when an upgrade has put
 * another in its place. A session of another version than its gate may not understand its command line.
 */
const char *gg_setup_exec(const struct gg_served *s);
/* Whether another stands there by now, or none. */
bool gg_setup_replaced(const struct gg_served *s);
/* One program, in the same places. */
int gg_setup_program(const char *name, char ret[static PATH_MAX], struct gg_buf *err);
/* The command lines of sessions, for settings c: into ret, the caller's. */
int gg_setup_argv(const struct gg_gate *g, const struct gg_conf *c,
		  struct gg_strv ret[static GG_NTRANSPORTS]);
/* Is the hook that git finds in hook.path ours? 0; -ENOENT: there is none; -EINVAL: it is another. */
int gg_setup_hook(const struct gg_conf *c);
int gg_setup_base_path(const struct gg_conf *c, struct gg_buf *err);
/*
 * Raise RLIMIT_NOFILE to what limit.sessions and limit.waiting need. ret_soft: the limit as it was, for git;
 * ret_room: what is left for the waiting room. err gets a warning when there are too few.
 */
int gg_setup_nofile(const struct gg_conf *c, bool watches, uint64_t *ret_soft, size_t *ret_room,
		    struct gg_buf *err);

/* What limit.sessions takes, and that with limit.waiting: descriptors. Pure. */
void gg_setup_nofile_wants(const struct gg_conf *c, uint64_t *ret_serve, uint64_t *ret_all);

#endif
