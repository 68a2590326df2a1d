/*
 * doubt - a mark in the mirror: what upstream has may not be what is here. It is made before upstream is told
 * of a push, and taken away when the references here have followed, or upstream had no part in it, or a fetch
 * has succeeded; whatever is killed or fails between leaves it. A mirror in doubt is not fresh
 * (hooks/refresh.h). Effect: git-gate.doubt in the repository. Made and taken away with the repository's lock
 * held. Used by hooks/forward.c, hooks/holder.c and hooks/refresh.c. Tested by
 * tests/process/t0087-refresh.py.
 */
#ifndef GG_HOOKS_DOUBT_H
#define GG_HOOKS_DOUBT_H

#include <stdbool.h>
#include <sys/types.h>

#define GG_DOUBT_FILE "git-gate.doubt"

struct gg_doubter {	     /* whose push it is */
	pid_t pid;	     /* pre-receive */
	const char *session; /* NULL: none */
};

/* 0 or -errno. What is in doubt already stays the earlier one's. */
int gg_doubt_begin(const char *gitdir, const struct gg_doubter *d);
/* That push is certain. Of an earlier one it says nothing. */
void gg_doubt_end(const char *gitdir, const struct gg_doubter *d);
/* All is certain. */
void gg_doubt_clear(const char *gitdir);
bool gg_doubt_is(const char *gitdir);

#endif
