/*
 * subtree - what descends from this process: remember who was there before, find who came since, end those.
 * Effect: reads /proc, signals by pidfd. Used by hooks/run.c. No file-scope state.
 *
 * This process has to be a subreaper (gg_subtree_adopt): then whatever a program lets go of, by a double
 * fork, setsid or a cleared environment, stays below it.
 */
#ifndef GG_HOOKS_SUBTREE_H
#define GG_HOOKS_SUBTREE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/text.h"

struct gg_kin { /* one process; pid and start_tick together are its identity */
	pid_t pid;
	uint64_t start_tick;
	char comm[16]; /* outside text */
};

struct gg_subtree {
	struct gg_kin *v; /* owned; gg_subtree_free */
	size_t n, size;
	pid_t keep; /* a child of ours that is never reaped here, its parent waits for it; 0: none */
};

/* From now on orphans below us become our children. 0 or -errno. */
int gg_subtree_adopt(void);

/*
 * All that live below us now are elders: neither they nor what is below them is ever ended or reaped.
 * 0 or -errno; -EOPNOTSUPP or -ENOENT when /proc cannot tell.
 */
int gg_subtree_elders(struct gg_subtree *ret);

/* Wait for those of our children that have ended, but for the elders and elders->keep. Best effort. */
void gg_subtree_reap(const struct gg_subtree *elders);

/*
 * SIGKILL to all that came since, look again, until nothing is left or patience_ms is over.
 *   who       gets the names of those that the first look finds: "sleep" (4711), "sh" (4712)
 *   ret_left  how many live on: they belong to another user, or sleep in the kernel; 0 on failure
 * 0 or -errno: /proc could not be read.
 */
int gg_subtree_end(const struct gg_subtree *elders, int64_t patience_ms, struct gg_buf *who,
		   size_t *ret_left);

void gg_subtree_free(struct gg_subtree *t);

#endif
