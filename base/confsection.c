/* confsection - named sections of a configuration, [service "NAME"] and [repo "NAME"]: how one is found or
 * made, what its values come from, and what is wrong with them. What a kind has of its own is in
 * confservice.c and confrepo.c. Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/confkey.h"

enum { MAX_SHOWN = 200 }; /* bytes of a name in an error */

const struct gg_section_kind *gg_section_kind(enum gg_section s)
{
	static const struct gg_section_kind *const kinds[GG_NSECTIONS] = {
		[GG_SECTION_SERVICE] = &gg_service_kind,
		[GG_SECTION_REPO] = &gg_repo_kind,
	};

	return kinds[s];
}

static char *first(const struct gg_conf *c, const struct gg_section_kind *kind)
{
	char *v;

	memcpy(&v, (const char *)c + kind->at, sizeof(v));
	return v;
}

static size_t *count(const struct gg_conf *c, const struct gg_section_kind *kind)
{
	return (size_t *)(void *)((char *)c + kind->at_n);
}

static char **name_of(void *section)
{
	return section;
}

size_t gg_section_count(const struct gg_conf *c, enum gg_section s)
{
	return *count(c, gg_section_kind(s));
}

void *gg_section_at(const struct gg_conf *c, enum gg_section s, size_t i)
{
	return first(c, gg_section_kind(s)) + i * gg_section_kind(s)->size;
}

const char *gg_section_name(const struct gg_conf *c, enum gg_section s, size_t i)
{
	return *name_of(gg_section_at(c, s, i));
}

/* From the last one on: the settings of a section mostly stand together. */
size_t gg_section_find(const struct gg_conf *c, enum gg_section s, const char *name)
{
	size_t n = gg_section_count(c, s);

	for (size_t i = n; i-- > 0;)
		if (strcmp(gg_section_name(c, s, i), name) == 0)
			return i;
	return n;
}

char **gg_section_origin(const struct gg_reader *r, enum gg_section s, size_t i, size_t k)
{
	return &r->section[s][i * gg_section_kind(s)->nkeys + k];
}

void gg_section_key(struct gg_buf *b, const struct gg_conf *c, enum gg_section s, size_t i, size_t k,
		    size_t max)
{
	const char *name = gg_section_name(c, s, i);

	gg_buf_add(b, "%s.", gg_section_kind(s)->word);
	gg_escape(b, name, strlen(name), max);
	if (k < gg_section_kind(s)->nkeys)
		gg_buf_add(b, ".%s", gg_section_kind(s)->keys[k].name);
}

static void free_one(const struct gg_section_kind *kind, void *section)
{
	free(*name_of(section));
	for (size_t k = 0; k < kind->nkeys; k++)
		gg_key_free(&kind->keys[k], section);
}

void gg_conf_sections_free(struct gg_conf *c)
{
	static char *const none = NULL;

	for (enum gg_section s = 0; s < GG_NSECTIONS; s++) {
		const struct gg_section_kind *kind = gg_section_kind(s);

		for (size_t i = 0; i < *count(c, kind); i++)
			free_one(kind, gg_section_at(c, s, i));
		free(first(c, kind));
		memcpy((char *)c + kind->at, &none, sizeof(none));
		*count(c, kind) = 0;
	}
}

static void free_origins(char **origin, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(origin[i]);
}

void gg_reader_sections_free(struct gg_reader *r)
{
	for (enum gg_section s = 0; s < GG_NSECTIONS; s++) {
		free_origins(r->section[s], r->nsection[s] * gg_section_kind(s)->nkeys);
		free(r->section[s]);
		r->section[s] = NULL;
		r->nsection[s] = 0;
	}
}

/* Room for one more, and for its origins, all of it zero. */
static int grow(struct gg_reader *r, enum gg_section s)
{
	const struct gg_section_kind *kind = gg_section_kind(s);
	size_t n = gg_section_count(&r->conf, s);
	char *v = realloc(first(&r->conf, kind), (n + 1) * kind->size);
	char **o;

	if (!v)
		return -ENOMEM;
	memcpy((char *)&r->conf + kind->at, &v, sizeof(v));
	o = realloc(r->section[s], (n + 1) * kind->nkeys * sizeof(*o));
	if (!o)
		return -ENOMEM;
	r->section[s] = o;
	memset(v + n * kind->size, 0, kind->size);
	memset(o + n * kind->nkeys, 0, kind->nkeys * sizeof(*o));
	return 0;
}

static int add(struct gg_reader *r, enum gg_section s, const char *name)
{
	const struct gg_section_kind *kind = gg_section_kind(s);
	size_t n = gg_section_count(&r->conf, s);
	void *one;
	int e = grow(r, s);

	if (e < 0)
		return e;
	one = gg_section_at(&r->conf, s, n);
	e = gg_set_string(name_of(one), name);
	for (size_t k = 0; k < kind->nkeys && e == 0; k++) {
		e = gg_key_default(&kind->keys[k], one);
		e = e ? e : gg_set_string(gg_section_origin(r, s, n, k), "default");
	}
	if (e < 0) {
		free_one(kind, one);
		free_origins(gg_section_origin(r, s, n, 0), kind->nkeys);
		return e;
	}
	++*count(&r->conf, kind);
	++r->nsection[s];
	return 0;
}

