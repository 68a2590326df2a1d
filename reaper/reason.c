/* reason - why a session is ended. See reason.h. */
#include "reaper/reason.h"

#include <string.h>

static const struct {
	const char *name, *key;
	struct gg_reason_help help;
} reasons[GG_NREASONS] = {
	[GG_REASON_NONE] = { "none", 0, { "", "", "" } },
#define REASON(ID, word, setting, seen, look_at, advice) \
	[GG_REASON_##ID] = { word, setting, { seen, look_at, advice } },
#include "reaper/reason.def"
#undef REASON
};

const char *gg_reason_name(enum gg_reason r)
{
	return reasons[r].name;
}

const char *gg_reason_key(enum gg_reason r)
{
	return reasons[r].key;
}

const struct gg_reason_help *gg_reason_help(enum gg_reason r)
{
	return &reasons[r].help;
}

int gg_reason_find(const char *name)
{
	for (int r = GG_REASON_NONE + 1; r < GG_NREASONS; r++)
		if (!strcmp(reasons[r].name, name))
			return r;
	return -1;
}
