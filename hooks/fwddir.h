/*
 * fwddir - the private git directory that a push is forwarded from: its references are the new values, so one
 * pattern names all of them. A refspec each would do, but git compares each with every reference of upstream:
 * 8000 take it half a minute, 20 000 several. It also keeps the mirror's own configuration out. Effect: files
 * below the mirror, in one place of fixed name that is made anew each time and belongs to who holds the
 * repository's lock (hooks/lock.h). Used by hooks/forward.c. Tested by tests/process/t0085-forward.py.
 *
 *   config packed-refs HEAD refs/   a git directory without objects of its own: nobody can be served from it
 *   global                          the remote: URL, refspecs, push options
 *   hooks/pre-push, expect          the lease, hooks/prepush.h
 */
#ifndef GG_HOOKS_FWDDIR_H
#define GG_HOOKS_FWDDIR_H

#include <limits.h>

#include "hooks/outcome.h"

#define GG_FWDDIR "git-gate.forward" /* in the mirror */
#define GG_FWDDIR_REMOTE "upstream"  /* what the remote is called */

/*
 * Deletions by name take git as long as pushes by name. Beyond so many, everything that upstream has and is
 * not to be deleted is put beside the new values, and git prunes what is missing there. That it does not
 * prune more than the push deletes the lease sees to.
 */
#define GG_FWDDIR_DELETIONS 200

struct gg_fwddir {
	char path[PATH_MAX], global[PATH_MAX], hooks[PATH_MAX];
	bool prune;
};

struct gg_fwd {
	const char *gitdir, *url;
	const char *hook; /* the program that is pre-push, absolute */
	const struct gg_push *push;
	/* what it has, sorted, when the push deletes more than GG_FWDDIR_DELETIONS; else NULL */
	const struct gg_listing *upstream;
	char *const *options; /* push options, without line ends; NULL at the end */
};

/* How many of them are deleted. */
size_t gg_fwd_deletions(const struct gg_push *p);

/*
 * 0; -EINVAL: two updates of one reference, or a name that git would not have; other -errno.
 *   ret_why  on failure: one line for people
 */
int gg_fwddir_make(const struct gg_fwd *w, struct gg_fwddir *ret, struct gg_buf *ret_why);

/* What pre-push left: GG_PREPUSH_SENT or GG_PREPUSH_STALE. text may be NULL: then what cannot be
 * looked at is taken to be there. False: not there. */
bool gg_fwddir_left(const struct gg_fwddir *d, const char *name, char *text, size_t size);

/* With everything in it; nothing happens when it is not there. 0 or -errno. */
int gg_fwddir_remove(const char *gitdir);

#endif
