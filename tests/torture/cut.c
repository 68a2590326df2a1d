#include "tests/torture/cut.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/torture/wire.h"

/* Nothing beyond this point passes. */
static bool is_end(const struct gg_cut *c)
{
	switch (c->where) {
	case GG_STALL_REQUEST:
		return c->part != GG_CUT_REQUEST;
	case GG_STALL_COMMANDS:
		return c->part == GG_CUT_PACK;
	case GG_STALL_PACK:
		return c->part == GG_CUT_PACK && c->pack >= GG_CUT_PACK_BYTES;
	default:
		return false;
	}
}

static void end_head(struct gg_cut *c)
{
	int len = gg_wire_length(c->head);

	c->nhead = 0;
	if (len > 4)
		c->left = (size_t)len - 4;
	else if (len == 0 && c->part == GG_CUT_COMMANDS)
		c->part = GG_CUT_PACK;
}

static size_t take_pack(struct gg_cut *c, size_t n)
{
	if (c->where == GG_STALL_PACK && n > GG_CUT_PACK_BYTES - c->pack)
		n = GG_CUT_PACK_BYTES - c->pack;
	c->pack += n;
	return n;
}

static size_t take_packet(struct gg_cut *c, const char *p, size_t n)
{
	if (c->left == 0) {
		c->head[c->nhead++] = *p;
		if (c->nhead == sizeof(c->head))
			end_head(c);
		return 1;
	}
	n = n < c->left ? n : c->left;
	c->left -= n;
	if (c->left == 0 && c->part == GG_CUT_REQUEST)
		c->part = GG_CUT_COMMANDS;
	return n;
}

static size_t take_stream(struct gg_cut *c, const char *p, size_t n)
{
	return c->part == GG_CUT_PACK ? take_pack(c, n) : take_packet(c, p, n);
}

static void head_line(struct gg_cut *c)
{
	if (!strncasecmp(c->line, "content-length:", 15)) {
		c->length = strtoull(c->line + 15, NULL, 10);
	} else if (!strncasecmp(c->line, "transfer-encoding:", 18)) {
		c->chunked = true;
	} else if (!c->nline) {
		c->body_left = c->length;
		c->at = c->chunked ? GG_CUT_SIZE : c->length ? GG_CUT_LENGTH : GG_CUT_HEAD;
		if (c->chunked)
			c->part = GG_CUT_COMMANDS;
		c->length = 0;
		c->chunked = false;
	}
}

static void end_line(struct gg_cut *c)
{
	c->line[c->nline] = '\0';
	if (c->at == GG_CUT_HEAD) {
		head_line(c);
	} else if (c->at == GG_CUT_SIZE) {
		c->body_left = strtoull(c->line, NULL, 16);
		c->at = c->body_left ? GG_CUT_CHUNK : GG_CUT_CHUNK_END;
	} else {
		c->at = GG_CUT_SIZE;
	}
	c->nline = 0;
}

/* Of git's requests only the one that carries the pack is chunked. */
static size_t take_http(struct gg_cut *c, const char *p, size_t n)
{
	if (c->at == GG_CUT_LENGTH || c->at == GG_CUT_CHUNK) {
		n = n < c->body_left ? n : (size_t)c->body_left;
		if (c->at == GG_CUT_CHUNK)
			n = take_stream(c, p, n);
		c->body_left -= n;
		if (!c->body_left)
			c->at = c->at == GG_CUT_CHUNK ? GG_CUT_CHUNK_END : GG_CUT_HEAD;
		return n;
	}
	if (*p == '\n')
		end_line(c);
	else if (*p != '\r' && c->nline + 1 < sizeof(c->line))
		c->line[c->nline++] = *p;
	return 1;
}

size_t gg_cut_take(struct gg_cut *c, const char *p, size_t n)
{
	size_t done = 0;

	while (done < n && !is_end(c))
		done += c->http ? take_http(c, p + done, n - done) : take_stream(c, p + done, n - done);
	return done;
}

bool gg_cut_is_mid_pack(const struct gg_cut *c)
{
	return c->part == GG_CUT_PACK && c->pack >= GG_CUT_PACK_BYTES;
}
