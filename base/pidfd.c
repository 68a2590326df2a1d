/* pidfd - see pidfd.h. */
#include "base/pidfd.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/pstat.h"

int gg_pidfd_open(pid_t pid, uint64_t start_tick, int *ret_fd)
{
	AUTO_CLOSE int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct gg_pstat st;
	int r;

	if (fd < 0)
		return -errno;
	/*
	 * Looked up after the open: were the number given to someone else before it, the start time would be
	 * his, and were it given away after it, then too. Equal means that the pidfd's process is the one
	 * that was meant.
	 */
	r = gg_pstat_read(pid, &st);
	if (r < 0)
		return r;
	if (st.start_tick != start_tick)
		return -ESRCH;
	*ret_fd = gg_take_fd(&fd);
	return 0;
}

int gg_pidfd_signal(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

int gg_proc_signal(pid_t pid, uint64_t start_tick, int sig)
{
	AUTO_CLOSE int fd = -1;
	int r = gg_pidfd_open(pid, start_tick, &fd);

	return r < 0 ? r
		     : gg_pidfd_signal(fd,
				       sig); /* 0 for a zombie: the kernel takes the signal and forgets it */
}
