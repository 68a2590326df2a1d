/* eventformat - one event as a text line, a JSON line, or a datagram for journald. See eventsink.h. Pure. */
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/eventsink.h"
#include "base/jsontext.h"

#define TEXT(...) +1
#define NUMBER(...)
enum {
	NTEXT = 0
#include "base/eventfield.def"
};
#undef TEXT
#undef NUMBER
#define TEXT(...)
#define NUMBER(...) +1
enum {
	NNUMBER = 0
#include "base/eventfield.def"
};
#undef TEXT
#undef NUMBER

enum {
	/* of the evidence, for a catalog's text: journalctl takes no longer fields */
	CHUNKS = 8,
	CHUNK_MAX = 230,
	/* bytes of a line that a message and a field may take, escaped: with all fields present a line still
	   fits */
	LINE_MESSAGE = 1000,
	LINE_FIELD = 160,
	JOURNAL_MESSAGE = 8192,
	JOURNAL_FIELD = 2048,
	JOURNAL_EVIDENCE = 4096,
};
_Static_assert(LINE_MESSAGE + NTEXT * (LINE_FIELD + 16) + NNUMBER * 40 + 256 < GG_LINE_MAX,
	       "a line has room");
_Static_assert(JOURNAL_MESSAGE + NTEXT * (JOURNAL_FIELD + 32) + NNUMBER * 64 + 2 * JOURNAL_EVIDENCE +
			       CHUNKS * 40 + 3 * (CHUNK_MAX + 32) + 512 <
		       GG_JOURNAL_MAX,
	       "so has a datagram");

struct text_field {
	const char *name, *value;
};

/* name: in JSON and, in capitals, in the journal (there without _ms, and in microseconds); word: in text
 * lines */
struct number_field {
	const char *name, *word;
	int64_t value;
	bool is_time;
};

static void list_text(const struct gg_fields *f, struct text_field ret[NTEXT])
{
	const struct text_field v[NTEXT] = {
#define TEXT(field, doc) { #field, f->field },
#define NUMBER(...)
#include "base/eventfield.def"
#undef TEXT
#undef NUMBER
	};

	memcpy(ret, v, sizeof(v));
}

static void list_numbers(const struct gg_fields *f, struct number_field ret[NNUMBER])
{
	const struct number_field v[NNUMBER] = {
#define TEXT(...)
#define NUMBER(field, word, is_time, doc) { #field, word, f->field, is_time },
#include "base/eventfield.def"
#undef TEXT
#undef NUMBER
	};

	memcpy(ret, v, sizeof(v));
}

enum { UNIT_MAX = GG_JSON_UNIT_MAX };

/* A character for a line of prose: what could end the line or drive a terminal is escaped; quotes are left as
 * they are. */
static size_t plain_unit(const char *s, size_t len, char ret[UNIT_MAX])
{
	struct gg_buf b = { .s = ret, .size = UNIT_MAX };

	if (!len || gg_is_control(gg_utf8_code(s, len)))
		gg_escape(&b, s, len ? len : 1, UNIT_MAX);
	else
		gg_buf_put(&b, s, len);
	return b.len;
}

/* Append s, one unit for each character, in at most 'room' bytes; a cut is shown by "...". */
static void add_units(struct gg_buf *b, const char *s, size_t room,
		      size_t (*unit)(const char *, size_t, char *))
{
	size_t used = 0;

	for (size_t n = strlen(s), i = 0; i < n;) {
		size_t len = gg_utf8_len(s + i, n - i);
		char text[UNIT_MAX];
		size_t w = unit(s + i, len, text);

		if (used + w > room - 3) {
			gg_buf_add(b, "...");
			return;
		}
		gg_buf_put(b, text, w);
		used += w;
		i += len ? len : 1;
	}
}

