/* lay - write what a push adds into the scratch directory. See lay.h. */
#include "hooks/lay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "hooks/scanner.h"

enum { HEAD_MAX = 128 }; /* "ID TYPE SIZE" */

/* Where the next byte of git's output belongs: head LF content LF, again and again. Of a tree's content:
 * "MODE SP NAME NUL ID", again and again; between two of them it may end. */
enum place { IN_HEAD, IN_CONTENT, BEHIND };
enum tree_place { BETWEEN, IN_MODE, IN_NAME, IN_ID };

struct laying {
	const struct gg_objects *o;
	struct gg_scratch *s;
	size_t at; /* the object whose turn it is */
	enum place place;
	int64_t left; /* bytes of its content to come */
	char head[HEAD_MAX];
	size_t nhead;
	enum tree_place tree;
	unsigned mode;
	size_t id_left;
	int r;
};

/* git takes an entry that is no file, link or directory for a submodule: the id is then no object's, but any
 * 20 bytes of the pusher's choice. */
static bool is_submodule(unsigned mode)
{
	mode &= S_IFMT;
	return mode != S_IFREG && mode != S_IFLNK && mode != S_IFDIR;
}

static void take_mode(struct laying *l, const char *s, size_t n, bool complete)
{
	for (size_t i = 0; i < n; i++)
		l->mode = 8 * l->mode + (unsigned)(s[i] - '0');
	l->tree = complete ? IN_NAME : IN_MODE;
}

static int take_name(struct laying *l, const char *s, size_t n, bool complete)
{
	int r = gg_scratch_put(l->s, s, n);

	if (!complete)
		return r;
	l->tree = IN_ID;
	l->id_left = l->o->hash / 2;
	return r ? r : gg_scratch_put(l->s, is_submodule(l->mode) ? " " : "\n", 1);
}

/* That of a submodule stands behind its name, what is no text in it as a space. */
static int take_id(struct laying *l, const char *s, size_t n)
{
	char text[GG_HASH_MAX / 2 + 1];
	bool show = is_submodule(l->mode);

	for (size_t i = 0; i < n; i++)
		text[i] = s[i] > ' ' && s[i] < 0x7f ? s[i] : ' ';
	l->id_left -= n;
	if (!l->id_left) {
		text[n++] = '\n';
		l->tree = BETWEEN;
		l->mode = 0;
	}
	return show ? gg_scratch_put(l->s, text, n) : 0;
}

static int put_tree(struct laying *l, const char *bytes, size_t n)
{
	int r = 0;

	for (size_t i = 0, part; i < n && r == 0; i += part) {
		const char *s = bytes + i, *end;

		if (l->tree == IN_ID) {
			part = n - i < l->id_left ? n - i : l->id_left;
			r = take_id(l, s, part);
			continue;
		}
		end = memchr(s, l->tree == IN_NAME ? '\0' : ' ', n - i);
		part = end ? (size_t)(end - s) : n - i;
		if (l->tree == IN_NAME)
			r = take_name(l, s, part, end);
		else
			take_mode(l, s, part, end);
		part += end != NULL;
	}
	return r;
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
	l->tree = BETWEEN;
	l->mode = 0;
	l->place = l->left ? IN_CONTENT : BEHIND;
	return gg_scratch_begin(l->s, hex);
}

