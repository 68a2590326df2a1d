/* sessions - git-gate sessions. See sessions.h. */
#include "cli/sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/format.h"
#include "cli/say.h"
#include "cli/table.h"

enum { BAR = 12 };

/* What matters most stands left: a narrow terminal shows no more. */
static const struct gg_column once[] = {
	{ "ID", "id", false },	     { "PHASE", "phase", false },   { "ENDING", "ending", false },
	{ "AGE", "age_ms", true },   { "QUIET", "quiet_ms", true }, { "LIMIT", "deadline_ms", true },
	{ "USED", "used", true },    { "IN", "bytes_in", true },    { "OUT", "bytes_out", true },
	{ "IN/S", "rate_in", true }, { "OUT/S", "rate_out", true }, { "SERVICE", "service", false },
	{ "REPO", "repo", false },   { "PEER", "peer", false },	    { "TRANSPORT", "transport", false },
	{ "PID", "pid", true },	     { "USER", "user", false }, /* the last: see print_once */
};

static const struct gg_column frame[] = {
	{ "ID", "id", false },		 { "DEADLINE", "bar", true },  { "LIMIT", "deadline_ms", true },
	{ "PHASE", "phase", false },	 { "REPO", "repo", false },    { "AGE", "age_ms", true },
	{ "QUIET", "quiet_ms", true },	 { "IN/S", "rate_in", true },  { "OUT/S", "rate_out", true },
	{ "IN", "bytes_in", true },	 { "OUT", "bytes_out", true }, { "PEER", "peer", false },
	{ "SERVICE", "service", false },
};

static enum gg_paint paint(const struct gg_column *col, const char *cell)
{
	size_t filled = 0;

	if (strcmp(col->key, "phase") == 0)
		return gg_paint_phase(cell);
	if (strcmp(col->key, "ending") == 0)
		return gg_paint_reason(cell);
	if (strcmp(col->key, "used") == 0)
		return gg_paint_used(strtol(cell, NULL, 10), 100);
	if (strcmp(col->key, "bar") != 0)
		return GG_PLAIN;
	for (const char *s = cell; *s; s++)
		filled += *s == '#';
	return gg_paint_used((long long)filled, BAR - 2);
}

static json_int_t number(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

/* How much of its deadline is used, in thousandths; -1: none counts. */
static json_int_t used(const json_t *row)
{
	json_int_t limit = number(row, "deadline_ms");

	return limit > 0 ? (json_int_t)((double)number(row, "deadline_used_ms") * 1000. / (double)limit) : -1;
}

/* The cells that are no members of the answer. */
static void prepare(json_t *row)
{
	char mem[64] = "-";
	struct gg_buf b = GG_BUF(mem);
	const char *ending = json_string_value(json_object_get(row, "ending"));
	json_int_t n = used(row);

	gg_table_step(row);
	json_object_set_new(row, "used",
			    n < 0 ? json_null() : json_sprintf("%d%%", (int)(n > 9990 ? 999 : n / 10)));
	if (n >= 0)
		gg_bar(&b, number(row, "deadline_used_ms"), number(row, "deadline_ms"), BAR);
	json_object_set_new(row, "bar", json_string(mem));
	if (ending)
		json_object_set_new(row, "ending_phase", json_sprintf("ending: %s", ending));
}

static int by_age(const void *a, const void *b)
{
	json_t *const *x = a, *const *y = b;
	json_int_t m = number(*x, "age_ms"), n = number(*y, "age_ms");

	return (m < n) - (m > n);
}

static int by_deadline(const void *a, const void *b)
{
	json_t *const *x = a, *const *y = b;
	json_int_t m = used(*x), n = used(*y);

	return m == n ? by_age(a, b) : (m < n) - (m > n);
}

/* The rows in an order; owned by the caller, each borrowed. NULL without memory. */
static json_t **sorted(json_t *rows, int (*order)(const void *, const void *))
{
	size_t n = json_array_size(rows);
	json_t **v = calloc(n + 1, sizeof(json_t *));

	for (size_t i = 0; v && i < n; i++)
		v[i] = json_array_get(rows, i);
	if (v)
		qsort(v, n, sizeof(json_t *), order);
	return v;
}

static int fill(struct gg_table *t, json_t *rows, int (*order)(const void *, const void *), size_t most)
{
	AUTO_FREE json_t **v = sorted(rows, order);
	int e = v ? 0 : -ENOMEM;

	for (size_t i = 0; i < json_array_size(rows) && i < most && e == 0; i++) {
		prepare(v[i]);
		if (t->col == frame && json_object_get(v[i], "ending_phase"))
			json_object_set(v[i], "phase", json_object_get(v[i], "ending_phase"));
		e = gg_table_add(t, v[i], 0);
	}
	return e;
}

static bool any_user(const json_t *rows)
{
	for (size_t i = 0; i < json_array_size(rows); i++)
		if (json_is_string(json_object_get(json_array_get(rows, i), "user")))
			return true;
	return false;
}

/* The oldest first. Where nobody has a name there is no column for it. */
static int print_once(json_t *rows)
{
	struct gg_table t = { .col = once, .ncol = GG_LEN(once) - !any_user(rows), .paint = paint };
	int e = fill(&t, rows, by_age, SIZE_MAX);

	if (e == 0)
		e = gg_table_print(&t);
	gg_table_free(&t);
	return e;
}

int gg_sessions_frame(json_t *rows, FILE *to, size_t width, size_t most, bool painted)
{
	struct gg_table t = { .col = frame, .ncol = GG_LEN(frame), .paint = paint };
	size_t n = json_array_size(rows), shown = most && n > most ? most - 1 : n;
	int e = fill(&t, rows, by_deadline, shown);

	if (e == 0)
		e = gg_table_write(&t, to, width, painted);
	if (e == 0 && shown < n)
		fprintf(to, "and %zu more\n", n - shown);
	gg_table_free(&t);
	return e;
}

int gg_cmd_sessions(const struct gg_args *a)
{
	json_t *rows;
	int code;

	if (a->watch)
		return gg_sessions_watch(a);
	code = gg_client_ask(a, json_pack("{s:s}", "cmd", "sessions"), JSON_ARRAY, &rows);
	if (code == 0 && a->json) {
		gg_table_json(rows);
	} else if (code == 0 && print_once(rows) < 0) {
		gg_say("out of memory");
		code = GG_EXIT_FAILED;
	}
	json_decref(rows);
	return code;
}
