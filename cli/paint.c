/* paint - see paint.h. */
#include "cli/paint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool gg_paint_wanted(bool terminal, const char *no_color, const char *term)
{
	return terminal && !(no_color && *no_color) && term && *term && strcmp(term, "dumb") != 0;
}

bool gg_paint_on(void)
{
	return gg_paint_wanted(isatty(STDOUT_FILENO), getenv("NO_COLOR"), getenv("TERM"));
}

const char *gg_paint_begin(bool on, enum gg_paint p)
{
	static const char *const codes[] = {
		[GG_PLAIN] = "",	 [GG_BOLD] = "\033[1m",	   [GG_DIM] = "\033[2m",
		[GG_GREEN] = "\033[32m", [GG_YELLOW] = "\033[33m", [GG_RED] = "\033[31m",
	};

	return on ? codes[p] : "";
}

const char *gg_paint_end(bool on, enum gg_paint p)
{
	return on && p != GG_PLAIN ? "\033[0m" : "";
}

enum gg_paint gg_paint_reason(const char *reason)
{
	static const char *const nobodys_fault[] = { "-", "operator", "drain", "predecessor", "pressure" };

	for (size_t i = 0; i < sizeof(nobodys_fault) / sizeof(*nobodys_fault); i++)
		if (strcmp(reason, nobodys_fault[i]) == 0)
			return GG_PLAIN;
	return GG_RED;
}

enum gg_paint gg_paint_phase(const char *phase)
{
	if (strncmp(phase, "ending", strlen("ending")) == 0)
		return GG_RED;
	return strcmp(phase, "keep-alive") == 0 || strcmp(phase, "closing") == 0 ? GG_DIM : GG_PLAIN;
}

enum gg_paint gg_paint_used(long long used, long long limit)
{
	if (limit <= 0 || used < limit / 2)
		return GG_PLAIN;
	return used < limit - limit / 5 ? GG_YELLOW : GG_RED;
}
