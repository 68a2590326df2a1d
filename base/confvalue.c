/* confvalue - the value of one setting: from its text into its place, or an error with its cure. See conf.h.
 * Pure. */
#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/cidr.h"
#include "base/conf.h"
#include "base/confkey.h"
#include "base/service.h"
#include "base/who.h"

static int bad(struct gg_reader *r, const struct gg_pair *p, const char *what, const char *cure)
{
	return gg_reader_error(r, "%s: %s: '%s' %s; %s", p->where, p->name, p->shown, what, cure);
}

static int out_of_range(struct gg_reader *r, const struct gg_pair *p)
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
	if (key->def == GG_INHERIT)
		gg_buf_add(&b, ", or inherit");
	return bad(r, p, "is out of range", cure);
}

static int bad_num(struct gg_reader *r, const struct gg_pair *p)
{
	bool digits = *p->value && strspn(p->value, "0123456789") == strlen(p->value);

	switch (p->key->kind) {
	case GG_KIND_MS:
		return bad(r, p, digits ? "has no unit" : "is not a duration",
			   gg_key_may_be_never(p->key) ? "write 15s, 500ms, 2m or never"
						       : "write 15s, 500ms or 2m");
	case GG_KIND_SIZE:
		return bad(r, p, "is not a size",
			   p->key->def == GG_INHERIT ? "write 1024, 1k or 16m, or inherit"
						     : "write 1024, 1k or 16m");
	default:
		return bad(r, p, "is not a whole number",
			   p->key->def == GG_INHERIT ? "write digits only, or inherit" : "write digits only");
	}
}

