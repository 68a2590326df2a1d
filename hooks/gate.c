/* gate - see gate.h. */
#include "hooks/gate.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ask.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/jsonmem.h"
#include "base/jsontext.h"

enum {
	TELL_MS = 1000,
	AGAIN_MS = 50,
	TRIES = 3, /* when it cannot be asked */
	MAX_ANSWER = 4 << 20,
	MAX_MESSAGE = 1500,
};

/*
 * A request as it is written, on the stack: that there is no memory has to reach the gate without any. Of an
 * answer there is none then.
 */
struct request {
	char line[GG_ASK_REQUEST_MAX + 1];
	struct gg_buf b;
};

struct gg_gate_link gg_gate_link(void)
{
	return (struct gg_gate_link){ .control = getenv("GIT_GATE_CONTROL"),
				      .session = getenv("GIT_GATE_SESSION") };
}

static bool is_linked(const struct gg_gate_link *l)
{
	return l->control && *l->control && l->session && *l->session;
}

static void add_text(struct request *q, const char *name, const char *s)
{
	if (!s)
		return;
	gg_buf_add(&q->b, ",\"%s\":", name);
	gg_json_string(&q->b, s);
}

static void add_number(struct request *q, const char *name, int64_t n)
{
	if (n >= 0)
		gg_buf_add(&q->b, ",\"%s\":%lld", name, (long long)n);
}

static void begin_request(struct request *q, const struct gg_gate_link *l, const char *cmd)
{
	q->b = GG_BUF(q->line);
	gg_buf_add(&q->b, "{\"cmd\":\"%s\"", cmd);
	add_text(q, "id", l->session);
}

/* One line there, one line back. ret: the caller's. 0, -EPROTO when the answer is none, -errno. */
static int ask_once(const struct gg_gate_link *l, const char *line, int64_t limit_ms, json_t **ret)
{
	AUTO_FREE char *answer = NULL;
	size_t n = 0;
	uint64_t lacks = gg_jsonmem_lacks();
	int e = gg_ask(l->control, line, strlen(line), limit_ms, MAX_ANSWER, &answer, &n);

	if (e < 0)
		return e;
	*ret = json_loadb(answer, n, JSON_REJECT_DUPLICATES, NULL);
	if (gg_jsonmem_lacks() == lacks)
		return *ret ? 0 : -EPROTO;
	json_decref(*ret);
	*ret = NULL;
	return -ENOMEM;
}

/* Is it worth asking again? What we lack for the moment, or a connection that was closed because too many
 * ask: an event that is told twice is better than one that is lost. */
static bool is_passing(int e)
{
	return e == -ENODATA || e == -EAGAIN || e == -EMFILE || e == -ENFILE || e == -ENOMEM || e == -ENOBUFS;
}

/*
 * Send a request, receive the answer. A gate that lacks memory for the moment is asked again, for as long as
 * limit_ms allows: a push is worth it. ret: the caller's. 0, -EPROTO when the answer is none, -errno.
 */
static int ask(const struct gg_gate_link *l, struct request *q, int64_t limit_ms, json_t **ret)
{
	int64_t until_ms = gg_now_ms() + limit_ms;
	int e, tries = TRIES;

	gg_buf_add(&q->b, "}\n");
	if (q->b.cut)
		return -EMSGSIZE;
	e = ask_once(l, q->line, limit_ms, ret);
	while ((e == 0 ? json_is_true(json_object_get(*ret, "again")) : is_passing(e) && --tries) &&
	       gg_now_ms() + AGAIN_MS < until_ms) {
		json_decref(*ret);
		*ret = NULL;
		usleep(AGAIN_MS * 1000);
		e = ask_once(l, q->line, until_ms - gg_now_ms(), ret);
	}
	return e;
}

/* What a gate that was asked says it cannot do. */
static int refused(const json_t *answer, struct gg_buf *err)
{
	const char *error = json_string_value(json_object_get(answer, "error"));

	gg_buf_add(err, "the gate gave no settings");
	if (error) {
		gg_buf_add(err, ": ");
		gg_escape(err, error, strlen(error), 200);
	}
	return -EPROTO;
}

static int cannot_ask(int e, struct gg_buf *err)
{
	if (e == -ENOENT || e == -ECONNREFUSED)
		gg_buf_add(err, "the gate that began this session does not run any more");
	else if (e == -ETIMEDOUT || e == -EAGAIN)
		gg_buf_add(err, "the gate did not answer within %d s", GG_ASK_MS / 1000);
	else
		gg_buf_add(err, "the gate cannot be asked for its settings: %s", strerror(-e));
	return e;
}

