/* table - see table.h. */
#include "cli/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/format.h"
#include "cli/value.h"
#include "cli/wrap.h"

enum {
	GAP = 2,
	MIN_TEXT = 8, /* columns that a text keeps, if it has them */
	MAX_INDENT = 40,
};

size_t gg_table_terminal(void)
{
	struct winsize w;

	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

struct gg_table_to {
	FILE *file;
	size_t limit;
	bool painted;
};

static int grow(struct gg_table *t)
{
	size_t room = t->room ? 2 * t->room : 64;
	char **cell;

	if (t->nrow < t->room)
		return 0;
	cell = reallocarray(t->cell, room * t->ncol, sizeof(*cell));
	if (!cell)
		return -ENOMEM;
	t->cell = cell;
	t->room = room;
	return 0;
}

int gg_table_add(struct gg_table *t, const json_t *row, size_t indent)
{
	char mem[GG_VALUE_MAX];

	if (grow(t) < 0)
		return -ENOMEM;
	if (indent > MAX_INDENT)
		indent = MAX_INDENT;
	for (size_t i = 0; i < t->ncol; i++) {
		struct gg_buf b = GG_BUF(mem);

		if (i + 1 == t->ncol && indent)
			gg_buf_add(&b, "%*s\\_ ", (int)(2 * indent - 1), "");
		gg_value_add(&b, t->col[i].key, json_object_get(row, t->col[i].key));
		t->cell[t->nrow * t->ncol + i] = strdup(mem);
		if (!t->cell[t->nrow * t->ncol + i]) {
			while (i--)
				free(t->cell[t->nrow * t->ncol + i]);
			return -ENOMEM;
		}
	}
	t->nrow++;
	return 0;
}

/* Row r, column i; the first row is the header. */
static const char *cell(const struct gg_table *t, size_t r, size_t i)
{
	return r ? t->cell[(r - 1) * t->ncol + i] : t->col[i].title;
}

static void measure(const struct gg_table *t, size_t *width, size_t *least)
{
	for (size_t i = 0; i < t->ncol; i++) {
		size_t title = strlen(t->col[i].title), min = title > MIN_TEXT ? title : MIN_TEXT;

		width[i] = title;
		for (size_t r = 1; r <= t->nrow; r++) {
			size_t n = gg_columns(cell(t, r, i));

			width[i] = n > width[i] ? n : width[i];
		}
		least[i] = t->col[i].number || width[i] < min ? width[i] : min;
	}
}

/* mem: room for the widest cell. What does not fit into limit is cut, and what then follows is left out. */
static void print_row(const struct gg_table *t, size_t r, const size_t *width, const struct gg_table_to *to,
		      char *mem, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < t->ncol; i++) {
		struct gg_buf b = { .s = mem, .size = size };
		size_t w = width[i];
		enum gg_paint p = r && t->paint ? t->paint(&t->col[i], cell(t, r, i)) : GG_PLAIN;

		if (to->limit && used + (i ? GAP : 0) >= to->limit)
			break;
		if (to->limit && used + (i ? GAP : 0) + w > to->limit)
			w = to->limit - used - (i ? GAP : 0);
		used += w + (i ? GAP : 0);
		if (!r)
			p = GG_BOLD;
		gg_buf_put(&b, "", 0);
		gg_fit(&b, cell(t, r, i), w, t->col[i].number);
		while (i + 1 == t->ncol && b.len && b.s[b.len - 1] == ' ')
			b.s[--b.len] = '\0';
		fprintf(to->file, "%*s%s%s%s", i ? GAP : 0, "", gg_paint_begin(to->painted, p), b.s,
			gg_paint_end(to->painted, p));
	}
	fputc('\n', to->file);
}

int gg_table_write(const struct gg_table *t, FILE *file, size_t limit, bool painted)
{
	const struct gg_table_to to = { file, limit, painted };
	AUTO_FREE size_t *width = calloc(2 * t->ncol, sizeof(*width));
	AUTO_FREE char *mem = NULL;
	size_t size = 1;

	if (!width)
		return -ENOMEM;
	measure(t, width, width + t->ncol);
	for (size_t r = 0; r <= t->nrow; r++)
		for (size_t i = 0; i < t->ncol; i++)
			size = strlen(cell(t, r, i)) > size ? strlen(cell(t, r, i)) : size;
	for (size_t i = 0; i < t->ncol; i++)
		size += width[i];
	gg_layout(width, width + t->ncol, t->ncol, GAP, limit);
	size += 8;
	mem = malloc(size);
	if (!mem)
		return -ENOMEM;
	for (size_t r = 0; r <= t->nrow; r++)
		print_row(t, r, width, &to, mem, size);
	return 0;
}

int gg_table_print(const struct gg_table *t)
{
	return gg_table_write(t, stdout, gg_table_terminal(), gg_paint_on());
}

void gg_table_free(struct gg_table *t)
{
	for (size_t i = 0; i < t->nrow * t->ncol; i++)
		free(t->cell[i]);
	free(t->cell);
	t->cell = NULL;
	t->nrow = t->room = 0;
}

int gg_table_print_rows(struct gg_table *t, const json_t *rows)
{
	int e = 0;

	for (size_t i = 0; i < json_array_size(rows) && e == 0; i++)
		e = gg_table_add(t, json_array_get(rows, i), 0);
	if (e == 0)
		e = gg_table_print(t);
	gg_table_free(t);
	return e;
}

void gg_table_members(json_t *object)
{
	char mem[GG_VALUE_MAX];
	const char *key;
	json_t *member;
	size_t widest = 0, limit = gg_table_terminal();

	json_object_foreach(object, key, member)
	{
		struct gg_buf b = GG_BUF(mem);

		gg_value_label(&b, key);
		widest = gg_columns(mem) > widest ? gg_columns(mem) : widest;
	}
	json_object_foreach(object, key, member)
	{
		struct gg_buf b = GG_BUF(mem);
		size_t n;

		gg_value_label(&b, key);
		n = gg_columns(mem);
		printf("%s:%*s", mem, (int)(widest - n + 1), "");
		b = GG_BUF(mem);
		gg_value_add(&b, key, member);
		gg_wrap(stdout, mem, widest + 2, widest + 2, limit);
	}
}

static void write_json(const json_t *data, FILE *to, size_t flags)
{
	AUTO_FREE char *text =
		json_dumps(data, flags | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);

	for (const char *s = text; s && *s; s++)
		if (*s == 0x7f) /* is ASCII, and only ever in a string */
			fputs("\\u007f", to);
		else
			fputc(*s, to);
	fputc('\n', to);
}

void gg_table_json(const json_t *data)
{
	write_json(data, stdout, JSON_INDENT(2));
}

void gg_table_json_line(const json_t *data, FILE *to)
{
	write_json(data, to, JSON_COMPACT);
}

void gg_table_step(json_t *session)
{
	const char *phase = json_string_value(json_object_get(session, "phase"));
	const char *step = json_string_value(json_object_get(session, "step"));

	if (phase && step && *step)
		json_object_set_new(session, "phase", json_sprintf("%s: %s", phase, step));
	json_object_del(session, "step");
}
