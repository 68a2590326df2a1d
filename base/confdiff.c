/* confdiff - two configurations compared, and values exchanged between them, for a reload. Pure. */
#include <string.h>

#include "base/conf.h"
#include "base/confkey.h"

static bool same_list(const struct gg_list *a, const struct gg_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

static bool same_value(const struct gg_conf_key *key, const void *a, const void *b)
{
	switch (key->kind) {
	case GG_KIND_MS:
	case GG_KIND_SIZE:
	case GG_KIND_COUNT:
		return *GG_KEY_AT(const int64_t, key, a) == *GG_KEY_AT(const int64_t, key, b);
	case GG_KIND_FLAG:
		return *GG_KEY_AT(const bool, key, a) == *GG_KEY_AT(const bool, key, b);
	case GG_KIND_PICK:
		return *GG_KEY_AT(const int, key, a) == *GG_KEY_AT(const int, key, b);
	case GG_KIND_PATH:
	case GG_KIND_WORD:
		return strcmp(*GG_KEY_AT(char *const, key, a), *GG_KEY_AT(char *const, key, b)) == 0;
	case GG_KIND_LIST_ADDR:
	case GG_KIND_LIST_NET:
	case GG_KIND_LIST_WHO:
	case GG_KIND_LIST_WORD:
		return same_list(GG_KEY_AT(const struct gg_list, key, a),
				 GG_KEY_AT(const struct gg_list, key, b));
	}
	return false;
}

static size_t value_size(const struct gg_conf_key *key)
{
	switch (key->kind) {
	case GG_KIND_MS:
	case GG_KIND_SIZE:
	case GG_KIND_COUNT:
		return sizeof(int64_t);
	case GG_KIND_FLAG:
		return sizeof(bool);
	case GG_KIND_PICK:
		return sizeof(int);
	case GG_KIND_PATH:
	case GG_KIND_WORD:
		return sizeof(char *);
	case GG_KIND_LIST_ADDR:
	case GG_KIND_LIST_NET:
	case GG_KIND_LIST_WHO:
	case GG_KIND_LIST_WORD:
		return sizeof(struct gg_list);
	}
	return 0;
}

bool gg_conf_same(const struct gg_conf *a, const struct gg_conf *b, enum gg_key k)
{
	return same_value(&gg_conf_keys[k], a, b);
}

static bool same_section(const struct gg_section_kind *kind, const void *a, const void *b)
{
	for (size_t k = 0; k < kind->nkeys; k++)
		if (!same_value(&kind->keys[k], a, b))
			return false;
	return true;
}

static int add_name(struct gg_list *l, const struct gg_conf *c, enum gg_section s, size_t i)
{
	char name[4096];
	struct gg_buf b = GG_BUF(name);

	gg_section_key(&b, c, s, i, SIZE_MAX, SIZE_MAX);
	return gg_list_add(l, name);
}

int gg_conf_changed(const struct gg_conf *a, const struct gg_conf *b, enum gg_section s,
		    const struct gg_conf_diff *to)
{
	size_t na = gg_section_count(a, s), nb = gg_section_count(b, s);
	int e = 0;

	for (size_t i = 0; i < na && e == 0; i++) {
		size_t k = gg_section_find(b, s, gg_section_name(a, s, i));

		if (k == nb)
			e = add_name(to->removed, a, s, i);
		else if (!same_section(gg_section_kind(s), gg_section_at(a, s, i), gg_section_at(b, s, k)))
			e = add_name(to->changed, a, s, i);
	}
	for (size_t i = 0; i < nb && e == 0; i++)
		if (gg_section_find(a, s, gg_section_name(b, s, i)) == na)
			e = add_name(to->added, b, s, i);
	return e;
}

static void swap(void *a, void *b, size_t n)
{
	char mem[sizeof(struct gg_list)];

	memcpy(mem, a, n);
	memcpy(a, b, n);
	memcpy(b, mem, n);
}

void gg_conf_swap(struct gg_conf *a, struct gg_conf *b, enum gg_key k)
{
	const struct gg_conf_key *key = &gg_conf_keys[k];

	swap(GG_KEY_AT(char, key, a), GG_KEY_AT(char, key, b), value_size(key));
}

bool gg_conf_same_tokens(const struct gg_conf *a, const struct gg_conf *b)
{
	if (a->tokens.n != b->tokens.n)
		return false;
	for (size_t i = 0; i < a->tokens.n; i++)
		if (strcmp(a->tokens.v[i].name, b->tokens.v[i].name) != 0 ||
		    memcmp(a->tokens.v[i].hash, b->tokens.v[i].hash, GG_HASH_SIZE) != 0)
			return false;
	return true;
}

void gg_conf_swap_tokens(struct gg_conf *a, struct gg_conf *b)
{
	swap(&a->tokens, &b->tokens, sizeof(a->tokens));
}

void gg_conf_swap_sections(struct gg_conf *a, struct gg_conf *b, enum gg_section s)
{
	const struct gg_section_kind *kind = gg_section_kind(s);

	swap((char *)a + kind->at, (char *)b + kind->at, sizeof(void *));
	swap((char *)a + kind->at_n, (char *)b + kind->at_n, sizeof(size_t));
}
