/*
 * find - git sessions below a process that is not ours to start them: a stand-alone git daemon, sshd with
 * git-shell, a web server with git http-backend. Effect: reads /proc only. Called by supervisor/watch.c.
 */
#ifndef GG_REAPER_FIND_H
#define GG_REAPER_FIND_H

#include "reaper/classify.h"
#include "reaper/proctable.h"
#include "reaper/scan.h"

struct gg_found {
	struct gg_ident who;
	enum gg_root_kind kind;
};

#define GG_FIND_MAX 100000 /* processes below top that are looked at */

/*
 * Roots of sessions below top, but for those of a gate.
 *   known, nknown  those that are known already, by pid, ascending: they and what is below them are left out
 *   ret            owned by the caller; NULL when none were found
 * 0 or -errno: -ESRCH when top is gone. Costs two files a process that is no session, one a known one.
 */
int gg_find_sessions(pid_t top, const pid_t *known, size_t nknown, struct gg_found **ret, size_t *ret_n);

/* Is p of the table the root of such a session, or below one? */
bool gg_find_in_session(const struct gg_proctable_row *v, size_t n, const struct gg_proctable_row *p);

#endif
