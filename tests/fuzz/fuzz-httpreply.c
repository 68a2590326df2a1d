/*
 * Fuzz daemon-wrap/httpreply.h: a backend's head, however it is cut, is read alike, and what the client gets
 * of it is a head that libhttp-parser's rules would take: one blank line at its end, no control character, at
 * most one framing.
 */
#include "base/cleanup.h"
#include "daemon-wrap/httpreply.h"
#include "tests/fuzz/fuzz.h"

static enum gg_reply_event run(struct gg_reply *r, const uint8_t *data, size_t n, size_t step, size_t *at)
{
	AUTO_FREE char *mem =
		malloc(step); /* a piece stands at its end: a sanitizer sees one byte too many */
	enum gg_reply_event ev = GG_REPLY_MORE;
	size_t used;

	memset(r, 0, sizeof(*r));
	for (*at = 0; *at < n && ev == GG_REPLY_MORE; *at += used) {
		size_t part = n - *at > step ? step : n - *at;
		char *piece = mem + step - part;

		memcpy(piece, data + *at, part);
		ev = gg_reply_feed(r, piece, part, &used);
		must(used <= part && (ev != GG_REPLY_MORE || used == part));
	}
	return ev;
}

static size_t count(const char *s, const char *what)
{
	size_t n = 0;

	for (; (s = strcasestr(s, what)); s++)
		n++;
	return n;
}

static void look(const struct gg_reply *r, int minor, bool head, bool keep)
{
	static char out[GG_REPLY_OUT_MAX];
	struct gg_buf b = GG_BUF(out);
	struct gg_asked a = { minor, head, keep, NULL };
	bool kept;
	enum gg_frame f = gg_reply_build(&b, r, &a, &kept);

	must(!b.cut && strlen(out) == b.len && b.len > 4);
	must(strstr(out, "\r\n\r\n") == out + b.len - 4);
	for (const char *c = out; *c; c++)
		must((unsigned char)*c >= 0x20 || *c == '\t' || (*c == '\r' && c[1] == '\n') ||
		     (*c == '\n' && c[-1] == '\r'));
	must(count(out, "\r\nContent-Length:") + count(out, "\r\nTransfer-Encoding:") <= 1);
	must(count(out, "\r\nTransfer-Encoding: chunked\r\n") == (f == GG_FRAME_CHUNKED));
	must(count(out, "\r\nConnection:") <= 1 && count(out, "\r\nConnection: close\r\n") == !kept);
	must(!count(out, "\r\nStatus:"));
	if (f == GG_FRAME_CHUNKED)
		came_to("a reply in chunks");
	else if (f == GG_FRAME_LENGTH)
		came_to("a reply with a length");
	else if (f == GG_FRAME_CLOSE)
		came_to("a reply that ends with the connection");
	must(f != GG_FRAME_CHUNKED || minor == 1);
	must(f != GG_FRAME_CLOSE || !kept);
	must(f != GG_FRAME_LENGTH || r->length > 0);
	must(!head || f == GG_FRAME_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct gg_reply whole, parts;
	size_t end, at;
	enum gg_reply_event ev = run(&whole, data, n, n + 1, &end);

	for (size_t step = 1; step <= 5; step += 2) {
		must(run(&parts, data, n, step, &at) == ev);
		must(parts.nheader == whole.nheader && parts.status == whole.status &&
		     parts.length == whole.length);
		must(ev != GG_REPLY_HEAD || at == end);
	}
	if (ev == GG_REPLY_BAD) {
		came_to("a head that is none");
		must(whole.why);
	}
	if (ev == GG_REPLY_HEAD)
		for (int i = 0; i < 8; i++)
			look(&whole, i & 1, i & 2, i & 4);
	return 0;
}
