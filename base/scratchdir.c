/* scratchdir - private directories for what a push brings. See scratchdir.h. */
#include "base/scratchdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PREFIX "git-gate-"
#define RANDOM "XXXXXX"

enum { DEPTH_MAX = 64 }; /* directories in one another; each holds a descriptor */

static size_t id_len(const char *s)
{
	return strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

static bool is_id(const char *s)
{
	size_t n = id_len(s);

	return n > 0 && n <= GG_SCRATCHDIR_ID_MAX && !s[n];
}

int gg_scratchdir_make(const char *base, const char *instance, const char *session, char *ret, size_t size)
{
	char path[PATH_MAX];
	int n;

	if (*base != '/' || !is_id(instance) || !is_id(session))
		return -EINVAL;
	n = snprintf(path, sizeof(path), "%s/" PREFIX "%s-%s-" RANDOM, base, instance, session);
	if (n < 0 || (size_t)n >= sizeof(path) || (size_t)n >= size)
		return -ENAMETOOLONG;
	if (!mkdtemp(path))
		return -errno;
	memcpy(ret, path, (size_t)n + 1);
	return 0;
}

/* The id that s begins with and the '-' behind it; where it ends, or NULL. */
static const char *take_id(const char *s, char *ret)
{
	size_t n = id_len(s);

	if (n == 0 || n > GG_SCRATCHDIR_ID_MAX || s[n] != '-')
		return NULL;
	memcpy(ret, s, n);
	ret[n] = '\0';
	return s + n + 1;
}

bool gg_scratchdir_owner(const char *name, char *ret_instance, char *ret_session)
{
	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		return false;
	name = take_id(name + strlen(PREFIX), ret_instance);
	name = name ? take_id(name, ret_session) : NULL;
	return name && id_len(name) == strlen(RANDOM) && !name[strlen(RANDOM)];
}

static int remove_at(int dirfd, const char *name, dev_t dev, int depth);

/* All that is in the directory. Some file systems lose their place when entries go while they are read: so
 * again from the beginning until nothing was removed. */
static int empty(int fd, dev_t dev, int depth)
{
	AUTO_DIR DIR *d = fdopendir(fd);
	int first = 0, removed;

	if (!d) {
		first = -errno;
		close(fd);
		return first;
	}
	do {
		struct dirent *e;

		removed = 0;
		first = 0;
		rewinddir(d);
		while ((e = readdir(d))) {
			if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
				continue;
			int r = remove_at(dirfd(d), e->d_name, dev, depth + 1);

			removed += r == 0;
			first = first ? first : r;
		}
	} while (removed);
	return first;
}

static int remove_dir(int dirfd, const char *name, dev_t dev, int depth)
{
	struct stat st;
	int fd, r;

	if (depth > DEPTH_MAX)
		return -ELOOP;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* a scanner may have left one that it can neither read nor write itself */
	if (fd < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, 0) == 0)
		fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_dev != dev) {
		close(fd);
		return -EXDEV;
	}
	if ((st.st_mode & 0700) != 0700 && fchmod(fd, 0700) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	r = empty(fd, dev, depth);
	return unlinkat(dirfd, name, AT_REMOVEDIR) == 0 ? 0 : r ? r : -errno;
}

static int remove_at(int dirfd, const char *name, dev_t dev, int depth)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(st.st_mode))
		return remove_dir(dirfd, name, dev, depth);
	return unlinkat(dirfd, name, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

int gg_scratchdir_remove(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	return remove_at(AT_FDCWD, path, st.st_dev, 0);
}

int gg_scratchdir_hold(int fd)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_nlink ? 0 : -EAGAIN;
}

static void look_at(const char *base, int dirfd, const char *name,
		    void (*found)(void *arg, const struct gg_scratchdir *d), void *arg)
{
	char path[PATH_MAX];
	struct gg_scratchdir d = { .path = path };
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (!gg_scratchdir_owner(name, d.instance, d.session) ||
	    snprintf(path, sizeof(path), "%s/%s", base, name) >= (int)sizeof(path))
		return;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() || gg_scratchdir_hold(fd) < 0)
		return;
	d.changed_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	found(arg, &d);
}

int gg_scratchdir_each_dead(const char *base, void (*found)(void *arg, const struct gg_scratchdir *d),
			    void *arg)
{
	AUTO_DIR DIR *d = opendir(base);
	struct dirent *e;

	if (!d)
		return -errno;
	while ((e = readdir(d)))
		look_at(base, dirfd(d), e->d_name, found, arg);
	return 0;
}
