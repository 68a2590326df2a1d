/* confread - a configuration being read: one key and value after another, errors collected. See conf.h. Pure.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/conf.h"
#include "base/confkey.h"

static const char command_line[] = "command line";

enum {
	MAX_ERRORS = 100, /* a file that is no configuration at all must not fill the screen or the memory */
	MAX_SHOWN = 200,  /* bytes of a key or value in an error */
	GIT_MS = 10000,
};

/* One pair being taken: what it sets, and where it comes from, ready to be shown. */
struct pair {
	const struct gg_conf_key *key;
	void *base;	  /* the struct that the key is of */
	char **from;	  /* where its origin is kept */
	const char *name; /* the key in full */
	const char *origin, *value;
	const char *where, *shown;
};

int gg_reader_error(struct gg_reader *r, const char *fmt, ...)
{
	char text[2048];
	struct gg_buf b = GG_BUF(text);
	struct gg_list l = { .v = r->error, .n = r->nerror };
	va_list ap;
	int e;

	if (r->nerror >= MAX_ERRORS)
		return 0;
	va_start(ap, fmt);
	gg_buf_vadd(&b, fmt, ap);
	va_end(ap);
	e = gg_list_add(&l, r->nerror == MAX_ERRORS - 1 ? "too many errors; the rest is not shown" : text);
	r->error = l.v;
	r->nerror = l.n;
	return e;
}

