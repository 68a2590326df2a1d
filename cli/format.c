/* format - see format.h. */
#include "cli/format.h"

#include <string.h>

#include "cli/charwidth.h"

void gg_visible(struct gg_buf *b, const char *s)
{
	gg_buf_put(b, "", 0); /* the buffer may be new, and s empty */
	for (size_t n = strlen(s), step; n; s += step, n -= step) {
		size_t len = gg_utf8_len(s, n);

		step = len ? len : 1;
		if (*s == '"' || *s == '\\')
			gg_buf_put(b, s, 1);
		else
			gg_escape(b, s, step, step);
	}
}

size_t gg_columns(const char *s)
{
	size_t n = 0, len;

	for (; *s; s += len)
		n += gg_char_columns(s, &len);
	return n;
}

/* Bytes of the longest beginning of s that takes no more than width columns; ret: how many it takes. */
static size_t beginning(const char *s, size_t width, size_t *ret)
{
	size_t at = 0, len;

	*ret = 0;
	for (; s[at]; at += len) {
		size_t n = gg_char_columns(s + at, &len);

		if (*ret + n > width)
			break;
		*ret += n;
	}
	return at;
}

void gg_fit(struct gg_buf *b, const char *s, size_t width, bool right)
{
	static const char dots[] = "...";
	size_t n = gg_columns(s), keep = width, front = right && n < width ? width - n : 0, bytes, used;

	for (size_t i = 0; i < front; i++)
		gg_buf_add(b, " ");
	if (n > width && width > strlen(dots))
		keep = width - strlen(dots);
	bytes = beginning(s, keep, &used);
	gg_buf_put(b, s, bytes);
	if (keep < width)
		gg_buf_add(b, "%s", dots);
	/* a wide character at the cut leaves a column */
	for (used += width - keep + front; used < width; used++)
		gg_buf_add(b, " ");
}

void gg_bar(struct gg_buf *b, int64_t used, int64_t limit, size_t width)
{
	size_t room = width > 2 ? width - 2 : 1, filled;

	if (limit <= 0 || used >= limit)
		filled = room;
	else if (used <= 0)
		filled = 0;
	else
		filled = 1 + (size_t)((double)used / (double)limit * (double)(room - 1));
	if (used < limit && filled == room)
		filled--;
	gg_buf_add(b, "[");
	for (size_t i = 0; i < room; i++)
		gg_buf_add(b, i < filled ? "#" : ".");
	gg_buf_add(b, "]");
}

void gg_layout(size_t *width, const size_t *least, size_t n, size_t gap, size_t limit)
{
	size_t total = n ? (n - 1) * gap : 0;

	for (size_t i = 0; i < n; i++)
		total += width[i];
	while (limit && total > limit) {
		size_t widest = n;

		for (size_t i = 0; i < n; i++)
			if (width[i] > least[i] && (widest == n || width[i] > width[widest]))
				widest = i;
		if (widest == n)
			return;
		width[widest]--;
		total--;
	}
}
