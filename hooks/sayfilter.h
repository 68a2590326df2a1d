/*
 * sayfilter - what a program wrote, made fit for the client: lines, escaped, bounded in length and number.
 * Pure. Used through hooks/say.h. Tested by tests/unit/hooksay.c.
 *
 * A line begins with two spaces, so none can pass for one of ours; control characters (a terminal's too), NUL
 * and what is no UTF-8 become C escapes, a tab a space; empty lines are left out, a CR before the LF as well.
 * What is not shown is counted and said once, at the end.
 */
#ifndef GG_HOOKS_SAYFILTER_H
#define GG_HOOKS_SAYFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum {
	GG_SAY_LINE = 400,    /* bytes of a line that are shown */
	GG_SAY_LINES = 100,   /* lines a program */
	GG_SAY_BYTES = 16384, /* bytes a program, as shown */
};

struct gg_say_filter {
	char line[GG_SAY_LINE + 4]; /* one character more than is shown, so that a cut is known as one */
	size_t len;
	uint64_t cut;	 /* bytes of this line beyond those */
	uint64_t hidden; /* bytes of the program that were not shown */
	size_t lines, bytes;
	bool full; /* nothing more is shown */
	void (*emit)(void *arg, const char *line);
	void *arg;
};

/* emit gets each line to be shown, without a newline. */
void gg_say_begin(struct gg_say_filter *f, void (*emit)(void *arg, const char *line), void *arg);

/* filter: a struct gg_say_filter. In the shape of gg_run's callbacks. */
void gg_say_feed(void *filter, const char *bytes, size_t n);

/* The last line, if it had no newline, and what was not shown. The filter is then as after gg_say_begin. */
void gg_say_end(struct gg_say_filter *f);

/*
 * Append outside text, at most max bytes of it, so that it can forge nothing. As gg_escape, but quotes and
 * backslashes stay as they are (alone they forge nothing, and programs print many), a tab becomes a space,
 * and a cut is not marked. Returns how many bytes were taken.
 */
size_t gg_say_visible(struct gg_buf *b, const char *s, size_t n, size_t max);

/* Bytes for people: "1 byte", "400 bytes", "59 MB" (powers of 1000, cut). */
void gg_say_size(struct gg_buf *b, uint64_t bytes);

#endif
