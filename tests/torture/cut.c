#include "tests/torture/cut.h"

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

size_t gg_cut_take(struct gg_cut *c, const char *p, size_t n)
{
	size_t done = 0;

	while (done < n && !is_end(c))
		done += c->part == GG_CUT_PACK ? take_pack(c, n - done) : take_packet(c, p + done, n - done);
	return done;
}

bool gg_cut_is_mid_pack(const struct gg_cut *c)
{
	return c->part == GG_CUT_PACK && c->pack >= GG_CUT_PACK_BYTES;
}
