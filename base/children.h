/* children - who is below a process, from /proc/PID/task/TID/children. Effect: reads only. */
#ifndef GG_BASE_CHILDREN_H
#define GG_BASE_CHILDREN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Append a process's children (of all its threads) to *v, which is grown and stays the caller's. The kernel
 * may leave some out while others of them end: who wants all looks again.
 *   reads   one more for each file opened; NULL: not counted
 * 0 or -errno; -ENOENT and -ESRCH mean that the process is gone, -EOPNOTSUPP that the kernel has no such
 * files.
 */
int gg_children_read(pid_t pid, pid_t **v, size_t *n, size_t *size, uint64_t *reads);
/* The same for a process that has one thread, as was just seen: one file, and no directory. */
int gg_children_read_lone(pid_t pid, pid_t **v, size_t *n, size_t *size, uint64_t *reads);

#endif