int gg_set_string(char **at, const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

int gg_reader_init(struct gg_reader *r)
{
	int e;

	memset(r, 0, sizeof(*r));
	r->git_ms = GIT_MS;
	e = gg_conf_defaults(&r->conf);
	for (enum gg_key k = 0; k < GG_NKEYS && e == 0; k++)
		e = gg_set_string(&r->origin[k], "default");
	if (e < 0)
		gg_reader_free(r);
	return e;
}

void gg_reader_free(struct gg_reader *r)
{
	struct gg_list l;

	if (!r)
		return;
	gg_reader_services_free(r);
	gg_conf_free(&r->conf);
	for (enum gg_key k = 0; k < GG_NKEYS; k++)
		free(r->origin[k]);
	l = (struct gg_list){ .v = r->error, .n = r->nerror };
	gg_list_clear(&l);
	memset(r, 0, sizeof(*r));
}

/* The key that is spelled like name; GG_NKEYS if there is none. */
static enum gg_key find_key(const char *name)
{
	enum gg_key k = 0;

	while (k < GG_NKEYS && strcasecmp(gg_conf_keys[k].name, name) != 0)
		k++;
	return k;
}

static enum gg_key nearest_key(const char *name)
{
	enum gg_key best = 0;

	for (enum gg_key k = 1; k < GG_NKEYS; k++)
		if (gg_distance(name, gg_conf_keys[k].name) < gg_distance(name, gg_conf_keys[best].name))
			best = k;
	return best;
}

static int bad(struct gg_reader *r, const struct pair *p, const char *what, const char *cure)
{
	return gg_reader_error(r, "%s: %s: '%s' %s; %s", p->where, p->name, p->shown, what, cure);
}

static int out_of_range(struct gg_reader *r, const struct pair *p)
{
	const struct gg_conf_key *key = p->key;
	char cure[128];
	struct gg_buf b = GG_BUF(cure);

	if (key->kind == GG_KIND_MS) {
		gg_buf_add(&b, "give ");
		gg_duration_add(&b, key->min);
		gg_buf_add(&b, " to ");
		gg_duration_add(&b, key->max);
		if (gg_key_may_be_never(key))
			gg_buf_add(&b, ", or never");
	} else if (key->kind == GG_KIND_SIZE) {
		gg_buf_add(&b, "give ");
		gg_size_add(&b, key->min);
		gg_buf_add(&b, " to ");
		gg_size_add(&b, key->max);
	} else {
		gg_buf_add(&b, "give %lld to %lld", (long long)key->min, (long long)key->max);
	}
	return bad(r, p, "is out of range", cure);
}

static int bad_num(struct gg_reader *r, const struct pair *p)
{
	bool digits = *p->value && strspn(p->value, "0123456789") == strlen(p->value);

	switch (p->key->kind) {
	case GG_KIND_MS:
		return bad(r, p, digits ? "has no unit" : "is not a duration",
			   gg_key_may_be_never(p->key) ? "write 15s, 500ms, 2m or never"
						       : "write 15s, 500ms or 2m");
	case GG_KIND_SIZE:
		return bad(r, p, "is not a size", "write 1024, 1k or 16m");
	default:
		return bad(r, p, "is not a whole number", "write digits only");
	}
}

static int take_num(struct gg_reader *r, const struct pair *p)
{
	const struct gg_conf_key *key = p->key;
	int64_t v = 0;
	int e;

	if (key->kind == GG_KIND_MS)
		e = gg_duration_parse(p->value, &v);
	else if (key->kind == GG_KIND_SIZE)
		e = gg_size_parse(p->value, &v);
	else
		e = gg_int_parse(p->value, key->min, key->max, &v);
	if (e == -EINVAL)
		return bad_num(r, p);
	if (key->kind == GG_KIND_MS && v == GG_NEVER && e == 0 && gg_key_may_be_never(key))
		v = GG_NEVER;
	else if (e == -ERANGE || v < key->min || v > key->max)
		return out_of_range(r, p);
	*GG_KEY_AT(int64_t, key, p->base) = v;
	return 0;
}

static int take_flag(struct gg_reader *r, const struct pair *p)
{
	if (gg_bool_parse(p->value, GG_KEY_AT(bool, p->key, p->base)) < 0)
		return bad(r, p, "is not a boolean", "write true or false");
	return 0;
}

static int take_pick(struct gg_reader *r, const struct pair *p)
{
	char cure[256], name[64], nearest[64] = "";
	struct gg_buf b = GG_BUF(cure);
	int best = INT32_MAX;
	const char *choice;
	size_t n;

	gg_buf_add(&b, "choose ");
	for (int i = 0; (choice = gg_key_choice(p->key, i, &n)); i++) {
		struct gg_buf one = GG_BUF(name);

		gg_buf_put(&one, choice, n);
		if (strcmp(name, p->value) == 0) {
			*GG_KEY_AT(int, p->key, p->base) = i;
			return 0;
		}
		if (gg_distance(name, p->value) < best) {
			best = gg_distance(name, p->value);
			memcpy(nearest, name, sizeof(nearest));
		}
		gg_buf_add(&b, "%s%s", !i ? "" : choice[n] ? ", " : " or ", name);
	}
	gg_buf_add(&b, "; did you mean '%s'?", nearest);
	return bad(r, p, "is no choice", cure);
}

static int take_text(struct gg_reader *r, const struct pair *p)
{
	if (!*p->value && p->key->kind == GG_KIND_PATH)
		return gg_reader_error(r, "%s: %s: the path is empty", p->where, p->name);
	return gg_set_string(GG_KEY_AT(char *, p->key, p->base), p->value);
}

static bool is_command_line(const char *origin)
{
	return strcmp(origin, command_line) == 0;
}

static int take_item(struct gg_reader *r, const struct pair *p)
{
	const char *before = *p->from, *why;
	struct gg_list *list = GG_KEY_AT(struct gg_list, p->key, p->base);
	struct gg_addr addr;

	if (p->key->kind == GG_KIND_LIST_ADDR && *p->value && strcmp(p->value, "off") != 0 &&
	    gg_addr_parse(p->value, &addr, &why) < 0)
		return bad(r, p, "is not an address", why);
	/* a later source replaces what an earlier one listed; an empty value does so within its own */
	if (!*p->value || strcmp(before, "default") == 0 ||
	    is_command_line(before) != is_command_line(p->origin))
		gg_list_clear(list);
	return *p->value ? gg_list_add(list, p->value) : 0;
}

static int take(struct gg_reader *r, const struct pair *p)
{
	size_t before = r->nerror;
	int e;

	if (!p->value && p->key->kind != GG_KIND_FLAG)
		return gg_reader_error(r, "%s: %s: has no value; write '%s = VALUE'", p->where, p->name,
				       p->name);
	switch (p->key->kind) {
	case GG_KIND_MS:
	case GG_KIND_SIZE:
	case GG_KIND_COUNT:
		e = take_num(r, p);
		break;
	case GG_KIND_FLAG:
		e = take_flag(r, p);
		break;
	case GG_KIND_PICK:
		e = take_pick(r, p);
		break;
	case GG_KIND_PATH:
	case GG_KIND_WORD:
		e = take_text(r, p);
		break;
	default:
		e = take_item(r, p);
		break;
	}
	if (e < 0 || r->nerror != before)
		return e;
	return gg_set_string(p->from, p->origin);
}

/* "file /etc/x" is shown as "/etc/x". */
static void add_where(struct gg_buf *b, const char *origin)
{
	if (strncmp(origin, "file ", 5) == 0)
		origin += 5;
	gg_escape(b, origin, strlen(origin), 4 * MAX_SHOWN);
}

/* git itself has followed these; on the command line nobody would. */
static bool is_include(const char *key, const char *origin)
{
	return !is_command_line(origin) && (strcasecmp(key, "include.path") == 0 ||
					    strncasecmp(key, "includeif.", strlen("includeif.")) == 0);
}

/* A setting of a service. As gg_service_key_find. */
static int feed_service(struct gg_reader *r, struct pair p, const char *key)
{
	enum gg_service_key k;
	char name[128];
	struct gg_buf b = GG_BUF(name);
	size_t i;
	int e = gg_service_key_find(r, p.where, key, &i, &k);

	if (e <= 0)
		return e;
	p.key = &gg_service_keys[k];
	p.base = &r->conf.service[i];
	p.from = &r->service[i].v[k];
	gg_buf_add(&b, "service.%s.%s", r->conf.service[i].name, p.key->name);
	p.name = name;
	return take(r, &p);
}

int gg_reader_feed(struct gg_reader *r, const char *origin, const char *key, const char *value)
{
	char where[4 * MAX_SHOWN + 64], shown[4 * MAX_SHOWN + 16];
	struct gg_buf wb = GG_BUF(where), sb = GG_BUF(shown);
	struct pair p = { .origin = origin, .value = value, .where = where, .shown = shown };
	enum gg_key k = find_key(key);
	int e;

	add_where(&wb, origin);
	gg_escape(&sb, value ? value : "", value ? strlen(value) : 0, MAX_SHOWN);
	if (k < GG_NKEYS) {
		p.key = &gg_conf_keys[k];
		p.name = p.key->name;
		p.base = &r->conf;
		p.from = &r->origin[k];
		return take(r, &p);
	}
	if (is_include(key, origin))
		return 0;
	e = feed_service(r, p, key);
	if (e != -ENOENT)
		return e;
	sb = GG_BUF(shown);
	gg_escape(&sb, key, strlen(key), MAX_SHOWN);
	return gg_reader_error(r, "%s: unknown key '%s'; did you mean '%s'?", where, shown,
			       gg_conf_keys[nearest_key(key)].name);
}

/* The string at *at, which a NUL ends; *at moves behind it. NULL at the end of the text. */
static const char *next_string(const char *text, size_t n, size_t *at)
{
	const char *s = text + *at, *end = *at < n ? memchr(s, '\0', n - *at) : NULL;

	if (!end)
		return NULL;
	*at += (size_t)(end - s) + 1;
	return s;
}

int gg_reader_feed_git(struct gg_reader *r, const char *text, size_t n)
{
	static const char file[] = "file:";
	size_t at = 0;
	int e = 0;

	while (at < n && e == 0) {
		size_t start = at;
		const char *origin = next_string(text, n, &at),
			   *entry = origin ? next_string(text, n, &at) : NULL;
		AUTO_FREE char *from = NULL, *key = NULL;
		char *value;

		if (!entry || strncmp(origin, file, strlen(file)) != 0) {
			char shown[4 * MAX_SHOWN + 16];
			struct gg_buf b = GG_BUF(shown);

			gg_escape(&b, text + start, strnlen(text + start, n - start), MAX_SHOWN);
			return gg_reader_error(r, "cannot understand what git config printed: '%s'", shown);
		}
		if (asprintf(&from, "file %s", origin + strlen(file)) < 0) {
			from = NULL;
			return -ENOMEM;
		}
		key = strdup(entry);
		if (!key)
			return -ENOMEM;
		value = strchr(key, '\n');
		if (value)
			*value++ = '\0';
		e = gg_reader_feed(r, from, key, value);
	}
	return e;
}
