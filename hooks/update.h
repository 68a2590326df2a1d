/*
 * update - what a push asks for: the lines that git gives to pre-receive and post-receive on stdin. The
 * parser is pure but for allocation; the reader reads one descriptor. Used by all of hooks/, tested by
 * tests/unit/update.c.
 */
#ifndef GG_HOOKS_UPDATE_H
#define GG_HOOKS_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/text.h"

enum {
	GG_HASH_MAX = 64,		      /* hex digits of SHA-256 */
	GG_REF_MAX = 65520,		      /* git takes no longer packet */
	GG_PUSH_INPUT_MAX = 64 * 1024 * 1024, /* some 400 000 refs */
};

struct gg_update {
	char old[GG_HASH_MAX + 1], new[GG_HASH_MAX + 1]; /* lower case hex; all zeros: created, deleted */
	char *ref;					 /* owned */
};

struct gg_push {
	struct gg_update *v; /* owned, in git's order */
	size_t n;
	size_t hash;	    /* hex digits of an object id: 40 or 64; 0 without updates */
	pid_t receive_pack; /* our parent when gg_push_read began, which is to move the references; else, and
				if it has ended, 0 */
};

/*
 * "OLD SP NEW SP REF LF", any number of them. What git would not write is an error: ids of different
 * lengths, spaces or control characters in a ref, no LF at the end.
 *   limit_refs  0: none
 *   ret         for gg_push_free on success, else untouched
 *   ret_err     one line for the client, on failure; names the setting when there is one
 * 0, -EPROTO (malformed), -E2BIG (limit.refs), -ENOMEM.
 */
int gg_push_parse(const char *bytes, size_t n, int64_t limit_refs, struct gg_push *ret,
		  struct gg_buf *ret_err);

/* The same from a descriptor, to its end: also when the input is refused, git meets no closed pipe. At most
 * GG_PUSH_INPUT_MAX bytes are kept (-E2BIG beyond). Also -errno of read. */
int gg_push_read(int fd, int64_t limit_refs, struct gg_push *ret, struct gg_buf *ret_err);

void gg_push_free(struct gg_push *p);

bool gg_update_creates(const struct gg_update *u);
bool gg_update_deletes(const struct gg_update *u);
/* The old value is zeros, so the name is new, even when the update deletes it: git takes that as well, and
 * tells upstream. */
bool gg_update_names_new(const struct gg_update *u);

#endif
