/* reaped - git-gate reaped: the sessions that ended, as the gate remembers them and as the journal has them.
 */
#include <errno.h>
#include <fnmatch.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/journal.h"
#include "cli/nearest.h"
#include "cli/say.h"
#include "cli/since.h"
#include "cli/table.h"
#include "reaper/reason.h"

/* Of the journal, when it was not said how far back. */
enum { MOST = 1000, MOST_SINCE = 100000 };

/* What matters most stands left: a narrow terminal shows no more. */
static const struct gg_column columns[] = {
	{ "TIME", "time", true },	 { "ID", "id", false },		{ "REASON", "reason", false },
	{ "REPO", "repo", false },	 { "PHASE", "phase", false },	{ "AGE", "age_ms", true },
	{ "QUIET", "quiet_ms", true },	 { "LIMIT", "limit_ms", true }, { "KEY", "key", false },
	{ "STEPS", "steps", false },	 { "IN", "bytes_in", true },	{ "OUT", "bytes_out", true },
	{ "SERVICE", "service", false }, { "PEER", "peer", false },	{ "TRANSPORT", "transport", false },
	{ "SOURCE", "source", false },
};

static enum gg_paint paint(const struct gg_column *col, const char *cell)
{
	return strcmp(col->key, "reason") == 0 ? gg_paint_reason(cell) : GG_PLAIN;
}

struct wanted {
	int64_t since_s;
	const char *repo, *reason; /* NULL: any */
};

static int wrong_reason(const char *word)
{
	struct gg_nearest n = { .meant = word };

	for (enum gg_reason r = GG_REASON_NONE + 1; r < GG_NREASONS; r++)
		gg_nearest_try(&n, gg_reason_name(r));
	if (n.best)
		gg_say("reaped: --reason: '%s' is no reason; did you mean '%s'?", word, n.best);
	else
		gg_say("reaped: --reason: '%s' is no reason; 'git-gate explain' lists them", word);
	return GG_EXIT_USAGE;
}

static int parse(const struct gg_args *a, struct wanted *ret)
{
	*ret = (struct wanted){ .since_s = INT64_MIN, .repo = a->repo, .reason = a->reason };
	if (a->since && gg_since_parse(a->since, time(NULL), &ret->since_s) < 0) {
		gg_say("reaped: --since: '%s' is neither a duration (30m, 2h, 7d) nor a date (2026-11-26, "
		       "2026-11-26 17:00)",
		       a->since);
		return GG_EXIT_USAGE;
	}
	return a->reason && gg_reason_find(a->reason) < 0 ? wrong_reason(a->reason) : 0;
}

static const char *text(const json_t *row, const char *key)
{
	return json_string_value(json_object_get(row, key)) ?: "";
}

static bool is_wanted(const struct wanted *w, const json_t *row)
{
	return json_integer_value(json_object_get(row, "time")) >= w->since_s &&
	       (!w->reason || !strcmp(w->reason, text(row, "reason"))) &&
	       (!w->repo || fnmatch(w->repo, text(row, "repo"), 0) == 0);
}

static int newest_first(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;
	json_int_t m = json_integer_value(json_object_get(*x, "time")),
		   n = json_integer_value(json_object_get(*y, "time"));

	return (m < n) - (m > n);
}

/* Sorted by time, which has no more than seconds: within one they stay as they are. */
static json_t *sorted(json_t *rows)
{
	json_t *ret = json_array();
	size_t n = json_array_size(rows), at = 0;
	AUTO_FREE json_t **v = calloc(n + 1, sizeof(json_t *));

	for (; v && at < n; at++)
		v[at] = json_array_get(rows, at);
	if (v)
		qsort(v, n, sizeof(json_t *), newest_first);
	for (size_t i = 0; v && i < n; i++)
		json_array_append(ret, v[i]);
	json_decref(rows);
	return ret;
}

/* The ids of an array of sessions, as an object. */
static json_t *ids(const json_t *rows)
{
	json_t *set = json_object(), *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		json_object_set_new(set, text(row, "id"), json_true());
	}
	return set;
}

/*
 * Those of both, wanted ones only. What the running gate remembers itself is taken from there, where there is
 * more of it. memory, journal: stolen; NULL: there is none. instance: of the running gate.
 */
