/* objects - the list that newobj.h declares: ids, paths, looking one up. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/newobj.h"

static const char digits[] = "0123456789abcdef";

const char *gg_object_type_name(int type)
{
	static const char *const names[] = {
		[GG_OBJECT_NONE] = "",	   [GG_OBJECT_COMMIT] = "commit", [GG_OBJECT_TREE] = "tree",
		[GG_OBJECT_BLOB] = "blob", [GG_OBJECT_TAG] = "tag",
	};

	return names[type];
}

const char *gg_objects_path(const struct gg_objects *o, size_t i)
{
	return o->paths + o->v[i].path;
}

static void to_hex(const unsigned char *id, size_t hash, char *ret)
{
	for (size_t i = 0; i < hash / 2; i++) {
		ret[2 * i] = digits[id[i] >> 4];
		ret[2 * i + 1] = digits[id[i] & 15];
	}
}

const char *gg_objects_hex(const struct gg_objects *o, size_t i, char *ret)
{
	to_hex(o->v[i].id, o->hash, ret);
	ret[o->hash] = '\0';
	return ret;
}

/* hash lower case hex digits. 0 or -EINVAL. */
static int from_hex(const char *hex, size_t hash, unsigned char *ret)
{
	for (size_t i = 0; i < hash; i++) {
		const char *d = hex[i] ? strchr(digits, hex[i]) : NULL;

		if (!d)
			return -EINVAL;
		ret[i / 2] = (unsigned char)(i % 2 ? ret[i / 2] | (d - digits) : (d - digits) << 4);
	}
	return 0;
}

int64_t gg_objects_find(const struct gg_objects *o, const char *hex)
{
	unsigned char id[GG_HASH_MAX / 2];
	size_t low = 0, high = o->by_id ? o->n : 0;

	if (from_hex(hex, o->hash, id) < 0)
		return -ENOENT;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = memcmp(id, o->v[o->by_id[mid]].id, o->hash / 2);

		if (c == 0)
			return o->by_id[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return -ENOENT;
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct gg_objects *o = arg;

	return memcmp(o->v[*(const uint32_t *)a].id, o->v[*(const uint32_t *)b].id, o->hash / 2);
}

int gg_objects_sort(struct gg_objects *o)
{
	uint32_t *v = reallocarray(o->by_id, o->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	o->by_id = v;
	for (size_t i = 0; i < o->n; i++)
		v[i] = (uint32_t)i;
	qsort_r(v, o->n, sizeof(*v), compare, o);
	return 0;
}

/* Room for one more of size bytes each in an array that is doubled. */
static int grow(void **v, size_t n, size_t *room, size_t size)
{
	size_t want = *room ? 2 * *room : 256;
	void *more;

	if (n < *room)
		return 0;
	more = reallocarray(*v, want, size);
	if (!more)
		return -ENOMEM;
	*v = more;
	*room = want;
	return 0;
}

static int add_path(struct gg_objects *o, const char *path, size_t n, uint32_t *ret)
{
	if (n > GG_PATH_KEPT)
		n = GG_PATH_KEPT;
	if (o->npaths == 0) { /* the one for none */
		if (grow((void **)&o->paths, 0, &o->paths_room, 1) < 0)
			return -ENOMEM;
		o->paths[o->npaths++] = '\0';
	}
	if (n == 0) {
		*ret = 0;
		return 0;
	}
	while (o->npaths + n + 1 > o->paths_room)
		if (grow((void **)&o->paths, o->paths_room, &o->paths_room, 1) < 0)
			return -ENOMEM;
	if (o->npaths + n + 1 > UINT32_MAX)
		return -EFBIG;
	*ret = (uint32_t)o->npaths;
	memcpy(o->paths + o->npaths, path, n);
	o->npaths += n;
	o->paths[o->npaths++] = '\0';
	return 0;
}

int gg_objects_add(struct gg_objects *o, const char *hex, const char *path, size_t npath, uint32_t commit)
{
	struct gg_object new = { .commit = commit };
	int r = from_hex(hex, o->hash, new.id) < 0 ? -EPROTO : add_path(o, path, npath, &new.path);

	if (r == 0)
		r = grow((void **)&o->v, o->n, &o->room, sizeof(*o->v));
	if (r == 0)
		o->v[o->n++] = new;
	return r;
}

char *gg_objects_ids(const struct gg_objects *o, size_t *ret_n)
{
	size_t line = o->hash + 1;
	char *text = reallocarray(NULL, o->n + 1, line);

	for (size_t i = 0; text && i < o->n; i++) {
		to_hex(o->v[i].id, o->hash, text + i * line);
		text[i * line + o->hash] = '\n';
	}
	*ret_n = o->n * line;
	return text;
}

void gg_objects_free(struct gg_objects *o)
{
	if (!o)
		return;
	free(o->v);
	free(o->by_id);
	free(o->paths);
	*o = (struct gg_objects){ 0 };
}
