/*
 * refresh - bring a repository up to date with its upstream before it is served: by git-gate-hook, in a
 * process of its own, whose limits are its own (hooks/refresh.h). Effect. Used by git-gate-session and
 * git-gate-http.
 */
#ifndef GG_WRAP_REFRESH_H
#define GG_WRAP_REFRESH_H

#include "base/stamp.h"
#include "daemon-wrap/status.h"
#include "daemon-wrap/wrap.h"

/*
 * Waits for it. When the repository may not be served as it is, st->refused says why. Nothing without
 * --refresh.
 *   ret_stale  what the client is to be told when it is served what is there, though upstream could not be
 *              asked; else ""
 */
void gg_wrap_refresh(const struct gg_wrap *o, struct gg_status *st, char ret_stale[GG_STALE_MAX]);

/* For what git-gate-hook tells the client (hooks/stale.h), in the environment of what is started from now on.
 * "": nothing. 0 or -ENOMEM. */
int gg_wrap_stale(const char *stale);

#endif
