/* show - git-gate show: one session: what it is, what it went through, its processes as a tree, evidence,
 * log. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/format.h"
#include "cli/paint.h"
#include "cli/say.h"
#include "cli/table.h"
#include "cli/value.h"
#include "cli/wrap.h"
#include "reaper/story.h"

enum {
	MAX_DEPTH = 64, /* what is deeper is shown as if it had no parent */
	BAR = 22,
};

static const struct gg_column columns[] = {
	{ "PID", "pid", true },	   { "STATE", "state", false }, { "ROLE", "role", false },
	{ "CPU", "cpu_ms", true }, { "IO", "io_bytes", true },	{ "COMMAND", "argv", false },
};

static const struct gg_column timeline[] = {
	{ "AT", "from_ms", true },
	{ "FOR", "for_ms", true },
	{ "PHASE", "phase", false },
	{ "", "note", false },
};

static enum gg_paint paint(const struct gg_column *col, const char *cell)
{
	return strcmp(col->key, "phase") == 0 ? gg_paint_phase(cell) : GG_PLAIN;
}

static void section(const char *title)
{
	bool on = gg_paint_on();

	printf("\n%s%s:%s\n", gg_paint_begin(on, GG_BOLD), title, gg_paint_end(on, GG_BOLD));
}

struct tree {
	const json_t *procs;
	bool *shown;
	struct gg_table table;
};

static json_int_t number(const struct tree *t, size_t i, const char *key)
{
	return json_integer_value(json_object_get(json_array_get(t->procs, i), key));
}

static bool has_parent(const struct tree *t, size_t i)
{
	for (size_t j = 0; j < json_array_size(t->procs); j++)
		if (j != i && number(t, j, "pid") == number(t, i, "ppid"))
			return true;
	return false;
}

static int add(struct tree *t, size_t i, size_t depth)
{
	int e = gg_table_add(&t->table, json_array_get(t->procs, i), depth);

	t->shown[i] = true;
	for (size_t j = 0; j < json_array_size(t->procs) && depth < MAX_DEPTH && e == 0; j++)
		if (!t->shown[j] && number(t, j, "ppid") == number(t, i, "pid"))
			e = add(t, j, depth + 1);
	return e;
}

static int fill_tree(struct tree *t)
{
	size_t n = json_array_size(t->procs);
	int e = 0;

	for (size_t i = 0; i < n && e == 0; i++)
		if (!t->shown[i] && !has_parent(t, i))
			e = add(t, i, 0);
	for (size_t i = 0; i < n && e == 0; i++)
		if (!t->shown[i])
			e = add(t, i, 0);
	return e;
}

static int print_tree(const json_t *procs)
{
	AUTO_FREE bool *shown = calloc(json_array_size(procs) + 1, sizeof(*shown));
	struct tree t = { procs, shown, { .col = columns, .ncol = GG_LEN(columns) } };
	int e = shown ? fill_tree(&t) : -ENOMEM;

	if (e == 0) {
		section("processes");
		e = gg_table_print(&t.table);
	}
	gg_table_free(&t.table);
	return e;
}

static json_int_t from(const json_t *span)
{
	return json_integer_value(json_object_get(span, "from_ms"));
}

/* Phases with when they began and how long they lasted: the last one until the end, or until now. */
static int print_timeline(const json_t *spans, json_int_t age_ms, json_int_t left_out)
{
	struct gg_table t = { .col = timeline, .ncol = GG_LEN(timeline) - !left_out, .paint = paint };
	size_t n = json_array_size(spans);
	int e = 0;

	for (size_t i = 0; i < n && e == 0; i++) {
		json_t *row = json_array_get(spans, i);
		json_int_t end = i + 1 < n ? from(json_array_get(spans, i + 1)) : age_ms;

		if (left_out &&
		    i == GG_STORY_FIRST) /* what follows the first ones begins later than they end */
			json_object_set_new(row, "note",
					    json_sprintf("%lld between this and the one above are not kept",
							 (long long)left_out));
		gg_table_step(row);
		/* how long the one before a gap lasted is not known */
		json_object_set_new(row, "for_ms",
				    left_out && i + 1 == GG_STORY_FIRST
					    ? json_null()
					    : json_integer(end > from(row) ? end - from(row) : 0));
		if (!json_object_get(row, "note"))
			json_object_set_new(row, "note", json_string(" "));
		e = gg_table_add(&t, row, 0);
	}
	if (e == 0) {
		section("timeline");
		e = gg_table_print(&t);
	}
	gg_table_free(&t);
	return e;
}

