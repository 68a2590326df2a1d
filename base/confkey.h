/*
 * confkey - the tables that the .def files make, for the files that implement conf.h, for the manual
 * (cli/mansettings.c) and for what tells settings to hooks (hooks/pushconf.c). Nobody else includes this.
 */
#ifndef GG_BASE_CONFKEY_H
#define GG_BASE_CONFKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"

enum gg_kind {
	GG_KIND_MS,
	GG_KIND_SIZE,
	GG_KIND_COUNT,
	GG_KIND_FLAG,
	GG_KIND_PATH,
	GG_KIND_WORD,
	GG_KIND_PICK,
	GG_KIND_LIST_ADDR, /* lists from here on */
	GG_KIND_LIST_NET,
	GG_KIND_LIST_WHO,
	GG_KIND_LIST_WORD,
};

struct gg_conf_key {
	const char *name, *help;
	enum gg_kind kind;
	size_t at;		     /* offset in the struct that the table describes */
	int64_t def, host, min, max; /* numbers and flags */
	const char *text;	     /* default of texts and lists; the choices of a PICK */
};

/* The row of a setting in such a table: i its index, S the struct, f the field, and what the .def says. */
#define GG_ROW_NUM(i, S, f, k, K, d, h, lo, hi, doc) \
	[i] = { k, doc, GG_KIND_##K, offsetof(S, f), d, h, lo, hi, NULL }
#define GG_ROW_FLAG(i, S, f, k, d, doc) [i] = { k, doc, GG_KIND_FLAG, offsetof(S, f), d, d, 0, 1, NULL }
#define GG_ROW_TEXT(i, S, f, k, K, d, doc) [i] = { k, doc, GG_KIND_##K, offsetof(S, f), 0, 0, 0, 0, d }
#define GG_ROW_PICK(i, S, f, k, c, doc) [i] = { k, doc, GG_KIND_PICK, offsetof(S, f), 0, 0, 0, 0, c }
#define GG_ROW_LIST(i, S, f, k, K, d, doc) [i] = { k, doc, GG_KIND_LIST_##K, offsetof(S, f), 0, 0, 0, 0, d }

extern const struct gg_conf_key gg_conf_keys[GG_NKEYS];
/* names without "service.NAME.", "repo.NAME." */
extern const struct gg_conf_key gg_service_keys[GG_NSERVICE_KEYS];
extern const struct gg_conf_key gg_repo_keys[GG_NREPO_KEYS];

/* Where the value of a key of any table lives in base, the struct that the table describes. */
#define GG_KEY_AT(TYPE, key, base) ((TYPE *)(void *)((char *)(base) + (key)->at))

/* What conf.h has for one setting, for a key of any table. */
int gg_key_default(const struct gg_conf_key *key, void *base);
void gg_key_free(const struct gg_conf_key *key, void *base);
/* "never" makes sense: a deadline may be taken away, but not the step that ends a session, nor the stop of a
 * gate, nor a kernel timer. */
bool gg_key_may_be_never(const struct gg_conf_key *key);
const char *gg_key_choice(const struct gg_conf_key *key, int i, size_t *ret_len);
bool gg_key_is_list(const struct gg_conf_key *key);
/* One value as it would be written; item: which of a list's, SIZE_MAX: all, joined with ", ". */
void gg_key_value(struct gg_buf *b, const struct gg_conf_key *key, const void *base, size_t item);

/* Where a key's value lives in c. */
int64_t *gg_conf_num(struct gg_conf *c, enum gg_key k);
char **gg_conf_text(struct gg_conf *c, enum gg_key k);
struct gg_list *gg_conf_list(struct gg_conf *c, enum gg_key k);

/* A number of a setting as it would be written: "15s", "1k", "64". */
void gg_conf_add_num(struct gg_buf *b, enum gg_kind kind, int64_t v);

/* Set every field to its default. c need not be initialised; after -ENOMEM it can be freed. */
int gg_conf_defaults(struct gg_conf *c);

/* Append an error to the reader, with outside text already escaped. 0 or -ENOMEM. */
int gg_reader_error(struct gg_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Set *at to a copy of s. 0 or -ENOMEM. */
int gg_set_string(char **at, const char *s);

/* "KEY (ORIGIN): 'VALUE' WHAT": append an error about a value that was taken before. key is escaped already;
 * value can be NULL. 0 or -ENOMEM. */
int gg_reader_wrong(struct gg_reader *r, const char *key, const char *origin, const char *value,
		    const char *what);

/* What is wrong with the settings of access (confaccess.c). 0 or -ENOMEM. */
int gg_access_check(struct gg_reader *r);

/* One pair being taken (confvalue.c): what it sets, and where it comes from, ready to be shown. */
struct gg_pair {
	const struct gg_conf_key *key;
	void *base;	  /* the struct that the key is of */
	char **from;	  /* where its origin is kept */
	const char *name; /* the key in full */
	const char *origin, *value;
	const char *where, *shown; /* origin and value, escaped */
};

/* Take it, or tell its error. 0 or -ENOMEM. */
int gg_pair_take(struct gg_reader *r, const struct gg_pair *p);

/* Which of the sources of settings, in their order, an origin names. */
enum gg_source { GG_SOURCE_DEFAULT, GG_SOURCE_FILE, GG_SOURCE_ENVIRONMENT, GG_SOURCE_COMMAND_LINE };
enum gg_source gg_origin_source(const char *origin);
#define GG_FROM_FILE "file "
#define GG_FROM_ENVIRONMENT "environment "

/* What is wrong with section i. 0 or -ENOMEM. */
typedef int gg_section_check(struct gg_reader *r, size_t i);

/* What one kind of named sections has of its own. */
struct gg_section_kind {
	const char *word, *many; /* "service", "services" */
	const struct gg_conf_key *keys;
	size_t nkeys;
	size_t size;	 /* of the struct of one, whose first member is its name */
	size_t at, at_n; /* in struct gg_conf: the pointer to them, and how many they are */
	size_t max;	 /* so many at most */
	bool (*name_ok)(const char *s, size_t n);
	const char *bad_name;		 /* what a name has to be */
	gg_section_check *const *checks; /* NULL ends it */
};
extern const struct gg_section_kind gg_service_kind, gg_repo_kind;
const struct gg_section_kind *gg_section_kind(enum gg_section s);

size_t gg_section_count(const struct gg_conf *c, enum gg_section s);
void *gg_section_at(const struct gg_conf *c, enum gg_section s, size_t i);
const char *gg_section_name(const struct gg_conf *c, enum gg_section s, size_t i);
/* The index of the section with the name; the count if there is none. */
size_t gg_section_find(const struct gg_conf *c, enum gg_section s, const char *name);
/* Where the origin of key k of section i is kept. */
char **gg_section_origin(const struct gg_reader *r, enum gg_section s, size_t i, size_t k);
/* Append "service.NAME.KEY", of the name max bytes at most, escaped; k past the last key: "service.NAME". */
void gg_section_key(struct gg_buf *b, const struct gg_conf *c, enum gg_section s, size_t i, size_t k,
		    size_t max);

/*
 * "service.NAME.VARIABLE", as git prints it: the section, made with its defaults when the name is new.
 *   ret_at, ret_key  its index, and that of the key in its table
 * 1: it is one, and is found; 0: it is meant to be one, and its error has been told; -ENOENT: it is something
 * else; -ENOMEM.
 */
int gg_section_key_find(struct gg_reader *r, const char *where, const char *key, enum gg_section *ret_section,
			size_t *ret_at, size_t *ret_key);
/* gg_reader_wrong about key k of section i. */
int gg_section_wrong(struct gg_reader *r, enum gg_section s, size_t i, size_t k, const char *value,
		     const char *what);
/* What is wrong with sections taken whole. 0 or -ENOMEM. */
int gg_sections_check(struct gg_reader *r);
/* All sections with what they own; and their origins, which goes first. */
void gg_conf_sections_free(struct gg_conf *c);
void gg_reader_sections_free(struct gg_reader *r);

/* The first of a list's patterns of references (hook.allowRef) that is none: what is wrong with it, a static
 * text; NULL: all are. */
const char *gg_ref_patterns_wrong(const struct gg_list *l, const char **ret_which);

/* Whether a text or list is valid UTF-8, as JSON has to be; true of any other setting. */
bool gg_key_is_utf8(const struct gg_conf_key *key, const void *base);
#define GG_NOT_UTF8 "is not valid UTF-8, in which hooks are told their settings; write another path or text"

/* What gg_reader_finish takes from the process it runs in. */
struct gg_place {
	bool root;
	const char *runtime_dir; /* $XDG_RUNTIME_DIR; NULL: unset */
	const char *cwd;	 /* NULL: not known */
};

/* The pure part of gg_reader_finish. 0 or -ENOMEM. */
int gg_reader_settle(struct gg_reader *r, const struct gg_place *place);

#endif
