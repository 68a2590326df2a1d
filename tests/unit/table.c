/* Tests of cli/format.h. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/format.h"
#include "cli/paint.h"
#include "cli/wrap.h"

Test(table, durations)
{
	static const struct {
		int64_t ms;
		const char *want;
	} rows[] = {
		{ -1, "-" },
		{ 0, "0ms" },
		{ 999, "999ms" },
		{ 1000, "1.0s" },
		{ 1599, "1.5s" },
		{ 15000, "15.0s" },
		{ 59999, "59.9s" },
		{ 60000, "1m00s" },
		{ 123999, "2m03s" },
		{ 3599999, "59m59s" },
		{ 3600000, "1h00m" },
		{ 3720000, "1h02m" },
		{ 86399999, "23h59m" },
		{ 86400000, "1d00h" },
		{ 273600000, "3d04h" },
		{ GG_NEVER, "never" },
		{ GG_NEVER - 1, "106751991167d07h" },
		{ INT64_MIN, "-" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[32];
		struct gg_buf b = GG_BUF(mem);

		gg_human_ms(&b, rows[i].ms);
		cr_assert_str_eq(mem, rows[i].want, "row %zu: '%s'", i, mem);
	}
}

Test(table, visible_leaves_quotes_and_text_alone)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "" },
		{ "no session \"x\\y\"", "no session \"x\\y\"" },
		{ "a\x1b[31mb\n", "a\\x1b[31mb\\n" },
		{ "\xc2\x9b"
		  "2J",
		  "\\xc2\\x9b"
		  "2J" },
		{ "\xc3\xa9\xff", "\xc3\xa9\\xff" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[64];
		struct gg_buf b = GG_BUF(mem);

		gg_visible(&b, rows[i].text);
		cr_assert_str_eq(mem, rows[i].want, "row %zu: '%s'", i, mem);
	}
}

Test(table, columns_are_characters)
{
	cr_assert_eq(gg_columns(""), 0);
	cr_assert_eq(gg_columns("abc"), 3);
	cr_assert_eq(gg_columns("\xc3\xa9\xe2\x82\xac"), 2);
	cr_assert_eq(gg_columns("\xff\xc3"), 2);
}

Test(table, fit_cuts_and_fills)
{
	static const struct {
		const char *text;
		size_t width;
		bool right;
		const char *want;
	} rows[] = {
		{ "ab", 4, false, "ab  " },
		{ "ab", 4, true, "  ab" },
		{ "abcd", 4, false, "abcd" },
		{ "abcde", 4, false, "a..." },
		{ "abcde", 3, false, "abc" },
		{ "abcde", 0, false, "" },
		{ "", 2, true, "  " },
		{ "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 5, false, "\xc3\xa9\xc3\xa9..." },
		{ "\xe2\x82\xac", 3, true, "  \xe2\x82\xac" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[64];
		struct gg_buf b = GG_BUF(mem);

		gg_fit(&b, rows[i].text, rows[i].width, rows[i].right);
		cr_assert_str_eq(mem, rows[i].want, "row %zu: '%s'", i, mem);
	}
}

Test(table, layout_takes_from_the_widest)
{
	static const struct {
		size_t width[3], least[3], limit, want[3];
	} rows[] = {
		{ { 5, 6, 7 }, { 1, 1, 1 }, 0, { 5, 6, 7 } },  /* no terminal */
		{ { 5, 6, 7 }, { 1, 1, 1 }, 22, { 5, 6, 7 } }, /* fits exactly: two gaps of 2 */
		{ { 5, 6, 20 }, { 1, 1, 1 }, 22, { 5, 6, 7 } },
		{ { 5, 20, 20 }, { 5, 8, 8 }, 29, { 5, 10, 10 } },
		{ { 30, 20, 20 }, { 30, 8, 8 }, 50, { 30, 8, 8 } }, /* a number stays whole */
		{ { 30, 20, 20 }, { 30, 8, 8 }, 20, { 30, 8, 8 } }, /* cannot fit */
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		size_t w[3];

		memcpy(w, rows[i].width, sizeof(w));
		gg_layout(w, rows[i].least, GG_LEN(w), 2, rows[i].limit);
		for (size_t j = 0; j < GG_LEN(w); j++)
			cr_assert_eq(w[j], rows[i].want[j], "row %zu, column %zu: %zu", i, j, w[j]);
	}
}

Test(table, columns_of_characters)
{
	static const struct {
		const char *text;
		size_t want;
	} rows[] = {
		{ "", 0 },
		{ "abc", 3 },
		{ "\xc3\xa9", 1 },		   /* é */
		{ "e\xcc\x81", 1 },		   /* the same of two characters */
		{ "\xe6\xbc\xa2\xe5\xad\x97", 4 }, /* ideographs */
		{ "\xed\x95\x9c", 2 },		   /* a Hangul syllable */
		{ "\xef\xbd\xa1", 1 },		   /* half width */
		{ "\xef\xbc\xa1", 2 },		   /* full width */
		{ "\xf0\x9f\x9a\x80", 2 },	   /* a rocket */
		{ "a\xe2\x80\x8d"
		  "b",
		  2 },		   /* a joiner */
		{ "\xff\xfe", 2 }, /* no characters */
	};

	for (size_t i = 0; i < GG_LEN(rows); i++)
		cr_assert_eq(gg_columns(rows[i].text), rows[i].want, "row %zu: %zu", i,
			     gg_columns(rows[i].text));
}

