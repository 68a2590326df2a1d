/*
 * httpparse - one side of an HTTP/1 connection as events: head, spans of the body, end. Pure, allocates
 * nothing. The only user of <http_parser.h>. Used by git-gate-http, fuzzed by tests/fuzz/fuzz-http.c, tested
 * by tests/unit/httpparse.c and httpframing.c; the table there says what the library refuses and what is
 * refused here.
 *
 * Two readers have to agree: each line is judged here first (no bare LF, no folding, exact numbers), then
 * parsed by the library. Every doubt about framing is an error, after which the connection is to be closed.
 */
#ifndef GG_WRAP_HTTPPARSE_H
#define GG_WRAP_HTTPPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GG_HTTP_HEAD_MAX = 32 * 1024,  /* request line and headers, with all line ends: 431 beyond */
	GG_HTTP_HEADERS_MAX = 100,     /* 431 beyond */
	GG_HTTP_TARGET_MAX = 8 * 1024, /* 414 beyond */
	GG_HTTP_CHUNK_LINE_MAX = 256,  /* one chunk size with its extensions */
	GG_HTTP_TRAILER_MAX = 1024,    /* one trailer */
	GG_HTTP_EXTRA_MAX = 32 * 1024, /* all chunk extensions and trailers of a body */
};

/* Why a request is not served. reason is a static text, for the client and the log. */
struct gg_http_error {
	int status; /* 400, … */
	const char *reason;
	const char *allow; /* with 405: the value of Allow; else NULL */
	bool lfs;	   /* tell it as git-lfs wants it told, in JSON */
};

struct gg_http_header {
	const char *name, *value; /* as sent; value without blanks around it */
};

/* All texts point into the parser's own memory and live until the next message begins. */
struct gg_http_head {
	const char *method; /* "GET"; one that the library knows */
	const char *target; /* raw, at most GG_HTTP_TARGET_MAX, never empty */
	int minor;	    /* HTTP/1.minor: 0 or 1 */
	struct gg_http_header header[GG_HTTP_HEADERS_MAX];
	size_t nheader;
	int64_t content_length; /* -1: none given */
	bool chunked;
	bool has_body;	      /* chunked, or a length over 0 */
	bool keep_alive;      /* as the client wants it */
	bool expect_continue; /* it waits for a 100; never with 1.0 */
};

/* The value of the only header of that name, any case; NULL when there is none. ret_n (may be NULL): how
 * many. */
const char *gg_http_header(const struct gg_http_head *h, const char *name, size_t *ret_n);

enum gg_http_event {
	GG_HTTP_MORE, /* all bytes are used, nothing is complete */
	GG_HTTP_HEAD, /* p->head is complete. A request without a body is followed by GG_HTTP_END */
	GG_HTTP_BODY, /* ret_body, ret_nbody: a span of the body, into the fed bytes, never empty */
	GG_HTTP_END,  /* the message is complete; the bytes behind it were not touched */
	GG_HTTP_BAD,  /* p->error; answer and close. Every later call says the same */
};

struct gg_http {
	struct gg_http_head head; /* from GG_HTTP_HEAD on */
	struct gg_http_error error;
	int64_t body; /* bytes of the body so far, without chunk framing */

	/* private */
	int phase;
	bool lib_head, lib_end, blank;
	size_t nraw;	/* bytes of the head so far */
	size_t line;	/* where in raw, or how far in small, the line begins or is */
	size_t nline;	/* header lines judged here, to compare with the library's count */
	size_t extra;	/* bytes of chunk extensions and trailers */
	uint64_t left;	/* of the body, or of the chunk */
	uint64_t chunk; /* the library's size of it */
	struct {
		uint16_t name, nname, value, nvalue;
	} mark[GG_HTTP_HEADERS_MAX];
	char small[GG_HTTP_TRAILER_MAX + 2]; /* a chunk's size line, or a trailer */
	char raw[GG_HTTP_HEAD_MAX + 2];
	union {
		uint64_t align;
		char bytes[64];
	} lib;
};

void gg_http_init(struct gg_http *p);

/*
 * The next event of a connection's bytes. Call until GG_HTTP_MORE, each time with what follows the used
 * bytes: for (size_t at = 0, used;; at += used) switch (gg_http_next(p, buf + at, n - at, &used, &body,
 * &nbody)) … n may be 0: an event that needs no more bytes (GG_HTTP_END) still comes. After GG_HTTP_END the
 * next call begins another message. An empty line before a request line is skipped, one.
 */
enum gg_http_event gg_http_next(struct gg_http *p, const char *bytes, size_t n, size_t *ret_used,
				const char **ret_body, size_t *ret_nbody);

/* No more bytes will come. True: in the middle of a message, which is cut; false: between two messages. */
bool gg_http_is_cut(const struct gg_http *p);

#endif
