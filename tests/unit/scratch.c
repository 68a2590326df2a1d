/* hooks/scratch.h: renditions of objects, limits, removal. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/scratchdir.h"
#include "hooks/scratch.h"

#define ID "1111111111111111111111111111111111111111"

static struct gg_scratch s;
static char base[64];

static void set_up(int64_t limit)
{
	strcpy(base, "/tmp/git-gate-test.XXXXXX");
	cr_assert(mkdtemp(base));
	cr_assert_eq(gg_scratch_make(&s, base, "i", "s", limit), 0);
}

static void tear_down(void)
{
	cr_expect_eq(gg_scratch_remove(&s), 0);
	cr_expect_eq(rmdir(base), 0, "something is left: %s", strerror(errno));
}

/* The object's file without the filler; its length in *ret_n. Owned by the caller. */
static char *laid(size_t *ret_n)
{
	char path[PATH_MAX + 100], *text;
	struct stat st;
	int fd;
	size_t skip;

	snprintf(path, sizeof(path), "%s/objects/" ID, s.dir);
	fd = open(path, O_RDONLY);
	cr_assert(fd >= 0 && fstat(fd, &st) == 0);
	text = calloc(1, (size_t)st.st_size + 1);
	cr_assert_eq(read(fd, text, (size_t)st.st_size), st.st_size);
	close(fd);
	skip = strspn(text, " ");
	cr_assert(skip >= GG_LAY_FILLER && text[skip] == '\n');
	*ret_n = (size_t)st.st_size - skip - 1;
	memmove(text, text + skip + 1, *ret_n + 1);
	return text;
}

static int lay(const char *bytes, size_t n, size_t piece)
{
	int r = gg_scratch_begin(&s, ID);

	for (size_t at = 0; at < n && r == 0; at += piece)
		r = gg_scratch_put(&s, bytes + at, n - at < piece ? n - at : piece);
	return r ? r : gg_scratch_end(&s);
}

static void again(void)
{
	char path[PATH_MAX + 100];

	snprintf(path, sizeof(path), "%s/objects/" ID, s.dir);
	unlink(path);
}

Test(scratch, renditions)
{
	static const struct {
		const char *name, *content;
		size_t n;
		const char *want;
		size_t nwant;
	} rows[] = {
#define ROW(name, content, want) { name, content, sizeof(content) - 1, want, sizeof(want) - 1 }
		ROW("empty", "", ""),
		ROW("text", "a\nb", "a\nb"),
		ROW("bytes that are no UTF-8", "\xff\xfe\x01", "\xff\xfe\x01"),
		ROW("an archive's magic number", "PK\x03\x04", "PK\x03\x04"),
		ROW("a NUL at last", "ab\0", "ab\n\nab"),
		ROW("NULs between lines", "a\0b\nc\0", "a\nb\nc\n\nab\nc"),
		ROW("UTF-16LE",
		    "\xff\xfe"
		    "K\0E\0Y\0",
		    "\xff\xfe"
		    "K\nE\nY\n"
		    "\n"
		    "\xff\xfe"
		    "KEY"),
		ROW("UTF-16BE",
		    "\xfe\xff"
		    "\0K\0E\0Y",
		    "\xfe\xff"
		    "\nK\nE\nY"
		    "\n"
		    "\xfe\xff"
		    "KEY"),
		ROW("only a NUL", "\0", "\n\n"),
#undef ROW
	};
	static const size_t pieces[] = { 1, 3, 1000 };

	set_up(0);
	for (size_t i = 0; i < GG_LEN(rows); i++)
		for (size_t k = 0; k < GG_LEN(pieces); k++) {
			AUTO_FREE char *got = NULL;
			size_t n;

			cr_assert_eq(lay(rows[i].content, rows[i].n, pieces[k]), 0, "%s", rows[i].name);
			got = laid(&n);
			cr_expect(n == rows[i].nwant && !memcmp(got, rows[i].want, n), "%s: %zu bytes",
				  rows[i].name, n);
			again();
		}
	tear_down();
}

/* A NUL that comes only after much has been written already: the second rendition has all of it. */
Test(scratch, late_nul)
{
	size_t n = 3 * GG_LAY_BUF + 17, got_n;
	AUTO_FREE char *text = malloc(n), *got = NULL;

	set_up(0);
	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + i % 23);
	text[2 * GG_LAY_BUF + 5] = '\0';
	cr_assert_eq(lay(text, n, 10000), 0);
	got = laid(&got_n);
	cr_assert_eq(got_n, n + 1 + n - 1);
	text[2 * GG_LAY_BUF + 5] = '\n';
	cr_expect_eq(memcmp(got, text, n), 0);
	cr_expect_eq(got[n], '\n');
	cr_expect_eq(memcmp(got + n + 1, text, 2 * GG_LAY_BUF + 5), 0);
	cr_expect_eq(memcmp(got + n + 1 + 2 * GG_LAY_BUF + 5, text + 2 * GG_LAY_BUF + 6, GG_LAY_BUF + 11), 0);
	tear_down();
}

