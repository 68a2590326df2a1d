/*
 * upstream - the address of an upstream, ssh://[USER@]HOST[:PORT]/PATH, taken apart. Pure. Used by
 * base/confrepo.c to check it, and by whoever has to name the host. Tested by tests/unit/repoconf.c.
 *
 * Git decodes %xx in all of such an address before it takes it apart, and ssh takes what begins with '-' for
 * an option: neither is let into user or host.
 */
#ifndef GG_BASE_UPSTREAM_H
#define GG_BASE_UPSTREAM_H

#include <stdint.h>

#include "base/text.h"

struct gg_upstream {
	char user[256];	  /* "": not given */
	char host[256];	  /* without the brackets of an IPv6 address */
	uint16_t port;	  /* 0: not given */
	const char *path; /* into the address; begins with '/' */
};

/* 0; -EINVAL with what is wrong and the cure in ret_why, which has room for 512 bytes and more. */
int gg_upstream_parse(const char *s, struct gg_upstream *ret, struct gg_buf *ret_why);

#endif
