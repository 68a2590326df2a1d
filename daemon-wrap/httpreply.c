/* httpreply - the head that git http-backend writes, and the head that the client gets. See httpreply.h. */
#include "daemon-wrap/httpreply.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

/* --- a CGI reply's head ------------------------------------------------------------------------------------
 */

static enum gg_reply_event bad(struct gg_reply *r, const char *why)
{
	r->why = why;
	return GG_REPLY_BAD;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* What is ours to say, about the connection or the length, and what CGI means for the server alone. */
static bool is_ours(const char *name)
{
	static const char *const names[] = { "Status",
					     "Content-Length",
					     "Connection",
					     "Keep-Alive",
					     "Upgrade",
					     "Transfer-Encoding",
					     "Trailer",
					     "TE",
					     "Proxy-Authenticate",
					     "Proxy-Connection" };

	for (size_t i = 0; i < GG_LEN(names); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

/* "404 Not Found", "404". The last one counts: git writes no two different ones. */
static bool read_status(struct gg_reply *r, const char *s)
{
	for (size_t i = 0; i < 3; i++)
		if (!is_digit(s[i]))
			return false;
	if (s[3] && s[3] != ' ')
		return false;
	r->status = (s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0');
	return r->status >= 200 && r->status <= 599;
}

/* Two lengths, even equal ones, or one that is no number: unknown, and the body is framed by us. */
static void read_length(struct gg_reply *r, const char *s)
{
	int64_t v = 0;

	r->length = -1;
	if (r->has_length || !*s) {
		r->has_length = true;
		return;
	}
	r->has_length = true;
	for (; *s; s++)
		if (!is_digit(*s) || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, *s - '0', &v))
			return;
	r->length = v;
}

static bool is_known(const struct gg_reply *r, const char *name, const char *value)
{
	for (size_t i = 0; i < r->nheader; i++)
		if (!strcasecmp(r->header[i].name, name) && !strcmp(r->header[i].value, value))
			return true;
	return false;
}

/* A line without its end, NUL-terminated, in r->raw. */
static enum gg_reply_event read_line(struct gg_reply *r, char *s)
{
	char *value = s, *end = s + strlen(s);

	while (is_name_char(*value))
		value++;
	if (value == s || *value != ':')
		return bad(r, "a line of the backend's head is no header");
	*value++ = 0;
	value += strspn(value, " \t");
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = 0;
	if (!strcasecmp(s, "Status") && !read_status(r, value))
		return bad(r, "the backend's status is none");
	if (!strcasecmp(s, "Content-Length"))
		read_length(r, value);
	if (is_ours(s) || is_known(r, s, value))
		return GG_REPLY_MORE;
	if (r->nheader == GG_REPLY_HEADERS_MAX)
		return bad(r, "the backend's head has too many headers");
	r->header[r->nheader++] = (struct gg_http_header){ s, value };
	return GG_REPLY_MORE;
}

/* The line that ends at r->nraw. */
static enum gg_reply_event end_line(struct gg_reply *r)
{
	char *s = r->raw + r->line;
	size_t n = r->nraw - r->line - 1;

	n -= n && s[n - 1] == '\r';
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
			return bad(r, "a control character in the backend's head");
	s[n] = 0;
	if (n == 0) {
		if (!r->line)
			return bad(r, "the backend's head is empty");
		if (!r->status)
			r->status = 200;
		return GG_REPLY_HEAD;
	}
	r->line = r->nraw;
	return read_line(r, s);
}

enum gg_reply_event gg_reply_feed(struct gg_reply *r, const char *bytes, size_t n, size_t *ret_used)
{
	enum gg_reply_event ev = GG_REPLY_MORE;

	if (!r->nraw)
		r->length = -1;
	*ret_used = 0;
	if (r->why)
		return GG_REPLY_BAD;
	while (ev == GG_REPLY_MORE && *ret_used < n) {
		size_t room = GG_REPLY_HEAD_MAX - r->nraw, take = n - *ret_used < room ? n - *ret_used : room;
		const char *lf = memchr(bytes + *ret_used, '\n', take);

		if (!take)
			return bad(r, "the backend's head is too large");
		if (lf)
			take = (size_t)(lf - bytes) - *ret_used + 1;
		memcpy(r->raw + r->nraw, bytes + *ret_used, take);
		r->nraw += take;
		*ret_used += take;
		if (lf)
			ev = end_line(r);
	}
	return ev;
}

/* --- what the client gets ----------------------------------------------------------------------------------
 */

static const struct {
	int status;
	const char *phrase;
} phrases[] = {
	{ 200, "OK" },
	{ 204, "No Content" },
	{ 206, "Partial Content" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
};

const char *gg_reply_phrase(int status)
{
	for (size_t i = 0; i < GG_LEN(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Unknown";
}

/* Whoever has a clock says what time it is; git http-backend does not. */
static void add_date(struct gg_buf *b, const struct gg_reply *r, const struct gg_asked *a)
{
	for (size_t i = 0; r && i < r->nheader; i++)
		if (!strcasecmp(r->header[i].name, "Date"))
			return;
	if (a->date)
		gg_buf_add(b, "Date: %s\r\n", a->date);
}

/* An HTTP/1.0 client has to be told that the connection stays, one of 1.1 that it does not. */
static void add_connection(struct gg_buf *b, const struct gg_asked *a, bool keep)
{
	if (!keep)
		gg_buf_add(b, "Connection: close\r\n");
	else if (a->minor == 0)
		gg_buf_add(b, "Connection: keep-alive\r\n");
}

enum gg_frame gg_reply_build(struct gg_buf *b, const struct gg_reply *r, const struct gg_asked *a,
			     bool *ret_keep_alive)
{
	bool none = r->status == 204 || r->status == 304;
	enum gg_frame frame = none || a->head || r->length == 0 ? GG_FRAME_NONE
			      : r->length > 0			? GG_FRAME_LENGTH
			      : a->minor == 1			? GG_FRAME_CHUNKED
								: GG_FRAME_CLOSE;

	*ret_keep_alive = a->keep_alive && frame != GG_FRAME_CLOSE;
	gg_buf_add(b, "HTTP/1.1 %d %s\r\n", r->status, gg_reply_phrase(r->status));
	add_date(b, r, a);
	for (size_t i = 0; i < r->nheader; i++)
		gg_buf_add(b, "%s: %s\r\n", r->header[i].name, r->header[i].value);
	if (!none && r->length >= 0)
		gg_buf_add(b, "Content-Length: %lld\r\n", (long long)r->length);
	else if (frame == GG_FRAME_CHUNKED)
		gg_buf_add(b, "Transfer-Encoding: chunked\r\n");
	add_connection(b, a, *ret_keep_alive);
	gg_buf_add(b, "\r\n");
	return frame;
}

/* A JSON string's inside. Reasons are our own texts, but a repository's name may be in one. */
static void add_json(struct gg_buf *b, const char *s)
{
	for (; *s; s++)
		if (*s == '"' || *s == '\\')
			gg_buf_add(b, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			gg_buf_add(b, "\\u%04x", (unsigned)*s);
		else
			gg_buf_put(b, s, 1);
}

void gg_reply_own(struct gg_buf *b, const struct gg_http_error *e, const struct gg_asked *a, int retry_s)
{
	char mem[1024];
	struct gg_buf body = GG_BUF(mem);

	if (e->lfs) {
		gg_buf_add(&body, "{\"message\":\"git-gate: ");
		add_json(&body, e->reason);
		gg_buf_add(&body, "\"}\n");
	} else {
		gg_buf_add(&body, "git-gate: %s\n", e->reason);
	}
	gg_buf_add(b, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n", e->status, gg_reply_phrase(e->status),
		   e->lfs ? "application/vnd.git-lfs+json" : "text/plain; charset=utf-8");
	add_date(b, NULL, a);
	gg_buf_add(b, "Cache-Control: no-cache\r\nContent-Length: %zu\r\n", body.len);
	if (e->allow)
		gg_buf_add(b, "Allow: %s\r\n", e->allow);
	if (e->status == 401) /* Basic is what git's clients know; Bearer is taken too */
		gg_buf_add(b, "WWW-Authenticate: Basic realm=\"git-gate\"\r\n");
	if (e->status == 503)
		gg_buf_add(b, "Retry-After: %d\r\n", retry_s);
	add_connection(b, a, a->keep_alive);
	gg_buf_add(b, "\r\n%s", a->head ? "" : body.s);
}

size_t gg_chunk_head(char buf[GG_CHUNK_HEAD_MAX], size_t n)
{
	return (size_t)snprintf(buf, GG_CHUNK_HEAD_MAX, "%zx\r\n", n);
}
