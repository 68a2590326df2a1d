/* list - git-gate sessions, git-gate reaped: tables of live and of ended sessions. */
#include <jansson.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/say.h"
#include "cli/table.h"

/* What matters most stands left: a narrow terminal shows no more. */
static const struct gg_column live[] = {
	{ "ID", "id", false },	      { "PHASE", "phase", false },	   { "ENDING", "ending", false },
	{ "AGE", "age_ms", true },    { "QUIET", "quiet_ms", true },	   { "IN", "bytes_in", true },
	{ "OUT", "bytes_out", true }, { "SERVICE", "service", false },	   { "REPO", "repo", false },
	{ "PEER", "peer", false },    { "TRANSPORT", "transport", false }, { "PID", "pid", true },
};

static const struct gg_column ended[] = {
	{ "TIME", "time", true },	 { "ID", "id", false },		{ "REASON", "reason", false },
	{ "REPO", "repo", false },	 { "PHASE", "phase", false },	{ "AGE", "age_ms", true },
	{ "QUIET", "quiet_ms", true },	 { "LIMIT", "limit_ms", true }, { "KEY", "key", false },
	{ "STEPS", "steps", false },	 { "IN", "bytes_in", true },	{ "OUT", "bytes_out", true },
	{ "SERVICE", "service", false }, { "PEER", "peer", false },	{ "TRANSPORT", "transport", false },
};

static int print(const struct gg_column *col, size_t ncol, const json_t *rows)
{
	struct gg_table t = { .col = col, .ncol = ncol };
	int e = 0;

	for (size_t i = 0; i < json_array_size(rows) && e == 0; i++) {
		gg_table_step(json_array_get(rows, i));
		e = gg_table_add(&t, json_array_get(rows, i), 0);
	}
	if (e == 0)
		e = gg_table_print(&t);
	gg_table_free(&t);
	if (e < 0)
		gg_say("out of memory");
	return e < 0 ? GG_EXIT_FAILED : GG_EXIT_DONE;
}

static int list(const struct gg_args *a, json_t *request, const struct gg_column *col, size_t ncol)
{
	json_t *rows;
	int code = gg_client_ask(a, request, JSON_ARRAY, &rows);

	if (code == 0 && a->json)
		gg_table_json(rows);
	else if (code == 0)
		code = print(col, ncol, rows);
	json_decref(rows);
	return code;
}

int gg_cmd_sessions(const struct gg_args *a)
{
	return list(a, json_pack("{s:s}", "cmd", "sessions"), live, GG_LEN(live));
}

int gg_cmd_reaped(const struct gg_args *a)
{
	return list(a, json_pack("{s:s, s:b}", "cmd", "reaped", "all", a->all), ended, GG_LEN(ended));
}
