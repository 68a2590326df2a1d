/* reply - see reply.h. */
#include "admin/reply.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "admin/page.h"
#include "base/cleanup.h"
#include "base/memfile.h"

enum { OK = 200, FORBIDDEN = 403, NOT_FOUND = 404, BAD_METHOD = 405, UNAVAILABLE = 503 };

static const char plain[] = "text/plain; charset=utf-8";

bool gg_reply_host_ok(const char *host)
{
	char name[64];
	unsigned char addr[sizeof(struct in6_addr)];
	const char *end;
	size_t n;

	if (!host)
		return true; /* HTTP/1.0: no browser */
	n = *host == '[' ? strcspn(host, "]") : strcspn(host, ":");
	end = host + n + (*host == '[' && host[n]);
	if (n >= sizeof(name) || (*end && *end != ':'))
		return false;
	if (*host == '[') {
		host++;
		n -= n > 0;
	}
	memcpy(name, host, n);
	name[n] = 0;
	return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, addr) == 1 ||
	       inet_pton(AF_INET6, name, addr) == 1;
}

static void reply_text(FILE *to, struct gg_reply *r, unsigned status, const char *what, const char *why)
{
	r->status = status;
	r->type = plain;
	fprintf(to, "%s%s%s\n", what, why ? ": " : "", why ? why : "");
}

static void live(FILE *to, struct gg_source *s, const struct gg_request *q, struct gg_reply *r)
{
	const char *why;

	(void)q;
	if (gg_source_get(s, GG_TOPIC_HEALTH, &why))
		reply_text(to, r, OK, "alive", NULL);
	else
		reply_text(to, r, UNAVAILABLE, "not alive", why);
}

static void ready(FILE *to, struct gg_source *s, const struct gg_request *q, struct gg_reply *r)
{
	const char *why;
	const json_t *data = gg_source_get(s, GG_TOPIC_READY, &why), *reasons;

	(void)q;
	if (!data)
		return reply_text(to, r, UNAVAILABLE, "not ready", why);
	if (json_is_true(json_object_get(data, "ready")))
		return reply_text(to, r, OK, "ready", NULL);
	reasons = json_object_get(data, "reasons");
	for (size_t i = 0; i < json_array_size(reasons); i++)
		reply_text(to, r, UNAVAILABLE, "not ready", json_string_value(json_array_get(reasons, i)));
}

static void metrics(FILE *to, struct gg_source *s, const struct gg_request *q, struct gg_reply *r)
{
	const char *why;
	const json_t *data = gg_source_get(s, GG_TOPIC_METRICS, &why);
	const char *text = json_string_value(data);

	(void)q;
	if (!text)
		return reply_text(to, r, UNAVAILABLE, "no metrics", why);
	r->status = OK;
	r->type = "text/plain; version=0.0.4; charset=utf-8";
	fputs(text, to);
}

static void make_nonce(char nonce[static 33])
{
	unsigned char raw[16];

	/* without one the page has no style; nothing is less safe */
	if (getrandom(raw, sizeof(raw), GRND_NONBLOCK) != (ssize_t)sizeof(raw))
		memset(raw, 0, sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i++)
		snprintf(nonce + 2 * i, 3, "%02x", raw[i]);
}

static void page(FILE *to, struct gg_source *s, const struct gg_request *q, struct gg_reply *r)
{
	const char *why;
	const json_t *all = gg_source_get(s, GG_TOPIC_OVERVIEW, &why);

	r->status = all ? OK : UNAVAILABLE;
	r->type = "text/html; charset=utf-8";
	make_nonce(r->nonce);
	if (all)
		gg_page_write(to, all, r->nonce, q->hold);
	else
		gg_page_write_error(to, why, r->nonce);
}

static const struct {
	const char *path;
	void (*write)(FILE *to, struct gg_source *s, const struct gg_request *q, struct gg_reply *r);
} routes[] = {
	{ "/", page },
	{ "/metrics", metrics },
	{ "/livez", live },
	{ "/readyz", ready },
};

static void answer(FILE *to, struct gg_source *s, const struct gg_request *q, struct gg_reply *r)
{
	if (q->stranger)
		return reply_text(to, r, FORBIDDEN, "your address may not connect here (access.allow)", NULL);
	if (strcmp(q->method, "GET") != 0 && strcmp(q->method, "HEAD") != 0) {
		r->allow = "GET, HEAD";
		return reply_text(to, r, BAD_METHOD, "only GET and HEAD are answered", NULL);
	}
	if (q->local && !gg_reply_host_ok(q->host))
		return reply_text(to, r, FORBIDDEN, "ask by address, or as localhost", NULL);
	for (size_t i = 0; i < GG_LEN(routes); i++)
		if (strcmp(routes[i].path, q->path) == 0)
			return routes[i].write(to, s, q, r);
	reply_text(to, r, NOT_FOUND, "there are /, /metrics, /livez and /readyz", NULL);
}

void gg_reply_make(struct gg_source *s, const struct gg_request *q, struct gg_reply *ret)
{
	struct gg_memfile m;
	FILE *to = gg_memfile_open(&m);

	*ret = (struct gg_reply){ .status = UNAVAILABLE, .type = plain };
	if (!to)
		return;
	answer(to, s, q, ret);
	gg_memfile_close(to, &m, &ret->body, &ret->size);
}
