/*
 * kid - what the supervisors of tests/bench/supervisors run. Linked statically: its own start costs little.
 *
 * kid SOCKET NAME        sends "NAME PID TIME" to the datagram socket, then sleeps. TIME: CLOCK_MONOTONIC in
 *                        ns at the entry of main().
 * kid SOCKET NAME NAME…  the floor: a supervisor that starts a kid for each NAME, waits, starts it again,
 *                        and nothing else.
 */
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KIDS = 26 };

static int tell(const char *path, const char *name, const struct timespec *at)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char text[128];
	int n = snprintf(text, sizeof(text), "%s %d %lld", name, (int)getpid(),
			 (long long)at->tv_sec * 1000000000 + at->tv_nsec);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (fd < 0 || n < 0 || (size_t)n >= sizeof(text) || strlen(path) >= sizeof(to.sun_path))
		return 1;
	memcpy(to.sun_path, path, strlen(path));
	if (sendto(fd, text, (size_t)n, 0, (struct sockaddr *)&to, sizeof(to)) != n)
		return 1;
	close(fd);
	return 0;
}

static pid_t start(char *self, char *path, char *name)
{
	char *argv[] = { self, path, name, NULL };
	pid_t pid;

	return posix_spawn(&pid, self, NULL, NULL, argv, (char *[]){ NULL }) == 0 ? pid : -1;
}

static int supervise(char *self, char *path, char **name, int n)
{
	pid_t pid[KIDS], gone;

	if (n > KIDS)
		return 2;
	for (int i = 0; i < n; i++)
		pid[i] = start(self, path, name[i]);
	while ((gone = wait(NULL)) > 0)
		for (int i = 0; i < n; i++)
			if (pid[i] == gone)
				pid[i] = start(self, path, name[i]);
	return 1;
}

int main(int argc, char **argv)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	if (argc < 3)
		return 2;
	if (argc > 3)
		return supervise(argv[0], argv[1], argv + 2, argc - 2);
	if (tell(argv[1], argv[2], &at) != 0)
		return 1;
	for (;;)
		pause();
}
