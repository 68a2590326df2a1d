/* clientlines - git-gate client. See clientlines.h. */
#include "cli/clientlines.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/config.h"
#include "cli/insteadof.h"
#include "cli/repos.h"
#include "cli/say.h"

/* Where to, and for whom. */
struct lines {
	const char *host; /* as clients see it; NULL: as it listens */
	const char *name, *upstream;
	size_t n;      /* addresses that were printed */
	size_t hidden; /* those of which only the gate's machine knows what they are */
	struct gg_list seen;
};

static bool is_host(const char *s)
{
	for (; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:", *s))
			return false;
	return true;
}

/* All addresses: "0.0.0.0" and "[::]" are where a gate listens, not where it is. */
static bool is_any(const char *host)
{
	return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "[::]") == 0;
}

static int print_lines(struct lines *l, const char *where)
{
	size_t size = 64 << 10;
	AUTO_FREE char *mem = malloc(size), *url_mem = malloc(size);
	struct gg_buf b = { .s = mem, .size = size }, url = { .s = url_mem, .size = size };

	if (!mem || !url_mem)
		return -ENOMEM;
	gg_gate_url(&url, where, l->name);
	if (*l->upstream)
		gg_insteadof_add(&b, url_mem, l->upstream);
	else
		gg_buf_add(&b, "git clone ");
	if (!*l->upstream)
		gg_sh_word(&b, url_mem);
	printf("%s# %s%.*s\n%s%s", l->n ? "\n" : "", l->n ? "or over " : "over ",
	       (int)strcspn(where, "/") + 2, where, mem, *l->upstream ? "" : "\n");
	l->n++;
	return gg_list_add(&l->seen, where);
}

/* scheme "git"; address as gg_addr_parse takes it. */
static int add(struct lines *l, const char *scheme, const char *address)
{
	struct gg_addr a;
	const char *why;
	char where[512], host[300];
	struct gg_buf w = GG_BUF(where), h = GG_BUF(host);

	if (gg_addr_parse(address, &a, &why) < 0 || !gg_addr_port(&a))
		return 0;
	gg_addr_host(&h, &a);
	if (!l->host && is_any(host)) {
		l->hidden++;
		return 0;
	}
	if (l->host) {
		h = GG_BUF(host);
		gg_buf_add(&h, strchr(l->host, ':') ? "[%s]" : "%s", l->host);
	}
	gg_buf_add(&w, "%s://%s:%u", scheme, host, gg_addr_port(&a));
	for (size_t i = 0; i < l->seen.n; i++)
		if (strcmp(l->seen.v[i], where) == 0)
			return 0;
	return print_lines(l, where);
}

static int add_running(struct lines *l, const json_t *listening)
{
	int e = 0;

	for (size_t i = 0; i < json_array_size(listening) && e == 0; i++) {
		const char *s = json_string_value(json_array_get(listening, i));

		if (s && strncmp(s, "git://", 6) == 0)
			e = add(l, "git", s + 6);
		else if (s && strncmp(s, "http://", 7) == 0)
			e = add(l, "http", s + 7);
	}
	return e;
}

static int add_configured(struct lines *l, const struct gg_conf *c)
{
	const struct gg_list *git = &c->listen_git, *http = &c->listen_http;
	int e = 0;

	for (size_t i = 0; i < git->n && e == 0; i++)
		e = add(l, "git", git->v[i]);
	for (size_t i = 0; i < http->n && e == 0; i++)
		e = add(l, "http", http->v[i]);
	return e;
}

static int result(const struct lines *l, int e)
{
	if (e < 0)
		gg_say("%s", strerror(-e));
	else if (!l->n && l->hidden)
		gg_say("the gate listens on every address: name the one that clients see with --host HOST");
	else if (!l->n)
		gg_say("it is not known where the gate listens: it does not run here, and its settings name "
		       "no port");
	else
		return GG_EXIT_DONE;
	return GG_EXIT_FAILED;
}

int gg_client_lines(const struct gg_args *a, const struct gg_conf *c, const char *name, const char *upstream)
{
	struct lines l = { .host = a->host, .name = name, .upstream = upstream };
	char mem[1024];
	struct gg_buf why = GG_BUF(mem);
	json_t *status;
	int e;

	if (a->host && (!*a->host || !is_host(a->host))) {
		gg_say("--host '%s': write a name or an address, without a port", a->host);
		return GG_EXIT_USAGE;
	}
	if (gg_client_try(a, json_pack("{s:s}", "cmd", "status"), JSON_OBJECT, &status, &why) == 0)
		e = add_running(&l, json_object_get(status, "listening"));
	else
		e = add_configured(&l, c);
	json_decref(status);
	gg_list_clear(&l.seen);
	return result(&l, e);
}

int gg_cmd_client(const struct gg_args *a)
{
	struct gg_reader r;
	const struct gg_repo_conf *repo;
	int code = gg_config_load(a, &r);

	if (code == 0) {
		repo = gg_repos_want(&r.conf, a->operand[0]);
		code = repo ? gg_client_lines(a, &r.conf, repo->name, repo->upstream) : GG_EXIT_FAILED;
	}
	gg_reader_free(&r);
	return code;
}
