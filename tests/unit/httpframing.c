/*
 * Where a request begins and ends: what libhttp-parser says by itself, and what daemon-wrap/httpparse.h makes
 * of it. A trace: H head, the number of body bytes, E end; then the library's error, or our status, or "cut".
 * What follows "E" is the next message on the connection.
 */
#include <criterion/criterion.h>
#include <http_parser.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "daemon-wrap/httpparse.h"

#define POST "POST /r HTTP/1.1\r\nHost: h\r\n"
#define POST10 "POST /r HTTP/1.0\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define GET "GET /r HTTP/1.1\r\nHost: h\r\n"
#define E "\r\n\r\n"

static const struct row {
	const char *name, *bytes, *lib, *ours;
} rows[] = {
	/* both take it */
	{ "no body", GET "\r\n", "HE", "HE" },
	{ "a length", POST "Content-Length: 4" E "0000", "H4E", "H4E" },
	{ "length 0", POST "Content-Length: 0" E, "HE", "HE" },
	{ "zeros before the length", POST "Content-Length: 0004" E "0000", "H4E", "H4E" },
	{ "blanks around the length", POST "Content-Length: \t 4  " E "0000", "H4E", "H4E" },
	{ "chunks", CHUNKED "4\r\n0000\r\n0\r\n\r\n", "H4E", "H4E" },
	{ "chunks, none", CHUNKED "0\r\n\r\n", "HE", "HE" },
	{ "Chunked in capitals", POST "transfer-ENCODING: CHUNKED" E "1\r\nx\r\n0\r\n\r\n", "H1E", "H1E" },
	{ "chunk extensions", CHUNKED "5;x=y\r\nhello\r\n0;last\r\n\r\n", "H5E", "H5E" },
	{ "trailers", CHUNKED "1\r\nx\r\n0\r\nSum: 1\r\nOther: 2\r\n\r\n", "H1E", "H1E" },
	{ "zeros before a chunk's size", CHUNKED "0001\r\nx\r\n000\r\n\r\n", "H1E", "H1E" },
	{ "a chunk's size in capitals", CHUNKED "A\r\n0123456789\r\n0\r\n\r\n", "H10E", "H10E" },
	{ "pipelined", POST "Content-Length: 4" E "0000" GET "\r\n" CHUNKED "1\r\nx\r\n0\r\n\r\n" GET "\r\n",
	  "H4EHEH1EHE", "H4EHEH1EHE" },
	{ "an empty line before the request", "\r\n" GET "\r\n", "HE", "HE" },
	{ "an offer of h2c", GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x" E,
	  "HE", "HE" },
	{ "a body with that offer", POST "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1" E "x",
	  "H1E", "H1E" },
	{ "POST without a length has no body", POST "\r\n" GET "\r\n", "HEHE", "HEHE" },
	{ "bytes over 127 in the target", "GET /\xc3\xbc HTTP/1.1\r\nHost: h" E, "HE", "HE" },
	/* both refuse it */
	{ "two lengths", POST "Content-Length: 4\r\nContent-Length: 0" E "0000", "UNEXPECTED_CONTENT_LENGTH",
	  "400" },
	{ "two equal lengths", POST "Content-Length: 4\r\nContent-Length: 4" E "0000",
	  "UNEXPECTED_CONTENT_LENGTH", "400" },
	{ "length + chunked", POST "Content-Length: 4\r\nTransfer-Encoding: chunked" E "0\r\n\r\n",
	  "UNEXPECTED_CONTENT_LENGTH", "400" },
	{ "chunked + length", POST "Transfer-Encoding: chunked\r\nContent-Length: 4" E "0\r\n\r\n",
	  "UNEXPECTED_CONTENT_LENGTH", "400" },
	{ "length +4", POST "Content-Length: +4" E "0000", "INVALID_CONTENT_LENGTH", "400" },
	{ "length -1", POST "Content-Length: -1" E, "INVALID_CONTENT_LENGTH", "400" },
	{ "length 0x4", POST "Content-Length: 0x4" E "0000", "INVALID_CONTENT_LENGTH", "400" },
	{ "length 4, 4", POST "Content-Length: 4, 4" E "0000", "INVALID_CONTENT_LENGTH", "400" },
	{ "length 4 4", POST "Content-Length: 4 4" E "0000", "INVALID_CONTENT_LENGTH", "400" },
	{ "a tab behind the length", POST "Content-Length: 4\t" E "0000", "INVALID_CONTENT_LENGTH", "400" },
	{ "empty length", POST "Content-Length:" E, "INVALID_CONTENT_LENGTH", "400" },
	{ "length over 2^64", POST "Content-Length: 18446744073709551617" E, "INVALID_CONTENT_LENGTH",
	  "400" },
	{ "coding xchunked", POST "Transfer-Encoding: xchunked" E "0\r\n\r\n", "HINVALID_TRANSFER_ENCODING",
	  "501" },
	{ "coding identity", POST "Transfer-Encoding: identity" E, "HINVALID_TRANSFER_ENCODING", "501" },
	{ "coding gzip", POST "Transfer-Encoding: gzip" E, "HINVALID_TRANSFER_ENCODING", "501" },
	{ "chunked, gzip", POST "Transfer-Encoding: chunked, gzip" E, "HINVALID_TRANSFER_ENCODING", "501" },
	{ "CR in a value", GET "A: x\ry" E, "LF_EXPECTED", "400" },
	{ "no name", GET ": x" E, "INVALID_HEADER_TOKEN", "400" },
	{ "no colon", GET "Abc" E, "INVALID_HEADER_TOKEN", "400" },
	{ "an unknown method", "FOO / HTTP/1.1\r\nHost: h" E, "INVALID_METHOD", "501" },
	{ "a method in small letters", "get / HTTP/1.1\r\nHost: h" E, "INVALID_METHOD", "400" },
	{ "not HTTP", "SSH-2.0-x\r\n", "INVALID_METHOD", "400" },
	{ "TLS", "\x16\x03\x01\x02", "INVALID_METHOD", "400" },
	{ "a relative target", "GET r/HEAD HTTP/1.1\r\nHost: h" E, "INVALID_URL", "400" },
	{ "version 1.x", "GET / HTTP/1.x\r\nHost: h" E, "INVALID_VERSION", "400" },
	{ "a length in the trailers", CHUNKED "0\r\nContent-Length: x\r\n\r\n", "HINVALID_CONTENT_LENGTH",
	  "H400" },
	{ "chunk size -1", CHUNKED "-1\r\n", "HINVALID_CHUNK_SIZE", "H400" },
	{ "chunk size +1", CHUNKED "+1\r\nx\r\n", "HINVALID_CHUNK_SIZE", "H400" },
	{ "chunk size 0x1", CHUNKED "0x1\r\nx\r\n", "HINVALID_CHUNK_SIZE", "H400" },
	{ "blank before the chunk size", CHUNKED " 1\r\nx\r\n", "HINVALID_CHUNK_SIZE", "H400" },
	{ "empty chunk size", CHUNKED "\r\nx\r\n", "HINVALID_CHUNK_SIZE", "H400" },
	{ "chunk size ffffffffffffffff", CHUNKED "ffffffffffffffff\r\n", "HINVALID_CONTENT_LENGTH", "H400" },
	{ "chunk size over 2^64", CHUNKED "10000000000000000\r\n", "HINVALID_CONTENT_LENGTH", "H400" },
	{ "bare LF behind a chunk size", CHUNKED "1\nx\r\n0\r\n\r\n", "HINVALID_CHUNK_SIZE", "H400" },
	{ "bare LF behind a chunk", CHUNKED "1\r\nx\n0\r\n\r\n", "H1INVALID_CHUNK_SIZE", "H1400" },
	{ "a chunk without its CRLF", CHUNKED "1\r\nx0\r\n\r\n", "H1INVALID_CHUNK_SIZE", "H1400" },
	{ "a chunk longer than its size", CHUNKED "1\r\nxy\r\n0\r\n\r\n", "H1INVALID_CHUNK_SIZE", "H1400" },
	/* both see the cut */
	{ "cut in the request line", "GET /", "INVALID_EOF_STATE", "cut" },
	{ "cut in the head", GET, "INVALID_EOF_STATE", "cut" },
	{ "cut in the body", POST "Content-Length: 4" E "000", "H3INVALID_EOF_STATE", "H3cut" },
	{ "cut last chunk", CHUNKED "1\r\nx\r\n", "H1INVALID_EOF_STATE", "H1cut" },
	{ "cut in the last chunk", CHUNKED "1\r\nx\r\n0\r\n", "H1INVALID_EOF_STATE", "H1cut" },
	{ "cut in the trailers", CHUNKED "0\r\nA: b\r\n", "HINVALID_EOF_STATE", "Hcut" },
	{ "cut in a chunk", CHUNKED "5\r\nhel", "H3INVALID_EOF_STATE", "H3cut" },
	/* the library takes it, we do not */
	{ "space before the colon", POST "Content-Length : 4" E "0000", "H4E", "400" },
	{ "a folded header", GET "A: x\r\n y" E, "HE", "400" },
	{ "a folded length", POST "Content-Length:\r\n 4" E "0000", "H4E", "400" },
	{ "bare LF in the head", "GET /r HTTP/1.1\nHost: h" E, "HE", "400" },
	{ "bare LF after a header", "GET /r HTTP/1.1\r\nHost: h\n\r\n", "HE", "400" },
	{ "gzip, chunked", POST "Transfer-Encoding: gzip, chunked" E "0\r\n\r\n", "HE", "501" },
	{ "two codings", POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked" E "0\r\n\r\n", "HE",
	  "501" },
	{ "chunked twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked" E "0\r\n\r\n",
	  "HE", "400" },
	{ "a coding in HTTP/1.0", POST10 "Transfer-Encoding: chunked" E "0\r\n\r\n", "HE", "400" },
	{ "blank behind the chunk size", CHUNKED "1 \r\nx\r\n0\r\n\r\n", "H1E", "H400" },
	{ "HTTP/2.0", "GET / HTTP/2.0\r\nHost: h" E, "HE", "505" },
	{ "HTTP/1.2", "GET / HTTP/1.2\r\nHost: h" E, "HE", "505" },
	{ "HTTP/0.9", "GET / HTTP/0.9\r\nHost: h" E, "HE", "505" },
	{ "no version", "GET /r\r\n\r\n", "HE", "400" },
	{ "two blanks in the request line", "GET  /r HTTP/1.1\r\nHost: h" E, "HE", "400" },
	{ "no Host", "GET /r HTTP/1.1" E, "HE", "400" },
	{ "two Hosts", GET "Host: h" E, "HE", "400" },
	{ "a web page", GET "Origin: http://a" E, "HE", "403" },
	{ "a web page that has no origin", GET "Sec-Fetch-Site: none" E, "HE", "403" },
	{ "a browser", GET "User-Agent: Mozilla/5.0 (X11)" E, "HE", "403" },
	{ "another expectation", GET "Expect: foo" E, "HE", "417" },
	{ "length over 2^63", POST "Content-Length: 9223372036854775808" E, "HINVALID_EOF_STATE", "400" },
	{ "many empty lines", "\r\n\r\n\r\n" GET "\r\n", "HE", "400" },
	{ "a space in a trailer's name", CHUNKED "0\r\nA : b\r\n\r\n", "HE", "H400" },
	/* Debian's library is built without its strict checks: any byte passes for the LF here */
	{ "another byte for the head's last LF", GET "\rX" GET "\r\n", "HEHE", "400" },
	{ "another byte for a size line's LF", CHUNKED "1\rXx\r\n0\r\n\r\n", "H1E", "H400" },
	{ "two other bytes behind a chunk", CHUNKED "1\r\nxAB0\r\n\r\n", "H1E", "H1400" },
	{ "a folded trailer", CHUNKED "0\r\nA: b\r\n c\r\n\r\n", "HE", "H400" },
	{ "a control character in a value", GET "A: \001" E, "HE", "400" },
	{ "DEL in a value", GET "A: \177" E, "HE", "400" },
	{ "a control character behind a chunk's size", CHUNKED "1;\001\r\nx\r\n0\r\n\r\n", "H1E", "H400" },
	{ "a tab in the target", "GET /\tr HTTP/1.1\r\nHost: h" E, "HE", "400" },
	{ "a target with a fragment", "GET /r#x HTTP/1.1\r\nHost: h" E, "HE", "HE" },
	/* the library stops behind the head; what the rest is then depends on how it was cut */
	{ "a tunnel with a body", "CONNECT h:80 HTTP/1.1\r\nHost: h\r\nContent-Length: 4" E "0000", NULL,
	  "H4E" },
	{ "SOURCE over ICE", "SOURCE /r ICE/1.0\r\n\r\n", "HE", "400" },
};

