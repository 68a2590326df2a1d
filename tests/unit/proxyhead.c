/* Tests of base/proxyhead.h: a row a rule, and every form that is none. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/proxyhead.h"
#include "base/text.h"

#define S(text) text, sizeof(text) - 1
#define SIG "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\300\000\002\001\306\063\144\007\234\100\044\312" /* 192.0.2.1 198.51.100.7 40000 9418 */
#define V6 \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1" \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1" \
	"\234\100\044\312"
#define X27 "xxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define UNIX X27 X27 X27 X27 X27 X27 X27 X27
#define X92 "PROXY UNKNOWN " X27 X27 X27 "xxxxxxxxxx" /* 105 bytes */

static const struct {
	const char *s;
	size_t n;
	size_t len;	  /* of the header; 0: why says why not */
	const char *peer; /* NULL: the proxy's own */
	const char *why;  /* a part of it */
} parse_rows[] = {
	/* version 1 */
	{ S("PROXY TCP4 192.0.2.1 198.51.100.7 40000 9418\r\n"), 46, "192.0.2.1:40000", NULL },
	{ S("PROXY TCP4 192.0.2.1 198.51.100.7 40000 9418\r\n0032git"), 46, "192.0.2.1:40000", NULL },
	{ S("PROXY TCP4 192.0.2.1 198.51.100.7 0 65535\r\n"), 43, "192.0.2.1:0", NULL },
	{ S("PROXY TCP6 2001:db8::1 ::1 40000 9418\r\n"), 39, "[2001:db8::1]:40000", NULL },
	{ S("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), 37, "192.0.2.1:1", NULL },
	{ S("PROXY UNKNOWN\r\n"), 15, NULL, NULL },
	{ S("PROXY UNKNOWN ::1 and more  of it\r\n"), 35, NULL, NULL },
	{ S(X92 "\r\n"), 107, NULL, NULL },
	{ S(X92 "x\r\n"), 0, NULL, "without an end" },
	{ S(X92 X92 "\r\n"), 0, NULL, "without an end" },
	{ S("PROXY TCP4 192.0.2.1 198.51.100.7 40000 9418\n"), 0, NULL, "CR LF" },
	{ S("PROXY \n"), 0, NULL, "CR LF" },
	{ S("PROXY \r\n"), 0, NULL, "not TCP4" },
	{ S("PROXY TCP4\r\n"), 0, NULL, "not TCP4" },
	{ S("PROXY tcp4 1.1.1.1 2.2.2.2 1 2\r\n"), 0, NULL, "not TCP4" },
	{ S("PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n"), 0, NULL, "not TCP4" },
	{ S("PROXY UNKNOWNS\r\n"), 0, NULL, "not TCP4" },
	{ S("PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n"), 0, NULL, "not TCP4" },
	{ S("PROXY TCP4 \r\n"), 0, NULL, "too few" },
	{ S("PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n"), 0, NULL, "too few" },
	{ S("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n"), 0, NULL, "too many" },
	{ S("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n"), 0, NULL, "too many" },
	{ S("PROXY TCP4 1.1.1.1  2.2.2.2 1 2\r\n"), 0, NULL, "too many" },
	{ S("PROXY TCP4 1.1.1.1  2.2.2.2 1\r\n"), 0, NULL, "address" },
	{ S("PROXY TCP4 ::1 ::1 1 2\r\n"), 0, NULL, "address" },
	{ S("PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n"), 0, NULL, "address" },
	{ S("PROXY TCP4 1.1.1.1 x 1 2\r\n"), 0, NULL, "address" },
	{ S("PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n"), 0, NULL, "address" },
	{ S("PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n"), 0, NULL, "address" },
	{ S("PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n"), 0, NULL, "port" },
	{ S("PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n"), 0, NULL, "port" },
	{ S("PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n"), 0, NULL, "port" },
	{ S("PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n"), 0, NULL, "port" },
	{ S("PROXY TCP4 1.1.1.1 2.2.2.2 1 0x2\r\n"), 0, NULL, "port" },
	{ S("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\t\r\n"), 0, NULL, "port" },
	{ S("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\r\n"), 0, NULL, "port" },
	{ S("PROXY TCP4 1.1.1.1\0 2.2.2.2 1 2\r\n"), 0, NULL, "NUL" },
	/* version 2 */
	{ S(SIG "\x21\x11\0\x0c" V4), 28, "192.0.2.1:40000", NULL },
	{ S(SIG "\x21\x11\0\x0c" V4 "GET /"), 28, "192.0.2.1:40000", NULL },
	{ S(SIG "\x21\x11\0\x10" V4 "\4\0\1x"), 32, "192.0.2.1:40000", NULL },
	{ S(SIG "\x21\x21\0\x24" V6), 52, "[2001:db8::1]:40000", NULL },
	{ S(SIG "\x21\x31\0\xd8" UNIX), 232, NULL, NULL },
	{ S(SIG "\x21\0\0\0"), 16, NULL, NULL },
	{ S(SIG "\x21\0\0\3abc"), 19, NULL, NULL },
	{ S(SIG "\x20\0\0\0"), 16, NULL, NULL },
	{ S(SIG "\x20\x11\0\x0c" V4), 28, NULL, NULL },
	{ S(SIG "\x20\xff\0\1x"), 17, NULL, NULL },
	{ S(SIG "\x21\x11\0\x0b" V4), 0, NULL, "too short" },
	{ S(SIG "\x21\x21\0\x23" V6), 0, NULL, "too short" },
	{ S(SIG "\x21\x31\0\xd7" UNIX), 0, NULL, "too short" },
	{ S(SIG "\x21\x12\0\x0c" V4), 0, NULL, "family" },
	{ S(SIG "\x21\x22\0\x24" V6), 0, NULL, "family" },
	{ S(SIG "\x21\x41\0\x0c" V4), 0, NULL, "family" },
	{ S(SIG "\x21\x01\0\0"), 0, NULL, "family" },
	{ S(SIG "\x11\x11\0\x0c" V4), 0, NULL, "version or command" },
	{ S(SIG "\x22\x11\0\x0c" V4), 0, NULL, "version or command" },
	{ S(SIG "\x30"), 0, NULL, "version or command" },
	{ S(SIG "\x21\x11\x0f\xf1"), 0, NULL, "too long" },
	{ S(SIG "\x20\0\xff\xff"), 0, NULL, "too long" },
	/* neither */
	{ S("0032git-upload-pack /r.git"), 0, NULL, "does not begin" },
	{ S("GET / HTTP/1.0\r\n"), 0, NULL, "does not begin" },
	{ S("PROXYTCP4"), 0, NULL, "does not begin" },
	{ S("proxy TCP4"), 0, NULL, "does not begin" },
	{ S(" PROXY TCP4"), 0, NULL, "does not begin" },
	{ S("\r\n\r\n\0\r\nQUIX"), 0, NULL, "does not begin" },
	{ S("\0"), 0, NULL, "does not begin" },
};

Test(proxyhead, parse)
{
	for (size_t i = 0; i < GG_LEN(parse_rows); i++) {
		struct gg_proxy_head h = { .len = 99999 };
		const char *why = NULL;
		char mem[64];
		struct gg_buf b = GG_BUF(mem);
		int r = gg_proxy_parse((const uint8_t *)parse_rows[i].s, parse_rows[i].n, &h, &why);

		if (!parse_rows[i].len) {
			cr_assert_eq(r, -EINVAL, "row %zu: %d", i, r);
			cr_assert(strstr(why, parse_rows[i].why), "row %zu: %s", i, why);
			cr_assert_eq(h.len, 99999, "untouched on failure");
			continue;
		}
		cr_assert_eq(r, 0, "row %zu: %d %s", i, r, why ? why : "");
		cr_assert_eq(h.len, parse_rows[i].len, "row %zu: %zu", i, h.len);
		cr_assert_eq(h.known, parse_rows[i].peer != NULL, "row %zu", i);
		if (h.known)
			gg_addr_add(&b, &h.peer);
		cr_assert_str_eq(mem, parse_rows[i].peer ? parse_rows[i].peer : "", "row %zu", i);
		/* every part of it may become one */
		for (size_t n = 0; n < h.len; n++)
			cr_assert_eq(gg_proxy_parse((const uint8_t *)parse_rows[i].s, n, &h, &why), -EAGAIN,
				     "row %zu: %zu bytes", i, n);
	}
}

Test(proxyhead, the_longest)
{
	static uint8_t s[GG_PROXY_MAX + 1] = SIG "\x21\x11\x0f\xf0" V4;
	struct gg_proxy_head h;
	const char *why;

	cr_assert_eq(gg_proxy_parse(s, GG_PROXY_MAX - 1, &h, &why), -EAGAIN);
	cr_assert_eq(gg_proxy_parse(s, sizeof(s), &h, &why), 0);
	cr_assert_eq(h.len, GG_PROXY_MAX);
}
