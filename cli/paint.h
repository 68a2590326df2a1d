/*
 * paint - colour, sparingly: what ended, what is about to be, what is wrong. Only on a terminal, and not with
 * NO_COLOR (https://no-color.org) or TERM=dumb. Nothing is told by colour alone.
 */
#ifndef GG_CLI_PAINT_H
#define GG_CLI_PAINT_H

#include <stdbool.h>
#include <stdio.h>

enum gg_paint { GG_PLAIN, GG_BOLD, GG_DIM, GG_GREEN, GG_YELLOW, GG_RED };

/* Pure: for a terminal or not, with these values of NO_COLOR and TERM (NULL: unset). */
bool gg_paint_wanted(bool terminal, const char *no_color, const char *term);
/* Of what goes to stdout. */
bool gg_paint_on(void);

/* What begins it and what ends it; "" when it is not to be painted. */
const char *gg_paint_begin(bool on, enum gg_paint p);
const char *gg_paint_end(bool on, enum gg_paint p);

/* Of why a session was ended; of a phase, with "ending: " before a reason. */
enum gg_paint gg_paint_reason(const char *reason);
enum gg_paint gg_paint_phase(const char *phase);
/* Of how much of a deadline, or a limit, is used. */
enum gg_paint gg_paint_used(long long used, long long limit);

#endif
