/* Tests of base/text.h. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

static bool all_valid(const char *s, size_t n)
{
	for (size_t i = 0, len; i < n; i += len) {
		len = gg_utf8_len(s + i, n - i);
		if (!len)
			return false;
	}
	return true;
}

Test(text, buf_cuts_at_whole_characters)
{
	static const struct {
		size_t size;
		const char *add, *want;
		bool cut;
	} rows[] = {
		{ 1, "a", "", true },
		{ 4, "abc", "abc", false },
		{ 4, "abcd", "abc", true },
		{ 4, "ab\xc3\xa9", "ab", true },
		{ 5, "ab\xc3\xa9", "ab\xc3\xa9", false },
		{ 4, "\xe2\x82\xac\xe2\x82\xac", "\xe2\x82\xac", true },
		{ 6, "\xe2\x82\xac\xe2\x82\xac", "\xe2\x82\xac", true },
		{ 4, "\xf0\x9f\x98\x80", "", true },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[16], copy[16];
		struct gg_buf b = { .s = mem, .size = rows[i].size }, c = { .s = copy, .size = rows[i].size };

		gg_buf_put(&b, rows[i].add, strlen(rows[i].add));
		gg_buf_add(&c, "%s", rows[i].add);
		cr_assert_str_eq(mem, rows[i].want, "row %zu: '%s'", i, mem);
		cr_assert_str_eq(copy, rows[i].want, "row %zu: '%s'", i, copy);
		cr_assert_eq(b.len, strlen(mem), "row %zu", i);
		cr_assert_eq(b.cut, rows[i].cut, "row %zu", i);
		cr_assert_eq(c.cut, rows[i].cut, "row %zu", i);
	}
}

Test(text, nothing_is_added_after_a_cut)
{
	char mem[8];
	struct gg_buf b = GG_BUF(mem);

	gg_buf_add(&b, "12345\xe2\x82\xac");
	cr_assert(b.cut);
	gg_buf_add(&b, "x");
	gg_buf_put(&b, "y", 1);
	gg_escape(&b, "z", 1, 9);
	gg_quote(&b, "z", 1, 9);
	cr_assert_str_eq(mem, "12345");
}

Test(text, utf8_len)
{
	static const struct {
		const char *s;
		size_t n, want;
	} rows[] = {
		{ "", 0, 0 },
		{ "a", 1, 1 },
		{ "\0", 1, 1 },
		{ "\x80", 1, 0 },
		{ "\xc3\xa9", 2, 2 },
		{ "\xc3\xa9", 1, 0 },
		{ "\xc0\xaf", 2, 0 }, /* overlong '/' */
		{ "\xc1\xbf", 2, 0 },
		{ "\xe0\x80\xaf", 3, 0 }, /* overlong '/' */
		{ "\xe0\x9f\xbf", 3, 0 },
		{ "\xe0\xa0\x80", 3, 3 },
		{ "\xed\x9f\xbf", 3, 3 },
		{ "\xed\xa0\x80", 3, 0 },     /* surrogate */
		{ "\xf0\x80\x80\xaf", 4, 0 }, /* overlong '/' */
		{ "\xf0\x8f\xbf\xbf", 4, 0 },
		{ "\xf0\x90\x80\x80", 4, 4 },
		{ "\xf4\x8f\xbf\xbf", 4, 4 },
		{ "\xf4\x90\x80\x80", 4, 0 }, /* over U+10FFFF */
		{ "\xf5\x80\x80\x80", 4, 0 },
		{ "\xe2\x82", 2, 0 },
		{ "\xe2\x28\xa1", 3, 0 },
		{ "\xff", 1, 0 },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++)
		cr_assert_eq(gg_utf8_len(rows[i].s, rows[i].n), rows[i].want, "row %zu", i);
}

