/* httpparse - one side of an HTTP/1 connection as events. See httpparse.h. */
#include "daemon-wrap/httpparse.h"

#include <http_parser.h>
#include <string.h>
#include <strings.h>

enum {
	START,	  /* no byte of a message yet */
	HEAD,	  /* in its request line or headers */
	BODY,	  /* left more bytes of it */
	SIZE,	  /* in a chunk's size line */
	DATA,	  /* left more bytes of the chunk */
	DATA_END, /* in the CRLF behind it */
	TRAILER,
	END,  /* complete, not yet told */
	DONE, /* told */
	BAD,
};

static const char *const FRAMING = "the framing of the request is not clear";

static http_parser *lib_of(struct gg_http *p)
{
	_Static_assert(sizeof(http_parser) <= sizeof(p->lib), "room for the library's state");
	return (http_parser *)(void *)p->lib.bytes;
}

static enum gg_http_event fail(struct gg_http *p, int status, const char *reason)
{
	if (!p->error.status)
		p->error = (struct gg_http_error){ .status = status, .reason = reason };
	p->phase = BAD;
	return GG_HTTP_BAD;
}

/* --- the library: texts come as offsets into raw, sizes and ends are compared with ours -------------------
 */

static int on_field(http_parser *lib, const char *at, size_t n)
{
	struct gg_http *p = lib->data;

	if (p->lib_head)
		return 0;
	if (p->head.nheader == GG_HTTP_HEADERS_MAX)
		return -1;
	p->mark[p->head.nheader].name = (uint16_t)(at - p->raw);
	p->mark[p->head.nheader++].nname = (uint16_t)n;
	return 0;
}

static int on_value(http_parser *lib, const char *at, size_t n)
{
	struct gg_http *p = lib->data;

	if (p->lib_head)
		return 0;
	if (!p->head.nheader)
		return -1;
	p->mark[p->head.nheader - 1].value = (uint16_t)(at - p->raw);
	p->mark[p->head.nheader - 1].nvalue = (uint16_t)n;
	return 0;
}

static int on_head(http_parser *lib)
{
	struct gg_http *p = lib->data;

	p->lib_head = true;
	p->head.keep_alive = http_should_keep_alive(lib);
	p->head.method = http_method_str((enum http_method)lib->method);
	lib->upgrade = 0; /* an offer that is not taken; else the library stops behind the head */
	return 0;
}

static int on_chunk(http_parser *lib)
{
	((struct gg_http *)lib->data)->chunk = lib->content_length;
	return 0;
}

static int on_end(http_parser *lib)
{
	((struct gg_http *)lib->data)->lib_end = true;
	return 0;
}

/* False: the library does not take what was good enough for us; the error is set. */
static bool lib_takes(struct gg_http *p, const char *bytes, size_t n)
{
	static const http_parser_settings settings = {
		.on_header_field = on_field,
		.on_header_value = on_value,
		.on_headers_complete = on_head,
		.on_chunk_header = on_chunk,
		.on_message_complete = on_end,
	};
	http_parser *lib = lib_of(p);
	size_t used;

	lib->data = p;
	used = http_parser_execute(lib, &settings, bytes, n);
	if (HTTP_PARSER_ERRNO(lib) == HPE_OK && used == n)
		return true;
	switch (HTTP_PARSER_ERRNO(lib)) {
	case HPE_INVALID_METHOD:
		fail(p, 501, "the method is not known");
		break;
	case HPE_HEADER_OVERFLOW:
		fail(p, 431, "the request's head is too large");
		break;
	case HPE_INVALID_URL:
		fail(p, 400, "the target of the request is not a path or a URL");
		break;
	case HPE_INVALID_HEADER_TOKEN:
		fail(p, 400, "a header has a character that does not belong there");
		break;
	default:
		fail(p, 400, FRAMING);
	}
	return false;
}

/* --- lines -------------------------------------------------------------------------------------------------
 */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_token(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* Bytes that no line may have; CR is judged when the line is complete. */
static bool has_control(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)s[i] < 0x20 && s[i] != '\t' && s[i] != '\r' && s[i] != '\n') ||
		    s[i] == 0x7f)
			return true;
	return false;
}

/* s: a line with its LF. Its length without CRLF; -1: it does not end so, or has another CR. */
static int line_length(const char *s, size_t n)
{
	if (n < 2 || s[n - 2] != '\r' || memchr(s, '\r', n - 2))
		return -1;
	return (int)n - 2;
}

/*
 * Copy a line, or what has come of it, to s[*at], which has room for max bytes. Returns how many were copied,
 * and in ret_done whether the line is complete. None copied: it is too long.
 */
