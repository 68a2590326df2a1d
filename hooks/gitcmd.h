/*
 * gitcmd - git commands that look at what a push brings, run inside pre-receive. Effect: starts processes
 * (hooks/run). Used by hooks/newobj, hooks/rewind and hooks/lay.
 *
 * Nothing that was pushed, and nobody's configuration, decides what they see: replace refs and grafts are
 * off, there is no user's or system's configuration and none from the environment, and of git's own variables
 * they get the repository and its object directories only.
 */
#ifndef GG_HOOKS_GITCMD_H
#define GG_HOOKS_GITCMD_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "hooks/deadline.h"

enum gg_git_store {
	GG_STORE_PUSH,	     /* what git gave to the hook: the quarantine, and behind it the repository */
	GG_STORE_QUARANTINE, /* what the push brought, and nothing behind it */
	GG_STORE_MAIN,	     /* the repository without what the push brought */
};

enum { GG_GIT_TICK_MS = 5000 };

struct gg_gitcmd {
	char git[PATH_MAX];			     /* absolute */
	struct gg_deadline until;		     /* no command runs longer */
	void (*tick)(void *arg, int64_t elapsed_ms); /* while one runs, every GG_GIT_TICK_MS; NULL: nothing */
	void *tick_arg;
};

/* Find git in $PATH. 0 or -ENOENT. */
int gg_gitcmd_init(struct gg_gitcmd *g, struct gg_deadline until);

/* Is there a quarantine? A push of deletions alone has none. */
bool gg_gitcmd_has_quarantine(void);

struct gg_gitcmd_io {
	const void *in; /* fed to stdin */
	size_t nin;
	void (*out)(void *arg, const char *bytes, size_t n); /* stdout, as it comes */
	void *arg;
};

/*
 * args: "rev-list", ..., NULL. Returns its exit status (>= 0), or -ETIMEDOUT, -EIO (killed by a signal),
 * -errno of the start. ret_err: what it was and what it said last, one line, when the status is not 0.
 */
int gg_gitcmd_run(const struct gg_gitcmd *g, enum gg_git_store store, const char *const *args,
		  const struct gg_gitcmd_io *io, struct gg_buf *ret_err);

#endif