/* Wherever "ustar" or "CD001" stands in the object, it does not come to stand where it means an archive. */
Test(scratch, magic_numbers)
{
	static const struct {
		const char *magic;
		size_t at; /* in the file */
	} rows[] = { { "ustar", 257 }, { "CD001", 32769 }, { "DICM", 128 } };
	size_t n = 40000;
	AUTO_FREE char *text = malloc(n);

	set_up(0);
	for (size_t i = 0; i < GG_LEN(rows); i++)
		for (size_t shift = 0; shift <= GG_LAY_FILLER + 2; shift++) {
			size_t nmagic = strlen(rows[i].magic);
			char path[PATH_MAX + 100], head[33000];
			int fd;

			if (rows[i].at < shift)
				break;
			memset(text, 'x', n);
			memcpy(text + rows[i].at - shift, rows[i].magic, nmagic);
			cr_assert_eq(lay(text, n, 7001), 0);
			snprintf(path, sizeof(path), "%s/objects/" ID, s.dir);
			fd = open(path, O_RDONLY);
			cr_assert_eq(read(fd, head, sizeof(head)), sizeof(head));
			close(fd);
			cr_expect(memcmp(head + rows[i].at, rows[i].magic, nmagic), "%s, %zu", rows[i].magic,
				  shift);
			again();
		}
	tear_down();
}

Test(scratch, limit)
{
	char bytes[5000] = "";

	set_up(3 * GG_LAY_PAGE);
	cr_expect_eq(lay("a", 1, 1), 0);
	cr_expect_eq(s.used, GG_LAY_PAGE);
	again();
	cr_expect_eq(gg_scratch_space(1), GG_LAY_PAGE);
	cr_expect_eq(gg_scratch_space(GG_LAY_PAGE), 2 * GG_LAY_PAGE);
	/* with its second rendition it has more than the two pages that are left */
	memset(bytes + 1, 'x', sizeof(bytes) - 1);
	cr_expect_eq(lay(bytes, sizeof(bytes), 100), -EFBIG);
	tear_down();
	set_up(GG_LAY_PAGE);
	memset(bytes, 'x', sizeof(bytes));
	cr_expect_eq(lay(bytes, GG_LAY_PAGE - GG_LAY_FILLER, 100), -EFBIG);
	again();
	s.used = 0;
	cr_expect_eq(lay(bytes, GG_LAY_PAGE - GG_LAY_FILLER - 1, 100), 0);
	cr_expect_eq(gg_scratch_begin_plain(&s, "MANIFEST"), 0);
	cr_expect_eq(gg_scratch_put_plain(&s, "x", 1), 0);
	cr_expect_eq(gg_scratch_end_plain(&s), -EFBIG);
	tear_down();
}

Test(scratch, plain)
{
	size_t n = 3 * GG_LAY_BUF;
	AUTO_FREE char *text = malloc(n);
	char path[PATH_MAX + 100];
	struct stat st;

	set_up(0);
	memset(text, 'x', n);
	cr_assert_eq(gg_scratch_begin_plain(&s, "MANIFEST"), 0);
	cr_assert_eq(gg_scratch_put_plain(&s, "a", 1), 0);
	cr_assert_eq(gg_scratch_put_plain(&s, text, n), 0);
	cr_assert_eq(gg_scratch_put_plain(&s, "b", 1), 0);
	cr_assert_eq(gg_scratch_end_plain(&s), 0);
	snprintf(path, sizeof(path), "%s/MANIFEST", s.dir);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_size, (off_t)n + 2);
	tear_down();
}

Test(scratch, quote)
{
	static const char *const rows[][2] = {
		{ "", "" },
		{ "src/a b.c", "src/a b.c" },
		{ "a\tb", "\"a\\tb\"" },
		{ "a\\b\"c", "\"a\\\\b\\\"c\"" },
		{ "\xc3\xbc", "\"\\303\\274\"" },
		{ "\x1b[1m\x7f", "\"\\033[1m\\177\"" },
		{ "\a\b\n\v\f\r", "\"\\a\\b\\n\\v\\f\\r\"" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char text[100];
		struct gg_buf b = GG_BUF(text);

		gg_scratch_quote(&b, rows[i][0]);
		cr_expect_str_eq(text, rows[i][1]);
	}
}
