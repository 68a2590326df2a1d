/*
 * git - run git on the mirror, or from it against upstream: with an environment made from a list, no
 * terminal, no configuration of the user's or the machine's, bounded in time. Effect. Used by hooks/lock.c,
 * hooks/forward.c and hooks/refresh.c.
 *
 * From our environment git gets PATH, GIT_GATE_SESSION and GIT_GATE_INSTANCE, and where it is asked for the
 * quarantine's objects. Nothing of an agent's, a display's, a proxy's. GIT_QUARANTINE_PATH least of all: with
 * it git locks no reference, and an upstream on this machine would inherit it and refuse.
 */
#ifndef GG_HOOKS_GIT_H
#define GG_HOOKS_GIT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "hooks/run.h"

struct gg_git {
	char gitdir[PATH_MAX]; /* the mirror, absolute, without symbolic links */
	char git[PATH_MAX];
	char ssh[8192]; /* $GIT_SSH_COMMAND; "": git may not leave the machine */
	int lock_fd;	/* the repository's lock (hooks/lock.h), held also by what is run; 0: none */
};

/* Find both. gitdir: as $GIT_DIR, or a path. ret_why: on failure, one line for people. 0 or -errno. */
int gg_git_open(struct gg_git *g, const char *gitdir, struct gg_buf *ret_why);

struct gg_git_call {		 /* all borrowed */
	const char *const *args; /* what follows "git", NULL at the end */
	const char *git_dir;	 /* NULL: the mirror */
	const char *config;	 /* a file in place of the user's configuration; NULL: none */
	const char *hooks;	 /* core.hooksPath; NULL: no hook runs */
	const void *in;		 /* fed to it */
	size_t nin;
	bool quarantine; /* with the objects that our own environment names */
	void (*out)(void *arg, const char *bytes, size_t n); /* NULL: thrown away */
	void (*err)(void *arg, const char *bytes, size_t n);
	void (*tick)(void *arg, int64_t elapsed_ms);
	void *arg;
	int64_t tick_ms, limit_ms;
	bool gentle; /* SIGTERM some time before the limit: git then takes its lock files away */
};

/* As gg_run. */
int gg_git_run(const struct gg_git *g, const struct gg_git_call *call, struct gg_run_end *ret);

#endif
