/* base/scratchdir.h: names, and removing all of it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/scratchdir.h"

#define I32 "0123456789abcdef0123456789abcdef"
#define X64 I32 I32

Test(scratchdir, owner)
{
	static const struct {
		const char *name, *instance, *session; /* NULL: none of ours */
	} rows[] = {
		{ "git-gate-" I32 "-ab12cd34-aB3xY9", I32, "ab12cd34" },
		{ "git-gate-a-b-123456", "a", "b" },
		{ "git-gate-" X64 "-" X64 "-123456", X64, X64 },
		{ "git-gate-" X64 "a-b-123456", NULL, NULL },
		{ "git-gate-a-b-12345", NULL, NULL },
		{ "git-gate-a-b-1234567", NULL, NULL },
		{ "git-gate-a-b-12345/", NULL, NULL },
		{ "git-gate-a-123456", NULL, NULL },
		{ "git-gate--b-123456", NULL, NULL },
		{ "git-gate-a-b-c-123456", NULL, NULL },
		{ "git-gate-a-../x-123456", NULL, NULL },
		{ "git-gate-", NULL, NULL },
		{ "git-gate", NULL, NULL },
		{ "xgit-gate-a-b-123456", NULL, NULL },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char instance[GG_SCRATCHDIR_ID_MAX + 1] = "", session[GG_SCRATCHDIR_ID_MAX + 1] = "";

		cr_expect_eq(gg_scratchdir_owner(rows[i].name, instance, session), rows[i].instance != NULL,
			     "%s", rows[i].name);
		if (rows[i].instance) {
			cr_expect_str_eq(instance, rows[i].instance);
			cr_expect_str_eq(session, rows[i].session);
		}
	}
}

static char *base_dir(char *base)
{
	strcpy(base, "/tmp/git-gate-test.XXXXXX");
	cr_assert(mkdtemp(base));
	return base;
}

static int missing(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 && errno == ENOENT;
}

Test(scratchdir, make_and_remove)
{
	char base[64], dir[PATH_MAX], path[PATH_MAX + 100], kept[PATH_MAX];
	struct stat st;

	base_dir(base);
	cr_expect_eq(gg_scratchdir_make(base, "../x", "s", dir, sizeof(dir)), -EINVAL);
	cr_expect_eq(gg_scratchdir_make(base, "", "s", dir, sizeof(dir)), -EINVAL);
	cr_expect_eq(gg_scratchdir_make("relative", "i", "s", dir, sizeof(dir)), -EINVAL);
	cr_expect_eq(gg_scratchdir_make("/nonexistent", "i", "s", dir, sizeof(dir)), -ENOENT);
	cr_assert_eq(gg_scratchdir_make(base, "i", "s", dir, sizeof(dir)), 0);
	cr_assert_eq(stat(dir, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0700);

	/* what a scanner may leave: depth, links to elsewhere, a directory that nobody can read, many files
	 */
	snprintf(kept, sizeof(kept), "%s/kept", base);
	cr_assert_eq(mkdir(kept, 0700), 0);
	snprintf(path, sizeof(path), "%s/link", dir);
	cr_assert_eq(symlink(kept, path), 0);
	snprintf(path, sizeof(path), "%s/a", dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "%s/a/%d", dir, i);
		close(open(path, O_WRONLY | O_CREAT, 0400));
	}
	snprintf(path, sizeof(path), "%s/a/b", dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/a/b/c", dir);
	cr_assert_eq(mkdir(path, 0), 0);
	cr_expect_eq(gg_scratchdir_remove(dir), 0);
	cr_expect(missing(dir));
	cr_expect(!missing(kept));
	cr_expect_eq(gg_scratchdir_remove(dir), 0);
	cr_expect_eq(gg_scratchdir_remove(base), 0);
}

/* Each directory in another holds a descriptor while it is emptied. */
Test(scratchdir, too_deep)
{
	char base[64], path[PATH_MAX], half[PATH_MAX] = "";
	size_t n = strlen(base_dir(base));

	strcpy(path, base);
	for (int i = 0; i < 80; i++) {
		n += (size_t)snprintf(path + n, sizeof(path) - n, "/d");
		cr_assert_eq(mkdir(path, 0700), 0);
		if (i == 40)
			strcpy(half, path);
	}
	cr_expect_eq(gg_scratchdir_remove(base), -ELOOP);
	cr_expect(!missing(path));
	cr_expect_eq(gg_scratchdir_remove(half), 0);
	cr_expect_eq(gg_scratchdir_remove(base), 0);
}

struct found {
	int n;
	char session[GG_SCRATCHDIR_ID_MAX + 1]; /* of the last */
};

static void on_found(void *arg, const struct gg_scratchdir *d)
{
	struct found *f = arg;

	f->n++;
	strcpy(f->session, d->session);
	cr_expect_gt(d->changed_ms, 1000000000000);
	cr_expect_eq(gg_scratchdir_remove(d->path), 0);
}

static int open_dir(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

Test(scratchdir, who_holds_one_lives)
{
	char base[64], dir[2][PATH_MAX], link[PATH_MAX], other[PATH_MAX];
	struct found f = { 0 };
	int fd, fd2;

	base_dir(base);
	cr_assert_eq(gg_scratchdir_make(base, "i", "dead", dir[0], PATH_MAX), 0);
	cr_assert_eq(gg_scratchdir_make(base, "i", "alive", dir[1], PATH_MAX), 0);
	snprintf(link, sizeof(link), "%s/git-gate-i-y-123456", base);
	cr_assert_eq(symlink("/", link), 0);
	snprintf(other, sizeof(other), "%s/something-i-y-123456", base);
	cr_assert_eq(mkdir(other, 0700), 0);
	fd = open_dir(dir[1]);
	cr_assert_eq(gg_scratchdir_hold(fd), 0);
	cr_expect_eq(gg_scratchdir_each_dead(base, on_found, &f), 0);
	cr_expect(f.n == 1 && !strcmp(f.session, "dead"));
	cr_expect(missing(dir[0]) && !missing(dir[1]) && !missing(link) && !missing(other));
	fd2 = open_dir(dir[1]);
	cr_expect_eq(gg_scratchdir_hold(fd2), -EAGAIN);
	close(fd);
	cr_expect_eq(gg_scratchdir_each_dead(base, on_found, &f), 0);
	cr_expect(f.n == 2 && missing(dir[1]));
	/* opened before it was removed: to hold it is worth nothing */
	cr_expect_eq(gg_scratchdir_hold(fd2), -EAGAIN);
	close(fd2);
	cr_expect_eq(gg_scratchdir_each_dead("/nonexistent", on_found, &f), -ENOENT);
	cr_expect_eq(gg_scratchdir_remove(base), 0);
}
