/* Tests of daemon-wrap/httproute.h: a row a target. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon-wrap/httproute.h"

#define H38 "0123456789abcdef0123456789abcdef012345"
#define H40 H38 "67"
#define H62 H38 "0123456789abcdef01234567"
#define H64 H62 "89"

static struct gg_route route;
static struct gg_http_error err;

Test(httproute, served)
{
	static const struct {
		const char *method, *target;
		enum gg_route_kind kind;
		const char *service, *repo, *path_info, *query;
	} rows[] = {
		{ "GET", "/r.git/info/refs?service=git-upload-pack", GG_ROUTE_INFO_REFS, "upload-pack",
		  "/r.git", "/r.git/info/refs", "service=git-upload-pack" },
		{ "HEAD", "/r/info/refs?service=git-receive-pack", GG_ROUTE_INFO_REFS, "receive-pack", "/r",
		  "/r/info/refs", "service=git-receive-pack" },
		{ "GET", "/r/info/refs?a=b&service=git-upload-pack&service2=x&&c", GG_ROUTE_INFO_REFS,
		  "upload-pack", "/r", "/r/info/refs", "service=git-upload-pack" },
		{ "GET", "/r/info/refs?service=git%2Dupload-pack", GG_ROUTE_INFO_REFS, "upload-pack", "/r",
		  "/r/info/refs", "service=git-upload-pack" },
		{ "GET", "/r/info/refs", GG_ROUTE_DUMB, "", "/r", "/r/info/refs", "" },
		{ "GET", "/r/info/refs?", GG_ROUTE_DUMB, "", "/r", "/r/info/refs", "" },
		{ "GET", "/r/info/refs?x=service=git-upload-pack", GG_ROUTE_DUMB, "", "/r", "/r/info/refs",
		  "" },
		{ "POST", "/g/r.git/git-receive-pack", GG_ROUTE_RECEIVE_PACK, "receive-pack", "/g/r.git",
		  "/g/r.git/git-receive-pack", "" },
		{ "POST", "/r/git-upload-pack?service=git-receive-pack", GG_ROUTE_UPLOAD_PACK, "upload-pack",
		  "/r", "/r/git-upload-pack", "" },
		{ "GET", "/r.git/HEAD", GG_ROUTE_DUMB, "", "/r.git", "/r.git/HEAD", "" },
		{ "GET", "/r/objects/info/packs", GG_ROUTE_DUMB, "", "/r", "/r/objects/info/packs", "" },
		{ "HEAD", "/r/objects/info/alternates", GG_ROUTE_DUMB, "", "/r", "/r/objects/info/alternates",
		  "" },
		{ "GET", "/r/objects/info/http-alternates", GG_ROUTE_DUMB, "", "/r",
		  "/r/objects/info/http-alternates", "" },
		{ "GET", "/r/objects/ab/" H38, GG_ROUTE_DUMB, "", "/r", "/r/objects/ab/" H38, "" },
		{ "GET", "/r/objects/ab/" H62, GG_ROUTE_DUMB, "", "/r", "/r/objects/ab/" H62, "" },
		{ "GET", "/r/objects/pack/pack-" H40 ".pack", GG_ROUTE_DUMB, "", "/r",
		  "/r/objects/pack/pack-" H40 ".pack", "" },
		{ "GET", "/r/objects/pack/pack-" H64 ".idx", GG_ROUTE_DUMB, "", "/r",
		  "/r/objects/pack/pack-" H64 ".idx", "" },
		{ "GET", "/objects/r/objects/ab/" H38, GG_ROUTE_DUMB, "", "/objects/r",
		  "/objects/r/objects/ab/" H38, "" },
		/* names */
		{ "GET", "/a%20b.git/HEAD", GG_ROUTE_DUMB, "", "/a b.git", "/a b.git/HEAD", "" },
		{ "GET", "/a%2520b.git/HEAD", GG_ROUTE_DUMB, "", "/a%20b.git", "/a%20b.git/HEAD", "" },
		{ "GET", "/a+b.git/HEAD", GG_ROUTE_DUMB, "", "/a+b.git", "/a+b.git/HEAD", "" },
		{ "GET", "/%c3%BC.git/HEAD", GG_ROUTE_DUMB, "", "/\xc3\xbc.git", "/\xc3\xbc.git/HEAD", "" },
		{ "GET", "/\xc3\xbc.git/HEAD", GG_ROUTE_DUMB, "", "/\xc3\xbc.git", "/\xc3\xbc.git/HEAD", "" },
		{ "GET", "/~x/-dash/..dots/x..y/.h.git/HEAD", GG_ROUTE_DUMB, "",
		  "/~x/-dash/..dots/x..y/.h.git", "/~x/-dash/..dots/x..y/.h.git/HEAD", "" },
		{ "GET", "/%72.git/%48EAD", GG_ROUTE_DUMB, "", "/r.git", "/r.git/HEAD", "" },
		{ "GET", "/a%3fb%23.git/HEAD", GG_ROUTE_DUMB, "", "/a?b#.git", "/a?b#.git/HEAD", "" },
		{ "GET", "http://h/r.git/HEAD", GG_ROUTE_DUMB, "", "/r.git", "/r.git/HEAD", "" },
		{ "GET", "HTTPS://u@[::1]:80/r/info/refs?service=git-upload-pack", GG_ROUTE_INFO_REFS,
		  "upload-pack", "/r", "/r/info/refs", "service=git-upload-pack" },
		{ "GET", "/info/refs/info/refs", GG_ROUTE_DUMB, "", "/info/refs", "/info/refs/info/refs",
		  "" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		cr_expect_eq(gg_route_parse(rows[i].method, rows[i].target, &route, &err), 0, "%s",
			     rows[i].target);
		cr_expect_eq(route.kind, rows[i].kind, "%s", rows[i].target);
		cr_expect_eq(route.head, !strcmp(rows[i].method, "HEAD"));
		cr_expect_str_eq(route.service, rows[i].service, "%s", rows[i].target);
		cr_expect_str_eq(route.repo, rows[i].repo, "%s", rows[i].target);
		cr_expect_str_eq(route.path_info, rows[i].path_info);
		cr_expect_str_eq(route.query, rows[i].query, "%s", rows[i].target);
	}
}

