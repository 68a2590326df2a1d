#include "tests/torture/wire.h"

#include <stdio.h>
#include <string.h>

enum { PKT_MAX = 65520 };

void gg_tail_add(struct gg_tail *t, const char *s, size_t n)
{
	if (n > sizeof(t->s)) {
		s += n - sizeof(t->s);
		n = sizeof(t->s);
		t->cut = true;
	}
	if (t->n + n > sizeof(t->s)) {
		size_t drop = t->n + n - sizeof(t->s);

		memmove(t->s, t->s + drop, t->n - drop);
		t->n -= drop;
		t->cut = true;
	}
	memcpy(t->s + t->n, s, n);
	t->n += n;
}

void gg_wire_init(struct gg_wire *w, struct gg_wire *inner, bool banded, struct gg_tail *said,
		  struct gg_tail *report)
{
	*inner = (struct gg_wire){ .mode = GG_WIRE_PLAIN, .fresh = true, .said = said, .report = report };
	*w = (struct gg_wire){ .mode = GG_WIRE_ADVERT,
			       .next = banded ? GG_WIRE_BANDED : GG_WIRE_PLAIN,
			       .fresh = true,
			       .said = said,
			       .report = report,
			       .inner = inner };
}

int gg_wire_length(const char head[4])
{
	int len = 0;

	for (int i = 0; i < 4; i++) {
		char c = head[i];
		int v = c >= '0' && c <= '9'   ? c - '0'
			: c >= 'a' && c <= 'f' ? c - 'a' + 10
			: c >= 'A' && c <= 'F' ? c - 'A' + 10
					       : -1;

		if (v < 0)
			return -1;
		len = len * 16 + v;
	}
	return len == 3 || len > PKT_MAX ? -1 : len;
}

static bool starts(const struct gg_wire *w, const char *word)
{
	size_t n = strlen(word);

	return w->nline >= n && !memcmp(w->line, word, n);
}

/* A line packet is complete. */
static void end_line(struct gg_wire *w)
{
	if (starts(w, "ERR "))
		gg_tail_add(w->said, w->line + 4, w->nline - 4);
	else if (w->mode == GG_WIRE_PLAIN && (starts(w, "unpack ") || starts(w, "ok ") || starts(w, "ng ")))
		gg_tail_add(w->report, w->line, w->nline);
	w->nline = 0;
}

static void payload(struct gg_wire *w, const char *p, size_t n)
{
	bool banded = w->mode == GG_WIRE_BANDED || w->mode == GG_WIRE_PACK;

	if (banded && w->fresh) {
		w->band = *p >= 1 && *p <= 3 ? *p : 0;
		if (w->band) {
			p++;
			n--;
		}
	}
	w->fresh = false;
	if (w->mode == GG_WIRE_PACK && w->band == 1)
		w->pack += n;
	else if (banded && w->band == 1)
		gg_wire_feed(w->inner, p, n);
	else if (banded && w->band)
		gg_tail_add(w->said, p, n);
	else {
		size_t room = sizeof(w->line) - w->nline;
		size_t take = n < room ? n : room;

		memcpy(w->line + w->nline, p, take);
		w->nline += take;
	}
}

/* The four digits are read. */
static void end_head(struct gg_wire *w)
{
	int len = gg_wire_length(w->head);

	w->nhead = 0;
	w->fresh = true;
	if (len < 0) {
		w->broken = true;
		gg_tail_add(w->said, w->head, sizeof(w->head));
	} else if (len > 4) {
		w->left = (size_t)len - 4;
	} else if (len == 0 && w->mode == GG_WIRE_ADVERT) {
		w->advert_done = true;
		w->mode = w->next;
	} else if (len == 0 && w->mode == GG_WIRE_PACK) {
		w->pack_done = w->pack > 0;
	}
}

void gg_wire_feed(struct gg_wire *w, const char *p, size_t n)
{
	while (n > 0 && !w->broken) {
		if (w->left > 0) {
			size_t take = n < w->left ? n : w->left;

			payload(w, p, take);
			p += take;
			n -= take;
			w->left -= take;
			if (w->left == 0)
				end_line(w);
		} else {
			w->head[w->nhead++] = *p++;
			n--;
			if (w->nhead == sizeof(w->head))
				end_head(w);
		}
	}
	if (n > 0)
		gg_tail_add(w->said, p, n);
}

bool gg_wire_put(char *buf, size_t size, size_t *at, const char *payload_bytes, size_t n)
{
	char head[5];

	if (n + 4 > PKT_MAX || size - *at < n + 4)
		return false;
	snprintf(head, sizeof(head), "%04x", (unsigned)(n + 4));
	memcpy(buf + *at, head, 4);
	memcpy(buf + *at + 4, payload_bytes, n);
	*at += n + 4;
	return true;
}
