/* ledger - git-gate report, git-gate tune: were the verdicts right, and what should the deadlines be? */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/conf.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/insteadof.h"
#include "cli/say.h"
#include "cli/table.h"
#include "cli/value.h"

static const struct gg_column by_reason[] = {
	{ "REASON", "reason", false }, { "WOULD-END", "would_end", true }, { "WELL", "finished_well", true },
	{ "FAILED", "failed", true },  { "RUNNING", "running", true },	   { "UNKNOWN", "unknown", true },
};

static const struct gg_column false_alarm[] = {
	{ "TIME", "time", true },
	{ "ID", "id", false },
	{ "KEY", "key", false },
	{ "LIMIT", "limit_ms", true },
	{ "SILENCE", "silence_ms", true },
	{ "SPARED-BY", "spare_ms", true },
	{ "REPO", "repo", false },
	{ "PEER", "peer", false },
	{ "TRANSPORT", "transport", false },
};

static const struct gg_column sparing[] = {
	{ "KEY", "key", false },
	{ "NOW", "current_ms", true },
	{ "FALSE-ALARMS", "false_alarms", true },
	{ "LONGEST", "silence_ms", true },
	{ "SPARES-ALL", "spare_ms", true },
};

static const struct gg_column tuning[] = {
	{ "KEY", "key", false },
	{ "NOW", "current_ms", true },
	{ "HEALTHY", "healthy", true },
	{ "LONGEST", "longest_ms", true },
	{ "ENDED-NOW", "ends_healthy_now", true },
	{ "PROPOSED", "proposed_ms", true },
	{ "ENDED", "ends_healthy", true },
	{ "STUCK", "stuck", true },
	{ "WHY", "proposal", false },
};

static int print_table(const char *title, const struct gg_column *col, size_t ncol, const json_t *rows)
{
	struct gg_table t = { .col = col, .ncol = ncol };

	if (!json_array_size(rows))
		return 0;
	if (title)
		printf("\n%s\n", title);
	return gg_table_print_rows(&t, rows);
}

static long long count(const json_t *j, const char *name)
{
	return (long long)json_integer_value(json_object_get(j, name));
}

static bool observes(const json_t *data)
{
	const char *mode = json_string_value(json_object_get(data, "mode"));

	return mode && !strcmp(mode, "observe");
}

/* "since 2026-11-26 17:00:01 (1h02m), observe: 132 sessions ended, 120 of them well" */
static void print_head(const json_t *data)
{
	char mem[GG_VALUE_MAX];
	struct gg_buf b = GG_BUF(mem);

	gg_buf_add(&b, "since ");
	gg_value_add(&b, "time", json_object_get(data, "since"));
	gg_buf_add(&b, " (");
	gg_value_add(&b, "period_ms", json_object_get(data, "period_ms"));
	gg_buf_add(&b, "), ");
	gg_value_add(&b, "mode", json_object_get(data, "mode"));
	gg_buf_add(&b, ": %lld sessions ended, %lld of them well", count(data, "seen"),
		   count(data, "healthy"));
	if (count(data, "watched"))
		gg_buf_add(&b, "; how %lld of watched servers ended is not known", count(data, "watched"));
	puts(mem);
}

/* A row for each setting that a false alarm's verdicts named. */
static json_t *alarm_rows(const json_t *alarms)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(alarms); i++) {
		json_t *alarm = json_array_get(alarms, i), *limits = json_object_get(alarm, "limits");
		json_t *first = json_object_get(alarm, "key");

		for (size_t k = 0; k < json_array_size(limits); k++) {
			json_t *row = json_copy(alarm);

			json_object_update(row, json_array_get(limits, k));
			/* the limit is that of the first verdict */
			if (!json_equal(json_object_get(row, "key"), first))
				json_object_set_new(row, "limit_ms", json_null());
			json_array_append_new(rows, row);
		}
	}
	return rows;
}

static int print_observed(json_t *data)
{
	json_t *alarms = alarm_rows(json_object_get(data, "false_alarms"));
	int e;

	printf("enforce would have ended %lld of them: %lld finished well (false alarms), %lld failed, %lld "
	       "still run",
	       count(data, "would_end"), count(data, "finished_well"), count(data, "failed"),
	       count(data, "running"));
	if (count(data, "unknown"))
		printf(", of %lld it is not known", count(data, "unknown"));
	putchar('\n');
	e = print_table("by the first reason:", by_reason, GG_LEN(by_reason),
			json_object_get(data, "reasons"));
	e = e ? e : print_table("false alarms, the newest first:", false_alarm, GG_LEN(false_alarm), alarms);
	if (e == 0 && count(data, "false_alarms_left_out"))
		printf("and %lld older ones\n", count(data, "false_alarms_left_out"));
	e = e ? e
	      : print_table("limits that would have avoided them:", sparing, GG_LEN(sparing),
			    json_object_get(data, "keys"));
	json_decref(alarms);
	return e;
}

