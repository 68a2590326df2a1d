/*
 * format - columns for people. Pure. Tested by tests/unit/table.c.
 * A column is one of a terminal: an ideograph takes two, a combining mark none (cli/charwidth.h).
 */
#ifndef GG_CLI_FORMAT_H
#define GG_CLI_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* Append text with control characters and bytes that are no UTF-8 as C escapes. Unlike gg_escape it leaves
 * quotes and backslashes alone: for messages. */
void gg_visible(struct gg_buf *b, const char *s);

/* How many columns s takes. */
size_t gg_columns(const char *s);

/* Append s in exactly width columns: cut with "..." at its end (just cut below 4), or filled with spaces,
 * in front when it is to stand right. */
void gg_fit(struct gg_buf *b, const char *s, size_t width, bool right);

/* "[###.......]": how much of limit is used, in width columns. Nothing is used, and only then, when there is
 * no '#'; all of it, and only then, when there is no '.'. */
void gg_bar(struct gg_buf *b, int64_t used, int64_t limit, size_t width);

/*
 * Make n columns with 'gap' between them fit into limit (0: none) by taking from the widest first, none below
 * its least width. What cannot fit stays too wide: the caller cuts the line.
 */
void gg_layout(size_t *width, const size_t *least, size_t n, size_t gap, size_t limit);

#endif
