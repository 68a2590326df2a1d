/*
 * Fuzz what the command line makes of an answer of whoever listens on the control socket: values, tables and
 * lines of events drive no terminal, whatever the JSON is.
 */
#include <jansson.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/eventline.h"
#include "cli/format.h"
#include "cli/paint.h"
#include "cli/table.h"
#include "cli/value.h"
#include "tests/fuzz/fuzz.h"

static void value(const char *key, const json_t *v)
{
	static char mem[GG_VALUE_MAX];
	struct gg_buf b = GG_BUF(mem);

	gg_value_add(&b, key, v);
	must(b.len > 0);
	must_be_line(mem);
	b = GG_BUF(mem);
	gg_value_label(&b, key);
	must_be_line(mem);
}

static void event(json_t *v)
{
	static char mem[GG_EVENT_LINE_MAX];
	struct gg_buf b = GG_BUF(mem);

	gg_event_line(&b, v);
	must_be_line(mem);
}

static size_t longest_line(const char *s)
{
	size_t most = 0;

	while (*s) {
		size_t n = strcspn(s, "\n");
		AUTO_FREE char *line = strndup(s, n);

		must(line != NULL);
		must_be_line(line);
		if (gg_columns(line) > most)
			most = gg_columns(line);
		s += n + (s[n] == '\n');
	}
	return most;
}

static void table(const json_t *row)
{
	static const struct gg_column columns[] = { { "ID", "id", false },
						    { "AGE", "age_ms", true },
						    { "REPO", "repo", false },
						    { "LOG", "log", false } };
	struct gg_table t = { .col = columns, .ncol = GG_LEN(columns) };

	must(gg_table_add(&t, row, 0) == 0 && gg_table_add(&t, row, 2) == 0);
	if (json_array_size(json_object_get(row, "log")))
		came_to("a table with a list in it");
	for (size_t limit = 0; limit <= 80; limit += 40) {
		AUTO_FREE char *out = NULL;
		size_t n = 0, most;
		FILE *to = open_memstream(&out, &n);

		must(to && gg_table_write(&t, to, limit, false) == 0 && fclose(to) == 0);
		most = longest_line(out);
		must(!limit || most <= limit);
	}
	gg_table_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *s = text_of(data, n);
	json_t *all = json_loadb(s, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL), *v;
	const char *key;
	char mem[512];
	struct gg_buf b = GG_BUF(mem);

	gg_visible(&b, s);
	must_be_line(mem);
	if (!all)
		return 0;
	value("x", all);
	if (json_is_object(all)) {
		came_to("an object with members");
		if (json_is_integer(json_object_get(all, "age_ms")) && json_object_get(all, "event"))
			came_to("an event");
		json_object_foreach(all, key, v) value(key, v);
		event(all);
		table(all);
		b = GG_BUF(mem);
		gg_value_add_counts(&b, all);
		must_be_line(mem);
	}
	json_decref(all);
	return 0;
}
