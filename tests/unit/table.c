/* Tests of cli/format.h. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/format.h"

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

Test(table, sizes)
{
	static const struct {
		int64_t bytes;
		const char *want;
	} rows[] = {
		{ -1, "-" },
		{ 0, "0" },
		{ 1, "1" },
		{ 1023, "1023" },
		{ 1024, "1.0K" },
		{ 1229, "1.2K" },
		{ 10239, "9.9K" },
		{ 10240, "10K" },
		{ 1048575, "1023K" },
		{ 1048576, "1.0M" },
		{ 1258292, "1.2M" },
		{ 15 << 20, "15M" },
		{ INT64_C(1) << 30, "1.0G" },
		{ INT64_C(5) << 40, "5.0T" },
		{ INT64_MAX, "7.9E" },
		{ INT64_MIN, "-" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[32];
		struct gg_buf b = GG_BUF(mem);

		gg_human_size(&b, rows[i].bytes);
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
