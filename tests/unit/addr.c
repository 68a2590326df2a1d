/* Tests of base/addr.h. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/text.h"

Test(addr, parse)
{
	static const struct {
		const char *s, *shown, *host, *why; /* why: a part of it; shown, host: NULL on error */
		int family;
	} rows[] = {
		{ "127.0.0.1:9418", "127.0.0.1:9418", "127.0.0.1", NULL, AF_INET },
		{ "0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", NULL, AF_INET },
		{ "255.255.255.255:65535", "255.255.255.255:65535", "255.255.255.255", NULL, AF_INET },
		{ "[::1]:9418", "[::1]:9418", "[::1]", NULL, AF_INET6 },
		{ "[::]:1", "[::]:1", "[::]", NULL, AF_INET6 },
		{ "[2001:DB8:0::0001]:80", "[2001:db8::1]:80", "[2001:db8::1]", NULL, AF_INET6 },
		{ "[::ffff:10.0.0.1]:80", "10.0.0.1:80", "10.0.0.1", NULL, AF_INET6 },
		{ "127.0.0.1:65536", NULL, NULL, "port", 0 },
		{ "127.0.0.1:-1", NULL, NULL, "port", 0 },
		{ "127.0.0.1:-0", NULL, NULL, "port", 0 },
		{ "127.0.0.1:", NULL, NULL, "port", 0 },
		{ "127.0.0.1:git", NULL, NULL, "port", 0 },
		{ "127.0.0.1: 80", NULL, NULL, "port", 0 },
		{ "127.0.0.1:99999999999999999999", NULL, NULL, "port", 0 },
		{ "127.0.0.1", NULL, NULL, "no port", 0 },
		{ "[::1]", NULL, NULL, "no port", 0 },
		{ "[::1]9418", NULL, NULL, "no port", 0 },
		{ "[", NULL, NULL, "no port", 0 },
		{ "[:", NULL, NULL, "no port", 0 },
		{ "", NULL, NULL, "no port", 0 },
		{ "9418", NULL, NULL, "no port", 0 },
		{ ":9418", NULL, NULL, "no host", 0 },
		{ "[]:9418", NULL, NULL, "no host", 0 },
		{ "::1:9418", NULL, NULL, "brackets", 0 },
		{ "localhost:9418", NULL, NULL, "numeric", 0 },
		{ "127.1:9418", NULL, NULL, "numeric", 0 },
		{ "127.0.0.256:9418", NULL, NULL, "numeric", 0 },
		{ " 127.0.0.1:9418", NULL, NULL, "numeric", 0 },
		{ "[127.0.0.1]:9418", NULL, NULL, "IPv6", 0 },
		{ "[fe80::1%lo]:9418", NULL, NULL, "IPv6", 0 },
		{ "[::1]]:9418", NULL, NULL, "IPv6", 0 },
		{ "a-name-that-is-much-longer-than-any-numeric-address-could-ever-be:1", NULL, NULL,
		  "numeric", 0 },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_addr a = { .len = 99 };
		const char *why = NULL;
		char text[80], host[80];
		struct gg_buf b = GG_BUF(text), h = GG_BUF(host);
		int r = gg_addr_parse(rows[i].s, &a, &why);

		if (rows[i].why) {
			cr_assert_eq(r, -EINVAL, "%s", rows[i].s);
			cr_assert_eq(a.len, 99, "untouched on failure: %s", rows[i].s);
			cr_assert(why && strstr(why, rows[i].why), "%s: %s", rows[i].s,
				  why ? why : "no reason");
			continue;
		}
		cr_assert_eq(r, 0, "%s: %s", rows[i].s, why ? why : "");
		cr_assert_eq(a.ss.ss_family, rows[i].family);
		cr_assert_eq(a.len, rows[i].family == AF_INET ? sizeof(struct sockaddr_in)
							      : sizeof(struct sockaddr_in6));
		gg_addr_add(&b, &a);
		gg_addr_host(&h, &a);
		cr_assert_str_eq(text, rows[i].shown);
		cr_assert_str_eq(host, rows[i].host);
	}
}

Test(addr, unix_sockets)
{
	static const struct {
		const char *s, *why;
	} bad[] = {
		{ "unix:", "not absolute" },
		{ "unix:run/git", "not absolute" },
		{ "unix:/run/a\"b", "quotes" },
		{ "unix:/run/a\\b", "backslashes" },
		{ "unix:/run/a\nb", "control" },
		{ "unix:/run/\xff", "UTF-8" },
		{ "unix:/run/\xe2\x80\xae", "control" },
	};
	char text[160], path[160] = "unix:/";
	struct gg_buf b = GG_BUF(text);
	struct gg_addr a;
	const char *why = NULL;

	cr_assert_eq(gg_addr_parse("unix:/run/git:9418", &a, &why), 0);
	cr_assert_eq(a.ss.ss_family, AF_UNIX);
	gg_addr_add(&b, &a);
	cr_assert_str_eq(text, "unix:/run/git:9418");
	b = GG_BUF(text);
	cr_assert_eq(gg_addr_parse("unix:/run/\xc3\xa4 b", &a, &why), 0);
	gg_addr_add(&b, &a);
	cr_assert_str_eq(text, "unix:/run/\xc3\xa4 b");
	for (size_t i = 0; i < GG_LEN(bad); i++)
		cr_assert(gg_addr_parse(bad[i].s, &a, &why) == -EINVAL && strstr(why, bad[i].why), "%s",
			  bad[i].s);
	memset(path + 6, 'x', 106);
	cr_assert_eq(gg_addr_parse(path, &a, &why), 0);
	path[112] = 'x';
	cr_assert(gg_addr_parse(path, &a, &why) == -EINVAL && strstr(why, "107"));
}

Test(addr, host_len)
{
	cr_assert_eq(gg_addr_host_len("127.0.0.1:53211"), 9);
	cr_assert_eq(gg_addr_host_len("[::1]:53211"), 5);
	cr_assert_eq(gg_addr_host_len("unix:uid=1000"), 13);
	cr_assert_eq(gg_addr_host_len(""), 0);
}

Test(addr, port_and_other_families)
{
	struct gg_addr a;
	const char *why;
	char text[32];
	struct gg_buf b = GG_BUF(text);

	cr_assert_eq(gg_addr_parse("[::1]:9418", &a, &why), 0);
	cr_assert_eq(gg_addr_port(&a), 9418);
	memset(&a, 0, sizeof(a));
	a.ss.ss_family = AF_UNIX;
	a.uid = 1000;
	gg_addr_add(&b, &a);
	cr_assert_str_eq(text, "unix:uid=1000");
	cr_assert_eq(gg_addr_port(&a), 0);
}