static void print_lines(const char *title, const json_t *lines)
{
	section(title);
	for (size_t i = 0; i < json_array_size(lines); i++) {
		char mem[GG_VALUE_MAX];
		struct gg_buf b = GG_BUF(mem);

		gg_visible(&b, json_string_value(json_array_get(lines, i)) ?: "-");
		gg_wrap(stdout, mem, 0, 2, gg_table_terminal());
	}
}

static void print_silences(json_t *silences)
{
	const char *reason;
	json_t *ms;

	section("longest silences");
	json_object_foreach(silences, reason, ms)
	{
		char mem[GG_VALUE_MAX];
		struct gg_buf b = GG_BUF(mem);

		gg_visible(&b, reason);
		gg_buf_add(&b, " ");
		gg_human_ms(&b, json_integer_value(ms));
		printf("  %s\n", mem);
	}
}

/* "deadline.idle: 6.0s of 15.0s [####......]", in the place of its three members. */
static void join_deadline(json_t *session)
{
	char mem[256];
	struct gg_buf b = GG_BUF(mem);
	const char *key = json_string_value(json_object_get(session, "deadline"));
	json_int_t used = json_integer_value(json_object_get(session, "deadline_used_ms")),
		   limit = json_integer_value(json_object_get(session, "deadline_ms"));

	if (key) {
		gg_buf_add(&b, "%.64s: ", key);
		gg_human_ms(&b, used);
		gg_buf_add(&b, " of ");
		gg_human_ms(&b, limit);
		gg_buf_add(&b, " ");
		gg_bar(&b, used, limit, BAR);
		json_object_set_new(session, "deadline", json_string(mem));
	}
	json_object_del(session, "deadline_ms");
	json_object_del(session, "deadline_used_ms");
}

/* What the gate says of it in a word or a line each; what has lines of its own is taken out, and the
 * caller's. */
static void print_members(json_t *session)
{
	static const char *const own[] = { "timeline", "timeline_left_out", "log",
					   "evidence", "silences",	    "processes" };
	json_t *rest = json_copy(session);

	for (size_t i = 0; i < GG_LEN(own); i++)
		json_object_del(rest, own[i]);
	gg_table_step(rest);
	join_deadline(rest);
	gg_table_members(rest);
	json_decref(rest);
}

static int print(json_t *session)
{
	const json_t *spans = json_object_get(session, "timeline"),
		     *procs = json_object_get(session, "processes");
	const json_t *log = json_object_get(session, "log"), *evidence = json_object_get(session, "evidence");
	json_t *silences = json_object_get(session, "silences");
	int e = 0;

	print_members(session);
	if (json_array_size(spans))
		e = print_timeline(spans, json_integer_value(json_object_get(session, "age_ms")),
				   json_integer_value(json_object_get(session, "timeline_left_out")));
	if (json_array_size(procs) && e == 0)
		e = print_tree(procs);
	if (json_array_size(evidence))
		print_lines("evidence", evidence);
	if (json_object_size(silences))
		print_silences(silences);
	if (json_array_size(log))
		print_lines("last lines of its log", log);
	if (e < 0)
		gg_say("out of memory");
	return e < 0 ? GG_EXIT_FAILED : GG_EXIT_DONE;
}

int gg_cmd_show(const struct gg_args *a)
{
	json_t *session, *request = json_pack("{s:s, s:s}", "cmd", "show", "id", a->operand[0]);
	int code = gg_client_ask(a, request, JSON_OBJECT, &session);

	if (code == 0 && a->json)
		gg_table_json(session);
	else if (code == 0)
		code = print(session);
	json_decref(session);
	return code;
}
