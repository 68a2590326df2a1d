/* lay - write what a push adds into the scratch directory. See lay.h. */
#include "hooks/lay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

enum { HEAD_MAX = 128 }; /* "ID TYPE SIZE" */

/* Where the next byte of git's output belongs: head LF content LF, again and again. Of a tree's content:
 * "MODE SP NAME NUL ID", again and again. */
enum place { IN_HEAD, IN_CONTENT, BEHIND };
enum tree_place { IN_MODE, IN_NAME, IN_ID };

struct laying {
	const struct gg_objects *o;
	struct gg_scratch *s;
	size_t at; /* the object whose turn it is */
	enum place place;
	int64_t left; /* bytes of its content to come */
	char head[HEAD_MAX];
	size_t nhead;
	enum tree_place tree;
	size_t id_left;
	int r;
};

static int put_tree(struct laying *l, const char *bytes, size_t n)
{
	for (size_t i = 0, part; i < n; i += part) {
		const char *s = bytes + i, *end;
		int r = 0;

		part = n - i;
		if (l->tree == IN_ID) {
			part = part < l->id_left ? part : l->id_left;
			l->id_left -= part;
			l->tree = l->id_left ? IN_ID : IN_MODE;
			continue;
		}
		end = memchr(s, l->tree == IN_MODE ? ' ' : '\0', part);
		if (l->tree == IN_NAME)
			r = gg_scratch_put(l->s, s, end ? (size_t)(end - s) : part);
		if (end) {
			part = (size_t)(end - s) + 1;
			if (l->tree == IN_NAME && r == 0)
				r = gg_scratch_put(l->s, "\n", 1);
			l->id_left = l->o->hash / 2;
			l->tree = l->tree == IN_MODE ? IN_NAME : IN_ID;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* The head is what the list says: the same id, type and size. */
static int begin_object(struct laying *l)
{
	char want[HEAD_MAX], hex[GG_HASH_MAX + 1];
	const struct gg_object *v;

	if (l->at >= l->o->n)
		return -EPROTO;
	v = &l->o->v[l->at];
	gg_objects_hex(l->o, l->at, hex);
	snprintf(want, sizeof(want), "%s %s %lld", hex, gg_object_type_name(v->type), (long long)v->size);
	if (strlen(want) != l->nhead || memcmp(want, l->head, l->nhead) != 0)
		return -EPROTO;
	l->nhead = 0;
	l->left = v->size;
	l->tree = IN_MODE;
	l->place = l->left ? IN_CONTENT : BEHIND;
	return gg_scratch_begin(l->s, hex);
}

static int end_object(struct laying *l)
{
	/* a tree that is cut off cannot be said to have been scanned */
	if (l->o->v[l->at].type == GG_OBJECT_TREE && l->tree != IN_MODE)
		return -EPROTO;
	l->place = IN_HEAD;
	l->at++;
	return gg_scratch_end(l->s);
}

static int put(struct laying *l, const char *bytes, size_t n)
{
	l->left -= (int64_t)n;
	if (!l->left)
		l->place = BEHIND;
	return l->o->v[l->at].type == GG_OBJECT_TREE ? put_tree(l, bytes, n) : gg_scratch_put(l->s, bytes, n);
}

/* One step; returns how many bytes it took. */
static size_t step(struct laying *l, const char *bytes, size_t n)
{
	if (l->place == IN_CONTENT) {
		size_t part = (int64_t)n < l->left ? n : (size_t)l->left;

		l->r = put(l, bytes, part);
		return part;
	}
	if (*bytes == '\n')
		l->r = l->place == IN_HEAD ? begin_object(l) : end_object(l);
	else if (l->place == IN_HEAD && l->nhead < HEAD_MAX)
		l->head[l->nhead++] = *bytes;
	else
		l->r = -EPROTO;
	return 1;
}

static void on_out(void *arg, const char *bytes, size_t n)
{
	struct laying *l = arg;

	for (size_t i = 0; i < n && l->r == 0;)
		i += step(l, bytes + i, n - i);
}

static int lay_refs(const struct gg_push *p, struct gg_scratch *s, int64_t *ret_size)
{
	char zeros[GG_HASH_MAX + 1] = "";
	int r, r2;

	memset(zeros, '0', p->hash);
	*ret_size = 0;
	r = gg_scratch_begin(s, zeros);
	if (r < 0)
		return r;
	for (size_t i = 0; i < p->n && r == 0; i++) {
		const struct gg_update *u = &p->v[i];

		if (gg_update_deletes(u))
			continue;
		*ret_size += (int64_t)strlen(u->ref) + 1;
		r = gg_scratch_put(s, u->ref, strlen(u->ref));
		r = r ? r : gg_scratch_put(s, "\n", 1);
	}
	r2 = gg_scratch_end(s);
	return r ? r : r2;
}

static int write_manifest(const struct gg_objects *o, int64_t refs_size, struct gg_scratch *s)
{
	char hex[GG_HASH_MAX + 1], commit[GG_HASH_MAX + 1], line[6 * GG_PATH_KEPT + 256];
	int r = gg_scratch_begin_plain(s, "MANIFEST"), r2;

	if (r < 0)
		return r;
	for (size_t i = 0; i < o->n && r == 0; i++) {
		const struct gg_object *v = &o->v[i];
		struct gg_buf b = GG_BUF(line);

		gg_buf_add(&b, "%s\t%s\t%lld\t", gg_objects_hex(o, i, hex), gg_object_type_name(v->type),
			   (long long)v->size);
		gg_scratch_quote(&b, gg_objects_path(o, i));
		gg_buf_add(&b, "\t%s\n",
			   v->commit == GG_NO_COMMIT ? "-" : gg_objects_hex(o, v->commit, commit));
		r = b.cut ? -EOVERFLOW : gg_scratch_put_plain(s, b.s, b.len);
	}
	if (r == 0) {
		struct gg_buf b = GG_BUF(line);

		for (size_t i = 0; i < o->hash; i++)
			gg_buf_put(&b, "0", 1);
		gg_buf_add(&b, "\trefs\t%lld\t\t-\n", (long long)refs_size);
		r = gg_scratch_put_plain(s, b.s, b.len);
	}
	r2 = gg_scratch_end_plain(s);
	return r ? r : r2;
}

static void explain(int r, const struct gg_scratch *s, struct gg_buf *err)
{
	err->len = 0;
	err->cut = false;
	if (r == -EFBIG) {
		gg_buf_add(err, "what the push adds takes more than ");
		gg_size_add(err, s->limit);
		gg_buf_add(err, " to scan (limit.scan)");
	} else if (r == -ENOSPC || r == -EDQUOT) {
		gg_buf_add(err, "no space is left to scan it in (hook.scratch)");
	} else {
		gg_buf_add(err, "cannot lay it out for the scanner: %s", strerror(-r));
	}
}

int gg_lay(const struct gg_gitcmd *g, const struct gg_push *p, const struct gg_objects *o,
	   struct gg_scratch *s, struct gg_buf *ret_err)
{
	static const char *const args[] = { "cat-file", "--batch", "--buffer", NULL };
	struct laying l = { .o = o, .s = s };
	int64_t refs_size = 0;
	size_t n;
	AUTO_FREE char *ids = gg_objects_ids(o, &n);
	struct gg_gitcmd_io io = { .in = ids, .nin = n, .out = on_out, .arg = &l };
	int r;

	if (!ids)
		return -ENOMEM;
	r = n ? gg_gitcmd_run(g, GG_STORE_PUSH, args, &io, ret_err) : 0;
	if (r != 0 && l.r == 0)
		return r < 0 ? r : -EIO; /* said by git */
	r = l.r;
	if (r == 0 && (l.at != o->n || l.place != IN_HEAD || l.nhead))
		r = -EPROTO;
	if (r == 0)
		r = lay_refs(p, s, &refs_size);
	if (r == 0)
		r = write_manifest(o, refs_size, s);
	if (r < 0)
		explain(r, s, ret_err);
	return r;
}
