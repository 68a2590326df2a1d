/*
 * traced - linked into the programs of a build with AddressSanitizer alone (see Makefile): LeakSanitizer
 * looks by ptrace, which it cannot do in a program that strace has, behind a unit's filter of system calls,
 * or without /proc, and then ends the program with a status of its own. It asks this at the end, and does not
 * look. Tests that inject errors by strace, take /proc away, or boot a machine see the program's own status
 * so.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* LeakSanitizer's, weak there. */
int __lsan_is_turned_off(void);

/* The number behind a key of /proc/self/status, 0 when there is none. */
static int number(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? atoi(at + strlen(key)) : 0;
}

int __lsan_is_turned_off(void)
{
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t n;

	if (fd < 0)
		return 1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	return number(text, "\nTracerPid:\t") || number(text, "\nSeccomp:\t");
}
