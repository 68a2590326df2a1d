/*
 * wire - git's pkt-lines: builds the ones we send, reads all that a server may answer. Pure, bounded memory.
 * A reader never buffers a packet: it streams it to where its text belongs.
 */
#ifndef GG_TORTURE_WIRE_H
#define GG_TORTURE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text of which the last part is kept. */
struct gg_tail {
	char s[1000];
	size_t n;
	bool cut;
};

void gg_tail_add(struct gg_tail *t, const char *s, size_t n);

enum gg_wire_mode {
	GG_WIRE_ADVERT, /* references or capabilities, until a flush */
	GG_WIRE_PLAIN,	/* lines: unpack, ok, ng, ERR */
	GG_WIRE_BANDED, /* side-band-64k: 1 holds plain packets, 2 and 3 text */
	GG_WIRE_PACK	/* a fetch: 1 holds a pack, which is counted; its end is a flush */
};

struct gg_wire {
	enum gg_wire_mode mode, next; /* next: the mode after the advertisement */
	bool advert_done;
	uint64_t pack; /* bytes of a pack (or an archive) that came */
	bool pack_done;
	bool broken; /* not pkt-lines: all that follows is taken as text */
	char head[4];
	size_t nhead, left; /* bytes of the length read; bytes of the packet to come */
	bool fresh;	    /* the next byte is a packet's first */
	char band;
	char line[512]; /* beginning of a line packet */
	size_t nline;
	struct gg_tail *said, *report; /* borrowed: ERR and bands 2, 3; unpack, ok, ng */
	struct gg_wire *inner;	       /* borrowed: reads band 1; NULL in itself */
};

/* said, report and inner (another struct gg_wire, which is initialised here too) stay with the caller. */
void gg_wire_init(struct gg_wire *w, struct gg_wire *inner, bool banded, struct gg_tail *said,
		  struct gg_tail *report);
void gg_wire_feed(struct gg_wire *w, const char *p, size_t n);

/* The length of a packet from its four digits; 0, 1, 2: flush, delimiter, end; -1: none. */
int gg_wire_length(const char head[4]);

/* Appends length and payload to buf at *at. False when it does not fit, or is too long for a packet. */
bool gg_wire_put(char *buf, size_t size, size_t *at, const char *payload, size_t n);

#endif
