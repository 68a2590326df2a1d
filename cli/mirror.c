/* mirror - see mirror.h. */
#include "cli/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/gitdir.h"
#include "base/room.h"
#include "cli/tool.h"
#include "hooks/refresh.h"

enum {
	GIT_MS = 60000,
	FETCH_MS = 6 * 3600 * 1000, /* a first fetch can be long; ssh's keep-alives end one that is dead */
	REMOVE_MS = 600000,
};

static bool join(char *to, size_t size, const char *dir, const char *name)
{
	return snprintf(to, size, "%s/%s", dir, name) < (int)size;
}

bool gg_mirror_name(struct gg_mirror *m, struct gg_found *f)
{
	char room[64];
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return gg_found_bad(f, "no random number: %s", strerror(errno));
	snprintf(room, sizeof(room), GG_ROOM_PREFIX "%016llx", (unsigned long long)number);
	if (join(m->dir, sizeof(m->dir), m->base, m->name) && join(m->room, sizeof(m->room), m->base, room) &&
	    join(m->work, sizeof(m->work), m->room, GG_ROOM_WORK) &&
	    join(m->taken, sizeof(m->taken), m->room, GG_ROOM_TAKEN))
		return true;
	return gg_found_bad(f, "%s/%s: the path is too long", m->base, m->name);
}

bool gg_mirror_begin(const struct gg_mirror *m, struct gg_found *f)
{
	return mkdir(m->room, 0700) == 0 ||
	       gg_found_bad(f, "cannot make a directory in %s: %s", m->base, strerror(errno));
}

static bool run(const char *const *argv, int64_t limit_ms, bool undoes, struct gg_found *f)
{
	struct gg_tool t = { .argv = argv, .limit_ms = limit_ms, .undoes = undoes };
	struct gg_tool_end end;
	char why[1000];
	struct gg_buf w = GG_BUF(why);

	if (gg_tool_run(&t, &end))
		return true;
	gg_tool_why(&w, &t, &end);
	return gg_found_bad(f, "%s", why);
}

static bool set(const struct gg_mirror *m, const char *key, const char *value, struct gg_found *f)
{
	const char *argv[] = { "git", "-C", m->work, "config", key, value, NULL };

	return run(argv, GIT_MS, false, f);
}

static bool make_file(const struct gg_mirror *m, const char *name, struct gg_found *f)
{
	char path[PATH_MAX];
	AUTO_CLOSE int fd = -1;

	if (join(path, sizeof(path), m->work, name))
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return fd >= 0 || gg_found_bad(f, "cannot make %s/%s: %s", m->work, name, strerror(errno));
}

/* HEAD names the branch that upstream's names, whatever git would call the first one. */
static bool set_head(const struct gg_mirror *m, const struct gg_link_remote *r, struct gg_found *f)
{
	const char *head =
		strncmp(r->head, "refs/heads/", strlen("refs/heads/")) == 0 ? r->head : "refs/heads/main";
	const char *argv[] = { "git", "-C", m->work, "symbolic-ref", "HEAD", head, NULL };

	return run(argv, GIT_MS, false, f);
}

bool gg_mirror_init(const struct gg_mirror *m, const struct gg_link_remote *r, bool local, struct gg_found *f)
{
	const char *format = r->sha256 ? "--object-format=sha256" : "--object-format=sha1";
	/* no template: its hooks are examples */
	const char *argv[] = { "git", "init", "--quiet", "--bare", "--template=", format, m->work, NULL };

	return run(argv, GIT_MS, false, f) && set_head(m, r, f) &&
	       /* what upstream has taken is not refused here */
	       set(m, "receive.denyDeleteCurrent", "ignore", f) &&
	       set(m, "receive.denyDeletes", "false", f) &&
	       set(m, "receive.denyNonFastForwards", "false", f) &&
	       set(m, "receive.advertisePushOptions", "true", f) &&
	       set(m, "uploadpack.allowFilter", "true", f) && make_file(m, "git-daemon-export-ok", f) &&
	       (local || make_file(m, GG_MIRROR_MARK, f));
}

bool gg_mirror_fetch(const struct gg_mirror *m, const struct gg_link *l, struct gg_found *f)
{
	const char *argv[] = { "git",
			       "-C",
			       m->work,
			       "fetch",
			       "--quiet",
			       "--no-tags",
			       "--prune",
			       "--update-head-ok",
			       "--no-write-fetch-head",
			       "--no-auto-maintenance",
			       "--no-recurse-submodules",
			       "--",
			       l->url,
			       GG_REFRESH_REFSPECS,
			       NULL };
	struct gg_tool t = { .argv = argv, .limit_ms = FETCH_MS };
	struct gg_tool_end end;

	return gg_link_git(l, &t, &end) || gg_link_bad(l, &t, &end, f);
}

/* The directories that name has in front of its last part. Returns how many of them are new, or -errno. */
static int make_parents(const struct gg_mirror *m)
{
	char path[PATH_MAX];
	int made = 0;

	strcpy(path, m->dir);
	for (char *s = path + strlen(m->base) + 1; (s = strchr(s, '/')); *s++ = '/') {
		*s = '\0';
		if (mkdir(path, 0777) == 0)
			made++;
		else if (errno != EEXIST)
			return -errno;
	}
	return made;
}

static void remove_parents(const struct gg_mirror *m, int made)
{
	char path[PATH_MAX], *slash;

	strcpy(path, m->dir);
	for (; made > 0 && (slash = strrchr(path, '/')); made--) {
		*slash = '\0';
		if (rmdir(path) < 0)
			return;
	}
}

static bool move(const char *from, const char *to, struct gg_found *f)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 ||
	       gg_found_bad(f, "cannot move %s to %s: %s", from, to, strerror(errno));
}

bool gg_mirror_place(const struct gg_mirror *m, struct gg_found *f)
{
	int made = make_parents(m);

	if (made < 0)
		return gg_found_bad(f, "cannot make the directory of %s: %s", m->dir, strerror(-made));
	if (move(m->work, m->dir, f))
		return gg_found_ok(f, "%s", m->dir);
	remove_parents(m, made);
	return false;
}

bool gg_mirror_take(const struct gg_mirror *m, struct gg_found *f)
{
	return move(m->dir, m->taken, f);
}

bool gg_mirror_put_back(const struct gg_mirror *m, struct gg_found *f)
{
	return move(m->taken, m->dir, f);
}

bool gg_mirror_discard(const struct gg_mirror *m, struct gg_found *f)
{
	const char *argv[] = { "rm", "-rf", "--", m->room, NULL };

	/* from now on nobody wants it back: if we are killed, the gate removes what is left */
	if (rename(m->taken, m->work) < 0 && errno != ENOENT)
		return gg_found_bad(f, "cannot rename %s: %s", m->taken, strerror(errno));
	if (rmdir(m->room) == 0) /* what was made in it is in its place: nothing is lacked for that */
		return true;
	return run(argv, REMOVE_MS, true, f);
}
