/*
 * eventsink - one event as bytes, and where bytes go. Only base/event.c and its tests include this.
 */
#ifndef GG_BASE_EVENTSINK_H
#define GG_BASE_EVENTSINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/event.h"
#include "base/text.h"

struct gg_record {
	enum gg_event_id id;
	const struct gg_fields *fields; /* may be NULL */
	const char *message;
	const char *instance; /* "" or NULL: none */
	int64_t time_ms;      /* CLOCK_REALTIME */
};

/* A line with its newline. Less than PIPE_BUF, so that a pipe takes all of it or nothing. */
enum { GG_LINE_MAX = 4096, GG_JOURNAL_MAX = 53248 };

/*
 * The record as: a text line ("<5>" in front instead of the time when it goes to the journal's stream); a
 * JSON line; a datagram of journald's native protocol. Outside text is escaped and bounded here, so b is
 * never cut if it has GG_LINE_MAX or GG_JOURNAL_MAX bytes. Pure.
 */
void gg_record_text(struct gg_buf *b, const struct gg_record *r, bool to_journal_stream);
void gg_record_json(struct gg_buf *b, const struct gg_record *r);
void gg_record_journal(struct gg_buf *b, const struct gg_record *r);

int gg_event_priority(enum gg_event_id id); /* as in syslog(3) */

/* Send one datagram to journald. 0, or -errno: it is absent, stuck, or does not want it. Never blocks. */
int gg_sink_journal(const char *bytes, size_t n);

/* Write one line of less than GG_LINE_MAX bytes to stderr. 0, or -errno: lost, wholly or in part. Never
 * blocks. */
int gg_sink_stderr(const char *line, size_t n);

/* Whether $JOURNAL_STREAM (its value; NULL: unset) says that fd 2 is connected to the journal. */
bool gg_sink_is_journal_stream(const char *value);

/* For tests: another socket than journald's. Kept, not copied. */
void gg_sink_journal_path(const char *path);

#endif
