/*
 * proxyhead - the header of the PROXY protocol, versions 1 and 2, with which a proxy says on whose behalf it
 * has connected. Pure. Used by supervisor/proxied.c. Tested by tests/unit/proxyhead.c and
 * tests/fuzz/fuzz-proxyhead.c. Written after the protocol's description (proxy-protocol.txt of HAProxy).
 */
#ifndef GG_BASE_PROXYHEAD_H
#define GG_BASE_PROXYHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define GG_PROXY_MAX 4096 /* bytes of a header; a longer one, which version 2 could have, is refused */

struct gg_proxy_head {
	size_t len;	     /* bytes of the header; what follows is the client's */
	bool known;	     /* peer is the client. Else the connection is the proxy's own (LOCAL, a health
				check), or it cannot say whose it is (UNKNOWN, UNSPEC, a unix socket's) */
	struct gg_addr peer; /* IPv4 or IPv6, with its port */
};

/*
 * Is there a whole header in front of s?
 *   n    bytes that have come so far; GG_PROXY_MAX are enough to tell
 *   why  on -EINVAL a static text, what is wrong
 * 0; -EAGAIN: no, but all of s is a part of one; -EINVAL: no, and it will not become one.
 */
int gg_proxy_parse(const uint8_t *s, size_t n, struct gg_proxy_head *ret, const char **why);

#endif
