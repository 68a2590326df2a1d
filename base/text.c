/* text - see text.h. */
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

/* How much of s[0..n) is left when a character cut off at its end is dropped. */
static size_t whole_chars(const char *s, size_t n)
{
	for (size_t back = 1; back <= 3 && back <= n; back++) {
		unsigned char c = (unsigned char)s[n - back];
		size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

		if ((c & 0xc0) != 0x80)
			return need > back ? n - back : n;
	}
	return n;
}

static void cut_at(struct gg_buf *b, size_t len)
{
	b->len = len;
	b->cut = true;
	if (b->size)
		b->s[len] = '\0';
}

void gg_buf_vadd(struct gg_buf *b, const char *fmt, va_list ap)
{
	size_t room = b->size - b->len;
	int n;

	if (b->cut || !room)
		return;
	n = vsnprintf(b->s + b->len, room, fmt, ap);
	if (n < 0)
		cut_at(b, b->len);
	else if ((size_t)n >= room)
		cut_at(b, b->len + whole_chars(b->s + b->len, room - 1));
	else
		b->len += (size_t)n;
}

void gg_buf_add(struct gg_buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	gg_buf_vadd(b, fmt, ap);
	va_end(ap);
}

void gg_buf_put(struct gg_buf *b, const void *bytes, size_t n)
{
	size_t room = b->size - b->len;

	if (b->cut || !room)
		return;
	if (n >= room) {
		n = whole_chars(bytes, room - 1);
		b->cut = true;
	}
	if (n)
		memcpy(b->s + b->len, bytes, n);
	b->len += n;
	b->s[b->len] = '\0';
}

size_t gg_utf8_len(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned char low = 0x80,
		      high = 0xbf; /* range of the second byte: no overlong form, surrogate, > U+10FFFF */
	size_t len;

	if (!n || u[0] > 0xf4 || (u[0] >= 0x80 && u[0] < 0xc2))
		return 0;
	len = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	if (u[0] == 0xe0)
		low = 0xa0;
	if (u[0] == 0xed)
		high = 0x9f;
	if (u[0] == 0xf0)
		low = 0x90;
	if (u[0] == 0xf4)
		high = 0x8f;
	if (len > 1 && (u[1] < low || u[1] > high))
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

uint32_t gg_utf8_code(const char *s, size_t len)
{
	uint32_t c = (unsigned char)s[0];

	if (len > 1)
		c &= 0x7fu >> len;
	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)s[i] & 0x3f);
	return c;
}

bool gg_is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x206f);
}

enum { UNIT_MAX = 9 }; /* the longest escape, "\xc2\x9b", and a NUL */

/* One character (len bytes, 0: a byte that is none) as it is shown. Returns how many bytes ret got. */
static size_t escape_unit(const char *s, size_t len, char ret[UNIT_MAX])
{
	static const char hex[] = "0123456789abcdef";
	static const char from[] = "\n\r\t\"\\", to[] = "nrt\"\\";
	unsigned char c = (unsigned char)s[0];
	const char *special = c ? strchr(from, c) : NULL;
	unsigned number = len ? gg_utf8_code(s, len) : 0;
	size_t n = 0;

	if (special) {
		ret[n++] = '\\';
		ret[n++] = to[special - from];
		return n;
	}
	if (len && !gg_is_control(number)) {
		memcpy(ret, s, len);
		return len;
	}
	if (number > 0xff)
		return (size_t)snprintf(ret, UNIT_MAX, "\\u%04x", number & 0xffff);
	for (size_t i = 0; i < (len ? len : 1); i++) {
		ret[n++] = '\\';
		ret[n++] = 'x';
		ret[n++] = hex[(unsigned char)s[i] >> 4];
		ret[n++] = hex[(unsigned char)s[i] & 15];
	}
	return n;
}

/* What gg_escape does, with the last 'tail' bytes of the buffer left free. An escape or a character is never
 * split. */