static json_t *merge(const struct wanted *w, json_t *memory, const char *instance, json_t *journal)
{
	json_t *known = ids(memory), *ret = json_array(), *row;
	size_t i;

	json_array_foreach(memory, i, row)
	{
		json_object_set_new(row, "source", json_string("memory"));
		json_object_set_new(row, "instance", json_string(instance));
		if (is_wanted(w, row))
			json_array_append(ret, row);
	}
	json_array_foreach(journal, i, row)
	{
		bool ours =
			!strcmp(text(row, "instance"), instance) && json_object_get(known, text(row, "id"));

		if (!ours && is_wanted(w, row))
			json_array_append(ret, row);
	}
	json_decref(known);
	json_decref(memory);
	json_decref(journal);
	return sorted(ret);
}

/* Who runs or ran a gate there: the socket goes with it, its lock stays. -1: nobody knows. */
static int64_t user_of(const char *control)
{
	AUTO_FREE char *lock = NULL;
	struct stat st;

	if (lstat(control, &st) == 0 || (asprintf(&lock, "%s.lock", control) >= 0 && lstat(lock, &st) == 0))
		return st.st_uid;
	return -1;
}

/* What the gate remembers, and its instance. An exit code. */
static int ask_gate(const struct gg_args *a, json_t **ret_rows, json_t **ret_status, int64_t *ret_uid,
		    struct gg_buf *why)
{
	AUTO_FREE char *path = NULL;
	struct gg_args with;
	int code = gg_client_settle(a, &with, &path);

	*ret_rows = *ret_status = NULL;
	*ret_uid = path ? user_of(path) : -1;
	code = code ? code
		    : gg_client_try(&with, json_pack("{s:s}", "cmd", "status"), JSON_OBJECT, ret_status, why);
	if (code == 0)
		code = gg_client_try(&with, json_pack("{s:s, s:b}", "cmd", "reaped", "all", a->all),
				     JSON_ARRAY, ret_rows, why);
	return code;
}

/* NULL: there is none that can be read, or it is not to be. */
static json_t *ask_journal(const struct gg_args *a, const struct wanted *w, int64_t gate_uid)
{
	const struct gg_journal_ask ask = { .dir = a->journal,
					    .gate_uid = gate_uid,
					    .since_s = w->since_s,
					    .all = a->all,
					    .most = a->since ? MOST_SINCE : MOST };
	json_t *rows = NULL;
	size_t others = 0;
	char mem[512];
	struct gg_buf why = GG_BUF(mem);
	int e = a->journal && !*a->journal ? -ENOENT : gg_journal_ended(&ask, &rows, &others, &why);

	/* where there is none, that is no matter, nor is a library that would read it; unless it is asked for
	 */
	if (e < 0 && (a->journal ? *a->journal != '\0' : e != -ENOENT && e != -ELIBACC))
		gg_say("the journal cannot be read: %s", why.len ? why.s : strerror(-e));
	if (others)
		gg_say("%zu entries of the journal are left out: neither the gate's user nor root wrote them",
		       others);
	return rows;
}

static int print(const struct gg_args *a, const json_t *rows)
{
	struct gg_table t = { .col = columns, .ncol = GG_LEN(columns), .paint = paint };
	int e = 0;

	if (a->json)
		gg_table_json(rows);
	else
		e = gg_table_print_rows(&t, rows);
	if (e < 0)
		gg_say("out of memory");
	return e < 0 ? GG_EXIT_FAILED : GG_EXIT_DONE;
}

int gg_cmd_reaped(const struct gg_args *a)
{
	char mem[4096];
	struct gg_buf why = GG_BUF(mem);
	struct wanted w;
	json_t *memory, *status, *journal, *rows;
	int64_t gate_uid;
	int code = parse(a, &w);

	if (code)
		return code;
	code = ask_gate(a, &memory, &status, &gate_uid, &why);
	/* a gate that does not run has left what is in the journal; one that does not answer is another
	 * matter */
	journal = code == 0 || code == GG_EXIT_NOT_RUNNING ? ask_journal(a, &w, gate_uid) : NULL;
	if (code && !journal) {
		if (why.len)
			gg_say("%s", mem);
	} else {
		rows = merge(&w, memory, json_string_value(json_object_get(status, "instance")) ?: "",
			     journal);
		memory = NULL;
		code = print(a, rows);
		json_decref(rows);
	}
	json_decref(memory);
	json_decref(status);
	return code;
}
