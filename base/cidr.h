/*
 * cidr - nets of IP addresses as they are written in settings, and whether an address is in one. Pure. Used
 * for access.allow, access.proxyFrom and the rules of who may push. Tested by tests/unit/cidr.c.
 */
#ifndef GG_BASE_CIDR_H
#define GG_BASE_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct gg_buf;

struct gg_cidr {
	int family;	 /* AF_INET or AF_INET6 */
	uint8_t bits;	 /* length of the prefix: 0 to 32 or 128 */
	uint8_t net[16]; /* 4 bytes are used or all, network order; 0 beyond the prefix */
};

/*
 * "10.0.0.0/8", "2001:db8::/32", or an address alone, which is a net of one. A net of IPv4 addresses that is
 * written mapped into IPv6, "::ffff:10.0.0.0/104", is that of IPv4.
 *   why  on error it gets what is wrong and the cure, "is no address; write ...": goes behind the value
 * 0 or -EINVAL.
 */
int gg_cidr_parse(const char *s, struct gg_cidr *ret, struct gg_buf *why);

/*
 * An IPv4 address matches nets of IPv4 alone, also when it comes mapped into IPv6; an IPv6 address those of
 * IPv6 alone, so that ::/0 lets no IPv4 client in. No other family matches anything.
 */
bool gg_cidr_match(const struct gg_cidr *c, const struct gg_addr *a);

/* In any of the nets of a setting. What is no net in it matches nothing. */
bool gg_cidr_any(char *const *v, size_t n, const struct gg_addr *a);

/* Of this machine itself: 127.0.0.0/8 or ::1. */
bool gg_addr_is_loopback(const struct gg_addr *a);

#endif
