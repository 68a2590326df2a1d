/* conf - the table of settings, their values as text, listings. The reader is in confread.c, its end in
 * confcheck.c. */
#include "base/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/confkey.h"

const struct gg_conf_key gg_conf_keys[GG_NKEYS] = {
#define NUM(f, k, K, d, h, lo, hi, doc) \
	[GG_KEY_##f] = { k, doc, GG_KIND_##K, offsetof(struct gg_conf, f), d, h, lo, hi, NULL },
#define FLAG(f, k, d, doc) \
	[GG_KEY_##f] = { k, doc, GG_KIND_FLAG, offsetof(struct gg_conf, f), d, d, 0, 1, NULL },
#define TEXT(f, k, K, d, doc) \
	[GG_KEY_##f] = { k, doc, GG_KIND_##K, offsetof(struct gg_conf, f), 0, 0, 0, 0, d },
#define PICK(f, k, c, doc) \
	[GG_KEY_##f] = { k, doc, GG_KIND_PICK, offsetof(struct gg_conf, f), 0, 0, 0, 0, c },
#define LIST(f, k, K, d, doc) \
	[GG_KEY_##f] = { k, doc, GG_KIND_LIST_##K, offsetof(struct gg_conf, f), 0, 0, 0, 0, d },
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

bool *gg_conf_flag(struct gg_conf *c, enum gg_key k)
{
	return at(c, k);
}

char **gg_conf_text(struct gg_conf *c, enum gg_key k)
{
	return at(c, k);
}

int *gg_conf_pick(struct gg_conf *c, enum gg_key k)
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

const char *gg_conf_key_help(enum gg_key k)
{
	return gg_conf_keys[k].help;
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

static int set_default(struct gg_conf *c, enum gg_key k)
{
	const struct gg_conf_key *key = &gg_conf_keys[k];

	switch (key->kind) {
	case GG_KIND_MS:
	case GG_KIND_SIZE:
	case GG_KIND_COUNT:
		*gg_conf_num(c, k) = key->def;
		return 0;
	case GG_KIND_FLAG:
		*gg_conf_flag(c, k) = key->def;
		return 0;
	case GG_KIND_PICK:
		*gg_conf_pick(c, k) = 0;
		return 0;
	case GG_KIND_PATH:
	case GG_KIND_WORD:
		*gg_conf_text(c, k) = strdup(key->text);
		return *gg_conf_text(c, k) ? 0 : -ENOMEM;
	case GG_KIND_LIST_ADDR:
	case GG_KIND_LIST_WORD:
		return *key->text ? gg_list_add(gg_conf_list(c, k), key->text) : 0;
	}
	return 0;
}

int gg_conf_defaults(struct gg_conf *c)
{
	memset(c, 0, sizeof(*c));
	for (enum gg_key k = 0; k < GG_NKEYS; k++)
		if (set_default(c, k) < 0)
			return -ENOMEM;
	return 0;
}

void gg_conf_free(struct gg_conf *c)
{
	for (enum gg_key k = 0; c && k < GG_NKEYS; k++) {
		switch (gg_conf_keys[k].kind) {
		case GG_KIND_PATH:
		case GG_KIND_WORD:
			free(*gg_conf_text(c, k));
			*gg_conf_text(c, k) = NULL;
			break;
		case GG_KIND_LIST_ADDR:
		case GG_KIND_LIST_WORD:
			gg_list_clear(gg_conf_list(c, k));
			break;
		default:
			break;
		}
	}
}

bool gg_conf_may_be_never(enum gg_key k)
{
	return strncmp(gg_conf_keys[k].name, "deadline.", strlen("deadline.")) == 0 && k != GG_KEY_grace_ms;
}

const char *gg_conf_choice(enum gg_key k, int i, size_t *ret_len)
{
	const char *s = gg_conf_keys[k].text;

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
	if (kind == GG_KIND_MS)
		gg_duration_add(b, v);
	else if (kind == GG_KIND_SIZE)
		gg_size_add(b, v);
	else
		gg_buf_add(b, "%lld", (long long)v);
}

void gg_conf_value(struct gg_buf *b, const struct gg_conf *conf, enum gg_key k)
{
	struct gg_conf *c =
		(struct gg_conf *)conf; /* the accessors serve readers and writers; nothing is written here */
	const struct gg_list *list;
	const char *choice;
	size_t n;

	switch (gg_conf_keys[k].kind) {
	case GG_KIND_MS:
	case GG_KIND_SIZE:
	case GG_KIND_COUNT:
		gg_conf_add_num(b, gg_conf_keys[k].kind, *gg_conf_num(c, k));
		break;
	case GG_KIND_FLAG:
		gg_buf_add(b, *gg_conf_flag(c, k) ? "true" : "false");
		break;
	case GG_KIND_PATH:
	case GG_KIND_WORD:
		add_text(b, *gg_conf_text(c, k));
		break;
	case GG_KIND_PICK:
		choice = gg_conf_choice(k, *gg_conf_pick(c, k), &n);
		if (choice)
			gg_buf_put(b, choice, n);
		break;
	case GG_KIND_LIST_ADDR:
	case GG_KIND_LIST_WORD:
		list = gg_conf_list(c, k);
		for (size_t i = 0; i < list->n; i++) {
			gg_buf_add(b, i ? ", " : "");
			add_text(b, list->v[i]);
		}
		break;
	}
}

struct widths {
	int key, value;
};

/* Called for each line of the listing: a list has one per item, an empty list one without a value. */
static void each_line(const struct gg_reader *r, void (*line)(void *arg, enum gg_key k, const char *value),
		      void *arg)
{
	struct gg_conf *c = (struct gg_conf *)&r->conf;
	char text[8192];

	for (enum gg_key k = 0; k < GG_NKEYS; k++) {
		enum gg_kind kind = gg_conf_keys[k].kind;
		bool is_list = kind == GG_KIND_LIST_ADDR || kind == GG_KIND_LIST_WORD;
		size_t n = is_list ? gg_conf_list(c, k)->n : 1;

		for (size_t i = 0; i < (n ? n : 1); i++) {
			struct gg_buf b = GG_BUF(text);

			text[0] = '\0';
			if (!is_list)
				gg_conf_value(&b, c, k);
			else if (n)
				add_text(&b, gg_conf_list(c, k)->v[i]);
			line(arg, k, text);
		}
	}
}

static void measure(void *arg, enum gg_key k, const char *value)
{
	const int widest = 40; /* one long path does not push every origin off the screen */
	struct widths *w = arg;
	int key = (int)strlen(gg_conf_keys[k].name), n = (int)strlen(value);

	if (key > w->key)
		w->key = key;
	if (n > w->value && n <= widest)
		w->value = n;
}

struct listing {
	FILE *to;
	const struct gg_reader *r;
	struct widths w;
};

static void print(void *arg, enum gg_key k, const char *value)
{
	struct listing *l = arg;
	char origin[4096];
	struct gg_buf b = GG_BUF(origin);

	gg_escape(&b, l->r->origin[k], strlen(l->r->origin[k]), SIZE_MAX);
	fprintf(l->to, "%-*s = %-*s    # %s\n", l->w.key, gg_conf_keys[k].name, l->w.value, value, origin);
}

void gg_conf_print(FILE *to, const struct gg_reader *r)
{
	struct listing l = { .to = to, .r = r };

	each_line(r, measure, &l.w);
	each_line(r, print, &l);
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

void gg_conf_help(FILE *to)
{
	for (enum gg_key k = 0; k < GG_NKEYS; k++) {
		const struct gg_conf_key *key = &gg_conf_keys[k];
		char text[256];
		struct gg_buf b = GG_BUF(text);

		text[0] = '\0';
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
		fprintf(to, "    %-*s%s\n", *text ? 27 : 0, key->name, text);
		wrap(to, key->help);
	}
}
