/* httproute - what a request's method and target ask for. See httproute.h. */
#include "daemon-wrap/httproute.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

static int refuse(struct gg_http_error *e, int status, const char *reason)
{
	*e = (struct gg_http_error){ .status = status, .reason = reason };
	return status;
}

static int refuse_method(struct gg_http_error *e, const char *allow)
{
	*e = (struct gg_http_error){ .status = 405,
				     .reason = "this method is not served here",
				     .allow = allow };
	return 405;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decode n bytes once into ret, which has room for size. 0 or the status of *e. */
static int decode(const char *s, size_t n, char *ret, size_t size, struct gg_http_error *e)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == '%') {
			if (n - i < 3 || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0)
				return refuse(e, 400, "a wrong %-escape in the target");
			c = (char)(hex(s[i + 1]) * 16 + hex(s[i + 2]));
			i += 2;
			if (c == '/')
				return refuse(e, 400, "an encoded slash in the target");
		}
		if ((unsigned char)c < 0x20 || c == 0x7f)
			return refuse(e, 400, "a control character in the target");
		if (len + 1 >= size)
			return refuse(e, 414, "the path is too long");
		ret[len++] = c;
	}
	ret[len] = 0;
	return 0;
}

/* "/a/b" is: no segment is empty (but for what a trailing slash leaves), "." or "..". */
static bool is_plain(const char *path)
{
	for (const char *s = path; *s; s += strcspn(s, "/")) {
		size_t n = strcspn(++s, "/");

		if ((n == 0 && *s) || (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
			return false;
	}
	return true;
}

/* Where path and query stand: "/path?query" or "http://host/path?query". 0 or the status of *e. */
static int split(const char *target, const char **ret_path, size_t *ret_n, const char **ret_query,
		 struct gg_http_error *e)
{
	const char *path = target;

	if (!strncasecmp(target, "http://", 7) || !strncasecmp(target, "https://", 8)) {
		const char *host = strstr(target, "//") + 2;

		path = host + strcspn(host, "/?#");
		if (path == host)
			return refuse(e, 400, "no host in the target");
	}
	if (*path != '/')
		return refuse(e, 400, "the target is not the path of a repository");
	if (strchr(path, '#'))
		return refuse(e, 400, "a fragment in the target");
	*ret_path = path;
	*ret_n = strcspn(path, "?");
	*ret_query = path[*ret_n] ? path + *ret_n + 1 : path + *ret_n;
	return 0;
}

static bool is_hex_name(const char *s, size_t n)
{
	return strspn(s, "0123456789abcdef") == n;
}

/* The file of an object or a pack, behind "/objects/": as git http-backend takes them, SHA-1 and SHA-256. */
static bool is_object(const char *s)
{
	size_t n;

	if (!strncmp(s, "pack/pack-", 10)) {
		n = strspn(s + 10, "0123456789abcdef");
		return (n == 40 || n == 64) && (!strcmp(s + 10 + n, ".pack") || !strcmp(s + 10 + n, ".idx"));
	}
	if (strspn(s, "0123456789abcdef") != 2 || s[2] != '/')
		return false;
	return (is_hex_name(s + 3, 38) && !s[41]) || (is_hex_name(s + 3, 62) && !s[65]);
}

static const struct {
	const char *suffix;
	enum gg_route_kind kind;
	const char *service; /* NULL: of GET and HEAD */
} routes[] = {
	{ "/info/refs", GG_ROUTE_INFO_REFS, NULL },
	{ "/git-receive-pack", GG_ROUTE_RECEIVE_PACK, "receive-pack" },
	{ "/git-upload-pack", GG_ROUTE_UPLOAD_PACK, "upload-pack" },
	{ "/git-upload-archive", GG_ROUTE_UPLOAD_ARCHIVE, "upload-archive" },
	{ "/HEAD", GG_ROUTE_DUMB, NULL },
	{ "/objects/info/packs", GG_ROUTE_DUMB, NULL },
	{ "/objects/info/alternates", GG_ROUTE_DUMB, NULL },
	{ "/objects/info/http-alternates", GG_ROUTE_DUMB, NULL },
};

/* Length of the repository's part of path; 0: nothing that is served. Fills kind and service. */
static size_t find(const char *path, struct gg_route *ret)
{
	size_t n = strlen(path);
	const char *last = NULL;

	for (size_t i = 0; i < GG_LEN(routes); i++) {
		size_t len = strlen(routes[i].suffix);

		if (n < len || strcmp(path + n - len, routes[i].suffix))
			continue;
		ret->kind = routes[i].kind;
		snprintf(ret->service, sizeof(ret->service), "%s",
			 routes[i].service ? routes[i].service : "");
		return n - len;
	}
	for (const char *s = path; (s = strstr(s, "/objects/")); s++)
		last = s;
	if (!last || !is_object(last + strlen("/objects/")))
		return 0;
	ret->kind = GG_ROUTE_DUMB;
	ret->service[0] = 0;
	return (size_t)(last - path);
}

static bool is_lfs(const char *path)
{
	const char *s = strstr(path, "/info/lfs");

	return s && s > path && (s[9] == '/' || !s[9]);
}

/* service= of a query; what else stands there is nobody's business. 0 or the status of *e. */
static int read_query(const char *query, struct gg_route *ret, struct gg_http_error *e)
{
	char service[32];
	bool found = false;

	for (const char *s = query; *s;) {
		size_t n = strcspn(s, "&");

		if (!strncmp(s, "service=", 8) && n >= 8) {
			if (found)
				return refuse(e, 400, "more than one service in the query");
			found = true;
			if (decode(s + 8, n - 8, service, sizeof(service), e)) {
				if (e->status == 414)
					refuse(e, 403, "no such service");
				return e->status;
			}
		}
		s += n + (s[n] == '&');
	}
	if (!found) {
		ret->kind = GG_ROUTE_DUMB;
		return 0;
	}
	if (strcmp(service, "git-receive-pack") && strcmp(service, "git-upload-pack"))
		return refuse(e, 403, "no such service");
	snprintf(ret->service, sizeof(ret->service), "%s", service + 4);
	snprintf(ret->query, sizeof(ret->query), "service=%s", service);
	return 0;
}

int gg_route_parse(const char *method, const char *target, struct gg_route *ret,
		   struct gg_http_error *ret_err)
{
	bool get = !strcmp(method, "GET") || !strcmp(method, "HEAD"), post = !strcmp(method, "POST"), rpc;
	const char *path, *query;
	size_t n, nrepo;
	int r = split(target, &path, &n, &query, ret_err);

	if (r)
		return r;
	ret->kind = GG_ROUTE_DUMB;
	ret->head = !strcmp(method, "HEAD");
	ret->service[0] = ret->repo[0] = ret->query[0] = 0;
	r = decode(path, n, ret->path_info, sizeof(ret->path_info), ret_err);
	if (r)
		return r;
	if (!is_plain(ret->path_info))
		return refuse(ret_err, 400, "an empty segment, '.' or '..' in the path");
	if (is_lfs(ret->path_info)) {
		*ret_err = (struct gg_http_error){ .status = 404,
						   .reason = "no git-lfs is served here",
						   .lfs = true };
		return 404;
	}
	nrepo = find(ret->path_info, ret);
	if (!nrepo)
		return get || post ? refuse(ret_err, 404, "nothing is served by that name")
				   : refuse_method(ret_err, "GET, HEAD, POST");
	rpc = ret->service[0];
	if (rpc ? !post : !get)
		return refuse_method(ret_err, rpc ? "POST" : "GET, HEAD");
	if (ret->kind == GG_ROUTE_UPLOAD_ARCHIVE)
		return refuse(ret_err, 501, "git archive --remote is not served over HTTP");
	memcpy(ret->repo, ret->path_info, nrepo);
	ret->repo[nrepo] = 0;
	return ret->kind == GG_ROUTE_INFO_REFS ? read_query(query, ret, ret_err) : 0;
}

int gg_route_check(const struct gg_route *r, const struct gg_http_head *h, struct gg_http_error *ret_err)
{
	const char *type = gg_http_header(h, "Content-Type", NULL);
	char want[64];

	if (r->kind != GG_ROUTE_RECEIVE_PACK && r->kind != GG_ROUTE_UPLOAD_PACK)
		return 0;
	snprintf(want, sizeof(want), "application/x-git-%.32s-request", r->service);
	if (!type || strcasecmp(type, want))
		return refuse(ret_err, 415, "the content type is not that of this service's requests");
	if (!h->chunked && h->content_length < 0)
		return refuse(ret_err, 411, "neither Content-Length nor chunked");
	return 0;
}
