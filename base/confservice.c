/* confservice - the [service "NAME"] sections of a configuration: their table, how one is found or made, and
 * what is wrong with them taken together. Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/confkey.h"
#include "base/service.h"

enum { MAX_SERVICES = 64 };

const struct gg_conf_key gg_service_keys[GG_NSERVICE_KEYS] = {
#define AT(f) offsetof(struct gg_service_conf, f)
#define NUM(f, k, K, d, h, lo, hi, doc) [GG_SERVICE_##f] = { k, doc, GG_KIND_##K, AT(f), d, h, lo, hi, NULL },
#define FLAG(f, k, d, doc) [GG_SERVICE_##f] = { k, doc, GG_KIND_FLAG, AT(f), d, d, 0, 1, NULL },
#define TEXT(f, k, K, d, doc) [GG_SERVICE_##f] = { k, doc, GG_KIND_##K, AT(f), 0, 0, 0, 0, d },
#define PICK(f, k, c, doc) [GG_SERVICE_##f] = { k, doc, GG_KIND_PICK, AT(f), 0, 0, 0, 0, c },
#define LIST(f, k, K, d, doc) [GG_SERVICE_##f] = { k, doc, GG_KIND_LIST_##K, AT(f), 0, 0, 0, 0, d },
#include "base/service.def"
#undef NUM
#undef FLAG
#undef TEXT
#undef PICK
#undef LIST
#undef AT
};

const char *gg_service_key_name(enum gg_service_key k)
{
	return gg_service_keys[k].name;
}

static void free_one(struct gg_service_conf *s)
{
	free(s->name);
	for (enum gg_service_key k = 0; k < GG_NSERVICE_KEYS; k++)
		gg_key_free(&gg_service_keys[k], s);
}

void gg_conf_services_free(struct gg_conf *c)
{
	for (size_t i = 0; i < c->nservice; i++)
		free_one(&c->service[i]);
	free(c->service);
	c->service = NULL;
	c->nservice = 0;
}

static void free_origin(struct gg_service_origin *o)
{
	for (enum gg_service_key k = 0; k < GG_NSERVICE_KEYS; k++)
		free(o->v[k]);
}

void gg_reader_services_free(struct gg_reader *r)
{
	for (size_t i = 0; i < r->conf.nservice; i++)
		free_origin(&r->service[i]);
	free(r->service);
	r->service = NULL;
}

static int add_service(struct gg_reader *r, const char *name)
{
	size_t n = r->conf.nservice;
	struct gg_service_conf *s = realloc(r->conf.service, (n + 1) * sizeof(*s)), *one;
	struct gg_service_origin *o;
	int e;

	if (!s)
		return -ENOMEM;
	r->conf.service = s;
	o = realloc(r->service, (n + 1) * sizeof(*o));
	if (!o)
		return -ENOMEM;
	r->service = o;
	one = memset(&s[n], 0, sizeof(*s));
	memset(&o[n], 0, sizeof(*o));
	e = gg_set_string(&one->name, name);
	for (enum gg_service_key k = 0; k < GG_NSERVICE_KEYS && e == 0; k++) {
		e = gg_key_default(&gg_service_keys[k], one);
		e = e ? e : gg_set_string(&o[n].v[k], "default");
	}
	if (e < 0) {
		free_one(one);
		free_origin(&o[n]);
		return e;
	}
	r->conf.nservice++;
	return 0;
}

static enum gg_service_key nearest_key(const char *variable)
{
	enum gg_service_key best = 0;

	for (enum gg_service_key k = 1; k < GG_NSERVICE_KEYS; k++)
		if (gg_distance(variable, gg_service_keys[k].name) <
		    gg_distance(variable, gg_service_keys[best].name))
			best = k;
	return best;
}

static int unknown(struct gg_reader *r, const char *where, const char *key, const char *name,
		   const char *variable)
{
	char shown[900];
	struct gg_buf b = GG_BUF(shown);

	gg_escape(&b, key, strlen(key), 200);
	return gg_reader_error(r, "%s: unknown key '%s'; did you mean 'service.%s.%s'?", where, shown, name,
			       gg_service_keys[nearest_key(variable)].name);
}

/* The section is "service", or, with a name in quotes behind it, which only services have, is meant to be. */
static bool is_service(const char *key, size_t section, bool named)
{
	char word[16];
	struct gg_buf b = GG_BUF(word);

	if (section >= sizeof(word))
		return false;
	gg_buf_put(&b, key, section);
	return strcasecmp(word, "service") == 0 || (named && gg_distance(word, "service") <= 2);
}

int gg_service_key_find(struct gg_reader *r, const char *where, const char *key, size_t *ret_at,
			enum gg_service_key *ret_key)
{
	const char *dot = strchr(key, '.'), *last = strrchr(key, '.');
	char name[GG_SERVICE_NAME_MAX + 1];
	struct gg_buf b = GG_BUF(name);
	enum gg_service_key k = 0;
	size_t n;
	int e;