static int take_num(struct gg_reader *r, const struct gg_pair *p)
{
	const struct gg_conf_key *key = p->key;
	int64_t v = 0;
	int e;

	if (key->def == GG_INHERIT && strcmp(p->value, "inherit") == 0) {
		*GG_KEY_AT(int64_t, key, p->base) = GG_INHERIT;
		return 0;
	}
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

static int take_flag(struct gg_reader *r, const struct gg_pair *p)
{
	if (gg_bool_parse(p->value, GG_KEY_AT(bool, p->key, p->base)) < 0)
		return bad(r, p, "is not a boolean", "write true or false");
	return 0;
}

static int take_pick(struct gg_reader *r, const struct gg_pair *p)
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

static int take_text(struct gg_reader *r, const struct gg_pair *p)
{
	if (!*p->value && p->key->kind == GG_KIND_PATH && *p->key->text)
		return gg_reader_error(r, "%s: %s: the path is empty", p->where, p->name);
	return gg_set_string(GG_KEY_AT(char *, p->key, p->base), p->value);
}

enum gg_source gg_origin_source(const char *origin)
{
	if (strcmp(origin, "default") == 0)
		return GG_SOURCE_DEFAULT;
	if (strcmp(origin, "command line") == 0)
		return GG_SOURCE_COMMAND_LINE;
	if (strncmp(origin, GG_FROM_ENVIRONMENT, strlen(GG_FROM_ENVIRONMENT)) == 0)
		return GG_SOURCE_ENVIRONMENT;
	return GG_SOURCE_FILE;
}

static bool bad_addr(struct gg_reader *r, const struct gg_pair *p)
{
	struct gg_addr addr;
	const char *why;

	if (strcmp(p->value, "off") == 0 || gg_addr_parse(p->value, &addr, &why) == 0)
		return false;
	bad(r, p, "is not an address", why);
	return true;
}

static bool bad_net(struct gg_reader *r, const struct gg_pair *p)
{
	struct gg_cidr net;
	char text[256];
	struct gg_buf why = GG_BUF(text);

	if (gg_cidr_parse(p->value, &net, &why) == 0)
		return false;
	gg_reader_error(r, "%s: %s: '%s' %s", p->where, p->name, p->shown, text);
	return true;
}

static bool bad_who(struct gg_reader *r, const struct gg_pair *p)
{
	char text[256];
	struct gg_buf why = GG_BUF(text);

	if (gg_who_check(p->value, &why) == 0)
		return false;
	gg_reader_error(r, "%s: %s: '%s' %s", p->where, p->name, p->shown, text);
	return true;
}

static bool bad_item(struct gg_reader *r, const struct gg_pair *p)
{
	switch (p->key->kind) {
	case GG_KIND_LIST_ADDR:
		return bad_addr(r, p);
	case GG_KIND_LIST_NET:
		return bad_net(r, p);
	case GG_KIND_LIST_WHO:
		return bad_who(r, p);
	default:
		return false;
	}
}

/* first: it is the first of its source. A later source replaces what an earlier one listed; an empty value
 * does so within its own. */
static int take_item(struct gg_reader *r, const struct gg_pair *p, bool first)
{
	struct gg_list *list = GG_KEY_AT(struct gg_list, p->key, p->base);

	if (*p->value && bad_item(r, p))
		return 0;
	if (!*p->value || first)
		gg_list_clear(list);
	return *p->value ? gg_list_add(list, p->value) : 0;
}

/* A variable has a whole list: its words. */
static int take_words(struct gg_reader *r, const struct gg_pair *p)
{
	struct gg_list words = { 0 };
	const char *why;
	int e = gg_split_words(p->value, &words, &why);

	if (e == -EINVAL)
		e = bad(r, p, why, "the items of a list are separated by spaces");
	else if (e == 0 && !words.n)
		gg_list_clear(GG_KEY_AT(struct gg_list, p->key, p->base));
	for (size_t i = 0; i < words.n && e == 0; i++) {
		char shown[1024];
		struct gg_buf b = GG_BUF(shown);
		struct gg_pair item = *p;

		gg_escape(&b, words.v[i], strlen(words.v[i]), 200);
		item.value = words.v[i];
		item.shown = shown;
		e = take_item(r, &item, i == 0);
	}
	gg_list_clear(&words);
	return e;
}

static int take_list(struct gg_reader *r, const struct gg_pair *p)
{
	enum gg_source source = gg_origin_source(p->origin);

	return source == GG_SOURCE_ENVIRONMENT ? take_words(r, p)
					       : take_item(r, p, gg_origin_source(*p->from) != source);
}

/* An environment has no order in which one of them would be the last. */
static bool is_set_twice(const struct gg_pair *p)
{
	return gg_origin_source(p->origin) == GG_SOURCE_ENVIRONMENT &&
	       gg_origin_source(*p->from) == GG_SOURCE_ENVIRONMENT && strcmp(*p->from, p->origin) != 0;
}

int gg_pair_take(struct gg_reader *r, const struct gg_pair *p)
{
	size_t before = r->nerror;
	int e;

	if (!p->value && p->key->kind != GG_KIND_FLAG)
		return gg_reader_error(r, "%s: %s: has no value; write '%s = VALUE'", p->where, p->name,
				       p->name);
	if (is_set_twice(p))
		return gg_reader_error(r, "%s: %s is set by another variable too; keep one of them", p->where,
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
		e = take_list(r, p);
		break;
	}
	if (e < 0 || r->nerror != before)
		return e;
	return gg_set_string(p->from, p->origin);
}

static bool is_utf8(const char *s)
{
	size_t n = strlen(s), len = 1;

	for (size_t i = 0; i < n && len; i += len)
		len = gg_utf8_len(s + i, n - i);
	return len;
}

bool gg_key_is_utf8(const struct gg_conf_key *key, const void *base)
{
	const struct gg_list *l;

	if (key->kind == GG_KIND_PATH || key->kind == GG_KIND_WORD)
		return is_utf8(*GG_KEY_AT(char *const, key, base));
	if (!gg_key_is_list(key))
		return true;
	l = GG_KEY_AT(const struct gg_list, key, base);
	for (size_t i = 0; i < l->n; i++)
		if (!is_utf8(l->v[i]))
			return false;
	return true;
}
