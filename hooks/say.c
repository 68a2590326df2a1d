/* say - see say.h. */
#include "hooks/say.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define ROOM_WAIT_MS 2000 /* what a line waits for a client that does not read */
#define TEXT_MAX 1000	  /* bytes of a line of ours; escaped and with all around it less than PIPE_BUF */

_Static_assert(4 * TEXT_MAX + 16 <= PIPE_BUF, "a line is written whole or not at all");

/*
 * True when a line can be written without blocking: a pipe that poll calls writable has room for PIPE_BUF
 * bytes, and nobody else writes to it.
 */
static bool room(int wait_ms)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	int64_t end_ms = gg_now_ms() + wait_ms;

	for (;;) {
		int64_t left_ms = end_ms - gg_now_ms();
		int n = poll(&p, 1, left_ms > 0 ? (int)left_ms : 0);

		if (n >= 0 || errno != EINTR)
			return n > 0 && (p.revents & POLLOUT);
	}
}

/* line: with its newline. A socket may have less room than a line needs, so it is not to block either. */
static void put(const char *line, size_t n)
{
	static bool stuck; /* a line has waited in vain: the next ones do not wait */

	stuck = !room(stuck ? 0 : ROOM_WAIT_MS);
	if (stuck)
		return;
	if (send(STDERR_FILENO, line, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == ENOTSOCK)
		while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR)
			;
}

void gg_say_client(const char *fmt, ...)
{
	char raw[TEXT_MAX + 1], shown[4 * TEXT_MAX + 16];
	struct gg_buf r = GG_BUF(raw), s = GG_BUF(shown);
	va_list ap;

	va_start(ap, fmt);
	gg_buf_vadd(&r, fmt, ap);
	va_end(ap);
	gg_buf_add(&s, "git-gate: ");
	gg_say_visible(&s, r.s, r.len, r.len);
	gg_buf_add(&s, "%s\n", r.cut ? "..." : "");
	put(s.s, s.len);
}

void gg_say_emit(void *arg, const char *line)
{
	char mem[PIPE_BUF];
	struct gg_buf b = { .s = mem, .size = sizeof(mem) - 1 };

	(void)arg;
	gg_buf_add(&b, "%s", line);
	mem[b.len++] = '\n';
	put(mem, b.len);
}
