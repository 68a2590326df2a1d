/* overview - git-gate status: the gate at a glance, in sections. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/eventline.h"
#include "cli/format.h"
#include "cli/paint.h"
#include "cli/say.h"
#include "cli/table.h"
#include "cli/value.h"
#include "cli/wrap.h"

enum { LABEL = 14 }; /* columns */

static const struct gg_column limits[] = {
	{ "LIMIT", "key", false },
	{ "IN USE", "used", true },
	{ "OF", "limit", true },
	{ "BY", "who", false },
};

static const struct gg_column service[] = {
	{ "SERVICE", "name", false }, { "STATE", "state", false },	{ "PID", "pid", true },
	{ "UP", "uptime_ms", true },  { "RESTARTS", "restarts", true }, { "LAST", "last", false },
};

static enum gg_paint paint(const struct gg_column *col, const char *cell)
{
	if (strcmp(col->key, "state") == 0 && (!strcmp(cell, "gave-up") || !strcmp(cell, "failing")))
		return GG_RED;
	return strcmp(col->key, "state") == 0 && !strcmp(cell, "backoff") ? GG_YELLOW : GG_PLAIN;
}

/* A table below the rest; nothing when it has no rows. */
static int print_rows(const struct gg_column *col, size_t ncol, const json_t *rows)
{
	struct gg_table t = { .col = col, .ncol = ncol, .paint = paint };

	if (!json_array_size(rows))
		return 0;
	putchar('\n');
	return gg_table_print_rows(&t, rows);
}

static void put(const char *label, const char *text, enum gg_paint p)
{
	bool on = gg_paint_on();

	printf("%-13s %s", label, gg_paint_begin(on, p));
	gg_wrap(stdout, text, LABEL, LABEL, gg_table_terminal());
	fputs(gg_paint_end(on, p), stdout);
}

/* A member as it is. */
static void put_member(const char *label, const json_t *status, const char *key)
{
	char mem[GG_VALUE_MAX];
	struct gg_buf b = GG_BUF(mem);

	gg_value_add(&b, key, json_object_get(status, key));
	put(label, mem, GG_PLAIN);
}

static long long number(const json_t *status, const char *key)
{
	return (long long)json_integer_value(json_object_get(status, key));
}

static bool is(const json_t *status, const char *key)
{
	return json_is_true(json_object_get(status, key));
}

/* After an upgrade, until it is restarted. */
static bool is_other_version(const json_t *status)
{
	const char *version = json_string_value(json_object_get(status, "version"));

	return version && strcmp(version, GG_VERSION) != 0;
}

/* "0.1.0, enforce, for 3h02m, pid 12; draining" */
static void put_gate(const json_t *status)
{
	bool other = is_other_version(status);
	char mem[512];
	struct gg_buf b = GG_BUF(mem);

	gg_value_add(&b, "version", json_object_get(status, "version"));
	gg_buf_add(&b, ", ");
	gg_value_add(&b, "mode", json_object_get(status, "mode"));
	gg_buf_add(&b, ", up ");
	gg_human_ms(&b, number(status, "uptime_ms"));
	gg_buf_add(&b, ", pid %lld", number(status, "pid"));
	if (is(status, "draining"))
		gg_buf_add(&b, "; draining: no new client is served");
	if (is(status, "paused"))
		gg_buf_add(&b, "; accepting is paused for want of resources");
	if (other)
		gg_buf_add(&b, "; %s is installed: restart the gate", GG_VERSION);
	put("git-gate", mem, other || is(status, "draining") || is(status, "paused") ? GG_YELLOW : GG_PLAIN);
}

/* "120, of them by the gate 7: idle 5, hook 2" */
static void put_ended(const json_t *status)
{
	char mem[1024];
	struct gg_buf b = GG_BUF(mem);
	json_t *reasons = json_object_get(status, "by_reason");

	gg_buf_add(&b, "%lld, of them by the gate %lld", number(status, "ended"), number(status, "reaped"));
	if (json_object_size(reasons)) {
		gg_buf_add(&b, ": ");
		gg_value_add_counts(&b, reasons);
	}
	put("ended", mem, GG_PLAIN);
	if (number(status, "observed") ||
	    !strcmp(json_string_value(json_object_get(status, "mode")) ?: "", "observe")) {
		b = GG_BUF(mem);
		gg_buf_add(&b, "%lld would have been ended", number(status, "observed"));
		put("observed", mem, GG_PLAIN);
	}
}

static void put_waiting(const json_t *status)
{
	char mem[256];
	struct gg_buf b = GG_BUF(mem);

	gg_buf_add(&b, "%lld", number(status, "waiting"));
	if (json_is_integer(json_object_get(status, "longest_wait_ms"))) {
		gg_buf_add(&b, ", the longest for ");
		gg_human_ms(&b, number(status, "longest_wait_ms"));
	}
	gg_buf_add(&b, "; turned away so far: %lld", number(status, "refused"));
	put("waiting", mem, GG_PLAIN);
}

static void put_cgroup(const json_t *status)
{
	char mem[GG_VALUE_MAX];
	struct gg_buf b = GG_BUF(mem);

	if (json_is_string(json_object_get(status, "cgroup"))) {
		gg_buf_add(&b, "one for each session, below ");
		gg_value_add(&b, "cgroup", json_object_get(status, "cgroup"));
	} else {
		gg_buf_add(&b, "none: ");
		gg_value_add(&b, "cgroup_unused", json_object_get(status, "cgroup_unused"));
	}
	put("cgroups", mem, GG_PLAIN);
}

static void put_trouble(const json_t *status)
{
	char mem[GG_EVENT_LINE_MAX];
	struct gg_buf b = GG_BUF(mem);
	json_t *error = json_object_get(status, "last_error");

	if (is(status, "reduced_evidence"))
		put("evidence",
		    "reduced: the system calls of some session's processes cannot be read; see git-gate "
		    "doctor",
		    GG_YELLOW);
	else
		put("evidence", "complete", GG_PLAIN);
	gg_buf_add(&b, "%lld events were lost", number(status, "dropped_events"));
	put("log", mem, number(status, "dropped_events") ? GG_YELLOW : GG_PLAIN);
	b = GG_BUF(mem);
	if (json_is_object(error))
		gg_event_line(&b, error);
	put("last error", b.len ? mem : "none", b.len ? GG_RED : GG_PLAIN);
}

static int print(const json_t *status)
{
	int e;

	put_gate(status);
	put_member("instance", status, "instance");
	put_member("listening", status, "listening");
	put_member("control", status, "control");
	put_member("repositories", status, "base_path");
	put_ended(status);
	put_waiting(status);
	put_cgroup(status);
	put_trouble(status);
	e = print_rows(limits, GG_LEN(limits), json_object_get(status, "limits"));
	if (e == 0)
		e = print_rows(service, GG_LEN(service), json_object_get(status, "services"));
	if (e < 0)
		gg_say("out of memory");
	return e < 0 ? GG_EXIT_FAILED : GG_EXIT_DONE;
}

int gg_cmd_status(const struct gg_args *a)
{
	json_t *data;
	int code = gg_client_ask(a, json_pack("{s:s}", "cmd", "status"), JSON_OBJECT, &data);

	if (code == 0 && a->json)
		gg_table_json(data);
	else if (code == 0)
		code = print(data);
	json_decref(data);
	return code;
}