static int end_object(struct laying *l)
{
	/* a tree that is cut off cannot be said to have been scanned */
	if (l->o->v[l->at].type == GG_OBJECT_TREE && l->tree != BETWEEN)
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

/* What is no object: the names of refs, the push options. */
struct texts {
	const struct gg_push *p;
	const struct gg_push_options *options;
	int64_t size[GG_TEXT_OPTIONS + 1];
};

static int lay_line(struct gg_scratch *s, const char *text, int64_t *size)
{
	int r = gg_scratch_put(s, text, strlen(text));

	*size += (int64_t)strlen(text) + 1;
	return r ? r : gg_scratch_put(s, "\n", 1);
}

/* Not the name of what is there and goes: to delete that may be the cure. */
static bool has_name(const struct gg_update *u)
{
	return !gg_update_deletes(u) || gg_update_names_new(u);
}

static int lay_lines(const struct texts *t, enum gg_push_text text, struct gg_scratch *s, int64_t *size)
{
	int r = 0;

	for (size_t i = 0; text == GG_TEXT_REFS && i < t->p->n && r == 0; i++)
		if (has_name(&t->p->v[i]))
			r = lay_line(s, t->p->v[i].ref, size);
	for (size_t i = 0; text == GG_TEXT_OPTIONS && i < t->options->n && r == 0; i++)
		r = lay_line(s, t->options->v[i], size);
	return r;
}

/* Is there such a text? That of the refs always. */
static bool has_text(const struct texts *t, enum gg_push_text text)
{
	return text == GG_TEXT_REFS || t->options->n;
}

static int lay_texts(struct texts *t, struct gg_scratch *s)
{
	char id[GG_HASH_MAX + 1];
	int r = 0, r2;

	for (int text = GG_TEXT_REFS; text <= GG_TEXT_OPTIONS && r == 0; text++) {
		if (!has_text(t, text))
			continue;
		gg_push_text_id(text, t->p->hash, id);
		r = gg_scratch_begin(s, id);
		if (r < 0)
			break;
		r = lay_lines(t, text, s, &t->size[text]);
		r2 = gg_scratch_end(s);
		r = r ? r : r2;
	}
	return r;
}

static int list_texts(const struct texts *t, struct gg_scratch *s)
{
	static const char *const types[] = { [GG_TEXT_REFS] = "refs", [GG_TEXT_OPTIONS] = "push-options" };
	char id[GG_HASH_MAX + 1], line[256];
	int r = 0;

	for (int text = GG_TEXT_REFS; text <= GG_TEXT_OPTIONS && r == 0; text++) {
		struct gg_buf b = GG_BUF(line);

		if (!has_text(t, text))
			continue;
		gg_push_text_id(text, t->p->hash, id);
		gg_buf_add(&b, "%s\t%s\t%lld\t\t-\n", id, types[text], (long long)t->size[text]);
		r = gg_scratch_put_plain(s, b.s, b.len);
	}
	return r;
}

static int write_manifest(const struct gg_objects *o, const struct texts *t, struct gg_scratch *s)
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
	r = r ? r : list_texts(t, s);
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
	} else if (r == -ENOSPC) {
		gg_buf_add(err, "no space is left to scan it in (hook.scratch)");
	} else if (r == -EDQUOT) {
		gg_buf_add(err, "it may not write as much as there is to scan (hook.scratch): a quota, or a "
				"limit on the size of a file (RLIMIT_FSIZE)");
	} else {
		gg_buf_add(err, "cannot lay it out for the scanner: %s", strerror(-r));
	}
}

int gg_lay(const struct gg_gitcmd *g, const struct gg_push *p, const struct gg_push_options *options,
	   const struct gg_objects *o, struct gg_scratch *s, struct gg_buf *ret_err)
{
	static const char *const args[] = { "cat-file", "--batch", "--buffer", NULL };
	struct laying l = { .o = o, .s = s };
	struct texts t = { .p = p, .options = options };
	size_t n;
	AUTO_FREE char *ids = gg_objects_ids(o, &n);
	struct gg_gitcmd_io io = { .in = ids, .nin = n, .out = on_out, .arg = &l };
	int r;

	if (!ids) {
		explain(-ENOMEM, s, ret_err);
		return -ENOMEM;
	}
	r = n ? gg_gitcmd_run(g, GG_STORE_PUSH, args, &io, ret_err) : 0;
	if (r != 0 && l.r == 0)
		return r < 0 ? r : -EIO; /* said by git */
	r = l.r;
	if (r == 0 && (l.at != o->n || l.place != IN_HEAD || l.nhead))
		r = -EPROTO;
	if (r == 0)
		r = lay_texts(&t, s);
	if (r == 0)
		r = write_manifest(o, &t, s);
	if (r < 0)
		explain(r, s, ret_err);
	return r;
}
