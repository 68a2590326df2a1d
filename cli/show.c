/* show - git-gate show: one session, and its processes as a tree. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/say.h"
#include "cli/table.h"

enum { MAX_DEPTH = 64 }; /* what is deeper is shown as if it had no parent */

static const struct gg_column columns[] = {
	{ "PID", "pid", true },	   { "STATE", "state", false }, { "ROLE", "role", false },
	{ "CPU", "cpu_ms", true }, { "IO", "io_bytes", true },	{ "COMMAND", "argv", false },
};

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

static int print_tree(const json_t *procs)
{
	size_t n = json_array_size(procs);
	AUTO_FREE bool *shown = calloc(n + 1, sizeof(*shown));
	struct tree t = { procs, shown, { .col = columns, .ncol = GG_LEN(columns) } };
	int e = shown ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && e == 0; i++)
		if (!shown[i] && !has_parent(&t, i))
			e = add(&t, i, 0);
	for (size_t i = 0; i < n && e == 0; i++)
		if (!shown[i])
			e = add(&t, i, 0);
	if (e == 0) {
		puts("processes:");
		e = gg_table_print(&t.table);
	}
	gg_table_free(&t.table);
	return e;
}

static int print(json_t *session)
{
	const json_t *procs = json_object_get(session, "processes");

	gg_table_step(session);
	gg_table_members(session, "processes");
	if (json_is_array(procs) && print_tree(procs) < 0) {
		gg_say("out of memory");
		return GG_EXIT_FAILED;
	}
	return GG_EXIT_DONE;
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
