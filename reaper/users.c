/*
 * users - which processes use a repository, or may. See users.h. What the machine lacks to look at one of
 * them says nothing of it: it counts as one that does.
 */
#include "reaper/users.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/headroom.h"
#include "base/pstat.h"
#include "reaper/procfs.h"
#include "reaper/proctable.h"

#define FDS_MAX 1024	  /* of one process that are looked at */
#define HELD_LOOKS 20	  /* at one that sleeps in the kernel: mostly it waits for a disk, not for long ... */
#define HELD_WAIT_US 5000 /* ... so long from one to the next */

struct gg_users {
	struct gg_proctable_row *v;
	bool *held; /* by place in v: gg_procfs_held, and not only for a moment */
	size_t n;
	int64_t looked_ms;
	int64_t boot_real_ms; /* when the machine started, by the wall clock of now */
};

int gg_users_read(struct gg_users **ret)
{
	struct gg_users *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	u->looked_ms = gg_clock_ms(CLOCK_REALTIME);
	r = gg_proctable_read(&u->v, &u->n);
	u->held = r == 0 ? calloc(u->n + 1, sizeof(*u->held)) : NULL;
	if (!u->held) {
		free(u->v);
		free(u);
		return r ? r : -ENOMEM;
	}
	u->boot_real_ms = gg_clock_ms(CLOCK_REALTIME) - gg_clock_ms(CLOCK_BOOTTIME);
	*ret = u;
	return 0;
}

void gg_users_free(struct gg_users *u)
{
	if (!u)
		return;
	free(u->v);
	free(u->held);
	free(u);
}

/* Can its command line and environment not be read? It is waited for, once. */
static bool is_held(const struct gg_users *u, size_t i)
{
	struct gg_pstat st;

	for (int n = 0;
	     !u->held[i] && gg_pstat_read(u->v[i].pid, &st) == 0 && gg_procfs_held(u->v[i].pid, &st); n++) {
		u->held[i] = n >= HELD_LOOKS;
		usleep(HELD_WAIT_US);
	}
	return u->held[i];
}

static int64_t start_of(const struct gg_users *u, const struct gg_proctable_row *p)
{
	return u->boot_real_ms + (int64_t)p->start_tick * 1000 / sysconf(_SC_CLK_TCK);
}

int64_t gg_users_looked(const struct gg_users *u)
{
	return u->looked_ms;
}

int64_t gg_users_start(const struct gg_users *u, pid_t pid)
{
	for (size_t i = 0; i < u->n; i++)
		if (u->v[i].pid == pid)
			return start_of(u, &u->v[i]);
	return -1;
}

static bool inside(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (path[n] == 0 || path[n] == '/' || path[n] == ' ');
}

static bool may_be_git(pid_t pid)
{
	struct gg_pstat st;

	return gg_pstat_read(pid, &st) < 0 || !strncmp(st.comm, "git", 3) || !strncmp(st.comm, "jgit", 4) ||
	       !strncmp(st.comm, "java", 4);
}

/* argv[0] is git, git-something, or a program that speaks git's formats itself; an unreadable one counts as
 * git. */
static bool is_git(pid_t pid, const char *dir, bool *ret_named)
{
	char argv[4096];
	const char *name;
	size_t len = 0;
	int r = gg_procfs_argv(pid, argv, sizeof(argv), &len);

	*ret_named = false;
	if (r == -EBUSY || gg_is_shortage(-r))
		return *ret_named = may_be_git(pid);
	if (r < 0 || !len)
		return false;
	*ret_named = memmem(argv, len, dir, strlen(dir)) != NULL;
	name = strrchr(argv, '/');
	name = name ? name + 1 : argv;
	if (!strncmp(name, "git-gate", 8))
		return false; /* ours: what we run as git shows as git */
	return !strncmp(name, "git", 3) || !strncmp(name, "jgit", 4);
}

static bool has_open_file(pid_t pid, const char *dir)
{
	char path[64], name[32], link[4096];
	AUTO_DIR DIR *d = NULL;
	struct dirent *e;
	int seen = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	if (!d)
		return gg_is_shortage(errno);
	while (seen++ < FDS_MAX && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "fd/%.16s", e->d_name);
		if (gg_procfs_link(pid, name, link, sizeof(link)) == 0 && inside(link, dir))
			return true;
	}
	return false;
}

