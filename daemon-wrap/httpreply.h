/*
 * httpreply - the head that git http-backend writes, and the head that the client gets. Pure. Used by
 * git-gate-http, fuzzed by tests/fuzz/fuzz-httpreply.c, tested by tests/unit/httpreply.c.
 */
#ifndef GG_WRAP_HTTPREPLY_H
#define GG_WRAP_HTTPREPLY_H

#include "base/text.h"
#include "daemon-wrap/httpparse.h"

enum {
	GG_REPLY_HEAD_MAX = 16 * 1024, /* of a CGI reply */
	GG_REPLY_HEADERS_MAX = 32,     /* passed on; more is an error */
	GG_REPLY_OUT_MAX = 20 * 1024,  /* each head built here, or answer of our own with its body */
};

enum gg_reply_event {
	GG_REPLY_MORE, /* all bytes are used, the head is not complete */
	GG_REPLY_HEAD, /* complete; the bytes behind it are the body */
	GG_REPLY_BAD,  /* r->why; answer 502 */
};

/* A CGI reply head, as it comes. Zero it to begin. Texts point into it; a header that comes twice with the
 * same value is given once. */
struct gg_reply {
	int status;	 /* 200 when there is no Status */
	int64_t length;	 /* -1: no Content-Length, or one that cannot be believed (two, not a number) */
	const char *why; /* of GG_REPLY_BAD: a static text */
	struct gg_http_header
		header[GG_REPLY_HEADERS_MAX]; /* to pass on: never Content-Length, Status, or hop-by-hop */
	size_t nheader;

	/* private */
	bool has_length;
	size_t nraw, line;
	char raw[GG_REPLY_HEAD_MAX + 1];
};

/* ret_used: how many of the bytes belong to the head. Lines end with CRLF or LF. Not called again after
 * GG_REPLY_HEAD. */
enum gg_reply_event gg_reply_feed(struct gg_reply *r, const char *bytes, size_t n, size_t *ret_used);

/* How the client knows where the body ends. */
enum gg_frame {
	GG_FRAME_NONE,	  /* no body: HEAD, 204, 304, length 0 */
	GG_FRAME_LENGTH,  /* Content-Length: exactly so many bytes, or cut the connection */
	GG_FRAME_CHUNKED, /* gg_chunk_head before each piece, GG_CHUNK_LAST at a good end only */
	GG_FRAME_CLOSE,	  /* the end of the connection ends it: keep_alive became false */
};

/* What is known of the request that is answered. */
struct gg_asked {
	int minor;	  /* 1 also when the head could not be parsed */
	bool head;	  /* HEAD */
	bool keep_alive;  /* wanted by the client and by us */
	const char *date; /* "Sun, 06 Nov 1994 08:49:37 GMT", for Date; NULL: none */
};

/*
 * Append the whole head of the reply to b (GG_REPLY_OUT_MAX is enough), blank line included.
 *   ret_keep_alive  what the head says; false for GG_FRAME_CLOSE
 */
enum gg_frame gg_reply_build(struct gg_buf *b, const struct gg_reply *r, const struct gg_asked *a,
			     bool *ret_keep_alive);

/*
 * An answer of our own: head and body, text/plain ("git-gate: reason"), or JSON for lfs. Without the body for
 * HEAD. With Retry-After for 503, Allow for 405, WWW-Authenticate for 401.
 *   retry_s   seconds, for 503
 */
void gg_reply_own(struct gg_buf *b, const struct gg_http_error *e, const struct gg_asked *a, int retry_s);

/* "Bad Request"; "Unknown" for what is not in the table. */
const char *gg_reply_phrase(int status);

#define GG_REPLY_CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define GG_CHUNK_LAST "0\r\n\r\n"
#define GG_CHUNK_HEAD_MAX 20 /* after the piece comes "\r\n" */
/* Returns the length written: the size line of a piece of n bytes, n over 0. */
size_t gg_chunk_head(char buf[GG_CHUNK_HEAD_MAX], size_t n);

#endif
