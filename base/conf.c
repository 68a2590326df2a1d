/* conf - the table of settings, their values as text, listings. The reader is in confread.c, its end in
 * confcheck.c. */
#include "base/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/confkey.h"

const struct gg_conf_key gg_conf_keys[GG_NKEYS] = {
#define NUM(f, ...) GG_ROW_NUM(GG_KEY_##f, struct gg_conf, f, __VA_ARGS__),
#define FLAG(f, ...) GG_ROW_FLAG(GG_KEY_##f, struct gg_conf, f, __VA_ARGS__),
#define TEXT(f, ...) GG_ROW_TEXT(GG_KEY_##f, struct gg_conf, f, __VA_ARGS__),
#define PICK(f, ...) GG_ROW_PICK(GG_KEY_##f, struct gg_conf, f, __VA_ARGS__),
#define LIST(f, ...) GG_ROW_LIST(GG_KEY_##f, struct gg_conf, f, __VA_ARGS__),
#include "base/conf.def"
#undef NUM
#undef FLAG
#undef TEXT
#undef PICK
#undef LIST
};

static void *at(struct gg_conf *c, enum gg_key k)
{
	return (char *)c + gg_conf_keys[k].at;
}

int64_t *gg_conf_num(struct gg_conf *c, enum gg_key k)
{
	return at(c, k);
}

char **gg_conf_text(struct gg_conf *c, enum gg_key k)
{
	return at(c, k);
}

struct gg_list *gg_conf_list(struct gg_conf *c, enum gg_key k)
{
	return at(c, k);
}

const char *gg_conf_key_name(enum gg_key k)
{
	return gg_conf_keys[k].name;
}

