/*
 * request - the first packet of a git:// connection: "git-upload-pack /path\0host=h\0\0version=2\0". Pure.
 * Used by daemon-wrap/git-session.c, fuzzed by tests/fuzz/fuzz-request.c, tested by tests/unit/wrap.c.
 */
#ifndef GG_WRAP_REQUEST_H
#define GG_WRAP_REQUEST_H

#include <stddef.h>

#define GG_REQUEST_MAX 65520 /* the longest packet that git's protocol has, header included */
#define GG_PATH_MAX 4096

/*
 * The length that a pkt-line header announces, header included.
 *   bytes   n of them have arrived so far
 * Returns the length (5 to 65520), 0 when fewer than four bytes are there and all are hex digits so far, or
 * -EINVAL: no request can begin so (a flush packet, another protocol).
 */
int gg_request_length(const char *bytes, size_t n);

struct gg_request {
	char service[32]; /* "receive-pack", without "git-" */
	char path[GG_PATH_MAX];
};

/* packet: all of it, header included. 0; -EINVAL: not a request; -ENOENT: a service that does not exist
 * (ret->service holds its name). */
int gg_request_parse(const char *packet, size_t n, struct gg_request *ret);

#define GG_PROTOCOL_MAX 256

/*
 * What a request that parses asks for besides, "version=2", as GIT_PROTOCOL has it: several with colons
 * between. ret: size bytes; "" when there is nothing. 0; -EINVAL: not as git's clients write it, or longer.
 */
int gg_request_protocol(const char *packet, size_t n, char *ret, size_t size);

#endif
