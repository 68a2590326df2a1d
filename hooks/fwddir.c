/* fwddir - see fwddir.h. */
#include "hooks/fwddir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "hooks/prepush.h"

enum {
	PREFIXES = 16, /* refs/heads/, refs/tags/, …: what is pruned is below those that deletions are in */
	DEPTH = 64,    /* of directories that git may have made in it */
};

size_t gg_fwd_deletions(const struct gg_push *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += gg_update_deletes(&p->v[i]);
	return n;
}

static int by_ref(const void *a, const void *b)
{
	return strcmp(((const struct gg_update *)a)->ref, ((const struct gg_update *)b)->ref);
}

/* What could mean something else in packed-refs, a refspec or a line. The rest git refuses by itself. */
static bool is_name(const char *ref)
{
	for (const char *s = ref; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f || strchr("~^:?*[\\", *s))
			return false;
	return !strncmp(ref, "refs/", 5) && strchr(ref + 5, '/') && !strstr(ref, "..") &&
	       !strstr(ref, "//") && !strstr(ref, "@{");
}

/* A sorted copy; the names are borrowed. */
static int sort(const struct gg_push *p, struct gg_push *ret, struct gg_buf *ret_why)
{
	struct gg_update *v = malloc((p->n + 1) * sizeof(*v));
	size_t i;

	if (!v)
		return -ENOMEM;
	memcpy(v, p->v, p->n * sizeof(*v));
	qsort(v, p->n, sizeof(*v), by_ref);
	for (i = 0; i < p->n; i++)
		if (!is_name(v[i].ref) || (i && !strcmp(v[i].ref, v[i - 1].ref)))
			break;
	if (i == p->n) {
		*ret = (struct gg_push){ .v = v, .n = p->n, .hash = p->hash };
		return 0;
	}
	gg_quote(ret_why, v[i].ref, strlen(v[i].ref), 200);
	gg_buf_add(ret_why, is_name(v[i].ref) ? " is updated twice" : " is no name of a reference");
	free(v);
	return -EINVAL;
}

static FILE *create(int dirfd, const char *name)
{
	AUTO_CLOSE int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (f)
		gg_take_fd(&fd);
	return f;
}

static int finish(FILE *f)
{
	bool bad = ferror(f);

	return fclose(f) != 0 || bad ? (errno ? -errno : -EIO) : 0;
}

static int put(int dirfd, const char *name, const char *text)
{
	FILE *f = create(dirfd, name);

	if (!f)
		return -errno;
	fputs(text, f);
	return finish(f);
}

/* Merge, sorted as git wants it. Updates win over what upstream has. */
static int put_refs(int dirfd, const struct gg_push *p, const struct gg_listing *up)
{
	FILE *f = create(dirfd, "packed-refs");
	size_t i = 0, k = 0, n = up ? up->n : 0;

	if (!f)
		return -errno;
	fputs("# pack-refs with: sorted \n", f);
	while (i < p->n || k < n) {
		int c = i == p->n ? 1 : k == n ? -1 : strcmp(p->v[i].ref, up->v[k].ref);

		if (c > 0)
			fprintf(f, "%s %s\n", up->v[k].id, up->v[k].ref);
		else if (!gg_update_deletes(&p->v[i]))
			fprintf(f, "%s %s\n", p->v[i].new, p->v[i].ref);
		k += c >= 0;
		i += c <= 0;
	}
	return finish(f);
}

/* A value in git's configuration syntax. */
static void put_value(FILE *f, const char *key, const char *prefix, const char *value)
{
	fprintf(f, "\t%s = \"%s", key, prefix);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', f);
		fputc(*value, f);
	}
	fputs("\"\n", f);
}

static size_t prefix_len(const char *ref)
{
	return (size_t)(strchr(ref + 5, '/') - ref) + 1;
}

/* One pattern for each of refs/heads/, refs/tags/, … that the push deletes from; one for all when these are
 * many. */
static void put_patterns(FILE *f, const struct gg_push *p, bool prune)
{
	const char *prefix[PREFIXES] = { NULL };
	size_t n = 0;

	for (size_t i = 0; prune && i < p->n && n <= PREFIXES; i++) {
		size_t len = prefix_len(p->v[i].ref);

		if (n && n <= PREFIXES && !strncmp(prefix[n - 1], p->v[i].ref, len))
			continue;
		if (n < PREFIXES)
			prefix[n] = p->v[i].ref;
		n++;
	}
	if (n == 0 || n > PREFIXES) {
		fputs("\tpush = +refs/*:refs/*\n", f);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		int len = (int)prefix_len(prefix[i]);

		fprintf(f, "\tpush = \"+%.*s*:%.*s*\"\n", len, prefix[i], len, prefix[i]);
	}
}