Test(table, wide_characters_at_the_cut)
{
	static const struct {
		const char *text;
		size_t width;
		bool right;
		const char *want;
	} rows[] = {
		{ "\xe6\xbc\xa2\xe5\xad\x97", 4, false, "\xe6\xbc\xa2\xe5\xad\x97" },
		{ "\xe6\xbc\xa2\xe5\xad\x97", 6, false, "\xe6\xbc\xa2\xe5\xad\x97  " },
		{ "\xe6\xbc\xa2\xe5\xad\x97", 6, true, "  \xe6\xbc\xa2\xe5\xad\x97" },
		{ "\xe6\xbc\xa2\xe5\xad\x97\xe5\xad\x97", 5, false, "\xe6\xbc\xa2..." },
		{ "\xe6\xbc\xa2\xe5\xad\x97\xe5\xad\x97\xe5\xad\x97", 6, false, "\xe6\xbc\xa2... " },
		{ "\xe6\xbc\xa2\xe5\xad\x97", 3, false, "\xe6\xbc\xa2 " },
		{ "\xe6\xbc\xa2", 1, false, " " },
		{ "abcdefg", 0, false, "" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[64];
		struct gg_buf b = GG_BUF(mem);

		gg_fit(&b, rows[i].text, rows[i].width, rows[i].right);
		cr_assert_str_eq(mem, rows[i].want, "row %zu: '%s'", i, mem);
		cr_assert_eq(gg_columns(mem), rows[i].width, "row %zu", i);
	}
}

Test(table, bars)
{
	static const struct {
		int64_t used, limit;
		size_t width;
		const char *want;
	} rows[] = {
		{ 0, 100, 12, "[..........]" },
		{ 1, 100, 12, "[#.........]" },
		{ 50, 100, 12, "[#####.....]" },
		{ 99, 100, 12, "[#########.]" },
		{ 100, 100, 12, "[##########]" },
		{ 500, 100, 12, "[##########]" },
		{ -5, 100, 12, "[..........]" },
		{ 1, 0, 12, "[##########]" },
		{ INT64_MAX - 1, INT64_MAX, 12, "[#########.]" },
		{ 1, 2, 0, "[.]" },
		{ 1, 1, 3, "[#]" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[64];
		struct gg_buf b = GG_BUF(mem);

		gg_bar(&b, rows[i].used, rows[i].limit, rows[i].width);
		cr_assert_str_eq(mem, rows[i].want, "row %zu: '%s'", i, mem);
	}
}

Test(table, when_to_paint)
{
	static const struct {
		bool terminal;
		const char *no_color, *term;
		bool want;
	} rows[] = {
		{ true, NULL, "xterm", true }, { true, "", "xterm", true },	{ true, "1", "xterm", false },
		{ true, "0", "xterm", false }, { true, NULL, "dumb", false },	{ true, NULL, NULL, false },
		{ true, NULL, "", false },     { false, NULL, "xterm", false },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++)
		cr_assert_eq(gg_paint_wanted(rows[i].terminal, rows[i].no_color, rows[i].term), rows[i].want,
			     "row %zu", i);
	cr_assert_str_eq(gg_paint_begin(false, GG_RED), "");
	cr_assert_str_eq(gg_paint_end(true, GG_PLAIN), "");
	cr_assert_eq(gg_paint_used(1, 10), GG_PLAIN);
	cr_assert_eq(gg_paint_used(5, 10), GG_YELLOW);
	cr_assert_eq(gg_paint_used(8, 10), GG_RED);
}

Test(table, wrapped_lines)
{
	static const struct {
		const char *text;
		size_t first, indent, width;
		const char *want;
	} rows[] = {
		{ "", 0, 2, 20, "  \n" },
		{ "one two", 0, 2, 20, "  one two\n" },
		{ "one  two", 0, 2, 20, "  one  two\n" }, /* what fits is as it is */
		{ "one two three", 0, 2, 10, "  one two\n  three\n" },
		{ "one two three", 4, 2, 10, "one\n  two\n  three\n" },
		{ "one two three", 4, 2, 0, "one two three\n" },
		{ "one two", 9, 2, 10, "\n  one two\n" },
		{ "a-word-that-is-longer b", 0, 1, 8, " a-word-that-is-longer\n b\n" },
		{ "a-word-that-is-longer b", 3, 3, 8, "a-word-that-is-longer\n   b\n" },
		{ "\xe6\xbc\xa2\xe5\xad\x97 \xe6\xbc\xa2", 0, 0, 6,
		  "\xe6\xbc\xa2\xe5\xad\x97\n\xe6\xbc\xa2\n" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char *got = NULL;
		size_t n;
		FILE *f = open_memstream(&got, &n);

		gg_wrap(f, rows[i].text, rows[i].first, rows[i].indent, rows[i].width);
		fclose(f);
		cr_assert_str_eq(got, rows[i].want, "row %zu: '%s'", i, got);
		free(got);
	}
}
