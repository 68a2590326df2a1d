/*
 * sink - stderr as a pipe that a test reads. For the tests of base/event.h.
 */
#ifndef GG_TESTS_SINK_H
#define GG_TESTS_SINK_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/text.h"

static inline bool one_valid_line(const char *s, size_t n)
{
	for (size_t i = 0, len; i < n; i += len) {
		len = gg_utf8_len(s + i, n - i);
		if (!len || (s[i] == '\n') != (i == n - 1) || (unsigned char)s[i] == 0x7f ||
		    ((unsigned char)s[i] < 0x20 && s[i] != '\n'))
			return false;
	}
	return n > 0;
}

static inline void take_stderr(int fd)
{
	signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(dup2(fd, 2), 2);
}

/* A pipe of two pages behind fd 2; returns the end to read from, which does not block. */
static inline int small_pipe(void)
{
	int p[2];

	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	cr_assert_gt(fcntl(p[1], F_SETPIPE_SZ, 8192), 0);
	cr_assert_eq(fcntl(p[0], F_SETFL, O_NONBLOCK), 0);
	take_stderr(p[1]);
	close(p[1]);
	return p[0];
}

static inline char *slurp(int fd)
{
	static char text[1 << 20];
	size_t n = 0;
	ssize_t r;

	while (n < sizeof(text) - 1 && (r = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)r;
	text[n] = '\0';
	return text;
}

#endif
