/* Tests of daemon-wrap/httpreply.h: what git http-backend writes, and what the client reads. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon-wrap/httpreply.h"

static struct gg_reply reply;

/* "200 -1 A=b C=d | body", "MORE", "BAD". In pieces of step bytes, 0: at once. */
static void trace(struct gg_buf *b, const char *bytes, size_t n, size_t step)
{
	enum gg_reply_event ev = GG_REPLY_MORE;
	size_t at = 0, used;

	reply = (struct gg_reply){ 0 };
	while (at < n && ev == GG_REPLY_MORE) {
		ev = gg_reply_feed(&reply, bytes + at, step && n - at > step ? step : n - at, &used);
		at += used;
	}
	if (ev == GG_REPLY_BAD) /* it stays so */
		cr_expect(gg_reply_feed(&reply, "A: b\n\n", 6, &used) == GG_REPLY_BAD && !used);
	if (ev != GG_REPLY_HEAD) {
		gg_buf_add(b, ev == GG_REPLY_BAD ? "BAD" : "MORE");
		cr_expect_eq(ev == GG_REPLY_BAD, reply.why != NULL);
		return;
	}
	gg_buf_add(b, "%d %lld", reply.status, (long long)reply.length);
	for (size_t i = 0; i < reply.nheader; i++)
		gg_buf_add(b, " %s=%s", reply.header[i].name, reply.header[i].value);
	gg_buf_add(b, " | %.*s", (int)(n - at), bytes + at);
}

#define NO_CACHE "Expires: E\r\nPragma: no-cache\r\nCache-Control: no-cache, max-age=0\r\n"
#define NO_CACHE_OUT " Expires=E Pragma=no-cache Cache-Control=no-cache, max-age=0"

