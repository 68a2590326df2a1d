/*
 * loglines - lines out of a session's stderr, bounded in length and rate. What exceeds the rate is read,
 * dropped and counted: the writer is never held up.
 */
#ifndef GG_SUPERVISOR_LOGLINES_H
#define GG_SUPERVISOR_LOGLINES_H

#include <stdint.h>
#include <stddef.h>

#define GG_LOGLINE_MAX 1000  /* bytes of a line that are kept */
#define GG_LOGLINE_BURST 200 /* lines that may come at once … */
#define GG_LOGLINE_RATE 20   /* … and how many more every second */

struct gg_loglines {
	char line[GG_LOGLINE_MAX + 1];
	size_t len;
	int64_t tokens, refilled_ms;
	uint64_t dropped;
	void (*emit)(const char *line, void *arg);
	void *arg;
};

void gg_loglines_init(struct gg_loglines *l, void (*emit)(const char *, void *), void *arg);
/* Read what is there from a non-blocking fd, at most 256 KiB at a time. 1: more may come; 0: end of file, or
 * an error. */
int gg_loglines_read(struct gg_loglines *l, int fd, int64_t now_ms);
/* The last line, if it had no newline. */
void gg_loglines_end(struct gg_loglines *l);

#endif
