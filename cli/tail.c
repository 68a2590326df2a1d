/* tail - git-gate tail: the events of the gate as they come, of all or of one session, also over restarts of
 * the gate. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/eventline.h"
#include "cli/say.h"
#include "cli/table.h"

enum { POLL_MS = 300, LINES = 10, MOST_LINES = 500 };

struct tail {
	struct gg_args args; /* with the control socket */
	const char *id;	     /* NULL: of all sessions */
	int64_t last;	     /* of the first question; -1 after it */
	json_int_t after;
	char instance[40]; /* of the gate that answered; "": none has yet */
	bool away;	   /* that was said */
	bool over;	   /* the session has been closed */
};

static void print_line(json_t *event)
{
	char mem[GG_EVENT_LINE_MAX];
	struct gg_buf b = GG_BUF(mem);

	gg_event_line(&b, event);
	puts(mem);
}

/* As the text log has it, a line of its own for each. */
static void print_evidence(const json_t *event)
{
	const json_t *evidence = json_object_get(event, "evidence");

	for (size_t i = 0; i < json_array_size(evidence); i++) {
		json_t *line =
			json_pack("{s:O*, s:s, s:O*, s:O*}", "time", json_object_get(event, "time"), "event",
				  gg_event_name(GG_EV_SESSION_EVIDENCE), "message",
				  json_array_get(evidence, i), "session", json_object_get(event, "session"));

		print_line(line);
		json_decref(line);
	}
}

static int print(const struct tail *t, json_t *event)
{
	if (t->args.json) {
		gg_table_json_line(event, stdout);
	} else {
		print_line(event);
		print_evidence(event);
	}
	return ferror(stdout) ? -EPIPE : 0;
}

/* Another gate counts anew: what it has kept is all new. True: ask once more. */
static bool note_instance(struct tail *t, const json_t *answer)
{
	const char *now = json_string_value(json_object_get(answer, "instance")) ?: "";
	bool other = t->instance[0] && strcmp(t->instance, now) != 0;

	snprintf(t->instance, sizeof(t->instance), "%s", now);
	if (other) {
		gg_say("another gate has been started");
		t->after = 0;
		t->over = t->id; /* it went with the old one */
	}
	return other;
}

static int take(struct tail *t, const json_t *answer)
{
	const json_t *events = json_object_get(answer, "events");
	json_int_t lost = json_integer_value(json_object_get(answer, "lost"));

	if (lost)
		gg_say("%lld events are missing here: the gate does not keep as many", (long long)lost);
	for (size_t i = 0; i < json_array_size(events); i++) {
		json_t *event = json_array_get(events, i);
		const char *name = json_string_value(json_object_get(event, "event"));

		if (print(t, event) < 0)
			return -EPIPE;
		t->over = t->over || (t->id && name && strcmp(name, "session.closed") == 0);
	}
	t->after = json_integer_value(json_object_get(answer, "next"));
	t->last = -1;
	return fflush(stdout) == 0 ? 0 : -EPIPE;
}

/* One question. ret_more: there is more by now. An exit code. */
static int ask(struct tail *t, json_t **ret_answer, struct gg_buf *why)
{
	json_t *request =
		t->last >= 0 ? json_pack("{s:s, s:I, s:s*}", "cmd", "events", "last", (json_int_t)t->last,
					 "id", t->id)
			     : json_pack("{s:s, s:I, s:s*}", "cmd", "events", "after", t->after, "id", t->id);

	return gg_client_try(&t->args, request, JSON_OBJECT, ret_answer, why);
}

/* It was there and is away: that is said once, and it is waited for. */
static int wait_for_gate(struct tail *t, int code, const char *why)
{
	bool was_there = t->instance[0];

	if (!was_there || !t->away)
		gg_say("%s", why);
	t->away = true;
	return was_there ? GG_EXIT_DONE : code;
}

/* All there is by now. ret_e: -EPIPE when nobody reads any more. An exit code. */
static int turn(struct tail *t, int *ret_e)
{
	bool more = true;
	int code = 0;

	while (more && code == 0 && *ret_e == 0 && !t->over) {
		char mem[4096];
		struct gg_buf why = GG_BUF(mem);
		json_t *answer;

		code = ask(t, &answer, &why);
		if (code)
			return wait_for_gate(t, code, mem);
		t->away = false;
		if (!note_instance(t, answer)) {
			*ret_e = take(t, answer);
			more = json_is_true(json_object_get(answer, "more"));
		}
		json_decref(answer);
	}
	return code;
}

/* An id that nobody has would be followed for ever. */
static int check_id(struct tail *t)
{
	json_t *data;
	int code = gg_client_ask(&t->args, json_pack("{s:s, s:s}", "cmd", "show", "id", t->id), JSON_OBJECT,
				 &data);

	json_decref(data);
	return code;
}

static int parse_lines(const char *s, int64_t *ret)
{
	*ret = LINES;
	if (!s || gg_int_parse(s, 0, MOST_LINES, ret) == 0)
		return 0;
	gg_say("tail: --lines: '%s' is no number from 0 to %d, as many as a gate keeps", s, MOST_LINES);
	return GG_EXIT_USAGE;
}

int gg_cmd_tail(const struct gg_args *a)
{
	AUTO_FREE char *path = NULL;
	struct tail t = { .id = a->noperand ? a->operand[0] : NULL };
	int e = 0, code = parse_lines(a->lines, &t.last);

	code = code ? code : gg_client_settle(a, &t.args, &path);
	if (code == 0 && t.id)
		code = check_id(&t);
	while (code == 0 && e == 0 && !t.over) {
		struct pollfd out = {
			.fd = STDOUT_FILENO
		}; /* nothing is asked for: POLLERR comes when nobody reads */

		code = turn(&t, &e);
		if (code == 0 && e == 0 && !t.over && poll(&out, 1, POLL_MS) > 0)
			e = out.revents & (POLLERR | POLLHUP | POLLNVAL) ? -EPIPE : 0;
	}
	return code;
}
