/* Tests of base/stamp.h: what a file means, and what is written is read. */
#include "base/stamp.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define NEVER INT64_MIN

static int open_dir(char *dir)
{
	cr_assert(mkdtemp(dir));
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void put(int dirfd, const char *text)
{
	AUTO_CLOSE int fd = openat(dirfd, GG_STAMP_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

Test(stamp, what_a_file_means)
{
	static const struct {
		const char *text, *why;
		bool ok;
		int64_t at, head, good;
	} rows[] = {
		{ "", "", false, NEVER, NEVER, NEVER },
		{ "nonsense", "", false, NEVER, NEVER, NEVER },
		{ "ok 1", "", false, NEVER, NEVER, NEVER },
		{ "ok 5000 3000\n", "", true, 5000, 3000, 5000 },
		{ "failed 9000 3000 5000 upstream refuses connections\n", "upstream refuses connections",
		  false, 9000, 3000, 5000 },
		{ "failed 9000 3000 5000 127 times\nmore\n", "127 times", false, 9000, 3000, 5000 },
		{ "failed 9000 -9223372036854775808 -9223372036854775808 x\n", "x", false, 9000, NEVER,
		  NEVER },
		/* as it was written before there was GOOD */
		{ "failed 9000 3000 upstream refuses connections\n", "upstream refuses connections", false,
		  9000, 3000, NEVER },
		{ "failed 9000 3000 \n", "", false, 9000, 3000, NEVER },
	};
	char dir[] = "/tmp/stamp.XXXXXX";
	AUTO_CLOSE int dirfd = open_dir(dir);
	struct gg_stamp s;

	gg_stamp_read(dirfd, &s);
	cr_expect(!s.ok && s.at_ms == NEVER && s.good_ms == NEVER, "no file");
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		put(dirfd, rows[i].text);
		gg_stamp_read(dirfd, &s);
		cr_expect(s.ok == rows[i].ok && s.at_ms == rows[i].at && s.head_ms == rows[i].head &&
				  s.good_ms == rows[i].good,
			  "row %zu", i);
		cr_expect_str_eq(s.why, rows[i].why, "row %zu", i);
	}
	unlinkat(dirfd, GG_STAMP_FILE, 0);
	rmdir(dir);
}

Test(stamp, written_and_read)
{
	static const struct gg_stamp rows[] = {
		{ .ok = true, .at_ms = 7000, .head_ms = NEVER, .good_ms = 7000 },
		{ .at_ms = 9000, .head_ms = 1, .good_ms = 7000, .why = "no route to upstream" },
		{ .at_ms = 9000, .head_ms = NEVER, .good_ms = NEVER, .why = "no route to upstream" },
	};
	char dir[] = "/tmp/stamp.XXXXXX";
	AUTO_CLOSE int dirfd = open_dir(dir);

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_stamp s;

		gg_stamp_write(dirfd, &rows[i]);
		gg_stamp_read(dirfd, &s);
		cr_expect(s.ok == rows[i].ok && s.at_ms == rows[i].at_ms && s.head_ms == rows[i].head_ms &&
				  s.good_ms == rows[i].good_ms && !strcmp(s.why, rows[i].why),
			  "row %zu", i);
	}
	unlinkat(dirfd, GG_STAMP_FILE, 0);
	rmdir(dir);
}

Test(stamp, stale)
{
	struct gg_stamp s = { .good_ms = 60000 };
	char mem[GG_STALE_MAX];
	struct gg_buf b = GG_BUF(mem);

	gg_stamp_stale(&b, &s, "no route to upstream", 780000);
	cr_expect_str_eq(mem, "upstream could not be asked (no route to upstream), what is here is as of "
			      "12m00s ago");
	b = GG_BUF(mem);
	gg_stamp_stale(&b, &s, "x", 59999); /* a clock that was set */
	cr_expect_str_eq(mem, "upstream could not be asked (x), what is here may be old");
}
