/*
 * traced - linked into the programs of a build with AddressSanitizer alone (see Makefile): LeakSanitizer
 * cannot work under ptrace, nor without /proc, and then ends a program with a status of its own. It asks this
 * at the end, and does not look. Tests that inject errors by strace, or take /proc away, see the program's
 * own status so.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* LeakSanitizer's, weak there. */
int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
	static const char key[] = "\nTracerPid:\t";
	char text[4096];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	const char *at;
	ssize_t n;

	if (fd < 0)
		return 1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	at = strstr(text, key);
	return at && atoi(at + strlen(key)) > 0;
}
