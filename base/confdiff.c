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
	case GG_KIND_LIST_WORD:
		return sizeof(struct gg_list);
	}
	return 0;
}

bool gg_conf_same(const struct gg_conf *a, const struct gg_conf *b, enum gg_key k)
{
	return same_value(&gg_conf_keys[k], a, b);
}

void gg_conf_swap(struct gg_conf *a, struct gg_conf *b, enum gg_key k)
{
	const struct gg_conf_key *key = &gg_conf_keys[k];
	size_t n = value_size(key);
	char mem[sizeof(struct gg_list)];

	memcpy(mem, GG_KEY_AT(char, key, a), n);
	memcpy(GG_KEY_AT(char, key, a), GG_KEY_AT(char, key, b), n);
	memcpy(GG_KEY_AT(char, key, b), mem, n);
}

const struct gg_service_conf *gg_conf_service(const struct gg_conf *c, const char *name)
{
	for (size_t i = 0; i < c->nservice; i++)
		if (strcmp(c->service[i].name, name) == 0)
			return &c->service[i];
	return NULL;
}

bool gg_service_conf_same(const struct gg_service_conf *a, const struct gg_service_conf *b)
{
	for (enum gg_service_key k = 0; k < GG_NSERVICE_KEYS; k++)
		if (!same_value(&gg_service_keys[k], a, b))
			return false;
	return true;
}
