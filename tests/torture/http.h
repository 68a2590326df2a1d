/*
 * http - smart HTTP for clients that speak by hand: request heads, chunks, and a reader that takes the
 * framing off replies. Pure, bounded memory.
 */
#ifndef GG_TORTURE_HTTP_H
#define GG_TORTURE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gg_buf;
struct gg_wire;

enum { GG_CHUNK_MAX = 24 }; /* bytes that a chunk takes beside its data */

enum gg_reply_part {
	GG_IN_LINE,
	GG_IN_BODY,
	GG_IN_REST,
	GG_IN_SIZE,
	GG_IN_CHUNK,
	GG_IN_CHUNK_END,
	GG_IN_TRAILER
};

/* Replies, one after the other. */
struct gg_http_reply {
	struct gg_wire *wire; /* borrowed: gets the bodies of 200; what else comes is said */
	bool advert;	      /* the next is an advertisement: only its end matters */
	bool done;	      /* the last one is complete */
	bool cut;	      /* set by _end: the connection ended inside of one */
	enum gg_reply_part part;
	int status; /* 0: no status line has come */
	bool chunked, has_length;
	uint64_t left;
	char line[512];
	size_t nline;
};

void gg_http_reply_init(struct gg_http_reply *r, struct gg_wire *wire);
void gg_http_reply_feed(struct gg_http_reply *r, const char *p, size_t n);
/* The connection has ended: was that inside of a reply? */
void gg_http_reply_end(struct gg_http_reply *r);

struct gg_http_ask {
	const char *path, *host, *service; /* service: "git-receive-pack" */
	bool v2;
	uint64_t length; /* of the body of a POST; 0: chunked */
};
/* GET info/refs; more: another header line or "". */
void gg_http_get(struct gg_buf *b, const struct gg_http_ask *a, const char *more);
void gg_http_post(struct gg_buf *b, const struct gg_http_ask *a);

#endif
