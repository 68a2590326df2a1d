/* probecalls - the system calls that the gate uses, each tried in a way that changes nothing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/readfile.h"
#include "cli/probe.h"

/* A descriptor that was only asked for. */
static int got(int fd)
{
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int try_flock(void)
{
	AUTO_CLOSE int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* another user's lock is no reason to worry */
	return fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0 || errno == EWOULDBLOCK ? 0 : errno;
}

static int try_pidfd(struct gg_machine_calls *ret)
{
	AUTO_CLOSE int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd < 0)
		return errno;
	ret->error[GG_CALL_PIDFD_SIGNAL] = syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) < 0 ? errno : 0;
	ret->error[GG_CALL_PIDFD_GETFD] = got((int)syscall(SYS_pidfd_getfd, fd, fd, 0));
	return 0;
}

static int seccomp_mode(void)
{
	char text[4096];
	const char *at;
	int mode;

	if (gg_read_file("/proc/self/status", text, sizeof(text), NULL) < 0)
		return -1;
	at = strstr(text, "\nSeccomp:");
	return at && sscanf(at, "\nSeccomp: %d", &mode) == 1 ? mode : -1;
}

void gg_probe_calls(struct gg_machine_calls *ret)
{
	struct utsname u;
	struct statx sx;

	*ret = (struct gg_machine_calls){ .seccomp = seccomp_mode() };
	if (uname(&u) < 0 || sscanf(u.release, "%d.%d", &ret->major, &ret->minor) != 2)
		ret->major = ret->minor = 0;
	ret->error[GG_CALL_PIDFD_SIGNAL] = ret->error[GG_CALL_PIDFD_GETFD] = -1;
	ret->error[GG_CALL_PIDFD_OPEN] = try_pidfd(ret);
	ret->error[GG_CALL_SUBREAPER] = prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? errno : 0;
	/* not glibc's, which would make do with fstatat */
	ret->error[GG_CALL_STATX] = syscall(SYS_statx, AT_FDCWD, "/", 0, STATX_BTIME, &sx) < 0 ? errno : 0;
	ret->error[GG_CALL_FLOCK] = try_flock();
	ret->error[GG_CALL_EPOLL] = got(epoll_create1(EPOLL_CLOEXEC));
	ret->error[GG_CALL_EVENTFD] = got(eventfd(0, EFD_CLOEXEC));
	ret->error[GG_CALL_INET] = got(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	ret->error[GG_CALL_INET6] = got(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
	ret->error[GG_CALL_UNIX] = got(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	ret->error[GG_CALL_NETLINK] = got(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
}
