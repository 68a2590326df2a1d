/*
 * procfs - single files below /proc/PID. Effect: reads only. Used by scan.c and cleanup.c.
 * Every function returns 0 or -errno; -ENOENT and -ESRCH mean that the process is gone.
 */
#ifndef GG_REAPER_PROCFS_H
#define GG_REAPER_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/pstat.h"

/* A whole small file, cut at size - 1 and NUL-terminated. */
int gg_procfs_read(pid_t pid, const char *file, char *buf, size_t size, size_t *ret_len);
/* A link such as "cwd" or "fd/0". */
int gg_procfs_link(pid_t pid, const char *name, char *buf, size_t size);
/* Inode of the socket or pipe behind a descriptor; -ENOTSOCK when it is something else. ret_pipe may be NULL.
 */
int gg_procfs_stream(pid_t pid, int fd, uint64_t *ret_ino, bool *ret_pipe);
/* rchar and wchar: bytes that went through system calls. */
int gg_procfs_io(pid_t pid, uint64_t *ret_read, uint64_t *ret_written);

/* What a thread is blocked in. */
struct gg_syscall {
	bool running; /* on a CPU: number and fd are unknown */
	long nr;      /* -1: blocked outside a system call */
	long arg0;
};
int gg_procfs_syscall(pid_t pid, pid_t tid, struct gg_syscall *ret);

/*
 * Does a thread of it sleep in state D? Such a one may hold the process's address space locked (in mmap(2) on
 * a file system that does not answer, for example), and whoever reads its command line or its environment,
 * alone of all that is below /proc/PID, sleeps with it until that one is through. st: its stat, read a moment
 * ago.
 */
bool gg_procfs_held(pid_t pid, const struct gg_pstat *st);

/* Its command line: arguments that end with NUL, cut at size - 1. -EBUSY: gg_procfs_held, ask later. */
int gg_procfs_argv(pid_t pid, char *buf, size_t size, size_t *ret_len);
/*
 * Value of a variable in the environment a process was started with. -ENODATA: not set, or longer than size -
 * 1: "" then. -EBUSY: as above. Needs no memory.
 */
int gg_procfs_getenv(pid_t pid, const char *name, char *buf, size_t size);

/* Append a process's children (of all its threads; lone: it has one) to *v, which is grown. -EOPNOTSUPP: the
 * kernel has no such files. */
int gg_procfs_children(pid_t pid, bool lone, pid_t **v, size_t *n, size_t *size);

uint64_t gg_procfs_reads(void);

#endif
