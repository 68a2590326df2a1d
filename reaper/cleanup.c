/* cleanup - remove what dead pushes left in repositories. See cleanup.h. */
#include "reaper/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/gitdir.h"
#include "base/text.h"
#include "hooks/lock.h"
#include "reaper/leftover.h"
#include "reaper/users.h"

#define DEPTH_MAX 16 /* of directories below a repository, and of repositories below the base */

struct run {
	const struct gg_cleanup *c;
	const struct gg_users *users;
	const char *repo; /* absolute git directory */
	size_t below;	  /* length of "base/", cut off when a path is shown */
	int64_t *user;
	size_t nuser;
	FILE *out;
	int left;
};

static void say(struct run *run, const char *what, const char *path, const char *why)
{
	char mem[PATH_MAX * 2];
	struct gg_buf b = GG_BUF(mem);
	const char *shown = strlen(path) < run->below ? "." : path + run->below; /* the base itself */

	gg_escape(&b, shown, strlen(shown), PATH_MAX);
	fprintf(run->out, "%s\t%s%s%s\n", what, b.s, why ? "\t" : "", why ? why : "");
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return (type == FTW_DP ? rmdir(path) : unlink(path)) < 0 && errno != ENOENT ? errno : 0;
}

/* A directory goes with all that is in it; symbolic links and other file systems are not followed. 0 or an
 * errno. */
static int remove_tree(const char *path)
{
	int r = nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);

	return r < 0 ? errno : r;
}

static void read_keep(const struct run *run, const char *path, struct gg_leftover *l)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[512], host[256];
	struct utsname here;
	int64_t start;
	ssize_t k = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (k < 0)
		return;
	text[k] = 0;
	if (gg_leftover_parse_keep(text, &l->keep_pid, host, sizeof(host)) < 0)
		return;
	l->keep_here = uname(&here) == 0 && !strcmp(here.nodename, host);
	start = gg_users_start(run->users, l->keep_pid);
	l->keep_pid_lives = start >= 0 && start <= l->born_ms;
}

static int64_t born_ms(const struct statx *stx)
{
	const struct statx_timestamp *t = stx->stx_mask & STATX_BTIME ? &stx->stx_btime : &stx->stx_mtime;

	return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

static void remove_it(struct run *run, const char *path)
{
	int err = remove_tree(path);

	say(run, err ? "failed" : "removed", path, err ? strerror(err) : NULL);
	run->left += err != 0;
}

static void judge(struct run *run, const char *path, enum gg_leftover_kind kind)
{
	struct gg_rule rule = { .uid = geteuid(),
				.since_ms = run->c->since_ms,
				.until_ms = gg_users_looked(run->users),
				.strict = run->c->strict };
	struct gg_leftover l = { .kind = kind };
	const char *why = NULL;
	enum gg_leftover_fate fate;
	struct statx stx;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &stx) < 0)
		return; /* gone: its owner was alive */
	l.uid = stx.stx_uid;
	l.born_ms = born_ms(&stx);
	if (kind == GG_LEFT_KEEP) {
		read_keep(run, path, &l);
		if (!l.keep_pid)
			return; /* an operator's own */
	}
	fate = gg_leftover_judge(&l, run->user, run->nuser, &rule, &why);
	if (fate != GG_LEFTOVER_REMOVE) {
		say(run, fate == GG_LEFTOVER_IN_USE ? "kept" : "foreign", path, why);
		run->left += fate == GG_LEFTOVER_IN_USE;
		return;
	}
	remove_it(run, path);
}

/* What a push was forwarded from is of whoever has the repository's lock: it may go while nobody has. */
static void judge_forward(struct run *run, const char *path)
{
	char lock[PATH_MAX];
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (lstat(path, &st) < 0 || st.st_uid != geteuid() ||
	    snprintf(lock, sizeof(lock), "%s/" GG_LOCK_FILE, run->repo) >= (int)sizeof(lock))
		return;
	fd = open(lock, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 ? errno != ENOENT : flock(fd, LOCK_EX | LOCK_NB) < 0) {
		say(run, "kept", path, "a push or a fetch of the repository is under way");
		run->left++;
		return;
	}
	remove_it(run, path);
}

/* NULL: there is nothing to be seen. What others keep from us is theirs; else nobody knows what is in it. */
static DIR *look_into(struct run *run, const char *dir)
{
	DIR *d = opendir(dir);

	if (!d && errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
		say(run, "unread", dir, strerror(errno));
		run->left++;
	}
	return d;
}

/* Directories that hold nothing a push leaves, or very many files of other kinds. */
static bool worth_entering(const char *below)
{
	return !strcmp(below, "objects") || !strncmp(below, "objects/", 8) || !strcmp(below, "refs") ||
	       !strncmp(below, "refs/", 5) || !strcmp(below, "logs") || !strncmp(below, "logs/", 5);
}

static void walk(struct run *run, const char *dir, int depth)
{
	AUTO_DIR DIR *d = depth < DEPTH_MAX ? look_into(run, dir) : NULL;
	size_t root = strlen(run->repo) + 1;
	char path[PATH_MAX];
	struct dirent *e;

	while (d && (e = readdir(d))) {
		enum gg_leftover_kind kind;
		struct stat st;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= (int)sizeof(path))
			continue;
		kind = gg_leftover_kind(path + root);
		if (kind == GG_LEFT_FORWARD)
			judge_forward(run, path);
		else if (kind != GG_LEFT_NONE)
			judge(run, path, kind);
		else if (worth_entering(path + root) && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
			walk(run, path, depth + 1);
	}
}

static int clean_repo(struct run *run, const char *dir)
{
	int r;

	run->repo = dir;
	r = gg_users_of(run->users, dir, &run->user, &run->nuser);
	if (r < 0)
		return r;
	walk(run, dir, 0);
	free(run->user);
	run->user = NULL;
	return 0;
}

static int clean_all(struct run *run, const char *dir, int depth)
{
	AUTO_DIR DIR *d = NULL;
	char path[PATH_MAX];
	struct dirent *e;
	int r = 0;

	if (gg_gitdir_is(dir))
		return clean_repo(run, dir);
	d = depth < DEPTH_MAX ? look_into(run, dir) : NULL;
	while (d && r == 0 && (e = readdir(d))) {
		struct stat st;

		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
		    snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < (int)sizeof(path) &&
		    lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
			r = clean_all(run, path, depth + 1);
	}
	return r;
}

static void users_free(struct gg_users **u)
{
	gg_users_free(*u);
}

int gg_cleanup_run(const struct gg_cleanup *c, const char *repo, FILE *out)
{
	__attribute__((cleanup(users_free))) struct gg_users *users = NULL;
	char base[PATH_MAX], path[PATH_MAX], dir[PATH_MAX];
	struct run run = { .c = c, .out = out };
	int r;

	if (!realpath(c->base, base))
		return -errno;
	r = gg_users_read(&users);
	if (r < 0)
		return r;
	run.users = users;
	run.below = strlen(base) + 1;
	if (!repo) {
		r = clean_all(&run, base, 0);
		return r < 0 ? r : run.left;
	}
	if (snprintf(path, sizeof(path), "%s/%s", base, repo) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (!realpath(path, dir))
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	if (strncmp(dir, base, strlen(base)) || (dir[strlen(base)] != '/' && dir[strlen(base)]))
		return -EXDEV;
	r = clean_repo(&run, dir);
	return r < 0 ? r : run.left;
}