static size_t take_line(char *s, size_t *at, size_t max, const char *bytes, size_t n, bool *ret_done)
{
	size_t room = max > *at ? max - *at : 0, take = n < room ? n : room;
	const char *lf = memchr(bytes, '\n', take);

	*ret_done = lf;
	if (lf)
		take = (size_t)(lf - bytes) + 1;
	memcpy(s + *at, bytes, take);
	*at += take;
	return take;
}

/* "GET /r.git/info/refs HTTP/1.1" of n bytes: single spaces, nothing left out. */
static bool judge_request_line(struct gg_http *p, char *s, size_t n)
{
	char *space = memchr(s, ' ', n), *target, *version;
	size_t i = 0;

	while (i < n && ((s[i] >= 'A' && s[i] <= 'Z') || (i && s[i] == '-')))
		i++;
	if (!space || !i || s + i != space || memchr(s, '\t', n)) {
		fail(p, 400, "the request line is not METHOD TARGET HTTP/1.1");
		return false;
	}
	target = space + 1;
	version = memchr(target, ' ', n - (size_t)(target - s));
	if (!version || version == target || n - (size_t)(version - s) != 9 ||
	    strncmp(version, " HTTP/", 6) || !is_digit(version[6]) || version[7] != '.' ||
	    !is_digit(version[8])) {
		fail(p, 400, "the request line is not METHOD TARGET HTTP/1.1");
		return false;
	}
	if (version[6] != '1' || version[8] > '1') {
		fail(p, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
		return false;
	}
	if (version - target > GG_HTTP_TARGET_MAX) {
		fail(p, 414, "the target of the request is too long");
		return false;
	}
	p->head.target = target;
	p->head.minor = version[8] - '0';
	return true;
}

/* Digits and nothing else, up to INT64_MAX. */
static bool parse_length(const char *s, size_t n, int64_t *ret)
{
	int64_t v = 0;

	for (size_t i = 0; i < n; i++)
		if (!is_digit(s[i]) || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, s[i] - '0', &v))
			return false;
	*ret = v;
	return n > 0;
}

static bool is_name(const char *s, size_t n, const char *name)
{
	return n == strlen(name) && !strncasecmp(s, name, n);
}

/* The two headers that say where the body ends, each on its own and both together. */
static bool judge_framing(struct gg_http *p, const char *name, size_t nname, const char *value, size_t nvalue)
{
	struct gg_http_head *h = &p->head;

	if (is_name(name, nname, "content-length")) {
		if (h->content_length >= 0)
			return fail(p, 400, "more than one Content-Length"), false;
		if (!parse_length(value, nvalue, &h->content_length))
			return fail(p, 400, "Content-Length is not a number"), false;
	} else if (is_name(name, nname, "transfer-encoding")) {
		if (h->minor == 0)
			return fail(p, 400, "Transfer-Encoding does not belong into HTTP/1.0"), false;
		if (!is_name(value, nvalue, "chunked"))
			return fail(p, 501, "of transfer codings only chunked is known here"), false;
		if (h->chunked)
			return fail(p, 400, "more than one Transfer-Encoding"), false;
		h->chunked = true;
	}
	if (h->chunked && h->content_length >= 0)
		return fail(p, 400, "both Content-Length and Transfer-Encoding"), false;
	return true;
}

/* "Name: value" of n bytes, in the head or behind the last chunk. */
static bool judge_header(struct gg_http *p, const char *s, size_t n, bool trailer)
{
	const char *colon = memchr(s, ':', n), *value, *end = s + n;

	if (s[0] == ' ' || s[0] == '\t')
		return fail(p, 400, "a folded header"), false;
	if (!colon || colon == s)
		return fail(p, 400, "a header without a name, or without a colon"), false;
	for (const char *c = s; c < colon; c++)
		if (!is_token(*c))
			return fail(p, 400, "a header's name has a character that does not belong there"),
			       false;
	if (trailer)
		return true;
	if (p->nline == GG_HTTP_HEADERS_MAX)
		return fail(p, 431, "the request has too many headers"), false;
	p->nline++;
	for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return judge_framing(p, s, (size_t)(colon - s), value, (size_t)(end - value));
}

/* --- the head ----------------------------------------------------------------------------------------------
 */

const char *gg_http_header(const struct gg_http_head *h, const char *name, size_t *ret_n)
{
	const char *value = NULL;
	size_t n = 0;

	for (size_t i = 0; i < h->nheader; i++)
		if (!strcasecmp(h->header[i].name, name)) {
			value = h->header[i].value;
			n++;
		}
	if (ret_n)
		*ret_n = n;
	return n == 1 ? value : NULL;
}

/* Offsets become texts: behind each stands a colon, a blank or a line end that nobody needs any more. */
static void set_texts(struct gg_http *p)
{
	struct gg_http_head *h = &p->head;

	*strchr(h->target, ' ') = 0;
	for (size_t i = 0; i < h->nheader; i++) {
		char *value = p->raw + p->mark[i].value;
		size_t n = p->mark[i].nvalue;

		while (n && (value[n - 1] == ' ' || value[n - 1] == '\t'))
			n--;
		p->raw[p->mark[i].name + p->mark[i].nname] = 0;
		if (n)
			value[n] = 0;
		h->header[i].name = p->raw + p->mark[i].name;
		h->header[i].value = n ? value : "";
	}
}

