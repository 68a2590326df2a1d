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
	size_t at;		     /* offset in struct gg_conf */
	int64_t def, host, min, max; /* numbers and flags */
	const char *text;	     /* default of texts and lists; the choices of a PICK */
};

extern const struct gg_conf_key gg_conf_keys[GG_NKEYS];

/* Where a key's value lives in c. */
int64_t *gg_conf_num(struct gg_conf *c, enum gg_key k);
bool *gg_conf_flag(struct gg_conf *c, enum gg_key k);
char **gg_conf_text(struct gg_conf *c, enum gg_key k);
int *gg_conf_pick(struct gg_conf *c, enum gg_key k);
struct gg_list *gg_conf_list(struct gg_conf *c, enum gg_key k);

/* A number of a setting as it would be written: "15s", "1k", "64". */
void gg_conf_add_num(struct gg_buf *b, enum gg_kind kind, int64_t v);

/* Append a copy of s to the list. 0 or -ENOMEM. */
int gg_list_add(struct gg_list *l, const char *s);
void gg_list_clear(struct gg_list *l);

/* Set every field to its default. c need not be initialised; after -ENOMEM it can be freed. */
int gg_conf_defaults(struct gg_conf *c);

/* "never" makes sense: a deadline may be taken away, but not the step that ends a session, nor a kernel
 * timer. */
bool gg_conf_may_be_never(enum gg_key k);

/* The i-th choice of a PICK: its start and length; NULL when there is none. */
const char *gg_conf_choice(enum gg_key k, int i, size_t *ret_len);

/* Append an error to the reader, with outside text already escaped. 0 or -ENOMEM. */
int gg_reader_error(struct gg_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What gg_reader_finish takes from the process it runs in. */
struct gg_place {
	bool root;
	const char *runtime_dir; /* $XDG_RUNTIME_DIR; NULL: unset */
	const char *cwd;	 /* NULL: not known */
};

/* The pure part of gg_reader_finish. 0 or -ENOMEM. */
int gg_reader_settle(struct gg_reader *r, const struct gg_place *place);

#endif
