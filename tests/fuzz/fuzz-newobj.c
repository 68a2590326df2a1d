/*
 * Fuzz what git says of a push's objects: hooks/newobj.h, hooks/lay.h, hooks/rewind.h, hooks/lines.h. What
 * git prints comes of what was pushed: paths, trees, sizes. git and the scratch directory are ours here
 * (gg_gitcmd_run, gg_scratch_*): git says the fuzzer's bytes, in pieces; what is laid out is compared with a
 * second reading of the same trees.
 *
 * Input: the size of a piece, then the output of each git command, apart by 0xff 0xfe.
 */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "hooks/lay.h"
#include "hooks/lines.h"
#include "hooks/newobj.h"
#include "hooks/rewind.h"
#include "tests/fuzz/fuzz.h"

static struct {
	const char *at, *end;
	size_t step;
	char *content; /* the output of cat-file --batch */
	size_t ncontent;
} git;

static const char *next_output(size_t *ret_n)
{
	const char *begin = git.at, *s = begin;

	while (s + 1 < git.end && !(s[0] == '\xff' && s[1] == '\xfe'))
		s++;
	if (s + 1 >= git.end) {
		*ret_n = (size_t)(git.end - begin);
		git.at = git.end;
	} else {
		*ret_n = (size_t)(s - begin);
		git.at = s + 2;
	}
	return begin;
}

int gg_gitcmd_init(struct gg_gitcmd *g, struct gg_deadline until)
{
	*g = (struct gg_gitcmd){ .git = "/git", .until = until };
	return 0;
}

bool gg_gitcmd_has_quarantine(void)
{
	return true;
}

int gg_gitcmd_run(const struct gg_gitcmd *g, enum gg_git_store store, const char *const *args,
		  const struct gg_gitcmd_io *io, struct gg_buf *ret_err)
{
	size_t n;
	const char *s = next_output(&n);

	(void)g;
	(void)store;
	(void)ret_err;
	must(args[0] && (!io->nin || ((const char *)io->in)[io->nin - 1] == '\n'));
	for (size_t at = 0, part; io->out && at < n; at += part) {
		AUTO_FREE char *piece = NULL;

		part = n - at < git.step ? n - at : git.step;
		piece = text_of((const uint8_t *)s + at, part);
		io->out(io->arg, piece, part);
	}
	return 0;
}

/* --- the scratch directory --- */

static struct {
	char id[GG_HASH_MAX + 1];
	char *s; /* of all objects, one behind the other: "ID LF", content */
	size_t n, size, plain;
	bool open;
} laid;

static void keep(const char *s, size_t n)
{
	if (laid.n + n > laid.size) {
		laid.size = 2 * (laid.n + n);
		laid.s = realloc(laid.s, laid.size);
		must(laid.s != NULL);
	}
	memcpy(laid.s + laid.n, s, n);
	laid.n += n;
}

int gg_scratch_begin(struct gg_scratch *s, const char *hex)
{
	(void)s;
	must(!laid.open && strspn(hex, "0123456789abcdef") == strlen(hex));
	laid.open = true;
	keep(hex, strlen(hex));
	keep("\n", 1);
	return 0;
}

int gg_scratch_put(struct gg_scratch *s, const char *bytes, size_t n)
{
	(void)s;
	must(laid.open);
	keep(bytes, n);
	return 0;
}

int gg_scratch_end(struct gg_scratch *s)
{
	(void)s;
	must(laid.open);
	laid.open = false;
	return 0;
}

int gg_scratch_begin_plain(struct gg_scratch *s, const char *name)
{
	(void)s;
	must(!strcmp(name, "MANIFEST"));
	return 0;
}

/* A line of the manifest: five fields, and nothing that begins another line. */
int gg_scratch_put_plain(struct gg_scratch *s, const char *text, size_t n)
{
	size_t tabs = 0;

	(void)s;
	must(n && text[n - 1] == '\n');
	for (size_t i = 0; i + 1 < n; i++) {
		must((unsigned char)text[i] >= ' ' || text[i] == '\t');
		tabs += text[i] == '\t';
	}
	must(tabs == 4);
	laid.plain++;
	return 0;
}

int gg_scratch_end_plain(struct gg_scratch *s)
{
	(void)s;
	return 0;
}

/* As git quotes, in short: what is no printable ASCII as octal. Only that it is one word counts here. */
void gg_scratch_quote(struct gg_buf *b, const char *path)
{
	for (; *path; path++)
		gg_buf_put(b, *path > ' ' && *path < 0x7f ? path : "?", 1);
}

/* --- a second reading --- */

