/* rewind - which updates of a push take commits away from a ref. See rewind.h. */
#include "hooks/rewind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "hooks/gitcmd.h"
#include "hooks/lines.h"
#include "hooks/newobj.h"

/*
 * The commits that the push adds, each with its parents: "ID PARENT ..." of rev-list. They are listed in
 * struct gg_objects, for its look-up by id; the parents of all lie in one array.
 */
struct graph {
	struct gg_objects o;
	size_t *first; /* of a commit's parents in ids; one more than o.n */
	size_t first_room;
	char *ids; /* hex, without separators */
	size_t nids, ids_room;
	uint32_t *todo; /* commits to look at; o.n entries */
	uint32_t *seen; /* the walk in which a commit was last seen */
	size_t steps;	/* of all walks */
};

/* Walks that share many commits could cost the product of refs and commits; what is not found by then is
 * asked of git. */
enum { STEPS_MAX = 20000000 };

static int grow(void **v, size_t need, size_t *room, size_t size)
{
	size_t want = 2 * need;
	void *more;

	if (need <= *room)
		return 0;
	more = reallocarray(*v, want, size);
	if (!more)
		return -ENOMEM;
	*v = more;
	*room = want;
	return 0;
}

static int on_commit(void *arg, const char *s, size_t n)
{
	struct graph *g = arg;
	size_t hash = g->o.hash, parents;
	int r;

	if (n == GG_LINE_MAX) /* cut: a merge of a hundred; its parents are not known, so git is asked */
		n = hash;
	if (n < hash || (n - hash) % (hash + 1))
		return -EPROTO;
	parents = (n - hash) / (hash + 1);
	r = gg_objects_add(&g->o, s, "", 0, GG_NO_COMMIT);
	r = r ? r : grow((void **)&g->first, g->o.n + 1, &g->first_room, sizeof(*g->first));
	r = r ? r : grow((void **)&g->ids, (g->nids + parents) * hash, &g->ids_room, 1);
	if (r < 0)
		return r;
	g->first[g->o.n - 1] = g->nids;
	for (size_t i = 0; i < parents; i++, g->nids++)
		memcpy(g->ids + g->nids * hash, s + (i + 1) * (hash + 1), hash);
	g->first[g->o.n] = g->nids;
	return 0;
}

static void on_out(void *arg, const char *bytes, size_t n)
{
	gg_lines_feed(arg, bytes, n);
}

/* Does it have to be looked at? A tag that moves is known to be forced. */
static bool moves(const struct gg_update *u)
{
	return !gg_update_creates(u) && !gg_update_deletes(u) && strncmp(u->ref, "refs/tags/", 10) != 0;
}

static int read_graph(const struct gg_gitcmd *git, const struct gg_push *p, struct graph *g,
		      struct gg_buf *err)
{
	static const char *const args[] = { "rev-list", "--parents", "--stdin", "--not", "--all", NULL };
	size_t line = p->hash + 1, n = 0;
	AUTO_FREE char *tips = reallocarray(NULL, p->n + 1, line);
	struct gg_lines lines = { .line = on_commit, .arg = g };
	struct gg_gitcmd_io io = { .in = tips, .out = on_out, .arg = &lines };
	int r;

	if (!tips)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++) {
		if (!moves(&p->v[i]))
			continue;
		memcpy(tips + n, p->v[i].new, p->hash);
		tips[n + p->hash] = '\n';
		n += line;
	}
	if (!n)
		return 0;
	io.nin = n;
	r = gg_gitcmd_run(git, GG_STORE_PUSH, args, &io, err);
	if (r == 0 || lines.r < 0)
		r = gg_lines_end(&lines);
	if (r > 0)
		return -EIO;
	if (r == 0)
		r = gg_objects_sort(&g->o);
	if (r == 0) {
		g->todo = calloc(g->o.n + 1, sizeof(*g->todo));
		g->seen = calloc(g->o.n + 1, sizeof(*g->seen));
		r = g->todo && g->seen ? 0 : -ENOMEM;
	}
	return r;
}

