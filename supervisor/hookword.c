/* hookword - did the hook of a push say how that went? See hookword.h. */
#include "supervisor/hookword.h"

enum gg_hookword gg_hookword(const struct gg_push_seen *p)
{
	if (!p->push || p->stopped)
		return GG_HOOKWORD_WELL;
	if (p->at_work)
		return GG_HOOKWORD_LOST;
	return p->came && !p->told && !p->status && !p->left ? GG_HOOKWORD_NEVER : GG_HOOKWORD_WELL;
}
