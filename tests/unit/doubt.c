/* Tests of hooks/doubt.h. */
#include "hooks/doubt.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "hooks/fwddir.h"

/* What cannot be looked at may be there: then upstream is asked. */
Test(doubt, is)
{
	char dir[] = "/tmp/gg-doubt.XXXXXX", file[] = "/tmp/gg-doubt.XXXXXX";
	const struct gg_doubter me = { .pid = 42, .session = "ab12cd34" }, other = { .pid = 43 };
	int fd = mkstemp(file);

	cr_assert(mkdtemp(dir) && fd >= 0);
	cr_expect(!gg_doubt_is(dir));
	cr_expect_eq(gg_doubt_begin(dir, &me), 0);
	cr_expect(gg_doubt_is(dir));
	gg_doubt_end(dir, &other);
	cr_expect(gg_doubt_is(dir));
	gg_doubt_end(dir, &me);
	cr_expect(!gg_doubt_is(dir));
	cr_expect(gg_doubt_is(file), "no directory");
	rmdir(dir);
	unlink(file);
	close(fd);
}

/* Nor is what was sent unsent because nobody can look. */
Test(doubt, of_what_was_sent)
{
	struct gg_fwddir none = { .path = "/nonexistent" }, no_dir = { .path = "/proc/self/status" };
	char text[40];

	cr_expect(!gg_fwddir_left(&none, "sent", NULL, 0));
	cr_expect(gg_fwddir_left(&no_dir, "sent", NULL, 0));
	cr_expect(!gg_fwddir_left(&no_dir, "stale", text, sizeof(text)), "there is no text then");
}
