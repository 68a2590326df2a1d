/* hooks/pushoption.h: push options as git puts them into the environment, and what it would not. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/pushoption.h"

static char mem[300];

static int find(struct gg_push_options *o)
{
	struct gg_buf why = GG_BUF(mem);

	return gg_push_options_find(o, &why);
}

Test(pushoption, found)
{
	struct gg_push_options o;

	cr_assert_eq(find(&o), 0);
	cr_expect(o.n == 0 && !o.v[0], "none");
	gg_push_options_free(&o);
	setenv("GIT_PUSH_OPTION_COUNT", "2", 1);
	setenv("GIT_PUSH_OPTION_0", "a=b\nc", 1);
	setenv("GIT_PUSH_OPTION_1", "", 1);
	setenv("GIT_PUSH_OPTION_2", "not counted", 1);
	cr_assert_eq(find(&o), 0);
	cr_expect(o.n == 2 && !strcmp(o.v[0], "a=b\nc") && !*o.v[1] && !o.v[2]);
	gg_push_options_free(&o);
	cr_expect(!o.v && !o.n);
}

Test(pushoption, refused)
{
	struct gg_push_options o;
	static char large[GG_PUSH_OPTIONS_BYTES / 16 + 1];
	char name[40];

	setenv("GIT_PUSH_OPTION_COUNT", "1", 1);
	cr_expect_eq(find(&o), -EPROTO, "one that is missing");
	setenv("GIT_PUSH_OPTION_COUNT", "10001", 1);
	cr_expect_eq(find(&o), -E2BIG);
	cr_expect_str_eq(mem, "more than 10000 push options");
	setenv("GIT_PUSH_OPTION_COUNT", "x", 1);
	cr_expect_eq(find(&o), -E2BIG);
	memset(large, 'x', sizeof(large) - 2);
	for (int i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "GIT_PUSH_OPTION_%d", i);
		setenv(name, large, 1);
	}
	setenv("GIT_PUSH_OPTION_COUNT", "16", 1);
	cr_assert_eq(find(&o), 0, "as many bytes as may be");
	gg_push_options_free(&o);
	large[sizeof(large) - 2] = 'x';
	setenv("GIT_PUSH_OPTION_3", large, 1);
	cr_expect_eq(find(&o), -E2BIG);
	cr_expect_str_eq(mem, "more than 1048576 bytes of push options");
}
