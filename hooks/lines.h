/*
 * lines - what a program writes, line by line. Pure. Used with hooks/gitcmd by hooks/newobj and hooks/rewind.
 * Fuzzed by tests/fuzz/fuzz-newobj.c.
 */
#ifndef GG_HOOKS_LINES_H
#define GG_HOOKS_LINES_H

#include <stddef.h>

/*
 * Lines of a program's output, of which no more than GG_LINE_MAX bytes are kept each. To be fed by an out
 * callback; line gets a line without its LF and returns 0, or -errno, after which it is not called any more.
 */
enum { GG_LINE_MAX = 4096 };
struct gg_lines {
	int (*line)(void *arg, const char *s, size_t n); /* s[n] is NUL */
	void *arg;
	int r; /* of line */
	size_t n;
	char buf[GG_LINE_MAX + 1];
};
void gg_lines_feed(struct gg_lines *l, const char *bytes, size_t n);
/* After the last byte: 0, -errno of line, or -EPROTO: the last line has no LF. */
int gg_lines_end(struct gg_lines *l);

#endif
