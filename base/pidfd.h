/*
 * pidfd - signals that cannot reach the wrong process.
 * kill(pid) after a scan may hit whoever has the number now; a pidfd whose start time was checked cannot.
 */
#ifndef GG_BASE_PIDFD_H
#define GG_BASE_PIDFD_H

#include <stdint.h>
#include <sys/types.h>

/* Open pid's pidfd (CLOEXEC) and check that it is still the process that started at start_tick. 0 or -errno;
 * -ESRCH also when the number belongs to another process now. */
int gg_pidfd_open(pid_t pid, uint64_t start_tick, int *ret_fd);

/* 0 or -errno; -ESRCH when it has been reaped. */
int gg_pidfd_signal(int pidfd, int sig);

/* Open, check, signal, close. A zombie is a success: it needs no signal. */
int gg_proc_signal(pid_t pid, uint64_t start_tick, int sig);

#endif
