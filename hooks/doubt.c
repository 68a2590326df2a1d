/* doubt - see doubt.h. */
#include "hooks/doubt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static int find(const char *gitdir, char *ret, size_t size)
{
	return snprintf(ret, size, "%s/" GG_DOUBT_FILE, gitdir) < (int)size ? 0 : -ENAMETOOLONG;
}

/* "PID SESSION" */
static size_t sign(const struct gg_doubter *d, char *ret, size_t size)
{
	int n = snprintf(ret, size, "%d %.100s\n", (int)d->pid, d->session ? d->session : "-");

	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

int gg_doubt_begin(const char *gitdir, const struct gg_doubter *d)
{
	AUTO_CLOSE int fd = -1;
	char path[PATH_MAX], text[128];
	size_t n = sign(d, text, sizeof(text));
	int r = find(gitdir, path, sizeof(path));

	if (r < 0)
		return r;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	/* without its name in it, it is nobody's, and stays until a fetch */
	return write(fd, text, n) == (ssize_t)n ? 0 : errno ? -errno : -EIO;
}

void gg_doubt_end(const char *gitdir, const struct gg_doubter *d)
{
	AUTO_CLOSE int fd = -1;
	char path[PATH_MAX], text[128], have[128];
	size_t n = sign(d, text, sizeof(text));

	if (find(gitdir, path, sizeof(path)) < 0)
		return;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && read(fd, have, sizeof(have)) == (ssize_t)n && memcmp(have, text, n) == 0)
		unlink(path);
}

void gg_doubt_clear(const char *gitdir)
{
	char path[PATH_MAX];

	if (find(gitdir, path, sizeof(path)) == 0)
		unlink(path); /* what stays costs a fetch */
}

bool gg_doubt_is(const char *gitdir)
{
	char path[PATH_MAX];

	return find(gitdir, path, sizeof(path)) < 0 || access(path, F_OK) == 0 || errno != ENOENT;
}
