/* sessions - live sessions as a table: for git-gate sessions once, and again and again (cli/top.c). */
#ifndef GG_CLI_SESSIONS_H
#define GG_CLI_SESSIONS_H

#include <jansson.h>
#include <stdio.h>

#include "cli/command.h"

/*
 * What the gate said as a frame of --watch: whose deadline is nearest comes first, with a bar. 0 or -ENOMEM.
 *   rows          changed
 *   width, most   columns (0: not cut), and rows (0: all) of the table without its header; how many are left
 *                 out is said in a line more
 */
int gg_sessions_frame(json_t *rows, FILE *to, size_t width, size_t most, bool painted);

/* git-gate sessions --watch, in cli/top.c. */
int gg_sessions_watch(const struct gg_args *a);

#endif
