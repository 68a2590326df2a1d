/*
 * Fuzz a request on the control socket: supervisor/controlreq.h, and what it asks for as far as that is
 * decided by its values alone: the last events (supervisor/recent.h), a hook's step and a hook's event, in
 * each form of the log. What is taken is the same when it is written anew, and bounded; answer and record are
 * well-formed.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "base/ask.h"
#include "base/cleanup.h"
#include "base/conf.h"
#include "base/eventsink.h"
#include "supervisor/controlreq.h"
#include "supervisor/recent.h"
#include "tests/fuzz/fuzz.h"

#define EVENTS 700 /* more than are kept */

static const char *const ids[] = { "0a1b2c3d", "ffffffff", NULL };

/* Events of two sessions, and of none. */
static struct gg_recent *begin(void)
{
	struct gg_recent *r;
	int log = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	must(log >= 0 && null >= 0 && dup2(null, STDERR_FILENO) >= 0 && gg_recent_open(&r) == 0);
	gg_event_setup(GG_LOG_JSON, GG_LEVEL_INFO, "i");
	for (int i = 1; i <= EVENTS; i++) {
		struct gg_fields f = { GG_NO_FIELDS, .session = ids[i % 3] };

		/* of a kind that is never left out */
		gg_event(GG_EV_GATE_ERROR, &f, "%d", i);
	}
	must(dup2(log, STDERR_FILENO) >= 0);
	close(log);
	close(null);
	return r;
}

static void same_text(const char *a, const char *b)
{
	must(!a == !b && (!a || !strcmp(a, b)));
}

/* The line that has these values, as a client of ours would write it. */
static char *write_anew(const struct gg_controlreq *r)
{
	json_t *j = json_object();
	char *line;

#define TEXT(name) \
	if (r->name) \
		json_object_set_new(j, #name, json_string(r->name));
#define NUMBER(name) \
	if (r->name >= 0) \
		json_object_set_new(j, #name, json_integer((json_int_t)r->name));
#define FLAG(name) json_object_set_new(j, #name, json_boolean(r->name));
	GG_CONTROLREQ_TEXTS(TEXT)
	GG_CONTROLREQ_NUMBERS(NUMBER)
	GG_CONTROLREQ_FLAGS(FLAG)
#undef TEXT
#undef NUMBER
#undef FLAG
	line = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	must(line != NULL);
	return line;
}

static void taken_again(const struct gg_controlreq *r)
{
	AUTO_FREE char *line = write_anew(r);
	struct gg_controlreq again;

	gg_controlreq_parse(line, strlen(line), &again);
#define TEXT(name) same_text(r->name, again.name);
#define VALUE(name) must(r->name == again.name);
	GG_CONTROLREQ_TEXTS(TEXT)
	GG_CONTROLREQ_NUMBERS(VALUE)
	GG_CONTROLREQ_FLAGS(VALUE)
#undef TEXT
#undef VALUE
	gg_controlreq_free(&again);
}

static void bounded(const struct gg_controlreq *r, size_t n)
{
	size_t sum = 0;

#define TEXT(name) sum += r->name ? strlen(r->name) : 0;
#define NUMBER(name) must(r->name >= -1);
	GG_CONTROLREQ_TEXTS(TEXT)
	GG_CONTROLREQ_NUMBERS(NUMBER)
#undef TEXT
#undef NUMBER
	must(sum <= n);
	must(r->json || (!r->cmd && !r->id && r->last == -1 && !r->all));
	if (!r->step || !gg_controlreq_is_step(r->step))
		return;
	came_to("a step");
	must(strlen(r->step) <= GG_STEP_WORD_MAX && !strpbrk(r->step, " \t\"\\/.%"));
}

static int64_t number(const json_t *j, const char *name)
{
	const json_t *v = json_object_get(j, name);

	must(json_is_integer(v));
	return json_integer_value(v);
}

/* The command "events". */
static void events(const struct gg_recent *recent, const struct gg_controlreq *r)
{
	const struct gg_recent_ask ask = { .after = r->after > 0 ? (uint64_t)r->after : 0,
					   .last = r->last,
					   .id = r->id };
	json_t *j = gg_recent_answer(recent, &ask), *list = json_object_get(j, "events");
	int64_t next = number(j, "next"), before = 0;
	size_t n = json_array_size(list);

	if (n > 1 && r->id)
		came_to("the last events of a session");
	must(json_is_array(list) && n <= GG_RECENT_ANSWER && next >= 0 && next <= EVENTS);
	must(number(j, "lost") >= 0 && number(j, "lost") <= EVENTS && (r->last < 0 || !number(j, "lost")));
	must(json_is_true(json_object_get(j, "more")) == (next < EVENTS));
	for (size_t i = 0; i < n; i++) {
		const json_t *e = json_array_get(list, i);
		const char *session = json_string_value(json_object_get(e, "session"));
		int64_t k = atoi(json_string_value(json_object_get(e, "message")));

		must(k > before && k <= next && (r->last >= 0 || r->after >= EVENTS || k > r->after));
		must(!r->id || (session && !strcmp(session, r->id)));
		before = k;
	}
	must(r->last < 0 || n <= (size_t)r->last);
	json_decref(j);
}

/* The command "event": a record of it, in each form. */
static void event(const struct gg_controlreq *r)
{
	static char out[GG_JOURNAL_MAX];
	struct gg_fields f = { GG_NO_FIELDS, .session = ids[0] };
	int id = gg_controlreq_event(r);
	struct gg_record rec = { .id = id < 0 ? 0 : (enum gg_event_id)id,
				 .fields = &f,
				 .message = r->message ? r->message : "" };
	struct gg_buf t = { .s = out, .size = GG_LINE_MAX }, j = t, d = GG_BUF(out);
	json_t *back;

	if (id >= 0)
		came_to("an event of a hook");
	must(id < 0 || !strcmp(gg_event_name(rec.id), r->event));
	must(id < 0 || !strncmp(r->event, "push.", 5) || !strncmp(r->event, "refresh.", 8));
	gg_controlreq_fields(r, &f);
	must(f.session == ids[0] && (!f.reason || strlen(f.reason) <= GG_HOOK_REASON_MAX));
	gg_record_text(&t, &rec, false);
	must(!t.cut && t.len && out[t.len - 1] == '\n');
	out[t.len - 1] = '\0';
	must_be_line(out);
	gg_record_journal(&d, &rec);
	must(!d.cut);
	gg_record_json(&j, &rec);
	must(!j.cut && j.len && out[j.len - 1] == '\n');
	back = json_loadb(out, j.len - 1, JSON_REJECT_DUPLICATES, NULL);
	must(back != NULL);
	must(f.bytes < 0 || number(back, "bytes") == f.bytes);
	same_text(json_string_value(json_object_get(back, "session")), ids[0]);
	json_decref(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct gg_recent *recent;
	AUTO_FREE char *line = NULL;
	struct gg_controlreq r;

	if (!recent)
		recent = begin();
	if (n > GG_ASK_REQUEST_MAX)
		return 0;
	line = malloc(n ? n : 1); /* of exactly that size: a sanitizer sees one byte too many */
	must(line != NULL);
	if (n)
		memcpy(line, data, n);
	gg_controlreq_parse(line, n, &r);
	bounded(&r, n);
	taken_again(&r);
	if (r.cmd && !strcmp(r.cmd, "events")) /* a hundred of them, written and read: most of the time */
		events(recent, &r);
	event(&r);
	gg_controlreq_free(&r);
	must(!r.json && !r.cmd);
	return 0;
}
