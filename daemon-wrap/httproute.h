/*
 * httproute - what a request's method and target ask for. Pure. Used by git-gate-http, fuzzed by
 * tests/fuzz/fuzz-httproute.c, tested by tests/unit/httproute.c.
 *
 * The path is decoded once. What could mean another path to someone else is refused, not repaired: "." and
 * "..", empty segments, %2F, %00, control characters, wrong escapes. '+' is a plus. Symbolic links are not
 * looked at here: see repo.h.
 */
#ifndef GG_WRAP_HTTPROUTE_H
#define GG_WRAP_HTTPROUTE_H

#include "daemon-wrap/httpparse.h"

enum gg_route_kind {
	GG_ROUTE_INFO_REFS,	 /* GET, HEAD /r.git/info/refs?service=git-… */
	GG_ROUTE_RECEIVE_PACK,	 /* POST /r.git/git-receive-pack */
	GG_ROUTE_UPLOAD_PACK,	 /* POST /r.git/git-upload-pack */
	GG_ROUTE_UPLOAD_ARCHIVE, /* POST /r.git/git-upload-archive; not returned: 501, git 2.39 does not serve
				    it */
	GG_ROUTE_DUMB,		 /* GET, HEAD of a repository's file, or info/refs without a service */
};

struct gg_route {
	enum gg_route_kind kind;
	bool head;	      /* HEAD: the reply goes without its body */
	char service[32];     /* "receive-pack", "upload-pack"; "" for GG_ROUTE_DUMB */
	char repo[4096];      /* decoded, begins with '/', without what names the service; never "/" */
	char path_info[4096]; /* decoded, all of it: PATH_INFO of git http-backend */
	char query[64];	      /* "service=git-receive-pack", "service=git-upload-pack" or "" */
};

/* 0, or the status of *ret_err: 400, 403 (a service that does not exist), 404, 405 (with allow), 414, 501. */
int gg_route_parse(const char *method, const char *target, struct gg_route *ret,
		   struct gg_http_error *ret_err);

/* What the head of a routed request must have: a POST says its length (411) and its service's content type
 * (415). 0, or the status of *ret_err. */
int gg_route_check(const struct gg_route *r, const struct gg_http_head *h, struct gg_http_error *ret_err);

#endif