struct trace {
	struct gg_buf b;
	size_t body;
};

static void end_body(struct trace *t)
{
	if (t->body)
		gg_buf_add(&t->b, "%zu", t->body);
	t->body = 0;
}

static int lib_head(http_parser *lib)
{
	gg_buf_add(&((struct trace *)lib->data)->b, "H");
	return 0;
}

static int lib_body(http_parser *lib, const char *at, size_t n)
{
	(void)at;
	((struct trace *)lib->data)->body += n;
	return 0;
}

static int lib_end(http_parser *lib)
{
	end_body(lib->data);
	gg_buf_add(&((struct trace *)lib->data)->b, "E");
	return 0;
}

/* step: so many bytes at a time, 0: all at once. */
static void trace_lib(struct trace *t, const char *bytes, size_t n, size_t step)
{
	static const http_parser_settings settings = { .on_headers_complete = lib_head,
						       .on_body = lib_body,
						       .on_message_complete = lib_end };
	http_parser lib;

	http_parser_init(&lib, HTTP_REQUEST);
	lib.data = t;
	for (size_t at = 0, part; at < n && !lib.http_errno; at += part) {
		part = step && n - at > step ? step : n - at;
		http_parser_execute(&lib, &settings, bytes + at, part);
	}
	if (!lib.http_errno)
		http_parser_execute(&lib, &settings, "", 0);
	end_body(t);
	if (lib.http_errno)
		gg_buf_add(&t->b, "%s", http_errno_name(HTTP_PARSER_ERRNO(&lib)) + 4);
}