/* Is old the parent of a new commit that new is or descends from? walk: a number that was not used before. */
static bool reaches(struct graph *g, const char *new, const char *old, uint32_t walk)
{
	size_t hash = g->o.hash, n = 0;
	int64_t at = gg_objects_find(&g->o, new);

	if (at < 0)
		return false;
	g->todo[n++] = (uint32_t)at;
	g->seen[at] = walk;
	while (n && g->steps++ < STEPS_MAX) {
		size_t c = g->todo[--n];

		for (size_t i = g->first[c]; i < g->first[c + 1]; i++) {
			if (!memcmp(g->ids + i * hash, old, hash))
				return true;
			at = gg_objects_find(&g->o, g->ids + i * hash);
			if (at < 0 || g->seen[at] == walk)
				continue;
			g->seen[at] = walk;
			g->todo[n++] = (uint32_t)at;
		}
	}
	return false;
}

/* 1: it is an ancestor, 0: it is not, or one of them is no commit; -errno. */
static int ask_git(const struct gg_gitcmd *git, const struct gg_update *u, struct gg_buf *err)
{
	const char *const args[] = { "merge-base", "--is-ancestor", u->old, u->new, NULL };
	struct gg_gitcmd_io io = { 0 };
	char text[300];
	struct gg_buf why = GG_BUF(text);
	int r = gg_gitcmd_run(git, GG_STORE_PUSH, args, &io, &why);

	if (r < 0)
		gg_buf_add(err, "%s", why.s);
	return r < 0 ? r : r == 0;
}

static int compare(const void *a, const void *b)
{
	const struct gg_update *x = *(const struct gg_update *const *)a,
			       *y = *(const struct gg_update *const *)b;
	int c = strcmp(x->old, y->old);

	return c ? c : strcmp(x->new, y->new);
}

/* Each different pair once. */
static int ask_for_rest(const struct gg_gitcmd *git, const struct gg_push *p, const struct gg_update **v,
			size_t n, bool *ret, struct gg_buf *err)
{
	int known = 0;

	qsort(v, n, sizeof(const struct gg_update *), compare);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || compare(&v[i - 1], &v[i]) != 0)
			known = ask_git(git, v[i], err);
		if (known < 0)
			return known;
		ret[v[i] - p->v] = !known;
	}
	return 0;
}

static int find(const struct gg_gitcmd *git, const struct gg_push *p, struct graph *g, bool *ret,
		struct gg_buf *err)
{
	AUTO_FREE const struct gg_update **rest =
		reallocarray(NULL, p->n + 1, sizeof(const struct gg_update *));
	size_t n = 0;
	int r = rest ? read_graph(git, p, g, err) : -ENOMEM;

	if (r < 0)
		return r;
	for (size_t i = 0; i < p->n; i++) {
		const struct gg_update *u = &p->v[i];

		ret[i] = !gg_update_creates(u) && !gg_update_deletes(u) && !moves(u);
		if (moves(u) && !(g->seen && reaches(g, u->new, u->old, (uint32_t)i + 1)))
			rest[n++] = u;
	}
	return ask_for_rest(git, p, rest, n, ret, err);
}

int gg_rewind_find(const struct gg_push *p, struct gg_deadline until, bool *ret, struct gg_buf *ret_err)
{
	struct graph g = { .o = { .hash = p->hash } };
	struct gg_gitcmd git;
	int r = gg_gitcmd_init(&git, until);

	if (r == 0)
		r = find(&git, p, &g, ret, ret_err);
	else
		gg_buf_add(ret_err, "git is not in the gate's PATH");
	if (r < 0 && !ret_err->len)
		gg_buf_add(ret_err, "cannot tell which updates are forced: %s", strerror(-r));
	gg_objects_free(&g.o);
	free(g.first);
	free(g.ids);
	free(g.todo);
	free(g.seen);
	return r;
}
