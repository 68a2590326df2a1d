/* headroom - see headroom.h. */
#include "base/headroom.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

bool gg_is_shortage(int err)
{
	return err == EMFILE || err == ENFILE || err == EAGAIN || err == ENOMEM || err == ENOBUFS;
}

#define MOST 32

bool gg_headroom_fds(size_t n)
{
	int fd[MOST];
	size_t have = 0;

	while (have < n && have < MOST && (fd[have] = eventfd(0, EFD_CLOEXEC)) >= 0)
		have++;
	for (size_t i = 0; i < have; i++)
		close(fd[i]);
	return have == n;
}

/* One that lives until the pipe's other end is closed. */
static pid_t start(int hold, int ours)
{
	pid_t pid = fork();
	char c;

	if (pid)
		return pid;
	close(ours);
	while (read(hold, &c, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

bool gg_headroom_processes(size_t n)
{
	AUTO_CLOSE int hold = -1, ours = -1;
	pid_t pid[MOST];
	size_t have = 0;
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return false;
	hold = p[0], ours = p[1];
	while (have < n && have < MOST && (pid[have] = start(hold, ours)) > 0)
		have++;
	gg_close_fd(&ours);
	for (size_t i = 0; i < have; i++)
		while (waitpid(pid[i], NULL, 0) < 0 && errno == EINTR)
			;
	return have == n;
}
