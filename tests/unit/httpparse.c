/* Tests of daemon-wrap/httpparse.h: what a head says. Where it ends: httpframing.c. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon-wrap/httpparse.h"

static struct gg_http p;

static enum gg_http_event parse(const char *bytes)
{
	size_t used, nbody;
	const char *body;

	gg_http_init(&p);
	return gg_http_next(&p, bytes, strlen(bytes), &used, &body, &nbody);
}

Test(httpparse, head)
{
	static const struct {
		const char *bytes, *method, *target;
		int minor;
		int64_t length;
		bool chunked, body, keep, expect;
	} rows[] = {
		{ "GET /r?x=1 HTTP/1.1\r\nHost:\r\n\r\n", "GET", "/r?x=1", 1, -1, 0, 0, 1, 0 },
		{ "GET /r HTTP/1.1\r\nHost: h\r\nConnection: foo, Close\r\n\r\n", "GET", "/r", 1, -1, 0, 0, 0,
		  0 },
		{ "HEAD / HTTP/1.0\r\n\r\n", "HEAD", "/", 0, -1, 0, 0, 0, 0 },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET", "/", 0, -1, 0, 0, 1, 0 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "POST", "/", 1, 0, 0, 0, 1, 0 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\n", "POST", "/", 1, 7, 0, 1, 1, 0 },
		{ "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "PUT", "/", 1, -1, 1, 1,
		  1, 0 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: "
		  "9223372036854775807\r\n\r\n",
		  "POST", "/", 1, INT64_MAX, 0, 1, 1, 1 },
		{ "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", "POST", "/", 0, 1,
		  0, 1, 0, 0 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nExpect:\r\nContent-Length: 1\r\n\r\n", "POST", "/", 1, 1, 0,
		  1, 1, 0 },
		{ "M-SEARCH * HTTP/1.1\r\nHost: h\r\n\r\n", "M-SEARCH", "*", 1, -1, 0, 0, 1, 0 },
		{ "GET http://h/r HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "http://h/r", 1, -1, 0, 0, 1, 0 },
		{ "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", "CONNECT", "h:80", 1, -1, 0, 0, 1, 0 },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		cr_assert_eq(parse(rows[i].bytes), GG_HTTP_HEAD, "%s: %s", rows[i].bytes,
			     p.error.reason ? p.error.reason : "");
		cr_expect_str_eq(p.head.method, rows[i].method);
		cr_expect_str_eq(p.head.target, rows[i].target);
		cr_expect_eq(p.head.minor, rows[i].minor, "%s", rows[i].bytes);
		cr_expect_eq(p.head.content_length, rows[i].length, "%s", rows[i].bytes);
		cr_expect_eq(p.head.chunked, rows[i].chunked, "%s", rows[i].bytes);
		cr_expect_eq(p.head.has_body, rows[i].body, "%s", rows[i].bytes);
		cr_expect_eq(p.head.keep_alive, rows[i].keep, "%s", rows[i].bytes);
		cr_expect_eq(p.head.expect_continue, rows[i].expect, "%s", rows[i].bytes);
	}
}

Test(httpparse, headers)
{
	static const struct {
		const char *name, *value;
		size_t n;
	} rows[] = {
		{ "host", "h:80", 1 },	   { "GIT-PROTOCOL", "version=2", 1 },
		{ "Twice", NULL, 2 },	   { "None", NULL, 0 },
		{ "Empty", "", 1 },	   { "Blank", "", 1 },
		{ "Inner", "a  b\tc", 1 }, { "Git_Protocol", "x", 1 },
		{ "Colon", ":a: b:", 1 },  { "Latin", "\xfc\xc3\xbc", 1 },
		{ "Last", "", 1 },
	};
	size_t n;

	cr_assert_eq(parse("GET / HTTP/1.1\r\nHost: h:80\r\nGit-Protocol:version=2\r\nTwice: 1\r\ntwice: "
			   "2\r\nEmpty:\r\n"
			   "Blank: \t \r\nInner:  a  b\tc \t\r\nGit_Protocol: x\r\nColon: :a: b:\r\n"
			   "Latin: \xfc\xc3\xbc\r\nLast:\r\n\r\n"),
		     GG_HTTP_HEAD);
	cr_expect_eq(p.head.nheader, 11);
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		const char *value = gg_http_header(&p.head, rows[i].name, &n);

		cr_expect_eq(n, rows[i].n, "%s", rows[i].name);
		cr_expect_eq(!value, !rows[i].value, "%s", rows[i].name);
		if (value && rows[i].value)
			cr_expect_str_eq(value, rows[i].value);
	}
}

/* Nothing of one request is seen in the next on the connection. */
Test(httpparse, next_message_begins_anew)
{
	static const char two[] = "POST /a HTTP/1.1\r\nHost: h\r\nA: b\r\nContent-Length: 2\r\n\r\nhi"
				  "GET /b HTTP/1.0\r\n\r\n";
	size_t at = 0, used, nbody, n;
	const char *body;

	gg_http_init(&p);
	cr_assert_eq(gg_http_next(&p, two, sizeof(two) - 1, &used, &body, &nbody), GG_HTTP_HEAD);
	at = used;
	cr_assert_eq(gg_http_next(&p, two + at, sizeof(two) - 1 - at, &used, &body, &nbody), GG_HTTP_BODY);
	cr_expect_eq(nbody, 2);
	cr_expect(!memcmp(body, "hi", 2));
	at += used;
	cr_assert_eq(gg_http_next(&p, two + at, 0, &used, &body, &nbody), GG_HTTP_END);
	cr_expect_str_eq(p.head.target, "/a"); /* still there */
	cr_expect_not(gg_http_is_cut(&p));
	cr_assert_eq(gg_http_next(&p, two + at, sizeof(two) - 1 - at, &used, &body, &nbody), GG_HTTP_HEAD);
	cr_expect_eq(used, sizeof(two) - 1 - at);
	cr_expect_str_eq(p.head.target, "/b");
	cr_expect_eq(p.head.content_length, -1);
	cr_expect_eq(p.head.minor, 0);
	cr_expect_eq(p.body, 0);
	gg_http_header(&p.head, "A", &n);
	cr_expect_eq(n, 0);
}