/*
 * A browser. What a page is from protects nobody here: a name of its author's can become the gate's address
 * while the page is open (DNS rebinding), and then all is of one origin. No git sends any of these.
 */
static bool is_web_page(const struct gg_http_head *h)
{
	const char *agent = gg_http_header(h, "User-Agent", NULL);
	size_t origins, sites;

	gg_http_header(h, "Origin", &origins);
	gg_http_header(h, "Sec-Fetch-Site", &sites);
	return origins || sites || (agent && !strncmp(agent, "Mozilla/", 8));
}

static enum gg_http_event end_head(struct gg_http *p)
{
	struct gg_http_head *h = &p->head;
	const char *expect;
	size_t n;

	if (!p->lib_head || p->nline != h->nheader)
		return fail(p, 400, FRAMING);
	set_texts(p);
	gg_http_header(h, "Host", &n);
	if (n > 1 || (n == 0 && h->minor == 1))
		return fail(p, 400, n ? "more than one Host" : "no Host");
	if (is_web_page(h))
		return fail(p, 403, "not for web pages and browsers: use git");
	expect = gg_http_header(h, "Expect", &n);
	if (n > 1 || (expect && *expect && strcasecmp(expect, "100-continue")))
		return fail(p, 417, "of expectations only 100-continue is known here");
	h->expect_continue = expect && *expect && h->minor == 1;
	h->has_body = h->chunked || h->content_length > 0;
	if (p->lib_end == h->has_body)
		return fail(p, 400, FRAMING);
	p->left = h->chunked ? 0 : h->content_length > 0 ? (uint64_t)h->content_length : 0;
	p->phase = h->chunked ? SIZE : h->has_body ? BODY : END;
	p->line = 0;
	return GG_HTTP_HEAD;
}

/* A complete line of n bytes, at p->line. */
static enum gg_http_event head_line(struct gg_http *p, size_t n)
{
	char *s = p->raw + p->line;
	int len = line_length(s, n);
	bool first = p->line == 0;

	if (len < 0)
		return fail(p, 400, "a line of the head does not end with CR LF");
	if (first && len == 0) { /* what some send behind a body */
		if (p->blank)
			return fail(p, 400, "empty lines instead of a request");
		p->blank = true;
		p->nraw = 0;
		p->phase = START;
		return GG_HTTP_MORE;
	}
	if (first ? !judge_request_line(p, s, (size_t)len) : len && !judge_header(p, s, (size_t)len, false))
		return GG_HTTP_BAD;
	if (!lib_takes(p, s, n))
		return GG_HTTP_BAD;
	p->line = p->nraw;
	return len == 0 ? end_head(p) : GG_HTTP_MORE;
}

static enum gg_http_event next_head(struct gg_http *p, const char *bytes, size_t n, size_t *used)
{
	enum gg_http_event ev = GG_HTTP_MORE;

	while (ev == GG_HTTP_MORE && *used < n) {
		size_t max = p->line ? GG_HTTP_HEAD_MAX : GG_HTTP_TARGET_MAX + 64, before = p->nraw, took;
		bool done;

		p->phase = HEAD;
		took = take_line(p->raw, &p->nraw, max, bytes + *used, n - *used, &done);
		if (!took)
			return p->line ? fail(p, 431, "the request's head is too large")
				       : fail(p, 414, "the target of the request is too long");
		*used += took;
		if (has_control(p->raw + before, took))
			return fail(p, 400, "a control character in the head");
		if (done)
			ev = head_line(p, p->nraw - p->line);
	}
	return ev;
}

/* --- the body ----------------------------------------------------------------------------------------------
 */

static enum gg_http_event next_data(struct gg_http *p, const char *bytes, size_t n, size_t *used,
				    const char **body, size_t *nbody)
{
	size_t take = n - *used < p->left ? n - *used : (size_t)p->left;

	if (!take)
		return GG_HTTP_MORE;
	if (!lib_takes(p, bytes + *used, take))
		return GG_HTTP_BAD;
	*body = bytes + *used;
	*nbody = take;
	*used += take;
	p->left -= take;
	p->body += (int64_t)take;
	if (!p->left) {
		if (p->phase == BODY && !p->lib_end)
			return fail(p, 400, FRAMING);
		p->phase = p->phase == BODY ? END : DATA_END;
	}
	return GG_HTTP_BODY;
}