static void escape(struct gg_buf *b, const char *s, size_t n, size_t max, size_t tail)
{
	static const char dots[] = "...";
	const size_t ndots = sizeof(dots) - 1;
	size_t end, dots_at; /* dots_at: the last place that had room for the dots */
	bool full = false;

	if (b->cut || b->len + tail >= b->size) {
		b->cut = true;
		return;
	}
	end = b->size - 1 - tail;
	dots_at = b->len;
	for (size_t i = 0, step; i < n; i += step) {
		size_t len = gg_utf8_len(s + i, n - i), w;
		char unit[UNIT_MAX];

		step = len ? len : 1;
		w = escape_unit(s + i, len, unit);
		if (b->len + ndots <= end)
			dots_at = b->len;
		full = b->len + w > end;
		if (full || i + step > max) {
			full = full && i + step <= max;
			b->len = dots_at;
			if (b->len + ndots <= end) {
				memcpy(b->s + b->len, dots, ndots);
				b->len += ndots;
			} else {
				full = true;
			}
			break;
		}
		memcpy(b->s + b->len, unit, w);
		b->len += w;
	}
	b->s[b->len] = '\0';
	b->cut = full;
}

void gg_escape(struct gg_buf *b, const char *s, size_t n, size_t max)
{
	escape(b, s, n, max, 0);
}

void gg_quote(struct gg_buf *b, const char *s, size_t n, size_t max)
{
	if (b->cut || b->len + 2 >= b->size) {
		b->cut = true;
		return;
	}
	b->s[b->len++] = '"';
	escape(b, s, n, max, 1);
	b->s[b->len++] = '"'; /* escape() left room for it, also when it cut */
	b->s[b->len] = '\0';
}

/* Digits at s: their value, saturated, and where they end. NULL when there are none. */
static const char *read_digits(const char *s, int64_t *ret, bool *ret_over)
{
	int64_t v = 0;
	bool over = false;

	if (*s < '0' || *s > '9')
		return NULL;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *s - '0', &v)) {
			over = true;
			v = INT64_MAX / 10; /* stays there; only the syntax matters now */
		}
	*ret = v;
	*ret_over = over;
	return s;
}

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit time_units[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};
static const struct unit size_units[] = { { "g", 1 << 30 }, { "m", 1 << 20 }, { "k", 1 << 10 }, { "", 1 } };

int gg_duration_parse(const char *s, int64_t *ret_ms)
{
	const int64_t max = INT64_C(10) * 365 * 86400000;
	const char *unit;
	int64_t v;
	bool over;

	if (strcmp(s, "never") == 0) {
		*ret_ms = GG_NEVER;
		return 0;
	}
	unit = read_digits(s, &v, &over);
	if (!unit)
		return -EINVAL;
	if (strcmp(s, "0") == 0) {
		*ret_ms = 0;
		return 0;
	}
	for (size_t i = 0; i < GG_LEN(time_units); i++) {
		if (strcmp(unit, time_units[i].name) != 0)
			continue;
		if (over || __builtin_mul_overflow(v, time_units[i].factor, &v) || v > max)
			return -ERANGE;
		*ret_ms = v;
		return 0;
	}
	return -EINVAL;
}

void gg_duration_add(struct gg_buf *b, int64_t ms)
{
	size_t i = 0;

	if (ms == GG_NEVER) {
		gg_buf_add(b, "never");
		return;
	}
	if (ms == 0) {
		gg_buf_add(b, "0");
		return;
	}
	while (ms % time_units[i].factor)
		i++;
	gg_buf_add(b, "%lld%s", (long long)(ms / time_units[i].factor), time_units[i].name);
}

void gg_human_ms(struct gg_buf *b, int64_t ms)
{
	long long s = ms / 1000;

	if (ms < 0)
		gg_buf_add(b, "-");
	else if (ms == GG_NEVER)
		gg_buf_add(b, "never");
	else if (ms < 1000)
		gg_buf_add(b, "%dms", (int)ms);
	else if (s < 60)
		gg_buf_add(b, "%lld.%llds", s, (long long)ms % 1000 / 100);
	else if (s < 3600)
		gg_buf_add(b, "%lldm%02llds", s / 60, s % 60);
	else if (s < 86400)
		gg_buf_add(b, "%lldh%02lldm", s / 3600, s / 60 % 60);
	else
		gg_buf_add(b, "%lldd%02lldh", s / 86400, s / 3600 % 24);
}