static int put_remote(int dirfd, const struct gg_fwd *w, const struct gg_push *p, bool prune)
{
	FILE *f = create(dirfd, "global");

	if (!f)
		return -errno;
	fputs("[remote \"" GG_FWDDIR_REMOTE "\"]\n", f);
	put_value(f, "url", "", w->url);
	put_patterns(f, p, prune);
	for (size_t i = 0; !prune && i < p->n; i++)
		if (gg_update_deletes(&p->v[i]))
			put_value(f, "push", ":", p->v[i].ref);
	fputs("[push]\n", f);
	for (char *const *o = w->options; o && *o; o++)
		if (**o) /* an empty one would, in git's configuration, take back those before it */
			put_value(f, "pushOption", "", *o);
	return finish(f);
}

static int put_all(int dirfd, const struct gg_fwd *w, const struct gg_push *p, bool prune)
{
	int r = put(dirfd, "HEAD", "ref: refs/git-gate/none\n");

	if (mkdirat(dirfd, "refs", 0700) < 0 || mkdirat(dirfd, "hooks", 0700) < 0 ||
	    symlinkat(w->hook, dirfd, "hooks/pre-push") < 0)
		return -errno;
	r = r ? r
	      : put(dirfd, "config",
		    p->hash == 64 ? "[core]\n\trepositoryFormatVersion = 1\n\tbare = true\n[extensions]\n"
				    "\tobjectFormat = sha256\n"
				  : "[core]\n\trepositoryFormatVersion = 0\n\tbare = true\n");
	r = r ? r : gg_prepush_expect(dirfd, p);
	r = r ? r : put_refs(dirfd, p, prune ? w->upstream : NULL);
	return r ? r : put_remote(dirfd, w, p, prune);
}

static int paths(const char *gitdir, struct gg_fwddir *ret)
{
	int n = snprintf(ret->path, sizeof(ret->path), "%s/" GG_FWDDIR, gitdir);

	if (n < 0 || (size_t)n + 16 > sizeof(ret->path))
		return -ENAMETOOLONG;
	memcpy(ret->global, ret->path, (size_t)n);
	memcpy(ret->hooks, ret->path, (size_t)n);
	memcpy(ret->global + n, "/global", sizeof("/global"));
	memcpy(ret->hooks + n, "/hooks", sizeof("/hooks"));
	return 0;
}

int gg_fwddir_make(const struct gg_fwd *w, struct gg_fwddir *ret, struct gg_buf *ret_why)
{
	AUTO_CLOSE int dirfd = -1;
	struct gg_push sorted;
	int r = sort(w->push, &sorted, ret_why);

	if (r == -ENOMEM)
		gg_buf_add(ret_why, "out of memory");
	if (r < 0)
		return r;
	ret->prune = w->upstream != NULL;
	r = paths(w->gitdir, ret);
	r = r ? r : gg_fwddir_remove(w->gitdir);
	if (r == 0 && mkdir(ret->path, 0700) < 0)
		r = -errno;
	if (r == 0 && (dirfd = open(ret->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		r = -errno;
	r = r ? r : put_all(dirfd, w, &sorted, ret->prune);
	free(sorted.v);
	if (r < 0)
		gg_buf_add(ret_why, "cannot prepare the push to upstream: %s", strerror(-r));
	return r;
}

bool gg_fwddir_left(const struct gg_fwddir *d, const char *name, char *text, size_t size)
{
	AUTO_CLOSE int dirfd = open(d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_CLOSE int fd = dirfd < 0 ? -1 : openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = 0;

	if (fd < 0)
		return !text && errno != ENOENT;
	if (text) {
		n = read(fd, text, size - 1);
		text[n > 0 ? n : 0] = '\0';
	}
	return true;
}

/* Follows no symbolic link. */
static int empty(int fd, int depth)
{
	AUTO_DIR DIR *d = fdopendir(fd);
	int r = 0;

	if (!d) {
		r = -errno;
		close(fd);
		return r;
	}
	for (struct dirent *e; r == 0 && (e = readdir(d));) {
		int sub;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) == 0)
			continue;
		if ((errno != EISDIR && errno != EPERM) || depth == DEPTH)
			return -errno;
		sub = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = sub < 0 ? -errno : empty(sub, depth + 1);
		if (r == 0 && unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) < 0)
			r = -errno;
	}
	return r;
}

int gg_fwddir_remove(const char *gitdir)
{
	AUTO_CLOSE int top = open(gitdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd, r;

	if (top < 0)
		return -errno;
	fd = openat(top, GG_FWDDIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = empty(fd, 0);
	if (r == 0 && unlinkat(top, GG_FWDDIR, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}