/* What a tree's content is laid out as, from all of it at once. NULL: it is no whole tree. */
static char *tree_text(const char *s, size_t n, size_t raw, size_t *ret_n)
{
	char *out = malloc(n + 2 * n + 2);
	size_t o = 0;

	must(out != NULL);
	for (size_t i = 0; i < n;) {
		const char *space = memchr(s + i, ' ', n - i);
		const char *nul = space ? memchr(space, '\0', n - (size_t)(space - s)) : NULL;
		unsigned mode = 0;
		bool submodule;

		if (!nul || (size_t)(s + n - nul - 1) < raw) {
			free(out);
			return NULL;
		}
		for (const char *m = s + i; m < space; m++)
			mode = 8 * mode + (unsigned)(*m - '0');
		mode &= 0170000;
		submodule = mode != 0100000 && mode != 0120000 && mode != 0040000;
		memcpy(out + o, space + 1, (size_t)(nul - space - 1));
		o += (size_t)(nul - space - 1);
		if (submodule)
			out[o++] = ' ';
		for (size_t k = 0; submodule && k < raw; k++)
			out[o++] = nul[1 + k] > ' ' && nul[1 + k] < 0x7f ? nul[1 + k] : ' ';
		out[o++] = '\n';
		i = (size_t)(nul - s) + 1 + raw;
	}
	*ret_n = o;
	return out;
}

/* All of cat-file's output was laid out, nothing else. */
static void compare(const struct gg_objects *o)
{
	size_t at = 0, in = 0;

	for (size_t i = 0; i < o->n; i++) {
		char hex[GG_HASH_MAX + 1];
		const char *lf = memchr(git.content + in, '\n', git.ncontent - in), *body;
		size_t n = (size_t)o->v[i].size;

		must(lf != NULL);
		body = lf + 1;
		in = (size_t)(body - git.content) + n + 1;
		must(in <= git.ncontent && body[n] == '\n');
		gg_objects_hex(o, i, hex);
		must(laid.n - at > o->hash && !memcmp(laid.s + at, hex, o->hash) &&
		     laid.s[at + o->hash] == '\n');
		at += o->hash + 1;
		if (o->v[i].type == GG_OBJECT_TREE) {
			size_t ntext = 0;
			AUTO_FREE char *text = tree_text(body, n, o->hash / 2, &ntext);

			must(text && laid.n - at >= ntext && !memcmp(laid.s + at, text, ntext));
			at += ntext;
		} else {
			must(laid.n - at >= n && !memcmp(laid.s + at, body, n));
			at += n;
		}
	}
	must(!o->n || in == git.ncontent); /* of no object nothing is asked */
	must(laid.plain == o->n + 1);
}

static void look(const struct gg_objects *o)
{
	size_t count = 0;

	for (size_t i = 0; i < o->n; i++) {
		char hex[GG_HASH_MAX + 1];
		int64_t at = gg_objects_find(o, gg_objects_hex(o, i, hex));

		/* git may have said one twice */
		must(at >= 0 && !memcmp(o->v[at].id, o->v[i].id, o->hash / 2));
		must(strlen(gg_objects_path(o, i)) <= GG_PATH_KEPT);
		must(o->v[i].commit == GG_NO_COMMIT || o->v[i].commit < o->n);
		must(o->v[i].size >= 0 && o->v[i].size <= o->largest);
	}
	for (int t = GG_OBJECT_COMMIT; t <= GG_OBJECT_TAG; t++)
		count += o->count[t];
	must(count == o->n);
}

static void lay(const struct gg_gitcmd *g, const struct gg_push *p, const struct gg_objects *o)
{
	static struct gg_scratch s;
	struct gg_push_options none = { 0 };
	char text[1000];
	struct gg_buf err = GG_BUF(text);
	size_t n;
	const char *content = git.at;

	next_output(&n);
	git.at = content;
	git.content = (char *)content;
	git.ncontent = n;
	if (gg_lay(g, p, &none, o, &s, &err) < 0) {
		came_to("objects that are not what was listed");
		must(err.len > 0);
	} else {
		if (o->n > 2)
			came_to("objects that are laid out");
		compare(o);
	}
	must_be_line(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *s = text_of(data, n);
	struct gg_update u = { .ref = (char *)"refs/heads/x" };
	struct gg_push p = { .v = &u, .n = 1, .hash = 40 };
	struct gg_objects o;
	struct gg_gitcmd g;
	char text[1000];
	struct gg_buf err = GG_BUF(text);
	bool rewinds;

	if (n < 2)
		return 0;
	memset(u.old, 'a', 40);
	memset(u.new, 'b', 40);
	laid.n = laid.plain = 0;
	laid.open = false;
	git.at = s + 1;
	git.end = s + n;
	git.step = data[0] ? data[0] : SIZE_MAX;
	gg_gitcmd_init(&g, gg_deadline_in(GG_NEVER, NULL));
	if (gg_newobj_list(&g, &p, false, 100, &o, &err) == 0) {
		if (o.n > 2)
			came_to("a list of objects");
		look(&o);
		lay(&g, &p, &o);
		gg_objects_free(&o);
	} else {
		must(err.len > 0);
	}
	must_be_line(text);
	err = GG_BUF(text);
	git.at = s + 1;
	if (gg_rewind_find(&p, gg_deadline_in(GG_NEVER, NULL), &rewinds, &err) == 0)
		came_to("parents of commits");
	must_be_line(text);
	return 0;
}