static void trace_ours(struct trace *t, const char *bytes, size_t n, size_t step)
{
	static struct gg_http p;
	const char *body;

	gg_http_init(&p);
	for (size_t at = 0, used, nbody, part;; at += used) {
		part = step && n - at > step ? step : n - at;
		switch (gg_http_next(&p, bytes + at, part, &used, &body, &nbody)) {
		case GG_HTTP_HEAD:
			gg_buf_add(&t->b, "H");
			break;
		case GG_HTTP_BODY:
			cr_assert(nbody > 0 && body >= bytes && body + nbody <= bytes + at + used);
			t->body += nbody;
			break;
		case GG_HTTP_END:
			cr_expect_eq(p.body, (int64_t)t->body);
			end_body(t);
			gg_buf_add(&t->b, "E");
			break;
		case GG_HTTP_BAD:
			end_body(t);
			gg_buf_add(&t->b, "%d", p.error.status);
			cr_expect(p.error.reason && *p.error.reason);
			return;
		case GG_HTTP_MORE:
			cr_assert_eq(used, part);
			if (part)
				break;
			end_body(t);
			gg_buf_add(&t->b, "%s", gg_http_is_cut(&p) ? "cut" : "");
			return;
		}
	}
}

typedef void tracer(struct trace *, const char *, size_t, size_t);