int gg_list_add(struct gg_list *l, const char *s)
{
	char **v = realloc(l->v, (l->n + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	l->v = v;
	v[l->n] = strdup(s);
	if (!v[l->n])
		return -ENOMEM;
	l->n++;
	return 0;
}

void gg_list_clear(struct gg_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	l->v = NULL;
	l->n = 0;
}

bool gg_key_is_list(const struct gg_conf_key *key)
{
	return key->kind >= GG_KIND_LIST_ADDR;
}

int gg_key_default(const struct gg_conf_key *key, void *base)
{
	char **text;

	switch (key->kind) {
	case GG_KIND_MS:
	case GG_KIND_SIZE:
	case GG_KIND_COUNT:
		*GG_KEY_AT(int64_t, key, base) = key->def;
		return 0;
	case GG_KIND_FLAG:
		*GG_KEY_AT(bool, key, base) = key->def;
		return 0;
	case GG_KIND_PICK:
		*GG_KEY_AT(int, key, base) = 0;
		return 0;
	case GG_KIND_PATH:
	case GG_KIND_WORD:
		text = GG_KEY_AT(char *, key, base);
		*text = strdup(key->text);
		return *text ? 0 : -ENOMEM;
	case GG_KIND_LIST_ADDR:
	case GG_KIND_LIST_NET:
	case GG_KIND_LIST_WHO:
	case GG_KIND_LIST_WORD:
		return *key->text ? gg_list_add(GG_KEY_AT(struct gg_list, key, base), key->text) : 0;
	}
	return 0;
}

void gg_key_free(const struct gg_conf_key *key, void *base)
{
	if (key->kind == GG_KIND_PATH || key->kind == GG_KIND_WORD) {
		free(*GG_KEY_AT(char *, key, base));
		*GG_KEY_AT(char *, key, base) = NULL;
	} else if (gg_key_is_list(key)) {
		gg_list_clear(GG_KEY_AT(struct gg_list, key, base));
	}
}

int gg_conf_defaults(struct gg_conf *c)
{
	memset(c, 0, sizeof(*c));
	for (enum gg_key k = 0; k < GG_NKEYS; k++)
		if (gg_key_default(&gg_conf_keys[k], c) < 0)
			return -ENOMEM;
	return 0;
}

void gg_conf_free(struct gg_conf *c)
{
	if (!c)
		return;
	for (enum gg_key k = 0; k < GG_NKEYS; k++)
		gg_key_free(&gg_conf_keys[k], c);
	gg_conf_sections_free(c);
	gg_tokens_free(&c->tokens);
}

bool gg_key_may_be_never(const struct gg_conf_key *key)
{
	/* nor does a gate that is told to stop go on for ever */
	return strncmp(key->name, "deadline.", strlen("deadline.")) == 0 &&
	       key != &gg_conf_keys[GG_KEY_grace_ms] && key != &gg_conf_keys[GG_KEY_lame_duck_ms];
}

const char *gg_key_choice(const struct gg_conf_key *key, int i, size_t *ret_len)
{
	const char *s = key->text;

	for (; i > 0 && s; i--) {
		s = strchr(s, '|');
		s = s ? s + 1 : NULL;
	}
	if (s)
		*ret_len = strcspn(s, "|");
	return s;
}

/*
 * A text as git-config would have it: bare, or in double quotes when it holds something that git would take
 * for syntax. Control characters come out as \x1b, which git does not read back, but a terminal survives.
 */
static void add_text(struct gg_buf *b, const char *s)
{
	size_t n = strlen(s);
	bool bare = !n || (s[0] != ' ' && s[n - 1] != ' ');

	for (size_t i = 0; i < n && bare;) {
		size_t len = gg_utf8_len(s + i, n - i);

		bare = len && !strchr("#;\"\\", s[i]) && (unsigned char)s[i] >= 0x20 && s[i] != 0x7f;
		bare = bare && !(len == 2 && (unsigned char)s[i] == 0xc2 && (unsigned char)s[i + 1] < 0xa0);
		i += len;
	}
	if (bare)
		gg_buf_put(b, s, n);
	else
		gg_quote(b, s, n, SIZE_MAX);
}

void gg_conf_add_num(struct gg_buf *b, enum gg_kind kind, int64_t v)
{
	if (v == GG_INHERIT)
		gg_buf_add(b, "inherit");
	else if (kind == GG_KIND_MS)
		gg_duration_add(b, v);
	else if (kind == GG_KIND_SIZE)
		gg_size_add(b, v);
	else
		gg_buf_add(b, "%lld", (long long)v);
}

static void add_list(struct gg_buf *b, const struct gg_list *l, size_t item)
{
	if (item != SIZE_MAX)
		return item < l->n ? add_text(b, l->v[item]) : (void)0;
	for (size_t i = 0; i < l->n; i++) {
		gg_buf_add(b, i ? ", " : "");
		add_text(b, l->v[i]);
	}
}

void gg_key_value(struct gg_buf *b, const struct gg_conf_key *key, const void *base, size_t item)
{
	const char *choice;
	size_t n;

	switch (key->kind) {
	case GG_KIND_MS:
	case GG_KIND_SIZE:
	case GG_KIND_COUNT:
		gg_conf_add_num(b, key->kind, *GG_KEY_AT(const int64_t, key, base));
		break;
	case GG_KIND_FLAG:
		gg_buf_add(b, *GG_KEY_AT(const bool, key, base) ? "true" : "false");
		break;
	case GG_KIND_PATH:
	case GG_KIND_WORD:
		add_text(b, *GG_KEY_AT(char *const, key, base));
		break;
	case GG_KIND_PICK:
		choice = gg_key_choice(key, *GG_KEY_AT(const int, key, base), &n);
		if (choice)
			gg_buf_put(b, choice, n);
		break;
	case GG_KIND_LIST_ADDR:
	case GG_KIND_LIST_NET:
	case GG_KIND_LIST_WHO:
	case GG_KIND_LIST_WORD:
		add_list(b, GG_KEY_AT(const struct gg_list, key, base), item);
		break;
	}
}

void gg_conf_value(struct gg_buf *b, const struct gg_conf *c, enum gg_key k)
{
	gg_key_value(b, &gg_conf_keys[k], c, SIZE_MAX);
}

/* The listing, gone through twice: with no file to print to, it is measured. */
struct listing {
	FILE *to;
	int key, value; /* the widest */
};

static void list_line(struct listing *l, const char *name, const char *value, const char *from)
{
	const int widest = 40; /* one long path, or name, does not push every origin off the screen */
	int key = (int)strlen(name), n = (int)strlen(value);
	char origin[4096];
	struct gg_buf b = GG_BUF(origin);

	if (l->to) {
		gg_escape(&b, from, strlen(from), SIZE_MAX);
		fprintf(l->to, "%-*s = %-*s    # %s\n", l->key, name, l->value, value, origin);
		return;
	}
	if (key > l->key && key <= widest)
		l->key = key;
	if (n > l->value && n <= widest)
		l->value = n;
}

/* A list has a line for each item, an empty list one without a value. */
static void list_key(struct listing *l, const struct gg_conf_key *key, const char *name, const void *base,
		     const char *origin)
{
	size_t n = gg_key_is_list(key) ? GG_KEY_AT(const struct gg_list, key, base)->n : 1;
	char text[8192];

	for (size_t i = 0; i < (n ? n : 1); i++) {
		struct gg_buf b = GG_BUF(text);

		gg_key_value(&b, key, base, i);
		list_line(l, name, text, origin);
	}
}

static void list_section(struct listing *l, const struct gg_reader *r, enum gg_section s, size_t i)
{
	const struct gg_section_kind *kind = gg_section_kind(s);
	char name[4096];

	for (size_t k = 0; k < kind->nkeys; k++) {
		struct gg_buf b = GG_BUF(name);

		gg_section_key(&b, &r->conf, s, i, k, SIZE_MAX);
		list_key(l, &kind->keys[k], name, gg_section_at(&r->conf, s, i),
			 *gg_section_origin(r, s, i, k));
	}
}

static void list_all(struct listing *l, const struct gg_reader *r)
{
	for (enum gg_key k = 0; k < GG_NKEYS; k++)
		list_key(l, &gg_conf_keys[k], gg_conf_keys[k].name, &r->conf, r->origin[k]);
	for (enum gg_section s = 0; s < GG_NSECTIONS; s++)
		for (size_t i = 0; i < gg_section_count(&r->conf, s); i++)
			list_section(l, r, s, i);
}

void gg_conf_print(FILE *to, const struct gg_reader *r)
{
	struct listing l = { 0 };

	list_all(&l, r);
	l.to = to;
	list_all(&l, r);
}

/* Words of text, each line of at most 78 columns and indented. */
static void wrap(FILE *to, const char *text)
{
	const size_t indent = 8, columns = 78;
	size_t column = 0;

	for (const char *word = text; *word;) {
		size_t n = strcspn(word, " ");

		if (column && column + 1 + n > columns) {
			fputc('\n', to);
			column = 0;
		}
		fprintf(to, "%*s%.*s", column ? 1 : (int)indent, "", (int)n, word);
		column += n + (column ? 1 : indent);
		word += n;
		word += strspn(word, " ");
	}
	fputc('\n', to);
}

/* section: of a named one its word, else NULL */
static void help_key(FILE *to, const char *section, const struct gg_conf_key *key)
{
	char text[256], name[64];
	struct gg_buf b = GG_BUF(text), nb = GG_BUF(name);

	gg_buf_add(&nb, "%s%s%s", section ? section : "", section ? ".NAME." : "", key->name);
	if (key->kind <= GG_KIND_COUNT) {
		gg_conf_add_num(&b, key->kind, key->def);
		if (key->host != key->def) {
			gg_buf_add(&b, "; host: ");
			gg_conf_add_num(&b, key->kind, key->host);
		}
	} else if (key->kind == GG_KIND_FLAG) {
		gg_buf_add(&b, key->def ? "true" : "false");
	} else {
		gg_buf_add(&b, "%s", key->text);
	}
	fprintf(to, "    %-*s%s\n", *text ? 27 : 0, name, text);
	wrap(to, key->help);
}

void gg_conf_help(FILE *to)
{
	for (enum gg_key k = 0; k < GG_NKEYS; k++)
		help_key(to, NULL, &gg_conf_keys[k]);
	for (enum gg_section s = 0; s < GG_NSECTIONS; s++)
		for (size_t k = 0; k < gg_section_kind(s)->nkeys; k++)
			help_key(to, gg_section_kind(s)->word, &gg_section_kind(s)->keys[k]);
}
