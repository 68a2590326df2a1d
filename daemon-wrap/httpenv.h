/*
 * httpenv - the environment of git http-backend, for one request. Pure but for allocation. Used by
 * git-gate-http, fuzzed by tests/fuzz/fuzz-httpenv.c, tested by tests/unit/httpenv.c.
 *
 * Two layers, so that a client can set nothing that the gate sets. That of the connection has PATH, ids,
 * REMOTE_* and settings: gg_env_http (argv.h), made by the supervisor, which starts git-gate-http with it.
 * That of the request is added by gg_httpenv_request, from a fixed list.
 */
#ifndef GG_WRAP_HTTPENV_H
#define GG_WRAP_HTTPENV_H

#include "daemon-wrap/argv.h"
#include "daemon-wrap/httpparse.h"
#include "daemon-wrap/httproute.h"

/*
 * Appends to ret what base, the connection's layer (NULL-terminated, "NAME=value"), has, but for names that
 * the request layer owns: REQUEST_METHOD, PATH_INFO, PATH_TRANSLATED, QUERY_STRING, CONTENT_*,
 * SERVER_PROTOCOL, HTTP_*, GIT_PROTOCOL. Then REQUEST_METHOD, PATH_INFO, QUERY_STRING, SERVER_PROTOCOL,
 * CONTENT_TYPE, HTTP_CONTENT_ENCODING=gzip, HTTP_GIT_PROTOCOL, CONTENT_LENGTH.
 *
 * The last only for upload-pack, which reads its request whole, when the length is known and the body is not
 * packed. http-backend that copies a push spins on a body which is cut before its length.
 *
 * 0; -ENOMEM; or, over 0, the status of *ret_err: 415, a coding other than gzip, x-gzip, identity.
 */
int gg_httpenv_request(struct gg_strv *ret, char *const *base, const struct gg_route *r,
		       const struct gg_http_head *h, struct gg_http_error *ret_err);

/* How a request's body is packed: 1 gzip (or x-gzip), 0 not at all, -1 in a way that git does not know. */
int gg_httpenv_gzip(const struct gg_http_head *h);

#endif
