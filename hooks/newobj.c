/* newobj - exactly what a push adds. See newobj.h. */
#include "hooks/newobj.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "hooks/lines.h"
#include "hooks/refresh.h"

struct listing {
	struct gg_objects *o;
	const struct gg_push *p;
	bool mirror;
	size_t max;
	uint32_t commit; /* the last that was listed */
	size_t sized;	 /* objects whose size is known */
	char *extra;	 /* ids of the quarantine that rev-list did not have, a line each */
	size_t nextra, extra_room;
};

static bool is_hex(const char *s, size_t n, size_t hash)
{
	if (n < hash)
		return false;
	for (size_t i = 0; i < hash; i++)
		if (!strchr("0123456789abcdef", s[i]) || !s[i])
			return false;
	return true;
}

/* "ID" is a commit, "ID SP PATH" what that one adds, with an empty path for its root. */
static int on_rev(void *arg, const char *s, size_t n)
{
	struct listing *l = arg;
	size_t hash = l->o->hash;
	bool commit = n == hash;

	if (!is_hex(s, n, hash) || (!commit && s[hash] != ' '))
		return -EPROTO;
	if (l->o->n >= l->max)
		return -EFBIG;
	if (commit) {
		l->commit = (uint32_t)l->o->n;
		return gg_objects_add(l->o, s, "", 0, l->commit);
	}
	return gg_objects_add(l->o, s, s + hash + 1, n - hash - 1, l->commit);
}

/* "ID TYPE SIZE": kept aside unless rev-list had it. */
static int on_quarantined(void *arg, const char *s, size_t n)
{
	struct listing *l = arg;
	size_t hash = l->o->hash, line = hash + 1;

	if (!is_hex(s, n, hash) || s[hash] != ' ')
		return -EPROTO;
	if (gg_objects_find(l->o, s) >= 0)
		return 0;
	/* thin packs are completed with old objects, so the list can be longer than what is new: git keeps
	 * what it unpacks in memory too */
	if (l->nextra / line >= GG_OBJECTS_MAX)
		return -EFBIG;
	if (l->nextra + line > l->extra_room) {
		size_t want = l->extra_room ? 2 * l->extra_room : 64 * line;
		char *more = realloc(l->extra, want);

		if (!more)
			return -ENOMEM;
		l->extra = more;
		l->extra_room = want;
	}
	memcpy(l->extra + l->nextra, s, hash);
	l->extra[l->nextra + hash] = '\n';
	l->nextra += line;
	return 0;
}

/* "ID missing": the repository did not have it. */
static int on_main(void *arg, const char *s, size_t n)
{
	struct listing *l = arg;
	size_t hash = l->o->hash;

	if (!is_hex(s, n, hash) || s[hash] != ' ')
		return -EPROTO;
	if (strcmp(s + hash, " missing") != 0)
		return 0;
	if (l->o->n >= l->max)
		return -EFBIG;
	return gg_objects_add(l->o, s, "", 0, GG_NO_COMMIT);
}

static int type_of(const char *s, size_t n)
{
	for (int t = GG_OBJECT_COMMIT; t <= GG_OBJECT_TAG; t++)
		if (strlen(gg_object_type_name(t)) == n && !memcmp(gg_object_type_name(t), s, n))
			return t;
	return -EPROTO;
}

/* "ID TYPE SIZE", in the order in which they were asked for. */
static int on_size(void *arg, const char *s, size_t n)
{
	struct listing *l = arg;
	struct gg_objects *o = l->o;
	size_t hash = o->hash, ntype;
	char hex[GG_HASH_MAX + 1];
	int type;
	struct gg_object *v;

	if (l->sized >= o->n || n < hash + 4 || memcmp(s, gg_objects_hex(o, l->sized, hex), hash) != 0)
		return -EPROTO;
	s += hash + 1;
	ntype = strcspn(s, " ");
	type = type_of(s, ntype);
	v = &o->v[l->sized];
	if (type < 0 || gg_int_parse(s + ntype + 1, 0, INT64_MAX / 4, &v->size) < 0)
		return -EPROTO;
	v->type = (uint8_t)type;
	o->count[type]++;
	if (v->size > o->largest) {
		o->largest = v->size;
		o->largest_at = l->sized;
	}
	l->sized++;
	return __builtin_add_overflow(o->bytes, v->size, &o->bytes) ? -EFBIG : 0;
}

static void on_out(void *arg, const char *bytes, size_t n)
{
	gg_lines_feed(arg, bytes, n);
}