Test(text, escape)
{
	static const struct {
		const char *s;
		size_t n, max;
		const char *want;
	} rows[] = {
		{ "", 0, 9, "" },
		{ "plain text", 10, 99, "plain text" },
		{ "a\nb\rc\td", 7, 99, "a\\nb\\rc\\td" },
		{ "\x1b[31mred", 8, 99, "\\x1b[31mred" },
		{ "\0x", 2, 99, "\\x00x" },
		{ "\x7f", 1, 99, "\\x7f" },
		{ "say \"hi\" c:\\", 12, 99, "say \\\"hi\\\" c:\\\\" },
		{ "\xc2\x9b"
		  "31m",
		  5, 99, "\\xc2\\x9b31m" }, /* C1: CSI */
		{ "\xc2\xa0", 2, 99, "\xc2\xa0" },
		{ "a\u202eb\u2066\u061c", 10, 99, "a\\u202eb\\u2066\\u061c" }, /* overrides of direction */
		{ "\u2027\u2028\u2029\u202f", 12, 99, "\u2027\\u2028\\u2029\u202f" },
		{ "\U0001f469\u200d\U0001f467", 11, 99, "\U0001f469\u200d\U0001f467" },
		{ "\u200e\u200f\u200e", 9, 8, "\\u200e\\u200f..." },
		{ "caf\xc3\xa9", 5, 99, "caf\xc3\xa9" },
		{ "\xc0\xaf", 2, 99, "\\xc0\\xaf" },
		{ "\xed\xa0\x80", 3, 99, "\\xed\\xa0\\x80" },
		{ "caf\xc3", 4, 99, "caf\\xc3" },
		{ "\xff\xfe", 2, 99, "\\xff\\xfe" },
		{ "abcdef", 6, 6, "abcdef" },
		{ "abcdef", 6, 5, "abcde..." },
		{ "abcdef", 6, 0, "..." },
		{ "", 0, 0, "" },
		{ "caf\xc3\xa9s", 6, 4, "caf..." }, /* max is in the middle of a character */
		{ "\n\n\n", 3, 2, "\\n\\n..." },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[64], quoted[64];
		struct gg_buf b = GG_BUF(mem), q = GG_BUF(quoted);

		gg_escape(&b, rows[i].s, rows[i].n, rows[i].max);
		cr_assert_str_eq(mem, rows[i].want, "row %zu: '%s'", i, mem);
		cr_assert_eq(b.len, strlen(mem));
		cr_assert(!b.cut, "row %zu", i);
		gg_quote(&q, rows[i].s, rows[i].n, rows[i].max);
		cr_assert(quoted[0] == '"' && quoted[q.len - 1] == '"' && quoted[q.len] == '\0', "row %zu",
			  i);
		cr_assert_eq(strncmp(quoted + 1, rows[i].want, q.len - 2), 0, "row %zu: %s", i, quoted);
		cr_assert_eq(q.len - 2, strlen(rows[i].want));
	}
}

Test(text, escape_in_a_small_buffer)
{
	static const struct {
		size_t size;
		const char *s, *want;
		bool cut;
	} rows[] = {
		{ 7, "abcdef", "abcdef", false },
		{ 6, "abcdef", "ab...", true },
		{ 7,
		  "ab\x1b"
		  "c",
		  "ab...", true },
		{ 8, "\x1b\x1b", "\\x1b...", true },
		{ 9, "\x1b\x1b", "\\x1b\\x1b", false },
		{ 6, "\x1b\x1b", "...", true },
		{ 3, "abcdef", "", true },
		{ 1, "a", "", true },
		{ 7, "\xe2\x82\xac\xe2\x82\xac", "\xe2\x82\xac\xe2\x82\xac", false },
		{ 6, "\xe2\x82\xac\xe2\x82\xac", "...", true },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[16];
		struct gg_buf b = { .s = mem, .size = rows[i].size };

		gg_escape(&b, rows[i].s, strlen(rows[i].s), 99);
		cr_assert_str_eq(mem, rows[i].want, "row %zu: '%s'", i, mem);
		cr_assert_eq(b.cut, rows[i].cut, "row %zu", i);
	}
}

Test(text, quote_closes_even_when_cut)
{
	for (size_t size = 1; size < 40; size++) {
		char mem[40];
		struct gg_buf b = { .s = mem, .size = size };

		mem[0] = '\0';
		gg_quote(&b, "a\x1b\xe2\x82\xac\n and so on, more than fits", 35, 99);
		cr_assert(b.cut, "size %zu", size);
		cr_assert_lt(b.len, size);
		cr_assert(b.len == 0 || (b.len >= 2 && mem[0] == '"' && mem[b.len - 1] == '"'),
			  "size %zu: %s", size, mem);
		cr_assert(all_valid(mem, b.len));
	}
}

Test(text, very_long)
{
	static char in[100000], out[500001];
	struct gg_buf b = GG_BUF(out);

	memset(in, 0x1b, sizeof(in));
	gg_quote(&b, in, sizeof(in), sizeof(in));
	cr_assert(!b.cut);
	cr_assert_eq(b.len, 4 * sizeof(in) + 2);
}

