/* prepush - see prepush.h. */
#include "hooks/prepush.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

int gg_prepush_expect(int dirfd, const struct gg_push *sorted)
{
	AUTO_CLOSE int fd = openat(dirfd, GG_PREPUSH_EXPECT, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	bool bad;

	if (!f)
		return -errno;
	(void)gg_take_fd(&fd);
	for (size_t i = 0; i < sorted->n; i++)
		fprintf(f, "%s %s %s\n", sorted->v[i].ref, sorted->v[i].old, sorted->v[i].new);
	bad = ferror(f);
	return fclose(f) != 0 || bad ? -EIO : 0;
}

static bool is_zero(const char *id)
{
	return !id[strspn(id, "0")];
}

/* The line whose first word is ref. */
static const char *find(char *const *expect, size_t n, const char *ref)
{
	size_t lo = 0, len = strlen(ref);

	while (lo < n) {
		size_t mid = lo + (n - lo) / 2, words = strcspn(expect[mid], " ");
		int c = memcmp(ref, expect[mid], len < words ? len : words);

		if (c == 0)
			c = (len > words) - (len < words);
		if (c == 0)
			return expect[mid];
		if (c > 0)
			lo = mid + 1;
		else
			n = mid;
	}
	return NULL;
}

/* Cut the last word off: returned, NULL when there is none. */
static char *last_word(char *line)
{
	char *space = strrchr(line, ' ');

	if (!space)
		return NULL;
	*space = '\0';
	return space + 1;
}

int gg_prepush_check(char *const *expect, size_t n, char *line, struct gg_buf *ret_why)
{
	char *have = last_word(line), *ref = have ? last_word(line) : NULL,
	     *new = ref ? last_word(line) : NULL;
	const char *want = new ? find(expect, n, ref) : NULL;
	size_t nref, nid;

	if (!want) {
		gg_buf_add(ret_why, "%s\nit is no part of the push", ref ? ref : "?");
		return -EPERM;
	}
	nref = strlen(ref) + 1;
	nid = strcspn(want + nref, " ");
	if (strlen(have) != nid || strcmp(new, want + nref + nid + 1) != 0) {
		gg_buf_add(ret_why, "%s\ngit would send another value", ref);
		return -EPERM;
	}
	if (memcmp(have, want + nref, nid) == 0 || (is_zero(new) && is_zero(have)))
		return 0;
	if (is_zero(have))
		gg_buf_add(ret_why, "%s\nupstream has deleted it meanwhile", ref);
	else if (!strncmp(want + nref, "0000000", 7))
		gg_buf_add(ret_why, "%s\nupstream has it already, at %.7s", ref, have);
	else
		gg_buf_add(ret_why, "%s\nupstream has moved it from %.7s to %.7s", ref, want + nref, have);
	return -EPERM;
}

/* Lines of a text, each NUL-terminated in place. NULL: no memory. */
static char **split(char *text, size_t *ret_n)
{
	size_t n = 0, size = 1;
	char **v;

	for (char *s = text; *s; s++)
		size += *s == '\n';
	v = calloc(size, sizeof(*v));
	for (char *s = text, *end; v && (end = strchr(s, '\n')); s = end + 1) {
		*end = '\0';
		v[n++] = s;
	}
	*ret_n = n;
	return v;
}

static int read_file(int dirfd, const char *name, char **ret)
{
	AUTO_CLOSE int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	AUTO_FREE char *text = NULL;
	struct stat st;
	size_t len = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (len < (size_t)st.st_size) {
		ssize_t n = read(fd, text + len, (size_t)st.st_size - len);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		len += (size_t)n;
	}
	text[len] = '\0';
	*ret = gg_take_ptr(&text);
	return 0;
}

static int write_file(int dirfd, const char *name, const char *text)
{
	AUTO_CLOSE int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t n = strlen(text);

	if (fd < 0)
		return -errno;
	return write(fd, text, n) == (ssize_t)n ? 0 : -EIO;
}

/* Every line is read, whatever the verdict, so that git meets no closed pipe. 0, -EPERM or -errno. */
static int check_all(char *const *expect, size_t n, int in_fd, struct gg_buf *why)
{
	AUTO_CLOSE int fd = fcntl(in_fd, F_DUPFD_CLOEXEC, 0);
	AUTO_FILE FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	AUTO_FREE char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int r = 0;

	if (!in)
		return -errno;
	(void)gg_take_fd(&fd);
	while (errno = 0, (len = getline(&line, &size, in)) > 0) {
		if (r < 0)
			continue;
		if (line[len - 1] != '\n' || strlen(line) != (size_t)len)
			return -EPROTO;
		line[len - 1] = '\0';
		r = gg_prepush_check(expect, n, line, why);
	}
	/* for want of memory getline() returns without the end or an error: what was not read is not checked
	 */
	return feof(in) ? r : errno ? -errno : -EIO;
}

int gg_prepush(int in_fd)
{
	const char *dir = getenv("GIT_DIR");
	AUTO_CLOSE int dirfd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	AUTO_FREE char *text = NULL;
	AUTO_FREE char **expect = NULL;
	char mem[1024];
	struct gg_buf why = GG_BUF(mem);
	size_t n = 0;
	int r = dirfd < 0 ? (dir ? -errno : -EINVAL) : read_file(dirfd, GG_PREPUSH_EXPECT, &text);

	if (r == 0 && !(expect = split(text, &n)))
		r = -ENOMEM;
	if (r < 0) {
		fprintf(stderr, "git-gate: pre-push: cannot read what is expected: %s\n", strerror(-r));
		return 1;
	}
	r = check_all(expect, n, in_fd, &why);
	if (r == -EPERM)
		write_file(dirfd, GG_PREPUSH_STALE, why.s);
	else if (r < 0)
		fprintf(stderr, "git-gate: pre-push: cannot read git's list: %s\n", strerror(-r));
	if (r < 0)
		return 1;
	if (write_file(dirfd, GG_PREPUSH_SENT, "") < 0) {
		fprintf(stderr, "git-gate: pre-push: cannot write to its directory\n");
		return 1;
	}
	return 0;
}
