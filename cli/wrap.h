/* wrap - prose for people: filled lines. Tested by tests/unit/table.c. */
#ifndef GG_CLI_WRAP_H
#define GG_CLI_WRAP_H

#include <stddef.h>
#include <stdio.h>

/*
 * Text in lines of at most width columns (0: in one), each after so many spaces; on the first as many columns
 * are taken already by what stands there. A word that is longer has a line of its own.
 */
void gg_wrap(FILE *to, const char *text, size_t first, size_t indent, size_t width);

/* Columns for prose on stdout. */
size_t gg_wrap_width(void);

#endif
