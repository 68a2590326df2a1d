/* Tests of reaper/reason.h: the table that the manual, the catalog and git-gate explain are made from. */
#include <criterion/criterion.h>
#include <string.h>

#include "reaper/reason.h"

static void sound(const char *text)
{
	size_t n = strlen(text);

	cr_assert(n > 10 && n <= GG_REASON_TEXT, "%zu bytes: %s", n, text);
	cr_assert(text[n - 1] == '.' || text[n - 1] == '?', "%s", text);
	/* what journalctl takes for a field in a catalog's text, and what would end a line of it */
	cr_assert_null(strpbrk(text, "@\n\\"), "%s", text);
}

Test(reason, table_is_sound)
{
	for (enum gg_reason r = GG_REASON_NONE + 1; r < GG_NREASONS; r++) {
		const struct gg_reason_help *h = gg_reason_help(r);

		sound(h->seen);
		sound(h->look_at);
		sound(h->advice);
		cr_assert_eq(gg_reason_find(gg_reason_name(r)), (int)r);
	}
}

Test(reason, find)
{
	cr_assert_eq(gg_reason_find("peer-gone"), GG_REASON_PEER_GONE);
	cr_assert_eq(gg_reason_find("none"), -1);
	cr_assert_eq(gg_reason_find(""), -1);
	cr_assert_eq(gg_reason_find("idle "), -1);
}
