/*
 * http - serves one HTTP connection, from its first request to its end. Effect. Used by git-http.c, fuzzed by
 * tests/fuzz/fuzz-httpserve.c.
 */
#ifndef GG_WRAP_HTTP_H
#define GG_WRAP_HTTP_H

#include "daemon-wrap/wrap.h"

/*
 * sock becomes non-blocking and stays open. o->command[0] is git http-backend, which gets our environment; it
 * is our child, and has ended when this returns, unless SIGHUP came. Blocks SIGHUP but while it waits,
 * ignores SIGPIPE. Returns the exit status: 1 when git failed in some request, so that the gate looks for
 * what that left behind. The gate bounds every wait, from outside; we bound none but that between two
 * requests.
 */
int gg_http_serve(const struct gg_wrap *o, int sock);

#endif
