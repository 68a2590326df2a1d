/* confread - a configuration being read: one key and value after another, errors collected. See conf.h. Pure.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/conf.h"
#include "base/confkey.h"

enum {
	MAX_ERRORS = 100, /* a file that is no configuration at all must not fill the screen or the memory */
	MAX_SHOWN = 200,  /* bytes of a key or value in an error */
	GIT_MS = 10000,
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

int gg_reader_wrong(struct gg_reader *r, const char *key, const char *origin, const char *value,
		    const char *what)
{
	char text[1900];
	struct gg_buf b = GG_BUF(text);

	gg_buf_add(&b, "%s", key);
	if (strcmp(origin, "default") != 0) {
		gg_buf_add(&b, " (");
		gg_escape(&b, origin, strlen(origin), 2 * MAX_SHOWN);
		gg_buf_add(&b, ")");
	}
	gg_buf_add(&b, ": ");
	if (value) {
		gg_buf_add(&b, "'");
		gg_escape(&b, value, strlen(value), MAX_SHOWN);
		gg_buf_add(&b, "' ");
	}
	return gg_reader_error(r, "%s%s", text, what);
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
	gg_reader_sections_free(r);
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

/* "file /etc/x" is shown as "/etc/x", and of a variable its name. */
static void add_where(struct gg_buf *b, const char *origin)
{
	if (gg_origin_source(origin) == GG_SOURCE_FILE)
		origin += strlen(GG_FROM_FILE);
	else if (gg_origin_source(origin) == GG_SOURCE_ENVIRONMENT)
		origin += strlen(GG_FROM_ENVIRONMENT);
	gg_escape(b, origin, strlen(origin), 4 * MAX_SHOWN);
}

/* git itself has followed these; elsewhere nobody would. */
static bool is_include(const char *key, const char *origin)
{
	return gg_origin_source(origin) == GG_SOURCE_FILE &&
	       (strcasecmp(key, "include.path") == 0 ||
		strncasecmp(key, "includeif.", strlen("includeif.")) == 0);
}

/* A setting of a named section. As gg_section_key_find. */
static int feed_section(struct gg_reader *r, struct gg_pair p, const char *key)
{
	enum gg_section s;
	char name[4 * MAX_SHOWN + 128];
	struct gg_buf b = GG_BUF(name);
	size_t i, k;
	int e = gg_section_key_find(r, p.where, key, &s, &i, &k);

	if (e <= 0)
		return e;
	p.key = &gg_section_kind(s)->keys[k];
	p.base = gg_section_at(&r->conf, s, i);
	p.from = gg_section_origin(r, s, i, k);
	gg_section_key(&b, &r->conf, s, i, k, MAX_SHOWN);
	p.name = name;
	return gg_pair_take(r, &p);
}

int gg_reader_feed(struct gg_reader *r, const char *origin, const char *key, const char *value)
{
	char where[4 * MAX_SHOWN + 64], shown[4 * MAX_SHOWN + 16];
	struct gg_buf wb = GG_BUF(where), sb = GG_BUF(shown);
	struct gg_pair p = { .origin = origin, .value = value, .where = where, .shown = shown };
	enum gg_key k = find_key(key);
	int e;

	add_where(&wb, origin);
	gg_escape(&sb, value ? value : "", value ? strlen(value) : 0, MAX_SHOWN);
	if (k < GG_NKEYS) {
		p.key = &gg_conf_keys[k];
		p.name = p.key->name;
		p.base = &r->conf;
		p.from = &r->origin[k];
		return gg_pair_take(r, &p);
	}
	if (is_include(key, origin))
		return 0;
	e = feed_section(r, p, key);
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
		if (asprintf(&from, GG_FROM_FILE "%s", origin + strlen(file)) < 0) {
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