	if (!dot || !is_service(key, (size_t)(dot - key), last != dot))
		return -ENOENT;
	n = last == dot ? 0 : (size_t)(last - dot - 1);
	if (!gg_service_name_ok(dot + 1, n)) {
		if (last == dot)
			return unknown(r, where, key, "NAME", last + 1);
		return gg_reader_error(r,
				       "%s: the name of a service has 1 to %d letters, digits, '-', '_' or "
				       "'.', and nothing else",
				       where, GG_SERVICE_NAME_MAX);
	}
	gg_buf_put(&b, dot + 1, n);
	while (k < GG_NSERVICE_KEYS && strcasecmp(gg_service_keys[k].name, last + 1) != 0)
		k++;
	if (k == GG_NSERVICE_KEYS || strncasecmp(key, "service.", strlen("service.")) != 0)
		return unknown(r, where, key, name, last + 1);
	*ret_key = k;
	*ret_at = gg_service_find(&r->conf, name);
	if (*ret_at < r->conf.nservice)
		return 1;
	if (r->conf.nservice == MAX_SERVICES)
		return gg_reader_error(r, "%s: service.%s: there are %d services already", where, name,
				       MAX_SERVICES);
	e = add_service(r, name);
	return e < 0 ? e : 1;
}

/* "service.NAME.KEY (ORIGIN): what is wrong". */
static int wrong(struct gg_reader *r, size_t i, enum gg_service_key k, const char *value, const char *what)
{
	const char *origin = r->service[i].v[k];
	char text[1900];
	struct gg_buf b = GG_BUF(text);

	gg_buf_add(&b, "service.%s.%s", r->conf.service[i].name, gg_service_keys[k].name);
	if (strcmp(origin, "default") != 0) {
		gg_buf_add(&b, " (");
		gg_escape(&b, origin, strlen(origin), 200);
		gg_buf_add(&b, ")");
	}
	gg_buf_add(&b, ": ");
	if (value) {
		gg_buf_add(&b, "'");
		gg_escape(&b, value, strlen(value), 200);
		gg_buf_add(&b, "' ");
	}
	return gg_reader_error(r, "%s%s", text, what);
}

static int check_command(struct gg_reader *r, size_t i)
{
	const char *command = r->conf.service[i].command, *why = NULL;
	struct gg_list words = { 0 };
	int e = gg_split_words(command, &words, &why);

	if (e == 0 && !words.n)
		e = wrong(r, i, GG_SERVICE_command, NULL, "is missing; write the program to be run");
	else if (e == 0 && words.v[0][0] != '/' && (strchr(words.v[0], '/') || !words.v[0][0]))
		e = wrong(r, i, GG_SERVICE_command, words.v[0],
			  "is a relative path; write an absolute one, or a name that is looked up in PATH");
	else if (e == -EINVAL)
		e = wrong(r, i, GG_SERVICE_command, command, why);
	gg_list_clear(&words);
	return e;
}

static int check_ready(struct gg_reader *r, size_t i)
{
	const char *ready = r->conf.service[i].ready, *why = NULL;
	char what[200];
	struct gg_buf b = GG_BUF(what);
	struct gg_addr a;

	if (gg_ready_parse(ready, &a, &why) >= 0)
		return 0;
	gg_buf_add(&b, "cannot be told; %s", why);
	return wrong(r, i, GG_SERVICE_ready, ready, what);
}

static int check_environment(struct gg_reader *r, size_t i)
{
	static const char *const ours[] = { "READY_FD", "GIT_GATE_SERVICE", "GIT_GATE_INSTANCE" };
	const struct gg_list *l = &r->conf.service[i].environment;
	int e = 0;

	for (size_t j = 0; j < l->n && e == 0; j++) {
		size_t n = strcspn(l->v[j], "=");

		if (!n || !l->v[j][n])
			e = wrong(r, i, GG_SERVICE_environment, l->v[j], "is not KEY=VALUE");
		for (size_t k = 0; k < GG_LEN(ours) && e == 0; k++)
			if (n == strlen(ours[k]) && strncmp(l->v[j], ours[k], n) == 0)
				e = wrong(r, i, GG_SERVICE_environment, ours[k], "is set by the gate");
	}
	return e;
}

/* Does service i come after service j, in however many steps? seen: has been asked for. */
static bool comes_after(const struct gg_conf *c, size_t i, size_t j, bool *seen)
{
	const struct gg_list *l = &c->service[i].after;

	for (size_t a = 0; a < l->n; a++) {
		size_t k = gg_service_find(c, l->v[a]);

		if (k == j)
			return true;
		if (k == c->nservice || seen[k])
			continue;
		seen[k] = true;
		if (comes_after(c, k, j, seen))
			return true;
	}
	return false;
}

static int check_after(struct gg_reader *r, size_t i)
{
	const struct gg_conf *c = &r->conf;
	const struct gg_list *l = &c->service[i].after;
	bool seen[MAX_SERVICES] = { false };
	int e = 0;

	for (size_t a = 0; a < l->n && e == 0; a++) {
		size_t best = 0;
		char what[128];
		struct gg_buf b = GG_BUF(what);

		if (gg_service_find(c, l->v[a]) < c->nservice)
			continue;
		for (size_t k = 1; k < c->nservice; k++)
			if (gg_distance(l->v[a], c->service[k].name) <
			    gg_distance(l->v[a], c->service[best].name))
				best = k;
		gg_buf_add(&b, "is no service; did you mean '%s'?", c->service[best].name);
		e = wrong(r, i, GG_SERVICE_after, l->v[a], what);
	}
	if (e == 0 && comes_after(c, i, i, seen))
		e = wrong(r, i, GG_SERVICE_after, NULL, "the service comes after itself");
	return e;
}

int gg_services_check(struct gg_reader *r)
{
	static int (*const checks[])(struct gg_reader *, size_t) = { check_command, check_ready,
								     check_environment, check_after };
	int e = 0;

	for (size_t i = 0; i < r->conf.nservice; i++)
		for (size_t c = 0; c < GG_LEN(checks) && e == 0; c++)
			e = checks[c](r, i);
	return e;
}