static int other_version(struct gg_buf *err)
{
	gg_buf_add(err,
		   "the gate and its hook are of different versions: the operator has to restart the gate");
	return -EPROTO;
}

/* 0 when the answer has settings. */
static int take(const json_t *answer, struct gg_push_conf *ret, struct gg_buf *err)
{
	int e;

	if (!json_is_true(json_object_get(answer, "ok")))
		return refused(answer, err);
	e = gg_push_conf_load(json_object_get(answer, "data"), ret);
	return e == -EPROTO ? other_version(err) : e < 0 ? cannot_ask(e, err) : 0;
}

int gg_gate_settings(const struct gg_gate_link *l, struct gg_push_conf *ret, struct gg_buf *ret_err)
{
	json_t *answer = NULL;
	struct request q;
	int e;

	if (!is_linked(l)) {
		gg_buf_add(ret_err, "the hook was not started by a gate: %s is not set",
			   l->control && *l->control ? "GIT_GATE_SESSION" : "GIT_GATE_CONTROL");
		return -ENOTCONN;
	}
	begin_request(&q, l, "push");
	e = ask(l, &q, GG_ASK_MS, &answer);
	if (e == 0)
		e = take(answer, ret, ret_err);
	else
		e = e == -EPROTO ? other_version(ret_err) : cannot_ask(e, ret_err);
	json_decref(answer);
	return e;
}

static void tell(const struct gg_gate_link *l, struct request *q)
{
	json_t *answer = NULL;

	ask(l, q, TELL_MS, &answer);
	json_decref(answer);
}

void gg_gate_step(const struct gg_gate_link *l, const char *step)
{
	struct request q;

	if (!is_linked(l))
		return;
	begin_request(&q, l, "step");
	add_text(&q, "step", step);
	tell(l, &q);
}

/* Of others' bytes JSON would make six each, or what they are not. */
static bool is_plain(const char *s)
{
	for (size_t n = strlen(s), i = 0, len; i < n; i += len) {
		len = gg_utf8_len(s + i, n - i);
		if (!len || gg_is_control(gg_utf8_code(s + i, len)))
			return false;
	}
	return true;
}

static void add_message(struct request *q, const char *s)
{
	char mem[MAX_MESSAGE + 1];
	struct gg_buf b = GG_BUF(mem);

	if (!is_plain(s)) {
		gg_escape(&b, s, strlen(s), MAX_MESSAGE);
		s = mem;
	}
	add_text(q, "message", s);
}

static void tell_event(const struct gg_gate_link *l, const struct gg_told *what, const char *fmt, va_list ap)
{
	char mem[MAX_MESSAGE + 1];
	struct gg_buf b = GG_BUF(mem);
	struct request q;

	if (!is_linked(l))
		return;
	gg_buf_vadd(&b, fmt, ap);
	begin_request(&q, l, "event");
	add_text(&q, "event", what->event);
	add_message(&q, mem);
	add_text(&q, "reason", what->reason);
	add_text(&q, "key", what->key);
	add_text(&q, "upstream", what->upstream);
	add_number(&q, "duration_ms", what->duration_ms);
	add_number(&q, "commits", what->commits);
	add_number(&q, "objects", what->objects);
	add_number(&q, "refs", what->refs);
	add_number(&q, "bytes", what->bytes);
	tell(l, &q);
}

void gg_gate_tell(const struct gg_gate_link *l, const struct gg_told *what, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell_event(l, what, fmt, ap);
	va_end(ap);
}

void gg_gate_event(const struct gg_gate_link *l, const char *event, const char *fmt, ...)
{
	const struct gg_told what = { .event = event, GG_TOLD };
	va_list ap;

	va_start(ap, fmt);
	tell_event(l, &what, fmt, ap);
	va_end(ap);
}

void gg_gate_event_about(const struct gg_gate_link *l, const char *event, const char *reason, const char *key,
			 const char *fmt, ...)
{
	const struct gg_told what = { .event = event, .reason = reason, .key = key, GG_TOLD };
	va_list ap;

	va_start(ap, fmt);
	tell_event(l, &what, fmt, ap);
	va_end(ap);
}
