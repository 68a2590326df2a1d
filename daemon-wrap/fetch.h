/*
 * fetch - a git:// fetch without git-daemon. All that git-daemon would do for most of them is to look at the
 * repository once more and start git upload-pack, which costs a program of two. Effect. Used by
 * git-gate-session.
 */
#ifndef GG_WRAP_FETCH_H
#define GG_WRAP_FETCH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon-wrap/request.h"
#include "daemon-wrap/wrap.h"

struct gg_fetch {
	char git[PATH_MAX], dir[PATH_MAX], protocol[GG_PROTOCOL_MAX];
};

/*
 * Is it a fetch that git-daemon would serve for certain, and do we know how? If not, git-daemon has to be
 * asked: it, or the repository's configuration, may refuse.
 *   st      of a request that is not refused
 *   packet  the request, n bytes
 */
bool gg_fetch_prepare(const struct gg_wrap *o, const struct gg_request *req, const struct gg_status *st,
		      const char *packet, size_t n, struct gg_fetch *ret);

/*
 * Become git upload-pack, as git-daemon starts it. Takes the request's n bytes from the socket, fd 0. Returns
 * only when that fails: -errno, and *ret_taken says whether the request is still there for git-daemon.
 */
int gg_fetch_exec(const struct gg_fetch *f, size_t n, bool *ret_taken);

#endif