static void print_reaped(const json_t *data)
{
	char mem[GG_VALUE_MAX];
	struct gg_buf b = GG_BUF(mem);

	gg_value_add_counts(&b, json_object_get(data, "by_reason"));
	printf("the gate has ended %lld sessions: %s\n", count(data, "reaped"), mem);
	if (!observes(data))
		puts("Whether one of them would have finished after all is not known; with "
		     "reaper.mode=observe "
		     "it is.");
}

int gg_cmd_report(const struct gg_args *a)
{
	json_t *data;
	int code = gg_client_ask(a, json_pack("{s:s}", "cmd", "report"), JSON_OBJECT, &data), e = 0;

	if (code == 0 && a->json) {
		gg_table_json(data);
	} else if (code == 0) {
		print_head(data);
		if (!observes(data) || count(data, "reaped"))
			print_reaped(data);
		if (observes(data) || count(data, "would_end"))
			e = print_observed(data);
	}
	json_decref(data);
	if (e < 0)
		gg_say("out of memory");
	return e < 0 ? GG_EXIT_FAILED : code;
}

static bool is(const json_t *row, const char *what)
{
	const char *s = json_string_value(json_object_get(row, "proposal"));

	return s && !strcmp(s, what);
}

/* What the row's last column cannot hold: how stuck sessions fare, and what lower values would have cost. */
static void print_cost(const json_t *row)
{
	char mem[GG_VALUE_MAX];
	struct gg_buf b = GG_BUF(mem);
	const json_t *later = json_object_get(row, "stuck_later_ms"), *lower = json_object_get(row, "lower");
	json_int_t ms = json_integer_value(later);

	gg_value_add(&b, "key", json_object_get(row, "key"));
	gg_buf_add(&b, ":");
	if (json_is_integer(later)) {
		gg_buf_add(&b, " each stuck session (%lld seen) ends ", count(row, "stuck"));
		gg_human_ms(&b, ms < 0 ? -ms : ms);
		gg_buf_add(&b, " %s than now;", ms < 0 ? "earlier" : "later");
	}
	if (is(row, "not-enough-seen"))
		gg_buf_add(&b, " it takes %lld healthy sessions;", count(row, "needs_healthy"));
	if (is(row, "cannot"))
		gg_buf_add(&b, " deadline.session, or a day, is less than it should be;");
	for (size_t i = 0; json_is_integer(later) && i < json_array_size(lower); i++) {
		const json_t *l = json_array_get(lower, i);

		gg_buf_add(&b, "%s ", i ? "," : "");
		gg_value_add(&b, "limit_ms", json_object_get(l, "limit_ms"));
		gg_buf_add(&b, "%s %lld", i ? "" : " would have ended", count(l, "ends_healthy"));
	}
	if (json_is_integer(later) && json_array_size(lower))
		gg_buf_add(&b, " of %lld healthy ones", count(row, "healthy"));
	if (b.s[b.len - 1] == ';')
		b.s[--b.len] = '\0';
	if (b.s[b.len - 1] != ':')
		puts(mem);
}

static void print_settings(const struct gg_args *a, const json_t *settings)
{
	char mem[GG_VALUE_MAX];
	struct gg_buf file = GG_BUF(mem);
	size_t n = json_array_size(settings);

	if (!n) {
		puts("\nnothing to change");
		return;
	}
	gg_sh_word(&file, a->config ? a->config : GG_CONF_FILE);
	puts("\nto have it so:");
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(settings, i));

		printf("  git config --file %s %.*s %s\n", mem, (int)strcspn(s, "="), s,
		       s + strcspn(s, "=") + 1);
	}
	fputs("  git-gate reload\nor:\n  git-gate run", stdout);
	for (size_t i = 0; i < n; i++)
		printf(" -c %s", json_string_value(json_array_get(settings, i)));
	putchar('\n');
}

static int print_tuning(const struct gg_args *a, const json_t *data)
{
	const json_t *rows = json_object_get(data, "keys");
	int e;

	print_head(data);
	putchar('\n');
	e = print_table(NULL, tuning, GG_LEN(tuning), rows);
	if (e < 0)
		return e;
	putchar('\n');
	for (size_t i = 0; i < json_array_size(rows); i++)
		print_cost(json_array_get(rows, i));
	if (!observes(data))
		puts("\nin enforce mode no silence is longer than its limit; with reaper.mode=observe longer "
		     "ones are "
		     "seen");
	print_settings(a, json_object_get(data, "settings"));
	return 0;
}

int gg_cmd_tune(const struct gg_args *a)
{
	json_t *data;
	int code = gg_client_ask(a, json_pack("{s:s}", "cmd", "tune"), JSON_OBJECT, &data), e = 0;

	if (code == 0 && a->json)
		gg_table_json(data);
	else if (code == 0)
		e = print_tuning(a, data);
	json_decref(data);
	if (e < 0)
		gg_say("out of memory");
	return e < 0 ? GG_EXIT_FAILED : code;
}
