/*
 * httpauth - what an Authorization header shows: a token, and with Basic a name. Pure. Used by git-gate-http,
 * fuzzed by tests/fuzz/fuzz-httpauth.c, tested by tests/unit/httpauth.c.
 */
#ifndef GG_WRAP_HTTPAUTH_H
#define GG_WRAP_HTTPAUTH_H

#include <stddef.h>

#include "base/who.h"

enum { GG_TOKEN_MAX = 256 }; /* bytes of a token that a client shows */

enum gg_auth {
	GG_AUTH_NONE,	/* no header */
	GG_AUTH_BASIC,	/* a name that a token may have, and a token */
	GG_AUTH_BEARER, /* a token */
	GG_AUTH_BAD,	/* another scheme, or what can be no token: nobody has it */
};

struct gg_shown {
	char name[GG_USER_MAX + 1]; /* of GG_AUTH_BASIC, else "" */
	char token[GG_TOKEN_MAX + 1];
	size_t ntoken;
};

/*
 * value  of the header; NULL: there is none
 * Base64 is strict: its alphabet alone, padded, no stray bits. The token is 1 to GG_TOKEN_MAX printable ASCII
 * characters.
 */
enum gg_auth gg_httpauth_parse(const char *value, struct gg_shown *ret);

#endif
