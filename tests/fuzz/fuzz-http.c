/*
 * Fuzz daemon-wrap/httpparse.h. However a connection's bytes are cut into pieces, the events are the same;
 * spans lie in the fed bytes and add up; a cut is a cut.
 */
#include "base/cleanup.h"
#include "daemon-wrap/httpparse.h"
#include "tests/fuzz/fuzz.h"

struct seen {
	uint64_t hash; /* of everything that was told */
	size_t heads, ends;
	int status;
	bool cut;
};

static void mix(struct seen *s, const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s->hash = (s->hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
}

static void mix_text(struct seen *s, const char *text)
{
	mix(s, text, strlen(text) + 1);
}

static void look_at_head(struct seen *s, const struct gg_http_head *h)
{
	if (h->chunked)
		came_to("a head with chunks");
	must(h->method[0] && h->target[0] && strlen(h->target) <= GG_HTTP_TARGET_MAX);
	must(h->content_length >= -1 && !(h->chunked && h->content_length >= 0));
	must(h->has_body == (h->chunked || h->content_length > 0));
	must(h->minor == 1 || (h->minor == 0 && !h->chunked && !h->expect_continue));
	must(h->nheader <= GG_HTTP_HEADERS_MAX);
	mix_text(s, h->method);
	mix_text(s, h->target);
	mix(s, &h->content_length, sizeof(h->content_length));
	for (size_t i = 0; i < h->nheader; i++) {
		must(h->header[i].name[0] && !strpbrk(h->header[i].name, " \t\r\n:"));
		must(!strpbrk(h->header[i].value, "\r\n"));
		mix_text(s, h->header[i].name);
		mix_text(s, h->header[i].value);
	}
	s->heads++;
}

/* step: bytes at a time, over 0. */
static void run(struct seen *s, const uint8_t *data, size_t n, size_t step)
{
	AUTO_FREE char *mem =
		malloc(step); /* a piece stands at its end: a sanitizer sees one byte too many */
	static struct gg_http p;
	int64_t body = 0;

	*s = (struct seen){ 0 };
	gg_http_init(&p);
	for (size_t at = 0; at < n || at == 0;) {
		size_t part = n - at > step ? step : n - at, done = 0, used, nspan;
		char *piece = mem + step - part;
		enum gg_http_event ev;
		const char *span;

		memcpy(piece, data + at, part);
		do {
			ev = gg_http_next(&p, piece + done, part - done, &used, &span, &nspan);
			must(used <= part - done);
			if (ev == GG_HTTP_HEAD) {
				look_at_head(s, &p.head);
				body = 0;
			} else if (ev == GG_HTTP_BODY) {
				must(nspan && span >= piece + done && span + nspan <= piece + done + used);
				mix(s, span, nspan);
				body += (int64_t)nspan;
			} else if (ev == GG_HTTP_END) {
				if (body && p.head.chunked)
					came_to("the end of chunks");
				else if (body)
					came_to("the end of a body with a length");
				must(p.body == body && ++s->ends == s->heads);
				must(p.head.chunked ||
				     body == (p.head.content_length < 0 ? 0 : p.head.content_length));
				mix(s, "E", 1);
			} else if (ev == GG_HTTP_BAD) {
				came_to("a request that is refused");
				must(p.error.status >= 400 && p.error.reason);
				s->status = p.error.status;
				return;
			}
			done += used;
		} while (ev != GG_HTTP_MORE);
		must(done == part);
		at += part;
		if (!n)
			break;
	}
	s->cut = gg_http_is_cut(&p);
	if (s->cut && s->heads > 1)
		came_to("a second request that is cut");
	must(s->cut || s->heads == s->ends);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct seen whole, parts;

	run(&whole, data, n, n + 1);
	for (size_t step = 1; step <= 7; step += 3) {
		run(&parts, data, n, step);
		must(parts.hash == whole.hash && parts.heads == whole.heads && parts.ends == whole.ends &&
		     parts.status == whole.status && parts.cut == whole.cut);
	}
	return 0;
}