static void expect(tracer *of, const char *who, const struct row *r, const char *want, size_t step)
{
	char mem[200];
	struct trace t = { .b = GG_BUF(mem) };

	of(&t, r->bytes, strlen(r->bytes), step);
	cr_expect_str_eq(mem, want, "%s, %s, step %zu: %s, want %s", r->name, who, step, mem, want);
}

Test(httpframing, library_and_ours)
{
	for (size_t i = 0; i < GG_LEN(rows); i++)
		for (size_t step = 0; step <= 3; step++) {
			if (rows[i].lib)
				expect(trace_lib, "library", &rows[i], rows[i].lib, step);
			expect(trace_ours, "ours", &rows[i], rows[i].ours, step);
		}
}

/* What has a NUL, or is too long to be written down. */
Test(httpframing, bytes_and_limits)
{
	static char big[GG_HTTP_HEAD_MAX * 2];
	static const struct {
		const char *name, *before;
		char fill;
		size_t n;
		const char *after, *ours;
	} limits[] = {
		{ "NUL in a value", GET "A: x", 0, 1, "y" E, "400" },
		{ "NUL in the target", "GET /r", 0, 1, " HTTP/1.1\r\nHost: h" E, "400" },
		{ "git:// at the wrong port", "0032git-upload-pack /r", 0, 1, "host=h", "400" },
		{ "the longest target", "GET /", 'x', GG_HTTP_TARGET_MAX - 1, " HTTP/1.1\r\nHost: h" E,
		  "HE" },
		{ "a longer target", "GET /", 'x', GG_HTTP_TARGET_MAX, " HTTP/1.1\r\nHost: h" E, "414" },
		{ "a target without end", "GET /", 'x', GG_HTTP_TARGET_MAX + 100, "", "414" },
		{ "the largest head", GET "A: ", 'x', GG_HTTP_HEAD_MAX - strlen(GET "A: " E), E, "HE" },
		{ "a larger head", GET "A: ", 'x', GG_HTTP_HEAD_MAX - strlen(GET "A: " E) + 1, E, "431" },
		{ "a head without end", GET "A: ", 'x', GG_HTTP_HEAD_MAX, "", "431" },
		{ "a long extension", CHUNKED "1;", 'x', GG_HTTP_CHUNK_LINE_MAX - 4, "\r\nx\r\n0" E, "H1E" },
		{ "a longer extension", CHUNKED "1;", 'x', GG_HTTP_CHUNK_LINE_MAX - 3, "\r\nx\r\n0" E,
		  "H400" },
		{ "a long trailer", CHUNKED "0\r\nA: ", 'x', GG_HTTP_TRAILER_MAX - 5, E, "HE" },
		{ "a longer trailer", CHUNKED "0\r\nA: ", 'x', GG_HTTP_TRAILER_MAX - 4, E, "H400" },
		{ "a body of zeros", POST "Content-Length: 5000" E, 0, 5000, GET "\r\n", "H5000EHE" },
	};

	for (size_t i = 0; i < GG_LEN(limits); i++)
		for (size_t step = 0; step <= 1; step++) {
			size_t n = strlen(limits[i].before);
			char mem[200];
			struct trace t = { .b = GG_BUF(mem) };

			memcpy(big, limits[i].before, n);
			memset(big + n, limits[i].fill, limits[i].n);
			strcpy(big + n + limits[i].n, limits[i].after);
			trace_ours(&t, big, n + limits[i].n + strlen(limits[i].after), step);
			cr_expect_str_eq(mem, limits[i].ours, "%s, step %zu: %s, want %s", limits[i].name,
					 step, mem, limits[i].ours);
		}
}

