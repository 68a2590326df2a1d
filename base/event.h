/*
 * event - everything the gate says about itself goes through here: one record, to the journal with fields, or
 * to stderr as text or JSON lines. base/event.def is the list.
 *
 * Never blocks: a sink that takes nothing loses the record, the loss is counted, and log.dropped says how
 * many once something can be written again. errno is preserved. Outside text in fields and messages is
 * escaped and bounded here, for every sink. Not for pure or base code. One thread.
 */
#ifndef GG_BASE_EVENT_H
#define GG_BASE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/eventrate.h"
#include "base/text.h"

enum gg_event_id {
#define EV(ID, ...) GG_EV_##ID,
#include "base/event.def"
#undef EV
	GG_NEVENTS
};

/* Of one session: what its records may not exceed. All zero at first. */
struct gg_event_own {
	struct gg_bucket bucket;
	uint64_t suppressed; /* records of it that were left out */
};

/*
 * The fields of a record: base/eventfield.def has what they mean, and their names in each sink. NULL and, for
 * numbers, a negative value mean absent.
 */
struct gg_fields {
#define TEXT(name, ...) const char *name;
#define NUMBER(name, ...) int64_t name;
#include "base/eventfield.def"
#undef TEXT
#undef NUMBER
	/* Of the reason, see reaper/reason.h: in the journal alone, for its catalog. */
	const char *seen, *look_at, *advice;
	/* Lines. In the journal whole, and in parts for the catalog; in JSON lines an array; in text lines
	 * each is a session.evidence behind its record. */
	const char *evidence;
	struct gg_event_own *own; /* no field: the session's rate; NULL: not limited by it */
};

/* All absent: with it each gg_fields begins. */
#define GG_NO_STEP_FIELDS .duration_ms = -1, .commits = -1, .objects = -1, .refs = -1, .bytes = -1
#define GG_NO_FIELDS \
	.limit_ms = -1, .quiet_ms = -1, .age_ms = -1, .bytes_in = -1, .bytes_out = -1, GG_NO_STEP_FIELDS

const char *gg_event_name(enum gg_event_id id);
/* For the journal, 32 hex digits. */
const char *gg_event_message_id(enum gg_event_id id);
/* The gg_event_id with this name; -ENOENT. */
int gg_event_find(const char *name);

/*
 * Choose the sink. Called before the first event, and when settings change; without it text goes to stderr.
 *   log, level   as in conf.h (GG_LOG_…, GG_LEVEL_…)
 *   instance     this gate's id, in every record as GIT_GATE_INSTANCE; copied
 * GG_LOG_AUTO: the journal if $JOURNAL_STREAM names fd 2, else text. GG_LOG_JOURNAL falls back to text on
 * stderr for each record that journald does not take, and uses it again as soon as it does. Text carries a
 * "<5>" prefix when fd 2 is the journal's stream.
 */
void gg_event_setup(int log, int level, const char *instance);

/*
 * Write one event. fields may be NULL. The message is one line, lower case, no full stop. What a client or a
 * hook can cause in any number is limited, for each kind and for each session; what is left out is counted,
 * and log.suppressed tells of it.
 */
void gg_event(enum gg_event_id id, const struct gg_fields *fields, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Hear of every event that is written, whether or not a sink took it. One listener; NULL: none any more. It
 * may not call gg_event, and keeps nothing that it is given.
 */
struct gg_heard {
	enum gg_event_id id;
	int priority;	     /* as in syslog(3) */
	const char *session; /* NULL: of none */
	const char *json;    /* the record as a JSON object, without a newline */
	size_t len;
};
void gg_event_listen(void (*heard)(void *arg, const struct gg_heard *e), void *arg);

/* How many of this event there were so far, whether they were important enough to be written or not. */
uint64_t gg_event_count(enum gg_event_id id);

/* How many records were lost so far, whatever the sink; and how many were left out because of their rate. */
uint64_t gg_event_dropped(void);
uint64_t gg_event_suppressed(void);

/*
 * What was lost or left out is told behind the next record that is written. Is something still to be told?
 * gg_event_report tells it now, if it can; to be called some seconds after, and at the end.
 */
bool gg_event_unreported(void);
void gg_event_report(void);

/* A message, or the value of a field, as it stands in a text line: for who shows a record that was kept as
 * JSON. Pure. */
void gg_event_text_message(struct gg_buf *b, const char *message);
void gg_event_text_value(struct gg_buf *b, const char *s);

/* The message catalog (systemd's format) and the list for the manual, from the table. */
void gg_event_catalog(FILE *to);

#endif
