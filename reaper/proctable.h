/*
 * proctable - all processes of the machine in one pass. Effect: reads only. A file a process, so only where
 * nothing narrower will do: cleanup looks for users of a repository, and a kernel without
 * /proc/PID/task/TID/children. Not through libproc2: that loads libnuma, which ends the process when it gets
 * no memory.
 */
#ifndef GG_REAPER_PROCTABLE_H
#define GG_REAPER_PROCTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct gg_proctable_row {
	pid_t pid, ppid, pgrp;
	uint64_t start_tick;
	bool zombie; /* nothing of it runs */
};

/* *ret is owned by the caller. 0 or -errno. */
int gg_proctable_read(struct gg_proctable_row **ret, size_t *ret_n);

/*
 * Append a process's children to *v, which is grown: from /proc/PID/task/TID/children, or by ppid on a kernel
 * without those files. 0 or -errno; -ENOENT or -ESRCH when it is gone.
 */
int gg_children(pid_t pid, pid_t **v, size_t *n, size_t *size);
/* The same for a process that was just seen to have one thread. */
int gg_children_lone(pid_t pid, pid_t **v, size_t *n, size_t *size);

#endif
