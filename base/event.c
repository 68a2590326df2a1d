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

/* Records of one kind, and of one session: so many at once, then so many a second. journald by default takes
 * 10000 in 30 s of a service and throws away what comes then, verdicts too. */
enum { KIND_BURST = 2000, KIND_RATE = 100, OWN_BURST = 200, OWN_RATE = 20 };
#define SUPPRESSED_EVERY_MS 10000 /* log.suppressed */

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
	uint64_t suppressed, untold; /* untold: not yet in a log.suppressed */
	int64_t told_ms;
	struct {
		struct gg_bucket bucket;
		uint64_t untold;
	} kind[GG_NEVENTS];
	uint64_t count[GG_NEVENTS];
	void (*heard)(void *arg, const struct gg_heard *e);
	void *arg;
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

void gg_event_listen(void (*heard)(void *arg, const struct gg_heard *e), void *arg)
{
	state.heard = heard;
	state.arg = arg;
}

static void tell_listener(const struct gg_record *r)
{
	char line[GG_LINE_MAX];
	struct gg_buf b = GG_BUF(line);

	if (!state.heard)
		return;
	gg_record_json(&b, r);
	state.heard(state.arg, &(struct gg_heard){ .id = r->id,
						   .priority = events[r->id].priority,
						   .session = r->fields ? r->fields->session : NULL,
						   .json = line,
						   .len = b.len - 1 });
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

/* A line of its own for each, that has the session with it, so that whoever looks for one finds all. */
static void write_evidence(const struct gg_record *r)
{
	struct gg_fields f = { GG_NO_FIELDS, .session = r->fields->session };
	char text[256];
	struct gg_record line = {
		.id = GG_EV_SESSION_EVIDENCE, .fields = &f, .message = text, .time_ms = r->time_ms
	};

	for (const char *s = r->fields->evidence; *s;) {
		size_t n = strcspn(s, "\n");
		struct gg_buf b = GG_BUF(text);

		gg_buf_put(&b, s, n);
		if (write_line(&line) < 0) {
			state.dropped++;
			state.unreported++;
		}
		s += n + (s[n] == '\n');
	}
}

static int write_lines(const struct gg_record *r)
{
	int err = write_line(r);

	if (err == 0 && state.log != GG_LOG_JSON && r->fields && r->fields->evidence)
		write_evidence(r);
	return err;
}

static int write_record(const struct gg_record *r)
{
	char datagram[GG_JOURNAL_MAX];
	struct gg_buf b = GG_BUF(datagram);

	if (state.log != GG_LOG_JOURNAL)
		return write_lines(r);
	gg_record_journal(&b, r);
	return gg_sink_journal(datagram, b.len) == 0 ? 0 : write_lines(r);
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

/* Each kind once, with its number. */
static void report_suppressed(int64_t time_ms)
{
	char text[1000];
	struct gg_buf b = GG_BUF(text);
	struct gg_record r = {
		.id = GG_EV_LOG_SUPPRESSED, .message = text, .instance = state.instance, .time_ms = time_ms
	};

	if (!state.untold || events[r.id].priority > state.level)
		return;
	gg_buf_add(&b, "left out for their rate:");
	for (int i = 0; i < GG_NEVENTS; i++)
		if (state.kind[i].untold)
			gg_buf_add(&b, "%s %llu %s", b.s[b.len - 1] == ':' ? "" : ",",
				   (unsigned long long)state.kind[i].untold, events[i].name);
	if (write_record(&r) < 0)
		return;
	state.untold = 0;
	for (int i = 0; i < GG_NEVENTS; i++)
		state.kind[i].untold = 0;
}

static void report(int64_t time_ms)
{
	int64_t now = gg_now_ms();

	report_lost(time_ms);
	if (!state.untold || (state.told_ms && now - state.told_ms < SUPPRESSED_EVERY_MS))
		return;
	report_suppressed(time_ms);
	state.told_ms = now;
}

/* What a client, a hook or a service can cause as often as it likes. Never what the gate itself decided. */
static bool is_limited(enum gg_event_id id)
{
	switch (id) {
	case GG_EV_SESSION_ACCEPTED:
	case GG_EV_SESSION_OPENED:
	case GG_EV_SESSION_PHASE:
	case GG_EV_SESSION_LOG:
	case GG_EV_SESSION_STRANGER:
	case GG_EV_SESSION_REFUSED:
	case GG_EV_SESSION_CLOSED:
	case GG_EV_PUSH_SCANNED:
	case GG_EV_PUSH_REJECTED:
	case GG_EV_PUSH_ALLOWED:
	case GG_EV_PUSH_FORWARDED:
	case GG_EV_REFRESH_DONE:
	case GG_EV_REFRESH_FAILED:
	case GG_EV_SERVICE_LOG:
	case GG_EV_ONREAP_LOG:
	case GG_EV_CONTROL_DENIED:
		return true;
	default:
		return false;
	}
}

/* Lines of a session's stderr have a rate of their own, see supervisor/loglines.h, and of its end there is
 * but one. */
static bool has_room(enum gg_event_id id, const struct gg_fields *f)
{
	int64_t now = gg_now_ms();
	struct gg_event_own *own = f ? f->own : NULL;
	bool apart = id == GG_EV_SESSION_LOG || id == GG_EV_SESSION_STRANGER || id == GG_EV_SESSION_CLOSED;

	if (own && !apart && !gg_bucket_take(&own->bucket, now, OWN_BURST, OWN_RATE)) {
		own->suppressed++;
		return false;
	}
	return gg_bucket_take(&state.kind[id].bucket, now, KIND_BURST, KIND_RATE);
}

static void suppress(enum gg_event_id id)
{
	state.suppressed++;
	state.untold++;
	state.kind[id].untold++;
}

static void write_event(enum gg_event_id id, const struct gg_fields *fields, const char *text)
{
	struct gg_record r = { .id = id,
			       .fields = fields,
			       .message = text,
			       .instance = state.instance,
			       .time_ms = gg_clock_ms(CLOCK_REALTIME) };

	tell_listener(&r);
	if (write_record(&r) == 0) {
		report(r.time_ms);
	} else {
		state.dropped++;
		state.unreported++;
	}
}

void gg_event(enum gg_event_id id, const struct gg_fields *fields, const char *fmt, ...)
{
	int saved = errno;
	char text[2048];
	struct gg_buf b = GG_BUF(text);
	va_list ap;

	state.count[id]++;
	if (events[id].priority > state.level)
		return;
	va_start(ap, fmt);
	gg_buf_vadd(&b, fmt, ap); /* %m in it means the caller's errno, which nothing has touched yet */
	va_end(ap);
	if (is_limited(id) && !has_room(id, fields))
		suppress(id);
	else
		write_event(id, fields, text);
	errno = saved;
}

bool gg_event_unreported(void)
{
	return (state.unreported && events[GG_EV_LOG_DROPPED].priority <= state.level) ||
	       (state.untold && events[GG_EV_LOG_SUPPRESSED].priority <= state.level);
}

void gg_event_report(void)
{
	int saved = errno;
	int64_t time_ms = gg_clock_ms(CLOCK_REALTIME);

	report_lost(time_ms);
	report_suppressed(time_ms);
	state.told_ms = gg_now_ms();
	errno = saved;
}

uint64_t gg_event_suppressed(void)
{
	return state.suppressed;
}

uint64_t gg_event_count(enum gg_event_id id)
{
	return state.count[id];
}

uint64_t gg_event_dropped(void)
{
	return state.dropped;
}

/* Only fields that such a record always has: of another one journalctl would show the name. */
static const char verdict_text[] =
	"Session @GIT_GATE_SESSION@ of @GIT_GATE_PEER@, in phase @GIT_GATE_PHASE@.\n"
	"Reason: @GIT_GATE_REASON@. Limit: @GIT_GATE_BOUND@.\n\n"
	"@GIT_GATE_SEEN@\n\n"
	"What to do: @GIT_GATE_ADVICE@\n\n"
	"What to look at: @GIT_GATE_LOOK_AT@\n\n"
	"The evidence, as of that moment:\n"
	"@GIT_GATE_EVIDENCE_A@\n@GIT_GATE_EVIDENCE_B@\n@GIT_GATE_EVIDENCE_C@\n"
	"@GIT_GATE_EVIDENCE_D@\n@GIT_GATE_EVIDENCE_E@\n@GIT_GATE_EVIDENCE_F@\n"
	"@GIT_GATE_EVIDENCE_G@\n@GIT_GATE_EVIDENCE_H@\n";

void gg_event_catalog(FILE *to)
{
	for (int i = 0; i < GG_NEVENTS; i++) {
		fprintf(to,
			"-- %s\nSubject: git-gate: %s\nDefined-By: git-gate\nDocumentation: "
			"man:git-gate-events(7)\n\n%s\n\n",
			events[i].message_id, events[i].name, events[i].doc);
		if (i == GG_EV_SESSION_REAPED || i == GG_EV_SESSION_OBSERVED)
			fprintf(to, "%s\n", verdict_text);
	}
}