/* One command, every line of which goes to line. */
static int run(const struct gg_gitcmd *g, enum gg_git_store store, const char *const *args, const void *in,
	       size_t nin, int (*line)(void *, const char *, size_t), struct listing *l, struct gg_buf *err)
{
	struct gg_lines lines = { .line = line, .arg = l };
	struct gg_gitcmd_io io = { .in = in, .nin = nin, .out = on_out, .arg = &lines };
	int r = gg_gitcmd_run(g, store, args, &io, err);

	if (lines.r < 0 || r == 0)
		r = gg_lines_end(&lines);
	if (r == -EFBIG)
		gg_buf_add(err, "more than %zu objects", l->max);
	else if (r < 0 && !err->len)
		gg_buf_add(err, "git %s: %s", args[0], strerror(-r));
	return r > 0 ? -EIO : r;
}

static int list_reachable(const struct gg_gitcmd *g, struct listing *l, struct gg_buf *err)
{
#define REV_LIST "rev-list", "--objects", "--in-commit-order", "--stdin", "--not"
#define EXCEPT(pattern) , "--exclude=" pattern
	static const char *const local[] = { REV_LIST, "--all", NULL };
	static const char *const mirrored[] = { REV_LIST GG_REFRESH_NOT_MIRRORED(EXCEPT), "--all", NULL };
	size_t line = l->o->hash + 1, n = 0;
	AUTO_FREE char *tips = reallocarray(NULL, l->p->n + 1, line);

	if (!tips)
		return -ENOMEM;
	for (size_t i = 0; i < l->p->n; i++) {
		if (gg_update_deletes(&l->p->v[i]))
			continue;
		memcpy(tips + n, l->p->v[i].new, line - 1);
		tips[n + line - 1] = '\n';
		n += line;
	}
	return n ? run(g, GG_STORE_PUSH, l->mirror ? mirrored : local, tips, n, on_rev, l, err) : 0;
}

static int list_quarantined(const struct gg_gitcmd *g, struct listing *l, struct gg_buf *err)
{
	static const char *const all[] = { "cat-file", "--batch-all-objects", "--batch-check", "--buffer",
					   NULL };
	static const char *const check[] = { "cat-file", "--batch-check", "--buffer", NULL };
	int r = run(g, GG_STORE_QUARANTINE, all, NULL, 0, on_quarantined, l, err);

	if (r < 0 || !l->nextra)
		return r;
	r = run(g, GG_STORE_MAIN, check, l->extra, l->nextra, on_main, l, err);
	return r < 0 ? r : gg_objects_sort(l->o);
}

static int list_sizes(const struct gg_gitcmd *g, struct listing *l, struct gg_buf *err)
{
	static const char *const args[] = { "cat-file", "--batch-check", "--buffer", NULL };
	size_t n;
	AUTO_FREE char *ids = gg_objects_ids(l->o, &n);
	int r = ids ? 0 : -ENOMEM;

	if (r == 0 && n)
		r = run(g, GG_STORE_PUSH, args, ids, n, on_size, l, err);
	if (r == 0 && l->sized != l->o->n)
		r = -EPROTO;
	return r;
}

/* rev-list prints tags and tips that are no commits behind the first commit, which does not add them. */
static void forget_commit_of_tips(struct listing *l)
{
	struct gg_objects *o = l->o;

	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].type == GG_OBJECT_TAG)
			o->v[i].commit = GG_NO_COMMIT;
	for (size_t i = 0; i < l->p->n; i++) {
		int64_t at = gg_objects_find(o, l->p->v[i].new);

		if (at >= 0 && o->v[at].type != GG_OBJECT_COMMIT)
			o->v[at].commit = GG_NO_COMMIT;
	}
}

int gg_newobj_list(const struct gg_gitcmd *g, const struct gg_push *p, bool mirror, size_t max,
		   struct gg_objects *ret, struct gg_buf *ret_err)
{
	struct gg_objects o = { .hash = p->hash };
	struct listing l = { .o = &o, .p = p, .mirror = mirror, .commit = GG_NO_COMMIT };
	int r;

	l.max = max < GG_OBJECTS_MAX ? max : GG_OBJECTS_MAX;
	r = list_reachable(g, &l, ret_err);
	if (r == 0)
		r = gg_objects_sort(&o);
	if (r == 0 && gg_gitcmd_has_quarantine())
		r = list_quarantined(g, &l, ret_err);
	if (r == 0)
		r = list_sizes(g, &l, ret_err);
	free(l.extra);
	if (r < 0) {
		if (!ret_err->len)
			gg_buf_add(ret_err, "cannot list what the push adds: %s", strerror(-r));
		gg_objects_free(&o);
		return r;
	}
	forget_commit_of_tips(&l);
	*ret = o;
	return 0;
}
