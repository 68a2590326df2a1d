/* sweep - remove the private directories of those who were killed. See sweep.h. */
#include "reaper/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/room.h"
#include "base/scratchdir.h"
#include "base/text.h"
#include "reaper/users.h"

struct sweep {
	const char *instances;
	struct gg_users *users;
	int64_t now_ms; /* CLOCK_REALTIME */
	FILE *out;
	int left;
};

static int open_sweep(struct sweep *s)
{
	s->now_ms = gg_clock_ms(CLOCK_REALTIME);
	return gg_users_read(&s->users);
}

static void say(struct sweep *s, const char *what, const char *path, const char *why)
{
	char mem[PATH_MAX * 2];
	struct gg_buf b = GG_BUF(mem);

	gg_escape(&b, path, strlen(path), PATH_MAX);
	fprintf(s->out, "%s\t%s%s%s\n", what, b.s, why ? "\t" : "", why ? why : "");
}

static void keep(struct sweep *s, const char *path, const char *why)
{
	s->left++;
	say(s, "kept", path, why);
}

static void discard(struct sweep *s, const char *path)
{
	int r = gg_scratchdir_remove(path);

	s->left += r < 0;
	say(s, r < 0 ? "failed" : "removed", path, r < 0 ? strerror(-r) : NULL);
}

/* Is id one of "ID,ID"? */
static bool listed(const char *list, const char *id)
{
	size_t n = strlen(id);

	for (const char *s = list; s && *s; s += *s == ',') {
		size_t len = strcspn(s, ",");

		if (len == n && !memcmp(s, id, n))
			return true;
		s += len;
	}
	return false;
}

static bool is_old(const struct sweep *s, int64_t changed_ms)
{
	return s->now_ms - changed_ms > GG_SWEEP_AGE_MS;
}

static void on_scratch(void *arg, const struct gg_scratchdir *d)
{
	struct sweep *s = arg;

	if (!listed(s->instances, d->instance) && !is_old(s, d->changed_ms))
		say(s, "foreign", d->path, "of another gate, and not a day old");
	else if (gg_users_any_of(s->users, d->instance, d->session))
		keep(s, d->path, "a process of its session lives");
	else if (gg_users_any_at(s->users, d->path))
		keep(s, d->path, "a process uses it");
	else
		discard(s, d->path);
}

int gg_sweep_scratch(const char *dir, const char *instances, FILE *out)
{
	struct sweep s = { .instances = instances, .out = out };
	char real[PATH_MAX];
	int r;

	if (!realpath(dir, real))
		return errno == ENOENT ? 0 : -errno;
	r = open_sweep(&s);
	if (r < 0)
		return r;
	r = gg_scratchdir_each_dead(real, on_scratch, &s);
	gg_users_free(s.users);
	return r < 0 ? r : s.left;
}

static void on_room(struct sweep *s, const char *path)
{
	char inner[PATH_MAX];
	struct stat st;
	bool taken = snprintf(inner, sizeof(inner), "%s/" GG_ROOM_TAKEN, path) >= (int)sizeof(inner) ||
		     lstat(inner, &st) == 0 || errno != ENOENT;

	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return;
	if (taken)
		say(s, "foreign", path, "holds a repository that git-gate remove has not forgotten yet");
	else if (!is_old(s, (int64_t)st.st_mtim.tv_sec * 1000))
		say(s, "foreign", path, "not a day old");
	else if (gg_users_any_at(s->users, path))
		keep(s, path, "a process uses it");
	else
		discard(s, path);
}

int gg_sweep_rooms(const char *base, FILE *out)
{
	struct sweep s = { .out = out };
	AUTO_DIR DIR *d = opendir(base);
	char path[PATH_MAX];
	struct dirent *e;
	int r;

	if (!d)
		return -errno;
	r = open_sweep(&s);
	if (r < 0)
		return r;
	while ((e = readdir(d)))
		if (gg_room_is(e->d_name) &&
		    snprintf(path, sizeof(path), "%s/%s", base, e->d_name) < (int)sizeof(path))
			on_room(&s, path);
	gg_users_free(s.users);
	return s.left;
}
