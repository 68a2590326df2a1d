/* format - see format.h. */
#include "cli/format.h"

#include <string.h>

void gg_human_size(struct gg_buf *b, int64_t bytes)
{
	static const char units[] = "KMGTPE";
	uint64_t n = (uint64_t)bytes, whole, tenths;
	int unit = 0;

	if (bytes < 0) {
		gg_buf_add(b, "-");
		return;
	}
	while (n >> (10 * unit) >= 1024)
		unit++;
	whole = n >> (10 * unit);
	tenths = (n - (whole << (10 * unit))) * 10 >> (10 * unit); /* the rest has 60 bits at most */
	if (!unit)
		gg_buf_add(b, "%u", (unsigned)whole);
	else if (whole < 10)
		gg_buf_add(b, "%u.%u%c", (unsigned)whole, (unsigned)tenths, units[unit - 1]);
	else
		gg_buf_add(b, "%u%c", (unsigned)whole, units[unit - 1]);
}

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

/* Bytes of the character at s. */
static size_t step(const char *s)
{
	size_t len = gg_utf8_len(s, strnlen(s, 4));

	return len ? len : 1;
}

size_t gg_columns(const char *s)
{
	size_t n = 0;

	for (; *s; s += step(s))
		n++;
	return n;
}

void gg_fit(struct gg_buf *b, const char *s, size_t width, bool right)
{
	static const char dots[] = "...";
	size_t n = gg_columns(s), keep = width;
	const char *end = s;

	for (; right && n < width; n++)
		gg_buf_add(b, " ");
	if (n > width && width > strlen(dots))
		keep = width - strlen(dots);
	for (size_t i = 0; i < keep && *end; i++)
		end += step(end);
	gg_buf_put(b, s, (size_t)(end - s));
	if (keep < width)
		gg_buf_add(b, "%s", dots);
	for (; n < width; n++)
		gg_buf_add(b, " ");
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
