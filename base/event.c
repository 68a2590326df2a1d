/* event - see event.h: which events are written, to which sink, and what is done about those that are lost.
 */
#include "base/event.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/eventsink.h"

static const struct {
	const char *name, *message_id, *doc;
	int priority;
} events[GG_NEVENTS] = {
#define EV(ID, event, PRIORITY, id, text) \
	[GG_EV_##ID] = { .name = event, .message_id = id, .doc = text, .priority = LOG_##PRIORITY },
#include "base/event.def"
#undef EV
};

static struct {
	int log;
	int level;	     /* syslog's: larger is less important */
	bool journal_stream; /* fd 2 ends in the journal */
	char instance[64];
	uint64_t dropped, unreported;
} state = { .log = GG_LOG_TEXT, .level = LOG_INFO };

const char *gg_event_name(enum gg_event_id id)
{
	return events[id].name;
}

int gg_event_find(const char *name)
{
	for (int i = 0; i < GG_NEVENTS; i++)
		if (strcmp(events[i].name, name) == 0)
			return i;
	return -ENOENT;
}

int gg_event_priority(enum gg_event_id id)
{
	return events[id].priority;
}

const char *gg_event_message_id(enum gg_event_id id)
{
	return events[id].message_id;
}

void gg_event_setup(int log, int level, const char *instance)
{
	static const int levels[] = {
		[GG_LEVEL_INFO] = LOG_INFO,	[GG_LEVEL_DEBUG] = LOG_DEBUG,
		[GG_LEVEL_NOTICE] = LOG_NOTICE, [GG_LEVEL_WARNING] = LOG_WARNING,
		[GG_LEVEL_ERR] = LOG_ERR,
	};
	struct gg_buf b = GG_BUF(state.instance);

	state.journal_stream = gg_sink_is_journal_stream(getenv("JOURNAL_STREAM"));
	state.log = log;
	if (log == GG_LOG_AUTO)
		state.log = state.journal_stream ? GG_LOG_JOURNAL : GG_LOG_TEXT;
	state.level = level >= 0 && (size_t)level < GG_LEN(levels) ? levels[level] : LOG_INFO;
	state.instance[0] = '\0';
	if (instance)
		gg_escape(&b, instance, strlen(instance), sizeof(state.instance));
}

static int write_line(const struct gg_record *r)
{
	char line[GG_LINE_MAX];
	struct gg_buf b = GG_BUF(line);

	if (state.log == GG_LOG_JSON)
		gg_record_json(&b, r);
	else
		gg_record_text(&b, r, state.journal_stream);
	return gg_sink_stderr(line, b.len);
}

static int write_record(const struct gg_record *r)
{
	char datagram[GG_JOURNAL_MAX];
	struct gg_buf b = GG_BUF(datagram);

	if (state.log != GG_LOG_JOURNAL)
		return write_line(r);
	gg_record_journal(&b, r);
	return gg_sink_journal(datagram, b.len) == 0 ? 0 : write_line(r);
}

/*
 * Told after a record that was written, not before one: this line is short and would find its way into a sink
 * that has no room for records, again and again.
 */
static void report_lost(int64_t time_ms)
{
	char text[64];
	struct gg_buf b = GG_BUF(text);
	struct gg_record r = {
		.id = GG_EV_LOG_DROPPED, .message = text, .instance = state.instance, .time_ms = time_ms
	};

	if (!state.unreported || events[r.id].priority > state.level)
		return;
	gg_buf_add(&b, "%llu events were lost", (unsigned long long)state.unreported);
	if (write_record(&r) == 0)
		state.unreported = 0;
}

void gg_event(enum gg_event_id id, const struct gg_fields *fields, const char *fmt, ...)
{
	int saved = errno;
	char text[2048];
	struct gg_buf b = GG_BUF(text);
	struct gg_record r = { .id = id, .fields = fields, .message = text, .instance = state.instance };
	va_list ap;

	if (events[id].priority > state.level)
		return;
	va_start(ap, fmt);
	gg_buf_vadd(&b, fmt, ap); /* %m in it means the caller's errno, which nothing has touched yet */
	va_end(ap);
	r.time_ms = gg_clock_ms(CLOCK_REALTIME);
	if (write_record(&r) == 0) {
		report_lost(r.time_ms);
	} else {
		state.dropped++;
		state.unreported++;
	}
	errno = saved;
}

uint64_t gg_event_dropped(void)
{
	return state.dropped;
}

void gg_event_catalog(FILE *to)
{
	for (size_t i = 0; i < GG_NEVENTS; i++)
		fprintf(to, "-- %s\nSubject: git-gate: %s\nDefined-By: git-gate\n\n%s\n\n",
			events[i].message_id, events[i].name, events[i].doc);
}
