/* Tests of hooks/prepush.h. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "hooks/prepush.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccc"
#define Z "0000000000000000000000000000000000000000"

/* What the pusher saw and wants; sorted. */
static char *const expect[] = {
	(char *)"refs/heads/create " Z " " B,
	(char *)"refs/heads/delete " A " " Z,
	(char *)"refs/heads/move " A " " B,
	(char *)"refs/heads/move2 " C " " B,
};

Test(prepush, the_old_value_has_to_be_what_the_pusher_saw)
{
	static const struct {
		const char *line;
		int want;
		const char *why;
	} rows[] = {
		{ "refs/heads/move " B " refs/heads/move " A, 0, "" },
		{ "refs/heads/move2 " B " refs/heads/move2 " C, 0, "" },
		{ "refs/heads/create " B " refs/heads/create " Z, 0, "" },
		{ "(delete) " Z " refs/heads/delete " A, 0, "" },
		{ "(delete) " Z " refs/heads/delete " Z, 0, "" }, /* gone already */
		{ "refs/heads/move " B " refs/heads/move " C, -EPERM,
		  "refs/heads/move\nupstream has moved it from aaaaaaa to ccccccc" },
		{ "refs/heads/move2 " B " refs/heads/move2 " A, -EPERM,
		  "refs/heads/move2\nupstream has moved it from ccccccc to aaaaaaa" },
		{ "refs/heads/move " B " refs/heads/move " Z, -EPERM,
		  "refs/heads/move\nupstream has deleted it meanwhile" },
		{ "refs/heads/create " B " refs/heads/create " C, -EPERM,
		  "refs/heads/create\nupstream has it already, at ccccccc" },
		{ "(delete) " Z " refs/heads/delete " C, -EPERM,
		  "refs/heads/delete\nupstream has moved it from aaaaaaa to ccccccc" },
		{ "refs/heads/move " C " refs/heads/move " A, -EPERM,
		  "refs/heads/move\ngit would send another value" },
		{ "(delete) " Z " refs/heads/move " A, -EPERM,
		  "refs/heads/move\ngit would send another value" },
		{ "(delete) " Z " refs/heads/other " A, -EPERM,
		  "refs/heads/other\nit is no part of the push" },
		{ "(delete) " Z " refs/heads/mov " A, -EPERM, "refs/heads/mov\nit is no part of the push" },
		{ "(delete) " Z " refs/heads/move3 " A, -EPERM,
		  "refs/heads/move3\nit is no part of the push" },
		{ "refs/heads/move " B " refs/heads/move " A "00", -EPERM,
		  "refs/heads/move\ngit would send another value" },
		{ "x", -EPERM, "?\nit is no part of the push" },
		{ "", -EPERM, "?\nit is no part of the push" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char line[512], mem[512];
		struct gg_buf why = GG_BUF(mem);

		snprintf(line, sizeof(line), "%s", rows[i].line);
		cr_assert_eq(gg_prepush_check(expect, GG_LEN(expect), line, &why), rows[i].want, "row %zu",
			     i);
		cr_assert_str_eq(mem, rows[i].why, "row %zu: %s", i, mem);
	}
}

Test(prepush, nothing_is_expected)
{
	char line[] = "refs/heads/move " B " refs/heads/move " A, mem[64];
	struct gg_buf why = GG_BUF(mem);

	cr_assert_eq(gg_prepush_check(NULL, 0, line, &why), -EPERM);
}
