/* lines - what a program writes, line by line. See lines.h. */
#include "hooks/lines.h"

#include <errno.h>
#include <string.h>

void gg_lines_feed(struct gg_lines *l, const char *bytes, size_t n)
{
	while (n && l->r == 0) {
		const char *lf = memchr(bytes, '\n', n);
		size_t part = lf ? (size_t)(lf - bytes) : n;
		size_t room = GG_LINE_MAX - l->n, kept = part < room ? part : room;

		memcpy(l->buf + l->n, bytes, kept);
		l->n += kept;
		if (lf) {
			l->buf[l->n] = '\0';
			l->r = l->line(l->arg, l->buf, l->n);
			l->n = 0;
		}
		bytes += part + (lf != NULL);
		n -= part + (lf != NULL);
	}
}

int gg_lines_end(struct gg_lines *l)
{
	return l->r ? l->r : l->n ? -EPROTO : 0;
}
