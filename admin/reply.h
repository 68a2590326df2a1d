/*
 * reply - what is answered to one request. Knows nothing of connections. Called by admin/server.c.
 */
#ifndef GG_ADMIN_REPLY_H
#define GG_ADMIN_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/source.h"

struct gg_request {
	const char *method, *path; /* path: without the query */
	const char *host;	   /* NULL: none was given */
	bool hold;		   /* ?hold */
	bool stranger;		   /* access.allow does not have its address */
	bool local;		   /* it came to an address of this machine's own only */
};

struct gg_reply {
	unsigned status;
	const char *type;  /* static */
	const char *allow; /* for 405; static, or NULL */
	char *body;	   /* owned by the caller, from malloc; NULL: out of memory */
	size_t size;
	char nonce[33]; /* of a page's style; "" else */
};

void gg_reply_make(struct gg_source *s, const struct gg_request *q, struct gg_reply *ret);

/*
 * A page of elsewhere can have its own name resolve to 127.0.0.1, and read what a browser on this machine
 * may. The name gives it away: to a loopback address one comes by number, or as localhost. Pure.
 */
bool gg_reply_host_ok(const char *host);

#endif
