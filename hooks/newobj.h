/*
 * newobj - exactly what a push adds: every object that is reachable from its new tips and not from a ref that
 * the repository has, and whatever else lies in the quarantine and not in the repository. Effect: runs git
 * (hooks/gitcmd). Used by hooks/scan. Tested by tests/process/t0084-scan.py.
 *
 * How: `rev-list --objects --in-commit-order` of all new tips at once; the quarantine's own list
 * (`cat-file --batch-all-objects`), less what that had and what the repository has without it: git completes
 * thin packs with objects that are old, and those were scanned when they came. What was deleted here and is
 * pushed again, or is shared with other branches, may be listed once more; nothing new is ever left out. In
 * the mirror of an upstream only what is mirrored counts as a ref that it has: any other may be here alone.
 *
 * Memory: about 110 bytes an object and its path, of which GG_PATH_KEPT bytes are kept; the content of none.
 * Objects are bounded by max.
 */
#ifndef GG_HOOKS_NEWOBJ_H
#define GG_HOOKS_NEWOBJ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "hooks/gitcmd.h"
#include "hooks/update.h"

enum gg_object_type { GG_OBJECT_NONE, GG_OBJECT_COMMIT, GG_OBJECT_TREE, GG_OBJECT_BLOB, GG_OBJECT_TAG };

enum { GG_PATH_KEPT = 1024, GG_OBJECTS_MAX = 16 * 1024 * 1024 };

struct gg_object {
	unsigned char id[GG_HASH_MAX / 2];
	int64_t size;	 /* bytes, raw */
	uint32_t path;	 /* of gg_objects_path */
	uint32_t commit; /* index of the commit that adds it; GG_NO_COMMIT: a tag, or outside of commits */
	uint8_t type;	 /* enum gg_object_type */
};
#define GG_NO_COMMIT UINT32_MAX

struct gg_objects {	     /* gg_objects_free */
	struct gg_object *v; /* in the order of the commits, what is outside of them at last */
	size_t n, room;
	uint32_t *by_id; /* indexes, sorted by id */
	char *paths;	 /* NUL-terminated, one behind the other */
	size_t npaths, paths_room;
	size_t hash; /* hex digits of an id */
	size_t count[GG_OBJECT_TAG + 1];
	int64_t bytes, largest; /* sizes: their sum, and the largest with its index */
	size_t largest_at;
};

/*
 *   mirror   the repository is that of an upstream
 *   max      objects, beyond which it stops
 *   ret      for gg_objects_free on success
 *   ret_err  one line for the client, on failure
 * 0; -EFBIG: more than max; -ETIMEDOUT; other -errno: git failed, nothing may be accepted.
 */
int gg_newobj_list(const struct gg_gitcmd *g, const struct gg_push *p, bool mirror, size_t max,
		   struct gg_objects *ret, struct gg_buf *ret_err);
void gg_objects_free(struct gg_objects *o);

/* As git shows it, without quotes; "" for none. Of an object with several paths, one of them. */
const char *gg_objects_path(const struct gg_objects *o, size_t i);
/* Hex, into ret of GG_HASH_MAX + 1 bytes; returns ret. */
const char *gg_objects_hex(const struct gg_objects *o, size_t i, char *ret);
/* The index of an id of o->hash hex digits, or -ENOENT. */
int64_t gg_objects_find(const struct gg_objects *o, const char *hex);
const char *gg_object_type_name(int type);

/* For newobj.c, which fills the list. gg_objects_add: 0, -EPROTO (no id), -ENOMEM, -EFBIG (paths). */
int gg_objects_add(struct gg_objects *o, const char *hex, const char *path, size_t npath, uint32_t commit);
int gg_objects_sort(struct gg_objects *o);

/* All ids, a line each, for the stdin of git; owned by the caller. NULL: no memory. */
char *gg_objects_ids(const struct gg_objects *o, size_t *ret_n);

#endif
