/*
 * table - rows as aligned columns on stdout, cut to the terminal's width only when stdout is one; and JSON.
 */
#ifndef GG_CLI_TABLE_H
#define GG_CLI_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/paint.h"

struct gg_column {
	const char *title, *key; /* key: of the JSON objects that are the rows */
	bool number;		 /* set to the right, never cut */
};

struct gg_table {
	const struct gg_column *col; /* borrowed */
	size_t ncol;
	char **cell;	   /* nrow * ncol texts, owned */
	size_t nrow, room; /* room: rows */
	/* How a cell is painted, if anything is; NULL: nothing is. */
	enum gg_paint (*paint)(const struct gg_column *col, const char *cell);
};

/* Columns of the terminal that stdout is; 0: it is none. */
size_t gg_table_terminal(void);

/* A row from an object; indent: the depth in a tree, which is shown before the last cell as ps(1) does. 0 or
 * -ENOMEM. */
int gg_table_add(struct gg_table *t, const json_t *row, size_t indent);
/* Header and rows, to stdout. 0 or -ENOMEM. */
int gg_table_print(const struct gg_table *t);
/* The same to somewhere else: cut to so many columns (0: not cut), painted or not. */
int gg_table_write(const struct gg_table *t, FILE *file, size_t limit, bool painted);
void gg_table_free(struct gg_table *t);
/* All of that: a row from each object of an array, to stdout. t: has columns, and no rows before and after.
 */
int gg_table_print_rows(struct gg_table *t, const json_t *rows);

/* "label: value" for each member of an object, in its order. */
void gg_table_members(json_t *object);

/* A live session as people read it: its step stands behind its phase, "hook: scan", and not by itself. */
void gg_table_step(json_t *session);

/* The one JSON form of --json. Only ASCII, so that a terminal meets no control character. */
void gg_table_json(const json_t *data);
/* The same in one line, to somewhere else. */
void gg_table_json_line(const json_t *data, FILE *to);

#endif
