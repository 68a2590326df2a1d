#include "tests/torture/report.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/wait.h>

#include "base/text.h"

static const char *const ended_names[] = {
	[GG_BY_NONE] = "failed",   [GG_BY_SERVER] = "server", [GG_BY_RESET] = "server-reset",
	[GG_BY_CLIENT] = "client", [GG_BY_NOBODY] = "nobody", [GG_FAILED] = "failed",
};

static void signal_name(char *buf, size_t size, int sig)
{
	const char *abbrev = sigabbrev_np(sig);

	if (abbrev)
		snprintf(buf, size, "SIG%s", abbrev);
	else
		snprintf(buf, size, "signal %d", sig);
}

static json_t *exit_value(const struct gg_result *r)
{
	char name[32];

	if (!r->has_exit)
		return json_null();
	if (WIFEXITED(r->status))
		return json_integer(WEXITSTATUS(r->status));
	signal_name(name, sizeof(name), WTERMSIG(r->status));
	return json_string(name);
}

static json_t *number(int64_t v, int64_t unknown)
{
	return v == unknown ? json_null() : json_integer(v);
}

static json_t *left_array(const struct gg_result *r)
{
	json_t *a = r->nleft < 0 ? json_null() : json_array();

	for (int i = 0; i < r->nleft && i < GG_LEFT_MAX; i++)
		json_array_append_new(a, json_string(r->left[i]));
	return a;
}

static json_t *row(const struct gg_kind *k, const struct gg_result *r)
{
	return json_pack("{s:s, s:o, s:s, s:o, s:o, s:I, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "kind", k->name,
			 "port", number(r->port, 0), "ended_by", ended_names[r->ended], "after_ms",
			 number(r->after_ms, -1), "total_ms", number(r->total_ms, -1), "paused_ms",
			 (json_int_t)r->paused_ms, "ref", r->ref, "said", r->said, "report", r->report,
			 "exit", exit_value(r), "left", left_array(r), "procs", number(r->procs, -1), "error",
			 *r->error ? json_string(r->error) : json_null());
}

int gg_report_json(FILE *to, const struct gg_kind *const *kinds, const struct gg_result *res, size_t n)
{
	json_t *all = json_array();
	int r = 0;

	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(all, row(kinds[i], &res[i])) < 0)
			r = -EIO;
	if (r == 0 && json_dumpf(all, to, JSON_INDENT(1) | JSON_PRESERVE_ORDER) < 0)
		r = -EIO;
	json_decref(all);
	if (fputc('\n', to) == EOF || fflush(to) == EOF)
		r = -EIO;
	return r;
}

static void add_seconds(char *buf, size_t size, int64_t ms)
{
	if (ms < 0)
		snprintf(buf, size, "-");
	else
		snprintf(buf, size, "%d.%03d", (int)(ms / 1000), (int)(ms % 1000));
}

static void add_exit(char *buf, size_t size, const struct gg_result *r)
{
	if (!r->has_exit)
		snprintf(buf, size, "-");
	else if (WIFEXITED(r->status))
		snprintf(buf, size, "%d", WEXITSTATUS(r->status));
	else
		signal_name(buf, size, WTERMSIG(r->status));
}

static void add_count(char *buf, size_t size, int n)
{
	if (n < 0)
		snprintf(buf, size, "?");
	else
		snprintf(buf, size, "%d", n);
}

/* "error: …", else the last line of what was said, else the report. */
static const char *last_words(const struct gg_result *r)
{
	const char *s = *r->said ? r->said : r->report, *end = s + strlen(s), *p;

	if (*r->error)
		return r->error;
	/* it is escaped: a line's end is a backslash and an n */
	for (p = end - 2; p > s; p--)
		if (p[-1] == '\\' && p[0] == 'n' && p + 1 < end - 2)
			return p + 1;
	return s;
}

void gg_report_table(FILE *to, const struct gg_kind *const *kinds, const struct gg_result *res, size_t n)
{
	fprintf(to, "%-22s %5s  %-12s %8s %8s %7s %4s %5s  %s\n", "KIND", "PORT", "ENDED BY", "AFTER s",
		"TOTAL s", "EXIT", "LEFT", "PROCS", "LAST WORDS");
	for (size_t i = 0; i < n; i++) {
		const struct gg_result *r = &res[i];
		char after[32], total[32], ex[32], left[16], procs[16];

		add_seconds(after, sizeof(after), r->after_ms);
		add_seconds(total, sizeof(total), r->total_ms);
		add_exit(ex, sizeof(ex), r);
		add_count(left, sizeof(left), r->nleft);
		add_count(procs, sizeof(procs), r->procs);
		fprintf(to, "%-22s %5u  %-12s %8s %8s %7s %4s %5s  %.100s\n", kinds[i]->name, r->port,
			ended_names[r->ended], after, total, ex, left, procs, last_words(r));
	}
	for (size_t i = 0; i < n; i++)
		for (int j = 0; j < res[i].nleft && j < GG_LEFT_MAX; j++)
			fprintf(to, "left by %s, port %u: %s\n", kinds[i]->name, res[i].port, res[i].left[j]);
}
