/* pushconf - see pushconf.h: one table of the members, for both sides. */
#include "hooks/pushconf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/confkey.h"

enum kind { TEXT, LIST, FLAG, NUMBER, SCANNER, STALE };

static const struct member {
	const char *name;
	enum kind kind;
	size_t at;
} members[] = {
#define M(field, kind) \
	{ \
#field, kind, offsetof(struct gg_push_conf, field) \
	}
	M(repo, TEXT),
	M(peer, TEXT),
	M(transport, TEXT),
	M(scanner, SCANNER),
	M(scanner_command, LIST),
	M(scanner_config, TEXT),
	M(scratch, TEXT),
	M(dir, TEXT),
	M(allow_finding, LIST),
	M(allow_ref, LIST),
	M(deny_ref, LIST),
	M(allow_delete, FLAG),
	M(allow_force, FLAG),
	M(limit_refs, NUMBER),
	M(limit_object, NUMBER),
	M(limit_scan, NUMBER),
	M(own, LIST),
	M(hook_ms, NUMBER),
	M(scan_ms, NUMBER),
	M(step_ms, NUMBER),
	M(forward_ms, NUMBER),
	M(connect_ms, NUMBER),
	M(refresh_ms, NUMBER),
	M(upstream, TEXT),
	M(identity_file, TEXT),
	M(known_hosts_file, TEXT),
	M(fresh_ms, NUMBER),
	M(on_stale, STALE),
#undef M
};

#define AT(TYPE, m, c) ((TYPE *)(void *)((char *)(c) + (m)->at))

/* The setting whose choices a member has: it is told by its word, which outlives a change of the list. */
static const struct gg_conf_key *choices(const struct member *m)
{
	return m->kind == SCANNER ? &gg_conf_keys[GG_KEY_scanner] : &gg_repo_keys[GG_REPO_on_stale];
}

static json_t *dump_list(const struct gg_list *l)
{
	json_t *a = json_array();

	for (size_t i = 0; i < l->n; i++) {
		if (json_array_append_new(a, json_string(l->v[i])) < 0) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}

static json_t *dump_choice(const struct member *m, int i)
{
	size_t n;
	const char *word = gg_key_choice(choices(m), i, &n);

	return word ? json_stringn(word, n) : NULL;
}

static json_t *dump_member(const struct member *m, const struct gg_push_conf *c)
{
	switch (m->kind) {
	case TEXT:
		return json_string(*AT(char *const, m, c));
	case LIST:
		return dump_list(AT(const struct gg_list, m, c));
	case FLAG:
		return json_boolean(*AT(const bool, m, c));
	case NUMBER:
		return json_integer(*AT(const int64_t, m, c));
	case SCANNER:
	case STALE:
		return dump_choice(m, *AT(const int, m, c));
	}
	return NULL;
}

json_t *gg_push_conf_dump(const struct gg_push_conf *c)
{
	json_t *j = json_object();

	for (size_t i = 0; i < GG_LEN(members); i++) {
		if (json_object_set_new(j, members[i].name, dump_member(&members[i], c)) < 0) {
			json_decref(j);
			return NULL;
		}
	}
	return j;
}

static int take_text(const json_t *j, char **ret)
{
	if (!json_is_string(j))
		return -EPROTO;
	*ret = strdup(json_string_value(j));
	return *ret ? 0 : -ENOMEM;
}

static int take_list(const json_t *j, struct gg_list *ret)
{
	int e = json_is_array(j) ? 0 : -EPROTO;

	for (size_t i = 0; i < json_array_size(j) && e == 0; i++) {
		const char *s = json_string_value(json_array_get(j, i));

		e = s ? gg_list_add(ret, s) : -EPROTO;
	}
	return e;
}

static int take_choice(const struct member *m, const json_t *j, int *ret)
{
	const char *word = json_string_value(j), *choice;
	size_t n;

	for (int i = 0; word && (choice = gg_key_choice(choices(m), i, &n)); i++) {
		if (strlen(word) == n && strncmp(word, choice, n) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EPROTO;
}

static int take_member(const struct member *m, const json_t *j, struct gg_push_conf *c)
{
	switch (m->kind) {
	case TEXT:
		return take_text(j, AT(char *, m, c));
	case LIST:
		return take_list(j, AT(struct gg_list, m, c));
	case FLAG:
		*AT(bool, m, c) = json_is_true(j);
		return json_is_boolean(j) ? 0 : -EPROTO;
	case NUMBER:
		*AT(int64_t, m, c) = json_integer_value(j);
		return json_is_integer(j) && json_integer_value(j) >= 0 ? 0 : -EPROTO;
	case SCANNER:
	case STALE:
		return take_choice(m, j, AT(int, m, c));
	}
	return -EPROTO;
}

int gg_push_conf_load(const json_t *j, struct gg_push_conf *ret)
{
	struct gg_push_conf c = { .repo = NULL };
	int e = 0;

	for (size_t i = 0; i < GG_LEN(members) && e == 0; i++)
		e = take_member(&members[i], json_object_get(j, members[i].name), &c);
	if (e < 0)
		gg_push_conf_free(&c);
	else
		*ret = c;
	return e;
}

int gg_push_conf_parse(const char *json, size_t n, struct gg_push_conf *ret)
{
	json_t *j = json_loadb(json, n, JSON_REJECT_DUPLICATES, NULL);
	int e = gg_push_conf_load(j, ret);

	json_decref(j);
	return e;
}

void gg_push_conf_key(struct gg_buf *b, const struct gg_push_conf *c, enum gg_repo_key k)
{
	bool own = false;

	for (size_t i = 0; i < c->own.n && !own; i++)
		own = !strcmp(c->own.v[i], gg_repo_key_name(k));
	gg_rule_key(b, c->repo, own, k);
}

void gg_push_conf_free(struct gg_push_conf *c)
{
	for (size_t i = 0; i < GG_LEN(members); i++) {
		if (members[i].kind == TEXT)
			free(*AT(char *, &members[i], c));
		else if (members[i].kind == LIST)
			gg_list_clear(AT(struct gg_list, &members[i], c));
	}
	memset(c, 0, sizeof(*c));
}