/* A value in a text line: a word as it is, anything else in quotes. */
void gg_event_text_value(struct gg_buf *b, const char *s)
{
	static const char word[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@%+,-~[]";
	char text[LINE_FIELD];
	struct gg_buf value = GG_BUF(text);
	size_t n = strlen(s);

	if (n && n < sizeof(text) && strspn(s, word) == n)
		gg_buf_put(&value, s, n);
	else
		gg_quote(&value, s, n, SIZE_MAX);
	gg_buf_put(b, text, value.len);
}

static void add_time(struct gg_buf *b, int64_t time_ms)
{
	time_t t = (time_t)(time_ms / 1000);
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	gg_buf_add(b, "%s.%03dZ", text, (int)(time_ms % 1000));
}

static void add_duration_field(struct gg_buf *b, const struct number_field *f)
{
	gg_buf_add(b, " %s=", f->word);
	if (f->is_time)
		gg_duration_add(b, f->value);
	else
		gg_buf_add(b, "%lld", (long long)f->value);
}

/*
 * A message may hold a client's words. It is quoted when it has a '=' in it or starts with a quote, so that
 * what follows it, and nothing in it, is read as fields.
 */
void gg_event_text_message(struct gg_buf *b, const char *message)
{
	char text[LINE_MESSAGE];
	struct gg_buf quoted = GG_BUF(text);

	if (!strchr(message, '=') && *message != '"') {
		add_units(b, message, LINE_MESSAGE, plain_unit);
		return;
	}
	gg_quote(&quoted, message, strlen(message), SIZE_MAX);
	gg_buf_put(b, text, quoted.len);
}

void gg_record_text(struct gg_buf *b, const struct gg_record *r, bool to_journal_stream)
{
	struct text_field text[NTEXT];
	struct number_field number[NNUMBER];

	if (to_journal_stream) {
		gg_buf_add(b, "<%d>", gg_event_priority(r->id));
	} else {
		add_time(b, r->time_ms);
		gg_buf_add(b, " ");
	}
	gg_buf_add(b, "%s: ", gg_event_name(r->id));
	gg_event_text_message(b, r->message);
	if (r->fields) {
		list_text(r->fields, text);
		list_numbers(r->fields, number);
		for (size_t i = 0; i < NTEXT; i++) {
			if (!text[i].value)
				continue;
			gg_buf_add(b, " %s=", text[i].name);
			gg_event_text_value(b, text[i].value);
		}
		for (size_t i = 0; i < NNUMBER; i++)
			if (number[i].value >= 0)
				add_duration_field(b, &number[i]);
	}
	gg_buf_add(b, "\n");
}

static void add_json(struct gg_buf *b, const char *name, const char *value, size_t room)
{
	gg_buf_add(b, ",\"%s\":\"", name);
	add_units(b, value, room, gg_json_unit);
	gg_buf_add(b, "\"");
}

static const char *priority_name(int priority)
{
	static const char *const names[] = {
		[LOG_EMERG] = "emerg", [LOG_ALERT] = "alert",	  [LOG_CRIT] = "crit",
		[LOG_ERR] = "err",     [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
		[LOG_INFO] = "info",   [LOG_DEBUG] = "debug",
	};

	return names[priority];
}

/* The lines of it that have room in what is left of the line. The whole is never longer than a pipe takes. */
static void add_json_evidence(struct gg_buf *b, const char *evidence)
{
	static const char end[] = "\",\"...\"]}\n";
	const char *lead = ",\"evidence\":[\"";

	for (const char *s = evidence; *s;) {
		size_t n = strcspn(s, "\n");
		char text[CHUNK_MAX + 1], quoted[6 * CHUNK_MAX + 1];
		struct gg_buf plain = GG_BUF(text), line = GG_BUF(quoted);

		gg_buf_put(&plain, s, n);
		add_units(&line, text, sizeof(quoted), gg_json_unit);
		if (b->len + line.len + strlen(lead) + sizeof(end) + 1 >= b->size) {
			gg_buf_add(b, "%s...\"", lead);
			break;
		}
		gg_buf_add(b, "%s%s\"", lead, quoted);
		lead = ",\"";
		s += n + (s[n] == '\n');
	}
	if (*evidence)
		gg_buf_add(b, "]");
}

void gg_record_json(struct gg_buf *b, const struct gg_record *r)
{
	struct text_field text[NTEXT];
	struct number_field number[NNUMBER];

	gg_buf_add(b, "{\"time\":\"");
	add_time(b, r->time_ms);
	gg_buf_add(b, "\",\"event\":\"%s\",\"priority\":\"%s\"", gg_event_name(r->id),
		   priority_name(gg_event_priority(r->id)));
	add_json(b, "message", r->message, LINE_MESSAGE);
	if (r->instance && *r->instance)
		add_json(b, "instance", r->instance, LINE_FIELD);
	if (r->fields) {
		list_text(r->fields, text);
		list_numbers(r->fields, number);
		for (size_t i = 0; i < NTEXT; i++)
			if (text[i].value)
				add_json(b, text[i].name, text[i].value, LINE_FIELD);
		for (size_t i = 0; i < NNUMBER; i++)
			if (number[i].value >= 0)
				gg_buf_add(b, ",\"%s\":%lld", number[i].name, (long long)number[i].value);
		if (r->fields->evidence)
			add_json_evidence(b, r->fields->evidence);
	}
	gg_buf_add(b, "}\n");
}

/* Lower-case letters of the name become capitals. */
static void add_journal_name(struct gg_buf *b, const char *name, size_t n, const char *suffix)
{
	gg_buf_add(b, "GIT_GATE_");
	for (size_t i = 0; i < n; i++)
		gg_buf_add(b, "%c", name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i]);
	gg_buf_add(b, "%s", suffix);
}

/* NAME=value: enough, because no value has a newline once it is escaped. */
static void add_journal(struct gg_buf *b, const char *name, size_t n, const char *suffix, const char *value)
{
	add_journal_name(b, name, n, suffix);
	gg_buf_add(b, "=");
	add_units(b, value, JOURNAL_FIELD, plain_unit);
	gg_buf_add(b, "\n");
}

/* A value of several lines: name, newline, its length as 64 bits with the lowest byte first, the value. */
static void add_journal_lines(struct gg_buf *b, const char *name, const char *value, size_t n)
{
	unsigned char length[8];

	add_journal_name(b, name, strlen(name), "\n");
	for (size_t i = 0; i < sizeof(length); i++)
		length[i] = (unsigned char)((uint64_t)n >> 8 * i);
	gg_buf_put(b, length, sizeof(length));
	gg_buf_put(b, value, n);
	gg_buf_add(b, "\n");
}

/* Whole lines, as many as have room in max bytes. */
static size_t chunk_of(const char *s, size_t max)
{
	size_t n = 0;

	while (s[n]) {
		size_t line = strcspn(s + n, "\n");

		if (n + line > max)
			break;
		n += line + (s[n + line] == '\n');
	}
	return n;
}

/*
 * Whole in one field, and in parts that a catalog's text can have: letters, because journalctl takes no
 * digits in their names. A part that is not needed is empty: of a field that is not there the text would show
 * the name.
 */
static void add_journal_evidence(struct gg_buf *b, const char *evidence)
{
	const char *s = evidence;

	add_journal_lines(b, "evidence", evidence, strnlen(evidence, JOURNAL_EVIDENCE));
	for (int part = 0; part < CHUNKS; part++) {
		size_t n = chunk_of(s, CHUNK_MAX);
		char name[] = "evidence_?";

		name[sizeof(name) - 2] = (char)('a' + part);
		add_journal_lines(b, name, s, n && s[n - 1] == '\n' ? n - 1 : n);
		s += n;
	}
}

static void add_journal_number(struct gg_buf *b, const struct number_field *f)
{
	char value[32];
	int64_t v = f->value;

	if (f->is_time && __builtin_mul_overflow(v, 1000, &v))
		v = INT64_MAX;
	snprintf(value, sizeof(value), "%lld", (long long)v);
	add_journal(b, f->name, strlen(f->name) - (f->is_time ? strlen("_ms") : 0), f->is_time ? "_USEC" : "",
		    value);
}

static void add_journal_text(struct gg_buf *b, const char *name, const char *value)
{
	add_journal(b, name, strlen(name), "", value ? value : "");
}

/* All that the catalog's text has, so that no name of a field is left in it. */
static void add_journal_verdict(struct gg_buf *b, const struct gg_fields *f)
{
	char mem[LINE_FIELD];
	struct gg_buf bound = GG_BUF(mem);

	if (f->key && f->limit_ms >= 0) {
		gg_buf_add(&bound, "%s, ", f->key);
		gg_duration_add(&bound, f->limit_ms);
	} else {
		gg_buf_add(&bound, "%s", f->key ? f->key : "none");
	}
	add_journal_text(b, "bound", bound.s);
	add_journal_text(b, "seen", f->seen);
	add_journal_text(b, "look_at", f->look_at);
	add_journal_text(b, "advice", f->advice);
	add_journal_evidence(b, f->evidence ? f->evidence : "");
}

void gg_record_journal(struct gg_buf *b, const struct gg_record *r)
{
	struct text_field text[NTEXT];
	struct number_field number[NNUMBER];

	gg_buf_add(b, "MESSAGE=");
	add_units(b, r->message, JOURNAL_MESSAGE, plain_unit);
	gg_buf_add(b, "\nMESSAGE_ID=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=git-gate\n",
		   gg_event_message_id(r->id), gg_event_priority(r->id));
	add_journal(b, "event", strlen("event"), "", gg_event_name(r->id));
	if (r->instance && *r->instance)
		add_journal(b, "instance", strlen("instance"), "", r->instance);
	if (!r->fields)
		return;
	list_text(r->fields, text);
	list_numbers(r->fields, number);
	for (size_t i = 0; i < NTEXT; i++)
		if (text[i].value)
			add_journal(b, text[i].name, strlen(text[i].name), "", text[i].value);
	for (size_t i = 0; i < NNUMBER; i++)
		if (number[i].value >= 0)
			add_journal_number(b, &number[i]);
	if (r->fields->seen)
		add_journal_verdict(b, r->fields);
}
