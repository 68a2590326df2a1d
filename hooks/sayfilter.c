/* sayfilter - see sayfilter.h. */
#include "hooks/sayfilter.h"

#include <string.h>

#include "base/cleanup.h"

void gg_say_begin(struct gg_say_filter *f, void (*emit)(void *arg, const char *line), void *arg)
{
	*f = (struct gg_say_filter){ .emit = emit, .arg = arg };
}

void gg_say_size(struct gg_buf *b, uint64_t bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	uint64_t v = bytes / 1000;
	size_t i = 0;

	if (bytes < 1000) {
		gg_buf_add(b, "%u byte%s", (unsigned)bytes, bytes == 1 ? "" : "s");
		return;
	}
	for (; v >= 1000; v /= 1000)
		i++;
	gg_buf_add(b, "%u %s", (unsigned)v, units[i]);
}

size_t gg_say_visible(struct gg_buf *b, const char *s, size_t n, size_t max)
{
	size_t i = 0;

	for (size_t step; i < n; i += step) {
		size_t len = gg_utf8_len(s + i, n - i);

		step = len ? len : 1;
		if (i + step > max)
			break;
		if (s[i] == '"' || s[i] == '\\')
			gg_buf_put(b, s + i, 1);
		else if (s[i] == '\t')
			gg_buf_put(b, " ", 1);
		else
			gg_escape(b, s + i, step, step);
	}
	return i;
}

static void flush(struct gg_say_filter *f, bool newline)
{
	char mem[4 * GG_SAY_LINE + 16];
	struct gg_buf b = GG_BUF(mem);
	bool cr = newline && !f->cut && f->len && f->line[f->len - 1] == '\r';
	size_t n = f->len - cr, shown;
	uint64_t rest;

	gg_buf_add(&b, "  ");
	shown = gg_say_visible(&b, f->line, n, GG_SAY_LINE);
	rest = n - shown + f->cut;
	f->len = 0;
	f->cut = 0;
	if (!n)
		return;
	if (rest)
		gg_buf_add(&b, "...");
	f->full = f->lines == GG_SAY_LINES || f->bytes + b.len > GG_SAY_BYTES;
	if (f->full) {
		f->hidden += shown + rest + newline;
		return;
	}
	f->lines++;
	f->bytes += b.len;
	f->hidden += rest;
	f->emit(f->arg, mem);
}

void gg_say_feed(void *filter, const char *bytes, size_t n)
{
	struct gg_say_filter *f = filter;

	while (n && !f->full) {
		const char *eol = memchr(bytes, '\n', n);
		size_t part = eol ? (size_t)(eol - bytes) : n, room = sizeof(f->line) - f->len;
		size_t take = part < room ? part : room;

		memcpy(f->line + f->len, bytes, take);
		f->len += take;
		f->cut += part - take;
		if (eol)
			flush(f, true);
		part += eol != NULL;
		bytes += part;
		n -= part;
	}
	f->hidden += n;
}

void gg_say_end(struct gg_say_filter *f)
{
	char mem[80];
	struct gg_buf b = GG_BUF(mem);

	flush(f, false);
	if (f->hidden) {
		gg_buf_add(&b, "git-gate: … ");
		gg_say_size(&b, f->hidden);
		gg_buf_add(&b, " more not shown");
		f->emit(f->arg, mem);
	}
	gg_say_begin(f, f->emit, f->arg);
}
