/* Tests of base/cidr.h. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cidr.h"
#include "base/cleanup.h"
#include "base/text.h"

/* "10.0.0.1" or "::1" as a peer's address. */
static struct gg_addr peer(const char *host)
{
	struct gg_addr a;
	char text[80];
	struct gg_buf b = GG_BUF(text);
	const char *why;

	gg_buf_add(&b, strchr(host, ':') ? "[%s]:1" : "%s:1", host);
	cr_assert_eq(gg_addr_parse(text, &a, &why), 0, "%s: %s", host, why);
	return a;
}

Test(cidr, parse)
{
	static const struct {
		const char *s, *why; /* why: NULL, or a part of it */
		int family, bits;
	} rows[] = {
		{ "10.0.0.0/8", NULL, AF_INET, 8 },
		{ "10.1.2.3", NULL, AF_INET, 32 },
		{ "10.1.2.3/32", NULL, AF_INET, 32 },
		{ "0.0.0.0/0", NULL, AF_INET, 0 },
		{ "10.1.2.128/25", NULL, AF_INET, 25 },
		{ "::1/128", NULL, AF_INET6, 128 },
		{ "::1", NULL, AF_INET6, 128 },
		{ "::/0", NULL, AF_INET6, 0 },
		{ "2001:DB8::/32", NULL, AF_INET6, 32 },
		{ "2001:db8:1234:5678:9abc:def0:255.255.255.255", NULL, AF_INET6, 128 },
		{ "::ffff:10.0.0.0/104", NULL, AF_INET, 8 },
		{ "::ffff:10.0.0.1", NULL, AF_INET, 32 },
		{ "::ffff:0:0/96", NULL, AF_INET, 0 },
		{ "10.0.0.1/8", "write 10.0.0.0/8 for the net, or 10.0.0.1 for the address", 0, 0 },
		{ "10.1.2.3/31", "write 10.1.2.2/31", 0, 0 },
		{ "1.0.0.0/0", "write 0.0.0.0/0", 0, 0 },
		{ "2001:db8::1/32", "write 2001:db8::/32 for the net, or 2001:db8::1", 0, 0 },
		{ "10.0.0.0/33", "write 0 to 32", 0, 0 },
		{ "::/129", "write 0 to 128", 0, 0 },
		{ "10.0.0.0/", "write 0 to 32", 0, 0 },
		{ "10.0.0.0/-1", "write 0 to 32", 0, 0 },
		{ "10.0.0.0/-0", "write 0 to 32", 0, 0 },
		{ "10.0.0.0/8/8", "write 0 to 32", 0, 0 },
		{ "10.0.0.0/ 8", "write 0 to 32", 0, 0 },
		{ "10.0.0.0/255.0.0.0", "write 0 to 32", 0, 0 },
		{ "10.0.0.0/99999999999999999999", "write 0 to 32", 0, 0 },
		{ "", "is no net", 0, 0 },
		{ "/8", "is no net", 0, 0 },
		{ "10.0.0/8", "is no net", 0, 0 },
		{ "010.0.0.0/8", "is no net", 0, 0 },
		{ "[::1]", "is no net", 0, 0 },
		{ "fe80::1%lo", "is no net", 0, 0 },
		{ "localhost", "names are not looked up", 0, 0 },
		{ "a-name-that-is-much-longer-than-any-numeric-address-could-ever-be", "is no net", 0, 0 },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_cidr c = { .family = -1 };
		char mem[200];
		struct gg_buf why = GG_BUF(mem);
		int r = gg_cidr_parse(rows[i].s, &c, &why);

		if (rows[i].why) {
			cr_assert_eq(r, -EINVAL, "%s", rows[i].s);
			cr_assert_eq(c.family, -1, "untouched on failure: %s", rows[i].s);
			cr_assert(strstr(mem, rows[i].why), "%s: %s", rows[i].s, mem);
			continue;
		}
		cr_assert_eq(r, 0, "%s: %s", rows[i].s, mem);
		cr_assert_eq(c.family, rows[i].family, "%s", rows[i].s);
		cr_assert_eq(c.bits, rows[i].bits, "%s: %d", rows[i].s, c.bits);
	}
}

Test(cidr, match)
{
	static const struct {
		const char *net, *host;
		bool in;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/8", "9.255.255.255", false },
		{ "10.1.2.128/25", "10.1.2.128", true },
		{ "10.1.2.128/25", "10.1.2.127", false },
		{ "10.1.2.3", "10.1.2.3", true },
		{ "10.1.2.3", "10.1.2.2", false },
		{ "0.0.0.0/0", "255.255.255.255", true },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "::1", "::1", true },
		{ "::1", "::2", false },
		/* IPv4 mapped into IPv6, on either side */
		{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
		{ "10.0.0.0/8", "::ffff:11.1.2.3", false },
		{ "::ffff:10.0.0.0/104", "10.1.2.3", true },
		{ "::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true },
		/* never from one family into the other */
		{ "::/0", "10.1.2.3", false },
		{ "::/0", "::ffff:10.1.2.3", false },
		{ "::/0", "2001:db8::1", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "0.0.0.0/0", "::1", false },
		{ "10.0.0.0/8", "a01:203::", false }, /* the same first bytes */
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_addr a = peer(rows[i].host);
		struct gg_cidr c;
		char mem[200], *v[] = { (char[]){ "no net" }, strdup(rows[i].net) };
		struct gg_buf why = GG_BUF(mem);

		cr_assert_eq(gg_cidr_parse(rows[i].net, &c, &why), 0, "%s", mem);
		cr_assert_eq(gg_cidr_match(&c, &a), rows[i].in, "%s in %s", rows[i].host, rows[i].net);
		cr_assert_eq(gg_cidr_any(v, 2, &a), rows[i].in, "%s in %s", rows[i].host, rows[i].net);
		cr_assert_not(gg_cidr_any(v, 1, &a));
		free(v[1]);
	}
}

Test(cidr, other_families)
{
	struct gg_addr a = { .ss = { .ss_family = AF_UNIX } };
	struct gg_cidr all = { .family = AF_INET };

	cr_assert_not(gg_cidr_match(&all, &a));
	a.ss.ss_family = AF_UNSPEC;
	cr_assert_not(gg_cidr_match(&all, &a));
}

Test(cidr, loopback)
{
	static const struct {
		const char *host;
		bool is;
	} rows[] = {
		{ "127.0.0.1", true },	      { "127.255.0.9", true }, { "::1", true },
		{ "::ffff:127.0.0.1", true }, { "0.0.0.0", false },    { "::", false },
		{ "10.0.0.1", false },	      { "128.0.0.1", false },  { "::ffff:10.0.0.1", false },
		{ "::127.0.0.1", false },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_addr a = peer(rows[i].host);

		cr_assert_eq(gg_addr_is_loopback(&a), rows[i].is, "%s", rows[i].host);
	}
}
