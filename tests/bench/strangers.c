/*
 * strangers - N processes that have nothing to do with a gate and sleep, in a session of their own, until it
 * ends itself: they go with it, however that is. Linked statically, so that they are small.
 *
 *   strangers N    prints "ready" when all are there; else why not, and none is left
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int n = argc == 2 ? atoi(argv[1]) : 0;
	pid_t own = getpid();

	if (n <= 0)
		return 2;
	setsid();
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			printf("%d of %d: %s\n", i, n, strerror(errno));
			return 1;
		}
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			while (getppid() == own)
				pause();
			_exit(0);
		}
	}
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