static int hex(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "1f;name=value": digits, then nothing or a semicolon. What stands behind that is skipped. */
static bool judge_size(struct gg_http *p, const char *s, size_t n)
{
	size_t i = 0;

	p->left = 0;
	for (; i < n && hex(s[i]) >= 0; i++)
		p->left = p->left * 16 + (uint64_t)hex(s[i]);
	if (i == 0 || i > 16 || (i < n && s[i] != ';'))
		return fail(p, 400, "the size of a chunk is not a number"), false;
	if (p->left > (uint64_t)(INT64_MAX - p->body))
		return fail(p, 400, "the size of a chunk is too large"), false;
	p->extra += n - i;
	if (p->extra > GG_HTTP_EXTRA_MAX)
		return fail(p, 400, "too many chunk extensions"), false;
	return true;
}

/* A complete line of n bytes in small. */
static enum gg_http_event body_line(struct gg_http *p, size_t n)
{
	int len = line_length(p->small, n);

	if (len < 0)
		return fail(p, 400, "a line between chunks does not end with CR LF");
	if (p->phase == SIZE ? !judge_size(p, p->small, (size_t)len)
			     : len && !judge_header(p, p->small, (size_t)len, true))
		return GG_HTTP_BAD;
	if (!lib_takes(p, p->small, n))
		return GG_HTTP_BAD;
	p->line = 0;
	if (p->phase == SIZE) {
		if (p->chunk != p->left)
			return fail(p, 400, FRAMING);
		p->phase = p->left ? DATA : TRAILER;
	} else if (len == 0) {
		if (!p->lib_end)
			return fail(p, 400, FRAMING);
		p->phase = END;
	} else {
		p->extra += n;
		if (p->extra > GG_HTTP_EXTRA_MAX)
			return fail(p, 400, "too many trailers");
	}
	return GG_HTTP_MORE;
}

static enum gg_http_event next_line(struct gg_http *p, const char *bytes, size_t n, size_t *used)
{
	size_t before = p->line, took;
	bool done;

	took = take_line(p->small, &p->line, p->phase == SIZE ? GG_HTTP_CHUNK_LINE_MAX : GG_HTTP_TRAILER_MAX,
			 bytes + *used, n - *used, &done);
	if (!took)
		return fail(p, 400, "a line between chunks is too long");
	*used += took;
	if (has_control(p->small + before, took))
		return fail(p, 400, "a control character between chunks");
	return done ? body_line(p, p->line) : GG_HTTP_MORE;
}

static enum gg_http_event next_data_end(struct gg_http *p, const char *bytes, size_t *used)
{
	char c = bytes[*used];

	++*used;
	if (c != "\r\n"[p->line])
		return fail(p, 400, "a chunk is longer than its size");
	if (!lib_takes(p, &c, 1))
		return GG_HTTP_BAD;
	if (++p->line == 2) {
		p->line = 0;
		p->phase = SIZE;
	}
	return GG_HTTP_MORE;
}

/* --- all of it ---------------------------------------------------------------------------------------------
 */

static void begin(struct gg_http *p)
{
	http_parser_init(lib_of(p), HTTP_REQUEST);
	p->head.method = p->head.target = "";
	p->head.nheader = 0;
	p->head.minor = 1;
	p->head.content_length = -1;
	p->head.chunked = p->head.has_body = p->head.keep_alive = p->head.expect_continue = false;
	p->error = (struct gg_http_error){ 0 };
	p->body = 0;
	p->phase = START;
	p->lib_head = p->lib_end = p->blank = false;
	p->nraw = p->line = p->nline = p->extra = 0;
	p->left = p->chunk = 0;
}

void gg_http_init(struct gg_http *p)
{
	begin(p);
}

enum gg_http_event gg_http_next(struct gg_http *p, const char *bytes, size_t n, size_t *ret_used,
				const char **ret_body, size_t *ret_nbody)
{
	enum gg_http_event ev = GG_HTTP_MORE;

	*ret_used = 0;
	*ret_body = NULL;
	*ret_nbody = 0;
	if (p->phase == DONE)
		begin(p);
	while (ev == GG_HTTP_MORE) {
		if (p->phase == END) {
			p->phase = DONE;
			return GG_HTTP_END;
		}
		if (p->phase == BAD)
			return GG_HTTP_BAD;
		if (*ret_used == n)
			return GG_HTTP_MORE;
		switch (p->phase) {
		case START:
		case HEAD:
			ev = next_head(p, bytes, n, ret_used);
			break;
		case BODY:
		case DATA:
			ev = next_data(p, bytes, n, ret_used, ret_body, ret_nbody);
			break;
		case DATA_END:
			ev = next_data_end(p, bytes, ret_used);
			break;
		default:
			ev = next_line(p, bytes, n, ret_used);
		}
	}
	return ev;
}

bool gg_http_is_cut(const struct gg_http *p)
{
	return p->phase != START && p->phase != END && p->phase != DONE && p->phase != BAD;
}