Test(httpreply, backend)
{
	static const struct {
		const char *bytes, *want;
	} rows[] = {
		/* as git http-backend writes them */
		{ NO_CACHE "Content-Type: a/b\r\n\r\n001f",
		  "200 -1" NO_CACHE_OUT " Content-Type=a/b | 001f" },
		{ NO_CACHE "Status: 403 Forbidden\r\n" NO_CACHE "\r\n", "403 -1" NO_CACHE_OUT " | " },
		{ "Status: 404 Not Found\r\n" NO_CACHE "\r\nx", "404 -1" NO_CACHE_OUT " | x" },
		{ "Content-Length: 23\r\nContent-Type: text/plain\r\n\r\n",
		  "200 23 Content-Type=text/plain | " },
		{ "Content-Length: 0\r\n\r\n", "200 0 | " },
		/* forms */
		{ "Content-Type: a/b\n\nx\r\n\r\n", "200 -1 Content-Type=a/b | x\r\n\r\n" },
		{ "A:b\r\nC:   d \t\nE:\n\r\n\n", "200 -1 A=b C=d E= | \n" },
		{ "status: 204\r\n\r\n", "204 -1 | " },
		{ "Status: 403 x\nStatus: 500 y\n\n", "500 -1 | " },
		{ "A: b\na: b\nA: c\n\n", "200 -1 A=b A=c | " },
		{ "A: \xc3\xbc\xfc\n\n", "200 -1 A=\xc3\xbc\xfc | " },
		/* not passed on */
		{ "Connection: x\nKeep-Alive: x\nTransfer-Encoding: chunked\nTE: x\nTrailer: x\nUpgrade: "
		  "x\nA: b\n\n",
		  "200 -1 A=b | " },
		/* lengths that say nothing */
		{ "Content-Length: 4\nContent-Length: 4\n\n", "200 -1 | " },
		{ "Content-Length: 4\nContent-Length: x\nContent-Length: 4\n\n", "200 -1 | " },
		{ "Content-Length: +4\n\n", "200 -1 | " },
		{ "Content-Length:\n\n", "200 -1 | " },
		{ "Content-Length:\nContent-Length: 4\n\n", "200 -1 | " },
		{ "Content-Length: 9223372036854775808\n\n", "200 -1 | " },
		{ "Content-Length: 9223372036854775807\n\n", "200 9223372036854775807 | " },
		/* no head */
		{ "", "MORE" },
		{ "Content-Type: a/b\r\n", "MORE" },
		{ "Content-Type: a/b\r\n\r", "MORE" },
		{ "fatal: x y\n", "MORE" }, /* has the form of a header; the end of the output tells */
		{ "usage is this\n", "BAD" },
		{ "\r\n", "BAD" },
		{ "\n", "BAD" },
		{ "HTTP/1.1 200 OK\r\n\r\n", "BAD" },
		{ ": x\n", "BAD" },
		{ "A b: x\n", "BAD" },
		{ "A : x\n", "BAD" },
		{ "A: x\n y\n\n", "BAD" },
		{ "A: x\ry\n\n", "BAD" },
		{ "A: \001\n\n", "BAD" },
		{ "Status: x\n\n", "BAD" },
		{ "Status:\n\n", "BAD" },
		{ "Status: 99\n\n", "BAD" },
		{ "Status: 100 Continue\n\n", "BAD" },
		{ "Status: 600\n\n", "BAD" },
		{ "Status: 2000\n\n", "BAD" },
		{ "Status: 200OK\n\n", "BAD" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++)
		for (size_t step = 0; step <= 3; step++) {
			char mem[500];
			struct gg_buf b = GG_BUF(mem);

			trace(&b, rows[i].bytes, strlen(rows[i].bytes), step);
			cr_expect_str_eq(mem, rows[i].want, "%s, step %zu: %s", rows[i].bytes, step, mem);
		}
}

Test(httpreply, limits)
{
	static char big[GG_REPLY_HEAD_MAX + 100], mem[GG_REPLY_HEAD_MAX + 200];
	struct gg_buf b = GG_BUF(mem);
	char *end = big;

	memset(big, 'x', sizeof(big));
	memcpy(big, "A: ", 3);
	memcpy(big + GG_REPLY_HEAD_MAX - 2, "\n\n", 2);
	trace(&b, big, sizeof(big), 0);
	cr_expect_eq(reply.status, 200);
	cr_expect_eq(reply.nheader, 1);
	memcpy(big + GG_REPLY_HEAD_MAX - 2, "x\n\n", 3);
	b = GG_BUF(mem);
	trace(&b, big, sizeof(big), 0);
	cr_expect_str_eq(mem, "BAD");
	for (int i = 0; i <= GG_REPLY_HEADERS_MAX; i++) {
		strcpy(end, "\n");
		b = GG_BUF(mem);
		trace(&b, big, (size_t)(end + 1 - big), 0);
		cr_expect_eq(!strcmp(mem, "BAD"), i == 0, "%d headers", i); /* none is an empty head */
		end += sprintf(end, "A%d: b\n", i);
	}
	strcpy(end, "\n");
	b = GG_BUF(mem);
	trace(&b, big, (size_t)(end + 1 - big), 0);
	cr_expect_str_eq(mem, "BAD"); /* one more than there is room for */
}

static const struct {
	const char *cgi;
	struct gg_asked asked;
	enum gg_frame frame;
	bool keep;
	const char *want;
} build_rows[] = {
	{ "A: b\n\n",
	  { 1, false, true, NULL },
	  GG_FRAME_CHUNKED,
	  true,
	  "200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n" },
	{ "A: b\n\n",
	  { 1, false, false, NULL },
	  GG_FRAME_CHUNKED,
	  false,
	  "200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n" },
	{ "A: b\n\n",
	  { 0, false, true, NULL },
	  GG_FRAME_CLOSE,
	  false,
	  "200 OK\r\nA: b\r\nConnection: close\r\n" },
	{ "A: b\n\n", { 1, true, true, NULL }, GG_FRAME_NONE, true, "200 OK\r\nA: b\r\n" },
	{ "A: b\n\n",
	  { 0, true, true, NULL },
	  GG_FRAME_NONE,
	  true,
	  "200 OK\r\nA: b\r\nConnection: keep-alive\r\n" },
	{ "A: b\n\n",
	  { 1, true, true, "Sun, 06 Nov 1994 08:49:37 GMT" },
	  GG_FRAME_NONE,
	  true,
	  "200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nA: b\r\n" },
	{ "date: x\n\n",
	  { 1, true, true, "Sun, 06 Nov 1994 08:49:37 GMT" },
	  GG_FRAME_NONE,
	  true,
	  "200 OK\r\ndate: x\r\n" },
	{ "Content-Length: 7\n\n",
	  { 1, false, true, NULL },
	  GG_FRAME_LENGTH,
	  true,
	  "200 OK\r\nContent-Length: 7\r\n" },
	{ "Content-Length: 7\n\n",
	  { 0, false, true, NULL },
	  GG_FRAME_LENGTH,
	  true,
	  "200 OK\r\nContent-Length: 7\r\nConnection: keep-alive\r\n" },
	{ "Content-Length: 7\n\n",
	  { 0, false, false, NULL },
	  GG_FRAME_LENGTH,
	  false,
	  "200 OK\r\nContent-Length: 7\r\nConnection: close\r\n" },
	{ "Content-Length: 7\n\n",
	  { 1, true, true, NULL },
	  GG_FRAME_NONE,
	  true,
	  "200 OK\r\nContent-Length: 7\r\n" },
	{ "Content-Length: 0\n\n",
	  { 1, false, true, NULL },
	  GG_FRAME_NONE,
	  true,
	  "200 OK\r\nContent-Length: 0\r\n" },
	{ "Status: 403 No\nContent-Length: 1\nContent-Length: 1\n\n",
	  { 1, false, true, NULL },
	  GG_FRAME_CHUNKED,
	  true,
	  "403 Forbidden\r\nTransfer-Encoding: chunked\r\n" },
	{ "Status: 204\nContent-Length: 7\n\n",
	  { 1, false, true, NULL },
	  GG_FRAME_NONE,
	  true,
	  "204 No Content\r\n" },
	{ "Status: 304\n\n", { 1, false, true, NULL }, GG_FRAME_NONE, true, "304 Not Modified\r\n" },
	{ "Status: 418 x\n\n",
	  { 0, false, false, NULL },
	  GG_FRAME_CLOSE,
	  false,
	  "418 Unknown\r\nConnection: close\r\n" },
};

Test(httpreply, build)
{
	for (size_t i = 0; i < GG_LEN(build_rows); i++) {
		char mem[500], out[GG_REPLY_OUT_MAX], want[500];
		struct gg_buf b = GG_BUF(mem), o = GG_BUF(out);
		bool keep;

		trace(&b, build_rows[i].cgi, strlen(build_rows[i].cgi), 0);
		cr_expect_eq(gg_reply_build(&o, &reply, &build_rows[i].asked, &keep), build_rows[i].frame,
			     "%s", build_rows[i].want);
		cr_expect_eq(keep, build_rows[i].keep, "%s", build_rows[i].want);
		snprintf(want, sizeof(want), "HTTP/1.1 %s\r\n", build_rows[i].want);
		cr_expect_str_eq(out, want);
	}
}

Test(httpreply, own)
{
	static const struct {
		struct gg_http_error e;
		struct gg_asked asked;
		const char *want;
	} rows[] = {
		{ { 400, "no Host", NULL, false },
		  { 1, false, false, NULL },
		  "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: "
		  "no-cache\r\n"
		  "Content-Length: 18\r\nConnection: close\r\n\r\ngit-gate: no Host\n" },
		{ { 405, "no", "POST", false },
		  { 1, true, true, NULL },
		  "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain; "
		  "charset=utf-8\r\nCache-Control: no-cache\r\n"
		  "Content-Length: 13\r\nAllow: POST\r\n\r\n" },
		{ { 503, "full", NULL, false },
		  { 0, false, true, NULL },
		  "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
		  "Cache-Control: no-cache\r\nContent-Length: 15\r\nRetry-After: 5\r\nConnection: "
		  "keep-alive\r\n\r\n"
		  "git-gate: full\n" },
		{ { 404, "no \"x\\\n", NULL, true },
		  { 1, false, true, NULL },
		  "HTTP/1.1 404 Not Found\r\nContent-Type: application/vnd.git-lfs+json\r\nCache-Control: "
		  "no-cache\r\n"
		  "Content-Length: 39\r\n\r\n{\"message\":\"git-gate: no \\\"x\\\\\\u000a\"}\n" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char out[GG_REPLY_OUT_MAX];
		struct gg_buf o = GG_BUF(out);

		gg_reply_own(&o, &rows[i].e, &rows[i].asked, 5);
		cr_expect_str_eq(out, rows[i].want);
	}
}

Test(httpreply, small_things)
{
	/* every status that is answered here has its phrase */
	static const int statuses[] = { 400, 403, 404, 405, 408, 411, 413, 414, 415,
					417, 431, 500, 501, 502, 503, 504, 505 };
	char buf[GG_CHUNK_HEAD_MAX];

	for (size_t i = 0; i < GG_LEN(statuses); i++)
		cr_expect_str_neq(gg_reply_phrase(statuses[i]), "Unknown", "%d", statuses[i]);
	cr_expect_str_eq(gg_reply_phrase(0), "Unknown");
	cr_expect_eq(gg_chunk_head(buf, 0x1f), 4);
	cr_expect(!memcmp(buf, "1f\r\n", 4));
	cr_expect_eq(gg_chunk_head(buf, SIZE_MAX), 18);
}
