/*
 * refresh - bring a repository up to date with its upstream before it is served: by git-gate-hook, in a
 * process of its own, whose limits are its own (hooks/refresh.h). Effect. Used by git-gate-session and
 * git-gate-http.
 */
#ifndef GG_WRAP_REFRESH_H
#define GG_WRAP_REFRESH_H

#include "daemon-wrap/status.h"
#include "daemon-wrap/wrap.h"

/* Waits for it. When the repository may not be served as it is, st->refused says why. Nothing without
 * --refresh. */
void gg_wrap_refresh(const struct gg_wrap *o, struct gg_status *st);

#endif
