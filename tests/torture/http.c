#include "tests/torture/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "tests/torture/wire.h"

void gg_http_reply_init(struct gg_http_reply *r, struct gg_wire *wire)
{
	*r = (struct gg_http_reply){ .wire = wire };
}

static void say(struct gg_http_reply *r, const char *p, size_t n)
{
	gg_tail_add(r->wire->said, p, n);
}

static void complete(struct gg_http_reply *r)
{
	if (r->advert && r->status == 200) {
		r->wire->advert_done = true;
		r->wire->mode = r->wire->next;
	}
	r->advert = false;
	r->done = true;
	r->part = GG_IN_LINE;
	r->status = 0;
}

static void body(struct gg_http_reply *r, const char *p, size_t n)
{
	if (r->status != 200)
		say(r, p, n);
	else if (!r->advert)
		gg_wire_feed(r->wire, p, n);
}

static void end_head(struct gg_http_reply *r)
{
	if (r->status == 100)
		r->status = 0;
	else if (r->chunked)
		r->part = GG_IN_SIZE;
	else if (!r->has_length)
		r->part = GG_IN_REST;
	else if (r->left)
		r->part = GG_IN_BODY;
	else
		complete(r);
}

static void head_line(struct gg_http_reply *r)
{
	const char *value = strchr(r->line, ':');

	if (!r->status) {
		r->status = r->nline > 9 ? atoi(r->line + 9) : -1;
		r->chunked = r->has_length = r->done = false;
		r->left = 0;
		if (r->status != 200 && r->status != 100) {
			say(r, r->line, r->nline);
			say(r, "\n", 1);
		}
	} else if (!r->nline) {
		end_head(r);
	} else if (value && !strncasecmp(r->line, "content-length:", 15)) {
		r->has_length = true;
		r->left = strtoull(value + 1, NULL, 10);
	} else if (value && !strncasecmp(r->line, "transfer-encoding:", 18)) {
		r->chunked = true;
	}
}

/* A line is complete, without its end. */
static void end_line(struct gg_http_reply *r)
{
	r->line[r->nline] = '\0';
	switch (r->part) {
	case GG_IN_SIZE:
		r->left = strtoull(r->line, NULL, 16);
		r->part = r->left ? GG_IN_CHUNK : GG_IN_TRAILER;
		break;
	case GG_IN_CHUNK_END:
		r->part = GG_IN_SIZE;
		break;
	case GG_IN_TRAILER:
		if (!r->nline)
			complete(r);
		break;
	default:
		head_line(r);
	}
	r->nline = 0;
}

static size_t data(struct gg_http_reply *r, const char *p, size_t n)
{
	if (r->part != GG_IN_REST && n > r->left)
		n = (size_t)r->left;
	body(r, p, n);
	if (r->part == GG_IN_REST)
		return n;
	r->left -= n;
	if (!r->left && r->part == GG_IN_CHUNK)
		r->part = GG_IN_CHUNK_END;
	else if (!r->left)
		complete(r);
	return n;
}

void gg_http_reply_feed(struct gg_http_reply *r, const char *p, size_t n)
{
	while (n > 0) {
		size_t used = 1;

		if (r->part == GG_IN_BODY || r->part == GG_IN_REST || r->part == GG_IN_CHUNK)
			used = data(r, p, n);
		else if (*p == '\n')
			end_line(r);
		else if (*p != '\r' && r->nline + 1 < sizeof(r->line))
			r->line[r->nline++] = *p;
		p += used;
		n -= used;
	}
}

void gg_http_reply_end(struct gg_http_reply *r)
{
	r->cut = r->status && r->part != GG_IN_REST;
	if (r->cut)
		say(r, "(cut)", 5);
}

static void common(struct gg_buf *b, const struct gg_http_ask *a)
{
	gg_buf_add(b, " HTTP/1.1\r\nHost: %s\r\nUser-Agent: git-gate-torture\r\n%s", a->host,
		   a->v2 ? "Git-Protocol: version=2\r\n" : "");
}

void gg_http_get(struct gg_buf *b, const struct gg_http_ask *a, const char *more)
{
	gg_buf_add(b, "GET %s/info/refs?service=%s", a->path, a->service);
	common(b, a);
	gg_buf_add(b, "%s\r\n", more);
}

void gg_http_post(struct gg_buf *b, const struct gg_http_ask *a)
{
	gg_buf_add(b, "POST %s/%s", a->path, a->service);
	common(b, a);
	gg_buf_add(b, "Connection: close\r\nContent-Type: application/x-%s-request\r\n", a->service);
	if (a->length)
		gg_buf_add(b, "Content-Length: %llu\r\n\r\n", (unsigned long long)a->length);
	else
		gg_buf_add(b, "Transfer-Encoding: chunked\r\n\r\n");
}
