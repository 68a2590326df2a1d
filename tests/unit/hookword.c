/* Tests of supervisor/hookword.h. */
#include <criterion/criterion.h>

#include "supervisor/hookword.h"

#define PUSH .push = true, .came = true

static const struct {
	const char *what;
	struct gg_push_seen seen;
	enum gg_hookword want;
} rows[] = {
	{ "a push that is well", { PUSH, .told = true }, GG_HOOKWORD_WELL },
	{ "nothing was to be pushed", { .push = true }, GG_HOOKWORD_WELL },
	{ "a fetch", { .came = true }, GG_HOOKWORD_WELL },
	{ "no word", { PUSH }, GG_HOOKWORD_NEVER },
	{ "no word, and git has died", { PUSH, .status = 9 }, GG_HOOKWORD_WELL },
	{ "no word, and the client is no more", { PUSH, .left = true }, GG_HOOKWORD_WELL },
	{ "no word, and the gate ended it", { PUSH, .stopped = true }, GG_HOOKWORD_WELL },
	{ "killed at work", { PUSH, .told = true, .at_work = true }, GG_HOOKWORD_LOST },
	{ "killed with git, the client gone",
	  { PUSH, .told = true, .at_work = true, .status = 9, .left = true },
	  GG_HOOKWORD_LOST },
	{ "killed by the gate", { PUSH, .told = true, .at_work = true, .stopped = true }, GG_HOOKWORD_WELL },
	{ "at work, how much came is not known",
	  { .push = true, .told = true, .at_work = true },
	  GG_HOOKWORD_LOST },
};

Test(hookword, rows)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(gg_hookword(&rows[i].seen), rows[i].want, "%s", rows[i].what);
}