Test(httpparse, an_error_stays)
{
	size_t used, nbody;
	const char *body;

	cr_assert_eq(parse("GET / HTTP/3.0\r\n"), GG_HTTP_BAD);
	cr_expect_eq(gg_http_next(&p, "GET / HTTP/1.0\r\n\r\n", 18, &used, &body, &nbody), GG_HTTP_BAD);
	cr_expect_eq(p.error.status, 505);
	cr_expect_eq(used, 0);
}

/* The client reads the reason, not what comes of it later. */
Test(httpparse, reasons)
{
	static const char post[] = "POST / HTTP/1.1\r\nHost: h\r\n";
	static const struct {
		const char *headers, *reason;
	} rows[] = {
		{ "A: b\r\n c\r\n", "a folded header" },
		{ "Content-Length: 1\r\nContent-Length: 1\r\n", "more than one Content-Length" },
		{ "Content-Length: +1\r\n", "Content-Length is not a number" },
		{ "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
		  "both Content-Length and Transfer-Encoding" },
		{ "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
		  "both Content-Length and Transfer-Encoding" },
		{ "Transfer-Encoding: gzip\r\n", "of transfer codings only chunked is known here" },
		{ "Content-Length : 1\r\n", "a header's name has a character that does not belong there" },
		{ "A: b\n", "a line of the head does not end with CR LF" },
		{ "Host: x\r\n\r\n", "more than one Host" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char bytes[200];

		snprintf(bytes, sizeof(bytes), "%s%s", post, rows[i].headers);
		cr_expect_eq(parse(bytes), GG_HTTP_BAD, "%s", rows[i].headers);
		cr_expect_str_eq(p.error.reason, rows[i].reason);
	}
}
