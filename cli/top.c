/* top - git-gate sessions --watch: the sessions, drawn anew each second. See sessions.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/memfile.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/format.h"
#include "cli/paint.h"
#include "cli/say.h"
#include "cli/screen.h"
#include "cli/sessions.h"
#include "cli/table.h"
#include "cli/value.h"

enum { LEAST_MS = 100, MOST_MS = 3600 * 1000, DEFAULT_MS = 1000 };

/* What the gate said last. */
struct state {
	json_t *sessions, *status; /* NULL: it does not run, or did not answer */
	char why[512];
};

static void forget(struct state *st)
{
	json_decref(st->sessions);
	json_decref(st->status);
	*st = (struct state){ 0 };
}

static void ask(const struct gg_args *a, struct state *st)
{
	struct gg_buf why;

	forget(st);
	why = GG_BUF(st->why);
	if (gg_client_try(a, json_pack("{s:s}", "cmd", "status"), JSON_OBJECT, &st->status, &why) == 0)
		gg_client_try(a, json_pack("{s:s}", "cmd", "sessions"), JSON_ARRAY, &st->sessions, &why);
}

static json_int_t number(const struct state *st, const char *key)
{
	return json_integer_value(json_object_get(st->status, key));
}

static const char *text(const struct state *st, const char *key)
{
	return json_string_value(json_object_get(st->status, key)) ?: "-";
}

/* "git-gate 0.1.0, enforce, up 3h02m" */
static void add_gate(struct gg_buf *b, const struct state *st)
{
	gg_buf_add(b, "git-gate ");
	gg_visible(b, text(st, "version"));
	gg_buf_add(b, ", ");
	gg_visible(b, text(st, "mode"));
	gg_buf_add(b, ", up ");
	gg_human_ms(b, number(st, "uptime_ms"));
	if (json_is_true(json_object_get(st->status, "draining")))
		gg_buf_add(b, ", draining");
	if (json_is_true(json_object_get(st->status, "paused")))
		gg_buf_add(b, ", accepting is paused");
	if (json_is_true(json_object_get(st->status, "reduced_evidence")))
		gg_buf_add(b, ", reduced evidence");
}

/* "serving 3/64, waiting 0, reaped 7 (idle 5, hook 2)" */
static void add_counts(struct gg_buf *b, const struct state *st)
{
	json_t *reasons = json_object_get(st->status, "by_reason");

	gg_buf_add(b, "serving %lld/%lld, waiting %lld, reaped %lld", (long long)number(st, "sessions"),
		   (long long)number(st, "limit_sessions"), (long long)number(st, "waiting"),
		   (long long)number(st, "reaped"));
	if (json_object_size(reasons)) {
		gg_buf_add(b, " (");
		gg_value_add_counts(b, reasons);
		gg_buf_add(b, ")");
	}
	gg_buf_add(b, ", refused %lld", (long long)number(st, "refused"));
}

/* A line, cut to the width (0: as it is). */
static void put_line(FILE *to, const char *line, size_t width)
{
	char mem[1024];
	struct gg_buf b = GG_BUF(mem);

	if (width && gg_columns(line) > width)
		gg_fit(&b, line, width, false);
	fprintf(to, "%s\n", b.len ? mem : line);
}

static int put_frame(FILE *to, const struct state *st, size_t width, size_t height, bool painted)
{
	enum { ABOVE = 3 }; /* lines, with the table's header */
	char mem[900];
	struct gg_buf b = GG_BUF(mem);

	gg_value_add_time(&b, time(NULL));
	gg_buf_add(&b, "  ");
	if (!st->status || !st->sessions) {
		gg_visible(&b, st->why);
		put_line(to, mem, width);
		return 0;
	}
	add_gate(&b, st);
	put_line(to, mem, width);
	b = GG_BUF(mem);
	add_counts(&b, st);
	put_line(to, mem, width);
	return gg_sessions_frame(st->sessions, to, width,
				 height ? (height > ABOVE + 1 ? height - ABOVE : 1) : 0, painted);
}

/* One frame as text, the caller's. 0 or -errno. */
static int frame(const struct state *st, const struct gg_screen *s, char **ret, size_t *ret_len)
{
	size_t width, height;
	struct gg_memfile m;
	FILE *f = gg_memfile_open(&m);
	int e, e2;

	if (!f)
		return -ENOMEM;
	gg_screen_size(s, &width, &height);
	e = put_frame(f, st, width, height, gg_paint_on());
	if (!s->terminal)
		fputc('\n', f);
	e2 = gg_memfile_close(f, &m, ret, ret_len);
	return e ? e : e2;
}

/* With --json: the answer, a line each time. Nothing while there is none. */
static int line(const struct state *st, char **ret, size_t *ret_len)
{
	struct gg_memfile m;
	FILE *f = gg_memfile_open(&m);

	if (!f)
		return -ENOMEM;
	if (st->sessions)
		gg_table_json_line(st->sessions, f);
	return gg_memfile_close(f, &m, ret, ret_len);
}

static int show(const struct gg_args *a, const struct state *st, struct gg_screen *s)
{
	AUTO_FREE char *out = NULL;
	size_t n;
	int e = a->json ? line(st, &out, &n) : frame(st, s, &out, &n);

	return e < 0 ? e : gg_screen_show(s, out, n);
}

static int loop(const struct gg_args *a, int64_t every_ms, struct gg_screen *s)
{
	struct state st = { 0 };
	enum gg_screen_event got = GG_SCREEN_TIME;
	int e = 0;

	while (e == 0 && got != GG_SCREEN_QUIT) {
		if (got == GG_SCREEN_TIME)
			ask(a, &st);
		e = show(a, &st, s);
		if (e == 0)
			got = gg_screen_wait(s, every_ms);
	}
	forget(&st);
	return e;
}

/* "", "2", "0.5" */
static int parse_every(const char *s, int64_t *ret_ms)
{
	char *end;
	double v = *s ? strtod(s, &end) : DEFAULT_MS / 1000.;

	if ((*s && (*end || end == s)) || !(v * 1000 >= LEAST_MS && v * 1000 <= MOST_MS)) {
		gg_say("sessions: --watch: '%s' is no number of seconds from 0.1 to 3600", s);
		return GG_EXIT_USAGE;
	}
	*ret_ms = (int64_t)(v * 1000);
	return 0;
}

int gg_sessions_watch(const struct gg_args *a)
{
	AUTO_FREE char *path = NULL;
	struct gg_screen s;
	struct gg_args with;
	int64_t every_ms = 0;
	int code = parse_every(a->watch, &every_ms), e;

	code = code ? code : gg_client_settle(a, &with, &path);
	if (code)
		return code;
	e = gg_screen_open(&s, !a->json);
	if (e == 0)
		e = loop(&with, every_ms, &s);
	gg_screen_close(&s);
	if (e < 0 && e != -EPIPE && e != -EIO)
		gg_say("cannot go on: %s", strerror(-e));
	return e < 0 ? GG_EXIT_FAILED : GG_EXIT_DONE;
}
