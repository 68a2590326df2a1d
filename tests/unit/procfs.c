/* Tests of reaper/procfs.h: a variable of a process that has written over its environment. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/readfile.h"
#include "reaper/procfs.h"

/* Where our environment ends: env_end, the 51st of the fields that are counted from 1. */
static char *end_of_environment(void)
{
	char text[1024];
	const char *at;

	cr_assert_eq(gg_read_file("/proc/self/stat", text, sizeof(text), NULL), 0);
	at = strrchr(text, ')');
	for (int field = 3; at && field <= 51; field++)
		at = strchr(at + 1, ' ');
	cr_assert(at);
	return (char *)(uintptr_t)strtoull(at, NULL, 10);
}

Test(procfs, environment_that_ends_without_a_nul)
{
	char *end = end_of_environment(), *last, *eq, name[256], want[8192], got[8192] = "", small[1];

	cr_assert_eq(end[-1], '\0');
	for (last = end - 1; last[-1]; last--)
		;
	eq = strchr(last, '=');
	cr_assert(eq && (size_t)(eq - last) < sizeof(name) && (size_t)(end - eq) < sizeof(want));
	snprintf(name, sizeof(name), "%.*s", (int)(eq - last), last);
	snprintf(want, sizeof(want), "%sx", eq + 1);
	end[-1] = 'x';
	cr_expect_eq(gg_procfs_getenv(getpid(), name, got, sizeof(got)), 0);
	cr_expect_str_eq(got, want);
	cr_expect_eq(gg_procfs_getenv(getpid(), name, small, sizeof(small)), -ENODATA, "it has no room");
	cr_expect_eq(small[0], '\0');
	cr_expect_eq(gg_procfs_getenv(getpid(), "GG_NO_SUCH_VARIABLE", got, sizeof(got)), -ENODATA);
}
