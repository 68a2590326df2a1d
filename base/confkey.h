/*
 * confkey - the table that base/conf.def makes, for the files that implement conf.h and for the manual
 * (cli/mansettings.c). Nobody else includes this.
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
	GG_KIND_LIST_ADDR,
	GG_KIND_LIST_WORD,
};

struct gg_conf_key {
	const char *name, *help;
	enum gg_kind kind;
	size_t at;		     /* offset in struct gg_conf, or gg_service_conf */
	int64_t def, host, min, max; /* numbers and flags */
	const char *text;	     /* default of texts and lists; the choices of a PICK */
};

extern const struct gg_conf_key gg_conf_keys[GG_NKEYS];
extern const struct gg_conf_key gg_service_keys[GG_NSERVICE_KEYS]; /* names without "service.NAME." */

/* Where the value of a key of either table lives in base, the struct that the table describes. */
#define GG_KEY_AT(TYPE, key, base) ((TYPE *)(void *)((char *)(base) + (key)->at))

/* What conf.h has for one setting, for a key of either table. */
int gg_key_default(const struct gg_conf_key *key, void *base);
void gg_key_free(const struct gg_conf_key *key, void *base);
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

/* "never" makes sense: a deadline may be taken away, but not the step that ends a session, nor a kernel
 * timer. */
bool gg_conf_may_be_never(enum gg_key k);

/* Append an error to the reader, with outside text already escaped. 0 or -ENOMEM. */
int gg_reader_error(struct gg_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Set *at to a copy of s. 0 or -ENOMEM. */
int gg_set_string(char **at, const char *s);

/*
 * "service.NAME.VARIABLE", as git prints it: the service, made with its defaults when the name is new.
 *   ret_at   its index in r->conf.service
 * 1: it is one, and is found; 0: it is meant to be one, and its error has been told; -ENOENT: it is something
 * else; -ENOMEM.
 */
int gg_service_key_find(struct gg_reader *r, const char *where, const char *key, size_t *ret_at,
			enum gg_service_key *ret_key);
/* Each of conf's services with all that it owns; and its origins. */
void gg_conf_services_free(struct gg_conf *c);
void gg_reader_services_free(struct gg_reader *r);
/* What is wrong with services taken together: no command, words, order. 0 or -ENOMEM. */
int gg_services_check(struct gg_reader *r);

/* What gg_reader_finish takes from the process it runs in. */
struct gg_place {
	bool root;
	const char *runtime_dir; /* $XDG_RUNTIME_DIR; NULL: unset */
	const char *cwd;	 /* NULL: not known */
};

/* The pure part of gg_reader_finish. 0 or -ENOMEM. */
int gg_reader_settle(struct gg_reader *r, const struct gg_place *place);

#endif