/* Does a path, as the process sees it, lead into dir? */
static bool leads_into(const char *cwd, const char *path, const char *dir)
{
	char full[2 * PATH_MAX], real[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s%s", *path == '/' ? "" : cwd, *path == '/' ? "" : "/", path);
	return realpath(full, real) ? inside(real, dir) : gg_is_shortage(errno);
}

/* Any argument that is a path, relative ones and those behind --git-dir= too. */
static bool argv_leads_into(pid_t pid, const char *cwd, const char *dir)
{
	char argv[4096];
	size_t len = 0;

	if (gg_procfs_argv(pid, argv, sizeof(argv), &len) < 0)
		return true;
	for (const char *a = argv; a < argv + len; a += strlen(a) + 1) {
		const char *eq = *a == '-' ? strchr(a, '=') : NULL;

		if ((eq || *a != '-') && leads_into(cwd, eq ? eq + 1 : a, dir))
			return true;
	}
	return false;
}

/* Which repository git finds from a directory: the first .git above it, a directory or a file that names one.
 */
static bool discovers(const char *cwd, const char *dir)
{
	char at[PATH_MAX], git[PATH_MAX + 8], text[PATH_MAX];
	char *slash;

	snprintf(at, sizeof(at), "%s", cwd);
	do {
		AUTO_FILE FILE *f = NULL;
		struct stat st;

		snprintf(git, sizeof(git), "%s/.git", at);
		if (stat(git, &st) == 0 && S_ISDIR(st.st_mode))
			return leads_into(at, ".git", dir);
		f = stat(git, &st) == 0 ? fopen(git, "re") : NULL;
		if (!f && gg_is_shortage(errno))
			return true;
		if (f && fgets(text, sizeof(text), f) && !strncmp(text, "gitdir: ", 8)) {
			text[strcspn(text, "\n")] = 0;
			return leads_into(at, text + 8, dir);
		}
		slash = strrchr(at, '/');
		if (slash)
			*slash = 0;
	} while (slash);
	return false;
}

static bool uses(const struct gg_users *u, size_t i, const char *dir)
{
	char cwd[PATH_MAX], git_dir[PATH_MAX];
	bool named, git;
	pid_t pid = u->v[i].pid;
	int r = gg_procfs_link(pid, "cwd", cwd, sizeof(cwd));

	if (r == -ENOENT || r == -ESRCH)
		return false; /* gone, a zombie, or a kernel thread */
	if (r == 0 && inside(cwd, dir))
		return true;
	is_held(u, i);
	git = is_git(pid, dir, &named);
	if (r < 0)
		return git || named; /* somebody else's: all that is known is its command line */
	if (git && (named || discovers(cwd, dir) || argv_leads_into(pid, cwd, dir)))
		return true;
	r = git ? gg_procfs_getenv(pid, "GIT_DIR", git_dir, sizeof(git_dir)) : -ENODATA;
	if (gg_is_shortage(-r) || (r == 0 && leads_into(cwd, git_dir, dir)))
		return true;
	return has_open_file(pid, dir);
}

int gg_users_of(const struct gg_users *u, const char *dir, int64_t **ret, size_t *ret_n)
{
	int64_t *v = calloc(u->n + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < u->n; i++)
		if (u->v[i].pid != getpid() && uses(u, i, dir))
			v[n++] = start_of(u, &u->v[i]);
	*ret = v;
	*ret_n = n;
	return 0;
}

bool gg_users_any_at(const struct gg_users *u, const char *dir)
{
	for (size_t i = 0; i < u->n; i++) {
		pid_t pid = u->v[i].pid;
		char cwd[PATH_MAX];
		bool named;

		if (pid == getpid())
			continue;
		is_held(u, i);
		is_git(pid, dir, &named);
		if (named || (gg_procfs_link(pid, "cwd", cwd, sizeof(cwd)) == 0 && inside(cwd, dir)) ||
		    has_open_file(pid, dir))
			return true;
	}
	return false;
}

/* In doubt it has. */
static bool has_variable(pid_t pid, const char *name, const char *value)
{
	char got[128];
	int r = gg_procfs_getenv(pid, name, got, sizeof(got));

	return r == -EBUSY || gg_is_shortage(-r) || (r == 0 && !strcmp(got, value));
}

bool gg_users_any_of(const struct gg_users *u, const char *instance, const char *session)
{
	for (size_t i = 0; i < u->n; i++)
		if ((is_held(u, i) || has_variable(u->v[i].pid, "GIT_GATE_SESSION", session)) &&
		    has_variable(u->v[i].pid, "GIT_GATE_INSTANCE", instance))
			return true;
	return false;
}