/* A part that comes again and again, and where that ends. */
Test(httpframing, many)
{
	static const struct {
		const char *name, *before, *part;
		size_t times;
		const char *after, *ours;
	} rows_of[] = {
		{ "100 headers", "GET / HTTP/1.1\r\nHost: h\r\n", "A: b\r\n", GG_HTTP_HEADERS_MAX - 1, "\r\n",
		  "HE" },
		{ "101 headers", "GET / HTTP/1.1\r\nHost: h\r\n", "A: b\r\n", GG_HTTP_HEADERS_MAX, "\r\n",
		  "431" },
		{ "trailers", CHUNKED "0\r\n", "A: b\r\n", GG_HTTP_EXTRA_MAX / 6, "\r\n", "HE" },
		{ "too many trailers", CHUNKED "0\r\n", "A: b\r\n", GG_HTTP_EXTRA_MAX / 6 + 1, "\r\n",
		  "H400" },
		{ "extensions", CHUNKED, "1;xx\r\nx\r\n", GG_HTTP_EXTRA_MAX / 3, "0\r\n\r\n", "H10922E" },
		{ "too many extensions", CHUNKED, "1;xx\r\nx\r\n", GG_HTTP_EXTRA_MAX / 3 + 1, "0\r\n\r\n",
		  "H10922400" },
	};

	for (size_t i = 0; i < GG_LEN(rows_of); i++) {
		static char big[GG_HTTP_EXTRA_MAX * 4];
		char mem[200], *end = stpcpy(big, rows_of[i].before);
		struct trace t = { .b = GG_BUF(mem) };

		for (size_t k = 0; k < rows_of[i].times; k++)
			end = stpcpy(end, rows_of[i].part);
		end = stpcpy(end, rows_of[i].after);
		trace_ours(&t, big, (size_t)(end - big), 0);
		cr_expect_str_eq(mem, rows_of[i].ours, "%s: %s, want %s", rows_of[i].name, mem,
				 rows_of[i].ours);
	}
}