static const struct gg_conf_key *nearest_key(const struct gg_section_kind *kind, const char *variable)
{
	const struct gg_conf_key *best = &kind->keys[0];

	for (size_t k = 1; k < kind->nkeys; k++)
		if (gg_distance(variable, kind->keys[k].name) < gg_distance(variable, best->name))
			best = &kind->keys[k];
	return best;
}

static int unknown(struct gg_reader *r, const char *where, const struct gg_section_kind *kind,
		   const char *key, const char *name, const char *variable)
{
	char shown[4 * MAX_SHOWN + 16], of[4 * MAX_SHOWN + 16];
	struct gg_buf b = GG_BUF(shown), nb = GG_BUF(of);

	gg_escape(&b, key, strlen(key), MAX_SHOWN);
	gg_escape(&nb, name, strlen(name), MAX_SHOWN);
	return gg_reader_error(r, "%s: unknown key '%s'; did you mean '%s.%s.%s'?", where, shown, kind->word,
			       of, nearest_key(kind, variable)->name);
}

/*
 * Which kind the key's section is, or, with a name in quotes behind it, which only these have, is meant to
 * be. GG_NSECTIONS: none.
 */
static enum gg_section find_kind(const char *key, size_t section, bool named)
{
	char word[16];
	struct gg_buf b = GG_BUF(word);
	enum gg_section s = 0;

	if (section >= sizeof(word))
		return GG_NSECTIONS;
	gg_buf_put(&b, key, section);
	while (s < GG_NSECTIONS && strcasecmp(word, gg_section_kind(s)->word) != 0)
		s++;
	if (s < GG_NSECTIONS || !named)
		return s;
	for (s = 0; s < GG_NSECTIONS; s++)
		if (gg_distance(word, gg_section_kind(s)->word) <= (int)strlen(gg_section_kind(s)->word) / 3)
			break;
	return s;
}

/* The section with the name, made when it is new. As gg_section_key_find. */
static int find_or_add(struct gg_reader *r, const char *where, enum gg_section s, const char *name,
		       size_t *ret_at)
{
	const struct gg_section_kind *kind = gg_section_kind(s);
	size_t n = gg_section_count(&r->conf, s);
	char shown[4 * MAX_SHOWN + 16];
	struct gg_buf b = GG_BUF(shown);
	int e;

	*ret_at = gg_section_find(&r->conf, s, name);
	if (*ret_at < n)
		return 1;
	gg_escape(&b, name, strlen(name), MAX_SHOWN);
	if (n == kind->max)
		return gg_reader_error(r, "%s: %s.%s: there are %zu %s already", where, kind->word, shown,
				       kind->max, kind->many);
	e = add(r, s, name);
	return e < 0 ? e : 1;
}

int gg_section_key_find(struct gg_reader *r, const char *where, const char *key, enum gg_section *ret_section,
			size_t *ret_at, size_t *ret_key)
{
	const char *dot = strchr(key, '.'), *last = strrchr(key, '.');
	const struct gg_section_kind *kind;
	AUTO_FREE char *name = NULL;
	size_t k = 0, n;

	*ret_section = dot ? find_kind(key, (size_t)(dot - key), last != dot) : GG_NSECTIONS;
	if (*ret_section == GG_NSECTIONS)
		return -ENOENT;
	kind = gg_section_kind(*ret_section);
	if (last == dot)
		return unknown(r, where, kind, key, "NAME", last + 1);
	n = (size_t)(last - dot - 1);
	if (!kind->name_ok(dot + 1, n))
		return gg_reader_error(r, "%s: %s", where, kind->bad_name);
	name = strndup(dot + 1, n);
	if (!name)
		return -ENOMEM;
	while (k < kind->nkeys && strcasecmp(kind->keys[k].name, last + 1) != 0)
		k++;
	if (k == kind->nkeys || find_kind(key, (size_t)(dot - key), false) == GG_NSECTIONS)
		return unknown(r, where, kind, key, name, last + 1);
	*ret_key = k;
	return find_or_add(r, where, *ret_section, name, ret_at);
}

int gg_section_wrong(struct gg_reader *r, enum gg_section s, size_t i, size_t k, const char *value,
		     const char *what)
{
	char key[4 * MAX_SHOWN + 128];
	struct gg_buf b = GG_BUF(key);

	gg_section_key(&b, &r->conf, s, i, k, MAX_SHOWN);
	return gg_reader_wrong(r, key, *gg_section_origin(r, s, i, k), value, what);
}

int gg_sections_check(struct gg_reader *r)
{
	int e = 0;

	for (enum gg_section s = 0; s < GG_NSECTIONS; s++)
		for (size_t i = 0; i < gg_section_count(&r->conf, s); i++)
			for (gg_section_check *const *c = gg_section_kind(s)->checks; *c && e == 0; c++)
				e = (*c)(r, i);
	return e;
}