int gg_size_parse(const char *s, int64_t *ret_bytes)
{
	bool negative = *s == '-', over;
	int64_t v;
	const char *unit = read_digits(s + negative, &v, &over);

	if (!unit)
		return -EINVAL;
	for (size_t i = 0; i < GG_LEN(size_units); i++) {
		if (strcasecmp(unit, size_units[i].name) != 0)
			continue;
		if (negative || over || __builtin_mul_overflow(v, size_units[i].factor, &v))
			return -ERANGE;
		*ret_bytes = v;
		return 0;
	}
	return -EINVAL;
}

void gg_size_add(struct gg_buf *b, int64_t bytes)
{
	size_t i = 0;

	while (bytes % size_units[i].factor || (bytes == 0 && size_units[i].factor > 1))
		i++;
	gg_buf_add(b, "%lld%s", (long long)(bytes / size_units[i].factor), size_units[i].name);
}

void gg_human_size(struct gg_buf *b, int64_t bytes)
{
	static const char units[] = "KMGTPE";
	uint64_t n = (uint64_t)bytes, whole, tenths;
	int unit = 0;

	if (bytes < 0) {
		gg_buf_add(b, "-");
		return;
	}
	while (n >> (10 * unit) >= 1024)
		unit++;
	whole = n >> (10 * unit);
	tenths = (n - (whole << (10 * unit))) * 10 >> (10 * unit); /* the rest has 60 bits at most */
	if (!unit)
		gg_buf_add(b, "%u", (unsigned)whole);
	else if (whole < 10)
		gg_buf_add(b, "%u.%u%c", (unsigned)whole, (unsigned)tenths, units[unit - 1]);
	else
		gg_buf_add(b, "%u%c", (unsigned)whole, units[unit - 1]);
}

int gg_int_parse(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = *s == '-', over;
	int64_t v;
	const char *end = read_digits(s + negative, &v, &over);

	if (!end || *end)
		return -EINVAL;
	if (negative)
		v = -v;
	if (over || v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int gg_bool_parse(const char *s, bool *ret)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "true", true }, { "yes", true },  { "on", true }, { "1", true }, { "false", false },
		{ "no", false },  { "off", false }, { "0", false }, { "", false },
	};

	if (!s) {
		*ret = true;
		return 0;
	}
	for (size_t i = 0; i < GG_LEN(words); i++)
		if (strcasecmp(s, words[i].word) == 0) {
			*ret = words[i].value;
			return 0;
		}
	return -EINVAL;
}

enum { WORD_MAX = 63 };

static unsigned char fold(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* The cost of turning a[0..i) into b[0..j), from the three or four cells before it. */
static unsigned char cell(unsigned char d[WORD_MAX + 1][WORD_MAX + 1], const char *a, const char *b, size_t i,
			  size_t j)
{
	bool differ = fold(a[i - 1]) != fold(b[j - 1]);
	int best = d[i - 1][j - 1] + differ;

	if (d[i - 1][j] + 1 < best)
		best = d[i - 1][j] + 1;
	if (d[i][j - 1] + 1 < best)
		best = d[i][j - 1] + 1;
	if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]) &&
	    d[i - 2][j - 2] + 1 < best)
		best = d[i - 2][j - 2] + 1;
	return (unsigned char)best;
}

int gg_distance(const char *a, const char *b)
{
	size_t na = strnlen(a, WORD_MAX), nb = strnlen(b, WORD_MAX);
	unsigned char d[WORD_MAX + 1][WORD_MAX + 1];

	for (size_t i = 0; i <= na; i++)
		d[i][0] = (unsigned char)i;
	for (size_t j = 0; j <= nb; j++)
		d[0][j] = (unsigned char)j;
	for (size_t i = 1; i <= na; i++)
		for (size_t j = 1; j <= nb; j++)
			d[i][j] = cell(d, a, b, i, j);
	return d[na][nb];
}
