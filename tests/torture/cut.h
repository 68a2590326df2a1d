/* cut - how much of what git push sends a relay lets pass. Pure: follows the pkt-lines, over HTTP
 * those in the chunks of its last POST, keeps nothing. */
#ifndef GG_TORTURE_CUT_H
#define GG_TORTURE_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/torture/torture.h"

enum { GG_CUT_PACK_BYTES = 1024 * 1024 };

enum gg_cut_http { GG_CUT_HEAD, GG_CUT_LENGTH, GG_CUT_SIZE, GG_CUT_CHUNK, GG_CUT_CHUNK_END };

struct gg_cut {
	enum gg_stall where;
	enum { GG_CUT_REQUEST, GG_CUT_COMMANDS, GG_CUT_PACK } part;
	char head[4];
	size_t nhead, left;
	uint64_t pack; /* pack bytes that passed */
	bool http;
	enum gg_cut_http at;
	char line[256];
	size_t nline;
	uint64_t length, body_left; /* of a body that is passed as it is; of it, or of a chunk */
	bool chunked;
};

/* How many of the n bytes pass. Fewer than n: the relay stalls here for good. */
size_t gg_cut_take(struct gg_cut *c, const char *p, size_t n);
/* Enough of the pack has passed for the client to be stopped in its middle. */
bool gg_cut_is_mid_pack(const struct gg_cut *c);

#endif
