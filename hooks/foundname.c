/* foundname - the names in which something was found. See foundname.h. */
#include "hooks/foundname.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define HIDDEN "***"

static int compare(const void *a, const void *b)
{
	const struct gg_finding *x = *(const struct gg_finding *const *)a,
				*y = *(const struct gg_finding *const *)b;
	int c = strcmp(x->id, y->id);

	return c ? c : (x->line > y->line) - (x->line < y->line);
}

static bool is_tree(const struct gg_objects *o, const struct gg_finding *f)
{
	int64_t at = gg_objects_find(o, f->id);

	return at >= 0 && o->v[at].type == GG_OBJECT_TREE;
}

/* Are its lines certain to be those that the scanner counted? Some count CR, U+2028 and others as line ends.
 */
static bool is_one_line(const char *line)
{
	static const char *const ends[] = { "\r", "\v", "\f", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9" };

	for (size_t i = 0; i < GG_LEN(ends); i++)
		if (strstr(line, ends[i]))
			return false;
	return true;
}

static int add(struct gg_list *names, char *line, ssize_t n)
{
	if (n > 0 && line[n - 1] == '\n')
		line[n - 1] = '\0';
	return names->n < GG_FOUND_NAMES_MAX ? gg_list_add(names, line) : -E2BIG;
}

/* The lines of one tree that v[0], v[1], … are on; in its file each is a line further, see scratch.h. */
static int read_tree(int objects_fd, const struct gg_finding **v, size_t n, struct gg_list *names)
{
	AUTO_CLOSE int fd = openat(objects_fd, v[0]->id, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FILE FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	AUTO_FREE char *line = NULL;
	size_t size = 0, i = 0;
	ssize_t len;
	int r = 0;

	if (!f)
		return -errno;
	(void)gg_take_fd(&fd);
	for (int64_t at = 0; r == 0 && i < n && (len = getline(&line, &size, f)) > 0; at++) {
		if (!is_one_line(line))
			return -EILSEQ;
		if (v[i]->line < 1 || v[i]->line != at)
			continue;
		r = add(names, line, len);
		while (i < n && v[i]->line == at)
			i++;
	}
	return r ? r : i == n ? 0 : -ENOENT;
}

static int read_all(const struct gg_push_conf *c, const struct gg_objects *o, const struct gg_findings *f,
		    int objects_fd, struct gg_list *names)
{
	AUTO_FREE const struct gg_finding **v =
		reallocarray(NULL, f->n + 1, sizeof(const struct gg_finding *));
	size_t n = 0;
	int r = v ? 0 : -ENOMEM;

	for (size_t i = 0; i < f->n && r == 0; i++)
		if (is_tree(o, &f->v[i]) && !gg_finding_allowed(c, &f->v[i]))
			v[n++] = &f->v[i];
	if (r == 0 && n)
		qsort(v, n, sizeof(const struct gg_finding *), compare);
	for (size_t i = 0, same; i < n && r == 0; i += same) {
		for (same = 1; i + same < n && !strcmp(v[i]->id, v[i + same]->id);)
			same++;
		r = read_tree(objects_fd, v + i, same, names);
	}
	return r;
}

void gg_found_names_read(const struct gg_push_conf *c, const struct gg_objects *o,
			 const struct gg_findings *f, int objects_fd, struct gg_found_names *ret)
{
	*ret = (struct gg_found_names){ 0 };
	ret->all = read_all(c, o, f, objects_fd, &ret->names) < 0;
}

void gg_found_names_free(struct gg_found_names *n)
{
	gg_list_clear(&n->names);
}

/* cut: it is the end of a path of which no more was kept. */
static bool is_found(const struct gg_found_names *n, const char *name, size_t len, bool cut)
{
	for (size_t i = 0; i < n->names.n; i++)
		if (!strncmp(n->names.v[i], name, len) && (cut || !n->names.v[i][len]))
			return true;
	return false;
}

void gg_found_names_quote(const struct gg_found_names *n, const char *path, size_t max, struct gg_buf *b)
{
	char text[4 * GG_PATH_KEPT];
	struct gg_buf shown = GG_BUF(text);
	bool cut = strlen(path) >= GG_PATH_KEPT;

	if (n->all)
		path = HIDDEN;
	for (const char *s = path;; s++) {
		size_t len = strcspn(s, "/");

		if (len && is_found(n, s, len, cut && !s[len]))
			gg_buf_add(&shown, HIDDEN);
		else
			gg_buf_put(&shown, s, len);
		s += len;
		if (!*s)
			break;
		gg_buf_put(&shown, "/", 1);
	}
	gg_quote(b, shown.s, shown.len, max);
}