static const struct {
	const char *method, *target;
	int status;
	const char *allow;
} refused_rows[] = {
	{ "GET", "/../r.git/HEAD", 400, NULL },
	{ "GET", "/%2e%2e/r.git/HEAD", 400, NULL },
	{ "GET", "/r.git/../HEAD", 400, NULL },
	{ "GET", "/r.git/.%2E/x/HEAD", 400, NULL },
	{ "GET", "/r.git/./HEAD", 400, NULL },
	{ "GET", "/r.git/HEAD/..", 400, NULL },
	{ "GET", "/r.git/HEAD/.", 400, NULL },
	{ "GET", "//r.git/HEAD", 400, NULL },
	{ "GET", "/r.git//HEAD", 400, NULL },
	{ "GET", "/r.git/HEAD//", 400, NULL },
	{ "GET", "http://h//r.git/HEAD", 400, NULL },
	{ "GET", "/a%2fb.git/HEAD", 400, NULL },
	{ "GET", "/a%2Fb.git/HEAD", 400, NULL },
	{ "GET", "/r.git%00/HEAD", 400, NULL },
	{ "GET", "/r.git%0a/HEAD", 400, NULL },
	{ "GET", "/r.git%7f/HEAD", 400, NULL },
	{ "GET", "/r.git%zz/HEAD", 400, NULL },
	{ "GET", "/r.git/HEAD%4", 400, NULL },
	{ "GET", "/r.git/HEAD%", 400, NULL },
	{ "GET", "/r.git/HEAD#x", 400, NULL },
	{ "GET", "/r.git/info/refs?service=git-upload-pack#x", 400, NULL },
	{ "GET", "*", 400, NULL },
	{ "GET", "h:80", 400, NULL },
	{ "GET", "r.git/HEAD", 400, NULL },
	{ "GET", "", 400, NULL },
	{ "GET", "http://", 400, NULL },
	{ "GET", "http:///r.git/HEAD", 400, NULL },
	{ "GET", "http://h", 400, NULL },
	{ "GET", "http://h?/r.git/HEAD", 400, NULL },
	{ "GET", "ftp://h/r.git/HEAD", 400, NULL },
	{ "GET", "/r/info/refs?service=git-upload-pack&service=git-receive-pack", 400, NULL },
	{ "GET", "/r/info/refs?service=%zz", 400, NULL },
	{ "GET", "/r/info/refs?service=", 403, NULL },
	{ "GET", "/r/info/refs?service=upload-pack", 403, NULL },
	{ "GET", "/r/info/refs?service=git-upload-archive", 403, NULL },
	{ "GET", "/r/info/refs?service=git-0123456789012345678901234567890123456789012345678901234567890",
	  403, NULL },
	{ "GET", "/", 404, NULL },
	{ "GET", "/HEAD", 404, NULL }, /* of the base path itself */
	{ "GET", "/info/refs", 404, NULL },
	{ "GET", "/objects/ab/" H38, 404, NULL },
	{ "POST", "/git-upload-pack", 404, NULL },
	{ "GET", "/r.git", 404, NULL },
	{ "GET", "/r.git/", 404, NULL },
	{ "GET", "/r.git/HEAD/", 404, NULL },
	{ "GET", "/r.git/config", 404, NULL },
	{ "GET", "/r.git/xHEAD", 404, NULL },
	{ "GET", "/r.git/objects/ab/" H40, 404, NULL },
	{ "GET", "/r.git/objects/ab/" H38 "x", 404, NULL },
	{ "GET", "/r.git/objects/ab/" H62 "x", 404, NULL },
	{ "GET", "/r.git/objects/AB/" H38, 404, NULL },
	{ "GET", "/r.git/objects/abc/" H38, 404, NULL },
	{ "GET", "/r.git/objects/pack/pack-" H38 ".pack", 404, NULL },
	{ "GET", "/r.git/objects/pack/pack-" H40 ".keep", 404, NULL },
	{ "GET", "/r.git/objects/pack/pack-" H40 ".packx", 404, NULL },
	{ "POST", "/r.git/config", 404, NULL },
	{ "POST", "/r.git/info/refs?service=git-upload-pack", 405, "GET, HEAD" },
	{ "POST", "/r.git/HEAD", 405, "GET, HEAD" },
	{ "GET", "/r.git/git-upload-pack", 405, "POST" },
	{ "HEAD", "/r.git/git-receive-pack", 405, "POST" },
	{ "PUT", "/r.git/git-receive-pack", 405, "POST" },
	{ "GET", "/r.git/git-upload-archive", 405, "POST" },
	{ "PROPFIND", "/r.git/", 405, "GET, HEAD, POST" },
	{ "MKCOL", "/r.git/refs/", 405, "GET, HEAD, POST" },
	{ "LOCK", "/r.git/info/refs", 405, "GET, HEAD" },
	{ "PUT", "/r.git/x", 405, "GET, HEAD, POST" },
	{ "OPTIONS", "/", 405, "GET, HEAD, POST" },
	{ "CONNECT", "h:80", 400, NULL },
	{ "POST", "/r.git/git-upload-archive", 501, NULL },
	{ "POST", "/r.git/info/lfs/objects/batch", 404, NULL },
};

