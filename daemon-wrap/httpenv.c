/* httpenv - the environment of git http-backend, for one request. See httpenv.h. */
#include "daemon-wrap/httpenv.h"

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

/* Names that only a request gives. */
static bool is_of_request(const char *var)
{
	static const char *const names[] = { "REQUEST_METHOD=", "PATH_INFO=",	    "PATH_TRANSLATED=",
					     "QUERY_STRING=",	"CONTENT_TYPE=",    "CONTENT_LENGTH=",
					     "GIT_PROTOCOL=",	"SERVER_PROTOCOL=", "HTTP_" };

	for (size_t i = 0; i < GG_LEN(names); i++)
		if (!strncmp(var, names[i], strlen(names[i])))
			return true;
	return false;
}

/* Whether the value of a Git-Protocol header is passed on: 1 to 200 of [A-Za-z0-9=:._-]. Else it is dropped:
 * git then speaks version 0. */
static bool is_protocol(const char *value)
{
	size_t n = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789=:._-");

	return n > 0 && n <= 200 && !value[n];
}

int gg_httpenv_gzip(const struct gg_http_head *h)
{
	size_t n;
	const char *coding = gg_http_header(h, "Content-Encoding", &n);

	if (n > 1)
		return -1;
	if (!coding || !*coding || !strcasecmp(coding, "identity"))
		return 0;
	return !strcasecmp(coding, "gzip") || !strcasecmp(coding, "x-gzip") ? 1 : -1;
}

/* Of a POST. */
static int add_body(struct gg_strv *ret, const struct gg_route *r, const struct gg_http_head *h, bool gzip)
{
	int e = gg_strv_add(ret, "CONTENT_TYPE=application/x-git-%s-request", r->service);

	if (e == 0 && gzip)
		e = gg_strv_add(ret, "HTTP_CONTENT_ENCODING=gzip");
	if (e == 0 && !gzip && r->kind == GG_ROUTE_UPLOAD_PACK && h->content_length >= 0)
		e = gg_strv_add(ret, "CONTENT_LENGTH=%lld", (long long)h->content_length);
	return e;
}

int gg_httpenv_request(struct gg_strv *ret, char *const *base, const struct gg_route *r,
		       const struct gg_http_head *h, struct gg_http_error *ret_err)
{
	bool post = r->kind == GG_ROUTE_RECEIVE_PACK || r->kind == GG_ROUTE_UPLOAD_PACK;
	const char *protocol = gg_http_header(h, "Git-Protocol", NULL);
	int gzip = post ? gg_httpenv_gzip(h) : 0, e = 0;

	if (gzip < 0) {
		*ret_err = (struct gg_http_error){ .status = 415,
						   .reason = "of content codings only gzip is known here" };
		return 415;
	}
	for (; e == 0 && *base; base++)
		if (!is_of_request(*base))
			e = gg_strv_add(ret, "%s", *base);
	e = e ? e : gg_strv_add(ret, "REQUEST_METHOD=%s", h->method);
	e = e ? e : gg_strv_add(ret, "PATH_INFO=%s", r->path_info);
	e = e ? e : gg_strv_add(ret, "QUERY_STRING=%s", r->query);
	e = e ? e : gg_strv_add(ret, "SERVER_PROTOCOL=HTTP/1.%d", h->minor);
	if (e == 0 && protocol && is_protocol(protocol))
		e = gg_strv_add(ret, "HTTP_GIT_PROTOCOL=%s", protocol);
	return e == 0 && post ? add_body(ret, r, h, gzip) : e;
}
