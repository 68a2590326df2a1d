/*
 * httppump - one request's git http-backend, or the command of git's that it would start: the body to it, its
 * reply to the client, both at once, and how that ends. Effect.
 *
 * Nothing is buffered but one piece in each direction: who does not read holds up who writes. The body is
 * never given a length, so its end is the end of git's input: a body that is cut ends as a push that is cut,
 * and git cleans up and reports.
 */
#ifndef GG_WRAP_HTTPPUMP_H
#define GG_WRAP_HTTPPUMP_H

#include "daemon-wrap/httpclient.h"
#include "daemon-wrap/httpreply.h"

struct gg_pump {
	struct gg_httpclient *client;
	const struct gg_asked *asked;
	const char *path; /* of git-http-backend, or of git */
	char *const *argv, *const *env;
	const char *cwd;       /* NULL: ours */
	const char *preface;   /* what the reply begins with, before git's own; NULL: nothing */
	bool has_body;	       /* else the backend's input is /dev/null */
	bool rpc;	       /* a POST: the reply is made of packets, or of nothing */
	bool gzip;	       /* the body is packed, and inflated by git http-backend */
	bool push;	       /* what the client is told may go to it as a side-band packet */
	int64_t limit;	       /* of the body, in bytes; 0: none */
	const char *too_large; /* "git-gate: …", what the client is told of one that is larger */
};

enum gg_pumped {
	GG_PUMPED_KEEP,	 /* the reply is complete, and the connection may be kept */
	GG_PUMPED_CLOSE, /* it is to be closed; the client may send still */
	GG_PUMPED_CUT,	 /* it is to be closed at once: the reply is not complete */
	GG_PUMPED_OWN,	 /* nothing was sent: *ret_err is to be answered, then close */
};

enum gg_pumped gg_pump_run(const struct gg_pump *p, struct gg_http_error *ret_err);

#endif