Test(text, duration)
{
	static const struct {
		const char *s;
		int want;
		int64_t ms;
		const char *shown;
	} rows[] = {
		{ "500ms", 0, 500, "500ms" },
		{ "15s", 0, 15000, "15s" },
		{ "15000ms", 0, 15000, "15s" },
		{ "1500ms", 0, 1500, "1500ms" },
		{ "90s", 0, 90000, "90s" },
		{ "120s", 0, 120000, "2m" },
		{ "1h", 0, 3600000, "1h" },
		{ "24h", 0, 86400000, "1d" },
		{ "7d", 0, 604800000, "7d" },
		{ "0", 0, 0, "0" },
		{ "0s", 0, 0, "0" },
		{ "007s", 0, 7000, "7s" },
		{ "never", 0, GG_NEVER, "never" },
		{ "3650d", 0, INT64_C(315360000000), "3650d" },
		{ "3651d", -ERANGE, 0, "" },
		{ "315360000001ms", -ERANGE, 0, "" },
		{ "9223372036854775807ms", -ERANGE, 0, "" },
		{ "9223372036854775808ms", -ERANGE, 0, "" },
		{ "99999999999999999999999999999999s", -ERANGE, 0, "" },
		{ "106751991168d", -ERANGE, 0, "" },
		{ "99999999999999999999999999999999", -EINVAL, 0, "" },
		{ "", -EINVAL, 0, "" },
		{ "15", -EINVAL, 0, "" },
		{ "00", -EINVAL, 0, "" },
		{ "s", -EINVAL, 0, "" },
		{ "-1s", -EINVAL, 0, "" },
		{ "+1s", -EINVAL, 0, "" },
		{ " 1s", -EINVAL, 0, "" },
		{ "1s ", -EINVAL, 0, "" },
		{ "1 s", -EINVAL, 0, "" },
		{ "1S", -EINVAL, 0, "" },
		{ "1.5s", -EINVAL, 0, "" },
		{ "1s500ms", -EINVAL, 0, "" },
		{ "0x10s", -EINVAL, 0, "" },
		{ "Never", -EINVAL, 0, "" },
		{ "1w", -EINVAL, 0, "" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		int64_t ms = -7;
		char mem[40];
		struct gg_buf b = GG_BUF(mem);

		cr_assert_eq(gg_duration_parse(rows[i].s, &ms), rows[i].want, "%s", rows[i].s);
		cr_assert_eq(ms, rows[i].want ? -7 : rows[i].ms, "%s", rows[i].s);
		if (rows[i].want)
			continue;
		gg_duration_add(&b, ms);
		cr_assert_str_eq(mem, rows[i].shown);
	}
}

Test(text, size)
{
	static const struct {
		const char *s;
		int want;
		int64_t bytes;
		const char *shown;
	} rows[] = {
		{ "0", 0, 0, "0" },
		{ "1", 0, 1, "1" },
		{ "1k", 0, 1024, "1k" },
		{ "1K", 0, 1024, "1k" },
		{ "1025", 0, 1025, "1025" },
		{ "16M", 0, 16777216, "16m" },
		{ "2g", 0, INT64_C(2147483648), "2g" },
		{ "0g", 0, 0, "0" },
		{ "9223372036854775807", 0, INT64_MAX, "9223372036854775807" },
		{ "9223372036854775808", -ERANGE, 0, "" },
		{ "9007199254740991k", 0, INT64_MAX - 1023, "9007199254740991k" },
		{ "9007199254740992k", -ERANGE, 0, "" },
		{ "8589934591g", 0, INT64_MAX - ((1 << 30) - 1), "8589934591g" },
		{ "8589934592g", -ERANGE, 0, "" },
		{ "-1", -ERANGE, 0, "" },
		{ "-1k", -ERANGE, 0, "" },
		{ "-", -EINVAL, 0, "" },
		{ "-x", -EINVAL, 0, "" },
		{ "", -EINVAL, 0, "" },
		{ "k", -EINVAL, 0, "" },
		{ "1kb", -EINVAL, 0, "" },
		{ "1 k", -EINVAL, 0, "" },
		{ "1.5k", -EINVAL, 0, "" },
		{ "+1", -EINVAL, 0, "" },
		{ "1t", -EINVAL, 0, "" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		int64_t bytes = -7;
		char mem[40];
		struct gg_buf b = GG_BUF(mem);

		cr_assert_eq(gg_size_parse(rows[i].s, &bytes), rows[i].want, "%s", rows[i].s);
		cr_assert_eq(bytes, rows[i].want ? -7 : rows[i].bytes, "%s", rows[i].s);
		if (rows[i].want)
			continue;
		gg_size_add(&b, bytes);
		cr_assert_str_eq(mem, rows[i].shown);
	}
}

Test(text, integer)
{
	static const struct {
		const char *s;
		int64_t min, max;
		int want;
		int64_t value;
	} rows[] = {
		{ "0", 0, 9, 0, 0 },
		{ "9", 0, 9, 0, 9 },
		{ "10", 0, 9, -ERANGE, 0 },
		{ "-1", 0, 9, -ERANGE, 0 },
		{ "-5", -9, 9, 0, -5 },
		{ "-0", 0, 9, 0, 0 },
		{ "9223372036854775807", 0, INT64_MAX, 0, INT64_MAX },
		{ "9223372036854775808", 0, INT64_MAX, -ERANGE, 0 },
		{ "18446744073709551617", 0, INT64_MAX, -ERANGE, 0 },
		{ "", 0, 9, -EINVAL, 0 },
		{ "-", -9, 9, -EINVAL, 0 },
		{ " 1", 0, 9, -EINVAL, 0 },
		{ "1 ", 0, 9, -EINVAL, 0 },
		{ "1\n", 0, 9, -EINVAL, 0 },
		{ "+1", 0, 9, -EINVAL, 0 },
		{ "0x1", 0, 9, -EINVAL, 0 },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		int64_t v = -77;

		cr_assert_eq(gg_int_parse(rows[i].s, rows[i].min, rows[i].max, &v), rows[i].want, "%s",
			     rows[i].s);
		cr_assert_eq(v, rows[i].want ? -77 : rows[i].value, "%s", rows[i].s);
	}
}

Test(text, boolean)
{
	static const struct {
		const char *s;
		int want;
		bool value;
	} rows[] = {
		{ NULL, 0, true },
		{ "true", 0, true },
		{ "YES", 0, true },
		{ "On", 0, true },
		{ "1", 0, true },
		{ "false", 0, false },
		{ "no", 0, false },
		{ "OFF", 0, false },
		{ "0", 0, false },
		{ "", 0, false },
		{ "2", -EINVAL, false },
		{ "tru", -EINVAL, false },
		{ " true", -EINVAL, false },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		bool v = !rows[i].value;

		cr_assert_eq(gg_bool_parse(rows[i].s, &v), rows[i].want, "row %zu", i);
		if (rows[i].want == 0)
			cr_assert_eq(v, rows[i].value, "row %zu", i);
	}
}

Test(text, distance)
{
	static char long_a[5000], long_b[5000];
	static const struct {
		const char *a, *b;
		int want;
	} rows[] = {
		{ "", "", 0 },
		{ "abc", "abc", 0 },
		{ "abc", "ABC", 0 },
		{ "abc", "", 3 },
		{ "abc", "abd", 1 },
		{ "abc", "acb", 1 },
		{ "abc", "abcd", 1 },
		{ "abc", "ab", 1 },
		{ "kitten", "sitting", 3 },
		{ "deadline.idel", "deadline.idle", 1 },
		{ "ca", "abc", 3 },
		{ long_a, long_b, 63 },
		{ long_a, long_a, 0 },
	};

	memset(long_a, 'a', sizeof(long_a) - 1);
	memset(long_b, 'b', sizeof(long_b) - 1);
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		cr_assert_eq(gg_distance(rows[i].a, rows[i].b), rows[i].want, "row %zu", i);
		cr_assert_eq(gg_distance(rows[i].b, rows[i].a), rows[i].want, "row %zu", i);
	}
}

Test(text, sizes)
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

Test(text, code_points)
{
	cr_assert_eq(gg_utf8_code("a", 1), 'a');
	cr_assert_eq(gg_utf8_code("\xc3\xa4", 2), 0xe4);
	cr_assert_eq(gg_utf8_code("\xe2\x80\xae", 3), 0x202e);
	cr_assert_eq(gg_utf8_code("\xf0\x9f\x98\x80", 4), 0x1f600);
}