Test(httproute, refused)
{
	for (size_t i = 0; i < GG_LEN(refused_rows); i++) {
		err = (struct gg_http_error){ 0 };
		cr_expect_eq(gg_route_parse(refused_rows[i].method, refused_rows[i].target, &route, &err),
			     refused_rows[i].status, "%s %s: %d", refused_rows[i].method,
			     refused_rows[i].target, err.status);
		cr_expect_eq(err.status, refused_rows[i].status);
		cr_expect(err.reason && *err.reason, "%s", refused_rows[i].target);
		if (refused_rows[i].allow)
			cr_expect_str_eq(err.allow, refused_rows[i].allow, "%s %s", refused_rows[i].method,
					 refused_rows[i].target);
		else
			cr_expect_null(err.allow);
		cr_expect_eq(err.lfs, strstr(refused_rows[i].target, "/info/lfs/") != NULL);
	}
}

Test(httproute, longest_path)
{
	static char target[9000];

	for (size_t n = 4094; n <= 4097; n++) {
		memset(target, 'x', n);
		target[0] = '/';
		strcpy(target + n - 5, "/HEAD");
		cr_expect_eq(gg_route_parse("GET", target, &route, &err),
			     n < sizeof(route.path_info) ? 0 : 414, "%zu", n);
	}
}

Test(httproute, check)
{
	static const struct {
		const char *target, *headers;
		int status;
	} rows[] = {
		{ "/r/git-receive-pack",
		  "Content-Type: application/x-git-receive-pack-request\r\nContent-Length: 4", 0 },
		{ "/r/git-upload-pack",
		  "content-type: Application/X-git-upload-pack-request\r\nTransfer-Encoding: chunked", 0 },
		{ "/r/git-upload-pack",
		  "Content-Type: application/x-git-receive-pack-request\r\nContent-Length: 4", 415 },
		{ "/r/git-upload-pack", "Content-Length: 4", 415 },
		{ "/r/git-upload-pack", "Content-Type: text/plain\r\nContent-Length: 4", 415 },
		{ "/r/git-upload-pack",
		  "Content-Type: application/x-git-upload-pack-request\r\nContent-Type: "
		  "application/x-git-upload-pack-request"
		  "\r\nContent-Length: 4",
		  415 },
		{ "/r/git-upload-pack", "Content-Type: application/x-git-upload-pack-request", 411 },
	};
	static struct gg_http p;

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char bytes[400];
		const char *body;
		size_t used, nbody;

		snprintf(bytes, sizeof(bytes), "POST %s HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", rows[i].target,
			 rows[i].headers);
		gg_http_init(&p);
		cr_assert_eq(gg_http_next(&p, bytes, strlen(bytes), &used, &body, &nbody), GG_HTTP_HEAD);
		cr_assert_eq(gg_route_parse(p.head.method, p.head.target, &route, &err), 0);
		cr_expect_eq(gg_route_check(&route, &p.head, &err), rows[i].status, "%s", rows[i].headers);
	}
	cr_assert_eq(gg_route_parse("GET", "/r/HEAD", &route, &err), 0);
	cr_expect_eq(gg_route_check(&route, &p.head, &err), 0); /* a GET has neither */
}
