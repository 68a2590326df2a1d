/*
 * tokenfile - the file of tokens (access.tokenFile): who has one, and its SHA-256. Pure but for allocation.
 * Read by base/accessload.c for the gate and by cli/token.c, which writes it. Tested by
 * tests/unit/tokenfile.c, fuzzed by tests/fuzz/fuzz-tokenfile.c.
 *
 * A line is NAME:sha256:HEX; empty ones and those that begin with '#' say nothing. A token has 256 random
 * bits, so its hash alone tells nothing of it, and needs neither salt nor a slow function.
 */
#ifndef GG_BASE_TOKENFILE_H
#define GG_BASE_TOKENFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/who.h"

enum {
	GG_HASH_SIZE = 32,
	GG_TOKENS_MAX = 1000,
	GG_TOKENFILE_MAX = 256 << 10, /* bytes */
};

struct gg_token {
	char name[GG_USER_MAX + 1];
	uint8_t hash[GG_HASH_SIZE];
};

struct gg_tokens {
	struct gg_token *v; /* owned */
	size_t n;
};

/* What is wrong with a line, the first being 1, with the cure: "has no name". Not 0: stop, and return it. */
typedef int gg_tokenfile_bad(void *arg, size_t line, const char *what);

/* Take the file's n bytes. Every bad line is told. ret has the good ones, the caller's in any case. 0,
 * -ENOMEM, or what bad returned. */
int gg_tokenfile_parse(const char *text, size_t n, struct gg_tokens *ret, gg_tokenfile_bad *bad, void *arg);
void gg_tokens_free(struct gg_tokens *t);

/* The one with the name; NULL. */
const struct gg_token *gg_tokens_named(const struct gg_tokens *t, const char *name);

/* 64 hexadecimal digits, and back: lower case only. 0 or -EINVAL. */
void gg_hash_hex(const uint8_t hash[GG_HASH_SIZE], char ret[2 * GG_HASH_SIZE + 1]);
int gg_hash_parse(const char *s, size_t n, uint8_t ret[GG_HASH_SIZE]);

#endif
