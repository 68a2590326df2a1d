/* cidr - see cidr.h. */
#include "base/cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/text.h"

enum { V4_BITS = 32, V6_BITS = 128, MAPPED_BITS = V6_BITS - V4_BITS };

static int fail(struct gg_buf *why, const char *text)
{
	gg_buf_add(why, "%s", text);
	return -EINVAL;
}

/* The bytes of an address, an IPv4 one that is mapped into IPv6 as IPv4. AF_UNSPEC: it has none. */
static int bytes_of(const struct gg_addr *a, const uint8_t **ret)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->ss;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->ss;

	if (a->ss.ss_family == AF_INET) {
		*ret = (const uint8_t *)&v4->sin_addr;
		return AF_INET;
	}
	if (a->ss.ss_family != AF_INET6)
		return AF_UNSPEC;
	*ret = v6->sin6_addr.s6_addr;
	if (!IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		return AF_INET6;
	*ret += MAPPED_BITS / 8;
	return AF_INET;
}

/* Everything beyond the prefix becomes 0. True: something there was not. */
static bool clear_rest(uint8_t *net, size_t size, unsigned bits)
{
	bool any = false;

	for (size_t i = bits / 8; i < size; i++) {
		uint8_t keep = (uint8_t)(i == bits / 8 ? 0xff00 >> bits % 8
						       : 0); /* gcc's sanitizers want all of it cast */

		any = any || (net[i] & (uint8_t)~keep);
		net[i] &= keep;
	}
	return any;
}

static int family_of(const char *host, uint8_t *ret)
{
	if (inet_pton(AF_INET, host, ret) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, host, ret) == 1 ? AF_INET6 : AF_UNSPEC;
}

/* A net that was written mapped is that of IPv4; one that is wider than all of these stays as it is. */
static void unmap(struct gg_cidr *c)
{
	static const uint8_t mapped[MAPPED_BITS / 8] = { [10] = 0xff, [11] = 0xff };

	if (c->family != AF_INET6 || c->bits < MAPPED_BITS || memcmp(c->net, mapped, sizeof(mapped)))
		return;
	c->family = AF_INET;
	c->bits -= MAPPED_BITS;
	memmove(c->net, c->net + sizeof(mapped), V4_BITS / 8);
	memset(c->net + V4_BITS / 8, 0, sizeof(c->net) - V4_BITS / 8);
}

int gg_cidr_parse(const char *s, struct gg_cidr *ret, struct gg_buf *why)
{
	struct gg_cidr c = { .bits = 0 };
	char host[INET6_ADDRSTRLEN + 1], text[INET6_ADDRSTRLEN];
	const char *slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	int64_t bits, max;

	if (n >= sizeof(host))
		return fail(why, "is no net; write 10.0.0.0/8, 2001:db8::/32 or an address");
	memcpy(host, s, n);
	host[n] = '\0';
	c.family = family_of(host, c.net);
	if (c.family == AF_UNSPEC)
		return fail(why, "is no net; write 10.0.0.0/8, 2001:db8::/32 or an address, in numbers: "
				 "names are not looked up");
	max = c.family == AF_INET ? V4_BITS : V6_BITS;
	bits = max;
	if (slash && (gg_int_parse(slash + 1, 0, max, &bits) < 0 || slash[1] == '-')) {
		gg_buf_add(why, "has no length of a prefix behind the '/'; write 0 to %d", (int)max);
		return -EINVAL;
	}
	c.bits = (uint8_t)bits;
	if (clear_rest(c.net, (size_t)max / 8, c.bits)) {
		gg_buf_add(why,
			   "has bits set behind its prefix; write %s/%d for the net, or %s for the address",
			   inet_ntop(c.family, c.net, text, sizeof(text)), c.bits, host);
		return -EINVAL;
	}
	unmap(&c);
	*ret = c;
	return 0;
}

bool gg_cidr_match(const struct gg_cidr *c, const struct gg_addr *a)
{
	const uint8_t *at = NULL;
	uint8_t mem[sizeof(c->net)] = { 0 };
	size_t size = c->family == AF_INET ? V4_BITS / 8 : V6_BITS / 8;

	if (bytes_of(a, &at) != c->family)
		return false;
	memcpy(mem, at, size);
	clear_rest(mem, size, c->bits);
	return memcmp(mem, c->net, size) == 0;
}

bool gg_cidr_any(char *const *v, size_t n, const struct gg_addr *a)
{
	for (size_t i = 0; i < n; i++) {
		char mem[256];
		struct gg_buf why = GG_BUF(mem);
		struct gg_cidr c;

		if (gg_cidr_parse(v[i], &c, &why) == 0 && gg_cidr_match(&c, a))
			return true;
	}
	return false;
}

bool gg_addr_is_loopback(const struct gg_addr *a)
{
	static const struct gg_cidr own[] = {
		{ .family = AF_INET, .bits = 8, .net = { 127 } },
		{ .family = AF_INET6, .bits = V6_BITS, .net = { [15] = 1 } },
	};

	return gg_cidr_match(&own[0], a) || gg_cidr_match(&own[1], a);
}
