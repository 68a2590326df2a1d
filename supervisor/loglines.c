/* loglines - lines out of a session's stderr. See loglines.h. */
#include "supervisor/loglines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void gg_loglines_init(struct gg_loglines *l, void (*emit)(const char *, void *), void *arg)
{
	memset(l, 0, sizeof(*l));
	l->tokens = GG_LOGLINE_BURST;
	l->emit = emit;
	l->arg = arg;
}

static void flush(struct gg_loglines *l)
{
	if (!l->len)
		return;
	l->line[l->len] = 0;
	l->len = 0;
	if (l->tokens <= 0) {
		l->dropped++;
		return;
	}
	l->tokens--;
	l->emit(l->line, l->arg);
}

static void feed(struct gg_loglines *l, const char *p, size_t n)
{
	while (n) {
		const char *eol = memchr(p, '\n', n);
		size_t line = eol ? (size_t)(eol - p) : n, room = GG_LOGLINE_MAX - l->len;
		size_t take = line < room ? line : room;

		memcpy(l->line + l->len, p, take);
		l->len += take;
		if (!eol)
			return;
		flush(l);
		p += line + 1;
		n -= line + 1;
	}
}

int gg_loglines_read(struct gg_loglines *l, int fd, int64_t now_ms)
{
	char buf[16384];

	if (!l->refilled_ms)
		l->refilled_ms = now_ms;
	if (now_ms - l->refilled_ms >= 1000) {
		l->tokens += (now_ms - l->refilled_ms) / 1000 * GG_LOGLINE_RATE;
		if (l->tokens > GG_LOGLINE_BURST)
			l->tokens = GG_LOGLINE_BURST;
		l->refilled_ms = now_ms;
	}
	for (int i = 0; i < 16; i++) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return 0;
		feed(l, buf, (size_t)n);
	}
	return 1;
}

void gg_loglines_end(struct gg_loglines *l)
{
	flush(l);
}
