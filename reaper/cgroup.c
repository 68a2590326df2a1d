/* cgroup - a cgroup of each session's own. See cgroup.h. */
#include "reaper/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/headroom.h"
#include "base/pstat.h"
#include "base/readfile.h"
#include "base/text.h"
#include "reaper/cgrouppath.h"
#include "reaper/scan.h"

#define OURS "git-gate-"
#define SESSION "session-"
#define NAME GG_CGROUP_NAME
#define DEPTH 8		 /* of cgroups that a session's processes made in it */
#define LET_OUT_ROUNDS 3 /* maintenance may start something while it is let out */
#define INSTANCE_LEN 32
#define START_TRIES 3

static int put(int dir, const char *file, const char *text)
{
	AUTO_CLOSE int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(text);

	if (fd < 0)
		return -errno;
	return write(fd, text, n) == (ssize_t)n ? 0 : -errno;
}

static int put_session(int base, const char *id, const char *file, const char *text)
{
	char name[NAME];

	snprintf(name, sizeof(name), SESSION "%.16s/%s", id, file);
	return put(base, name, text);
}

static int open_dir(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Its entries can be read, and it can be reached by dirfd(). 0 or -errno. */
static int list_dir(int dir, const char *name, DIR **ret)
{
	int fd = open_dir(dir, name);

	if (fd < 0)
		return fd;
	*ret = fdopendir(fd);
	if (!*ret) {
		close(fd);
		return -ENOMEM;
	}
	return 0;
}

/* --- processes --- */

static int add_pid(pid_t pid, pid_t **v, size_t *n, size_t *size)
{
	if (*n == *size) {
		size_t want = *size ? *size * 2 : 32;
		pid_t *grown = realloc(*v, want * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*v = grown;
		*size = want;
	}
	(*v)[(*n)++] = pid;
	return 0;
}

static int read_procs(int dir, const char *file, pid_t **v, size_t *n, size_t *size)
{
	AUTO_CLOSE int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	AUTO_FILE FILE *f = NULL;
	int pid, r = 0;

	if (fd < 0)
		return -errno;
	f = fdopen(fd, "r");
	if (!f)
		return -errno;
	gg_take_fd(&fd); /* f's now */
	/* 0: of another PID namespace, out of our reach */
	while (r == 0 && fscanf(f, "%d", &pid) == 1)
		if (pid > 0)
			r = add_pid((pid_t)pid, v, n, size);
	if (r == 0 && ferror(f))
		r = -ENOENT; /* ENODEV: it was removed meanwhile */
	return r;
}

int gg_cgroup_procs(int base, const char *id, pid_t **v, size_t *n, size_t *size)
{
	char file[NAME];

	snprintf(file, sizeof(file), SESSION "%.16s/cgroup.procs", id);
	return read_procs(base, file, v, n, size);
}

static int move(pid_t pid, int dir, const char *leaf)
{
	char file[NAME], text[16];

	snprintf(file, sizeof(file), "%s/cgroup.procs", leaf);
	snprintf(text, sizeof(text), "%d", (int)pid);
	return put(dir, file, text);
}

/*
 * Detached maintenance of a session to the gate's leaf: it may outlive both. What it has started is of its
 * session. Again while there was some: it may start something meanwhile. 0, or -errno of what the machine
 * lacks to tell who is in there.
 */
static int let_out(const struct gg_cgroup *c, int base, const char *id)
{
	bool any = true;
	int r;

	for (int round = 0; any && round < LET_OUT_ROUNDS; round++) {
		AUTO_FREE pid_t *in = NULL;
		size_t n = 0, size = 0;
		struct gg_pstat st;

		any = false;
		r = gg_cgroup_procs(base, id, &in, &n, &size);
		if (r < 0)
			return gg_is_shortage(-r) ? r : 0;
		for (size_t i = 0; i < n; i++)
			if (gg_pstat_read(in[i], &st) == 0 && gg_orphan_is_gc(st.sid, st.sid))
				any |= move(in[i], c->base, "gate") == 0;
	}
	return 0;
}

/* --- removing --- */

/* A cgroup and those in it, as far as nobody is in them. 0 or -errno. */
static int remove_tree(int dir, const char *name, int depth)
{
	AUTO_DIR DIR *d = NULL;
	const struct dirent *e;
	int r;

	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY || depth >= DEPTH)
		return -errno;
	r = list_dir(dir, name, &d);
	if (r < 0)
		return r;
	while ((e = readdir(d)))
		if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			remove_tree(dirfd(d), e->d_name, depth + 1);
	return unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

static void move_all(int from, int to, const char *leaf)
{
	AUTO_FREE pid_t *v = NULL;
	size_t n = 0, size = 0;

	if (read_procs(from, "gate/cgroup.procs", &v, &n, &size) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		move(v[i], to, leaf);
}

int gg_cgroup_each(int base, void (*each)(int base, const char *id, void *arg), void *arg)
{
	AUTO_DIR DIR *d = NULL;
	const struct dirent *e;
	int r = list_dir(base, ".", &d);

	if (r < 0)
		return r;
	while ((e = readdir(d)))
		if (strncmp(e->d_name, SESSION, strlen(SESSION)) == 0)
			each(base, e->d_name + strlen(SESSION), arg);
	return 0;
}

/* --- one session --- */

int gg_cgroup_make(int base, const char *id)
{
	char name[NAME];

	snprintf(name, sizeof(name), SESSION "%.16s", id);
	return mkdirat(base, name, 0755) < 0 ? -errno : 0;
}

int gg_cgroup_kill(const struct gg_cgroup *c, int base, const char *id)
{
	int r = let_out(c, base, id);

	return r ? r : put_session(base, id, "cgroup.kill", "1");
}

int gg_cgroup_freeze(int base, const char *id, bool still)
{
	return put_session(base, id, "cgroup.freeze", still ? "1" : "0");
}

int gg_cgroup_remove(const struct gg_cgroup *c, int base, const char *id)
{
	char name[NAME];
	int r;

	snprintf(name, sizeof(name), SESSION "%.16s", id);
	if (unlinkat(base, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY)
		return -errno;
	r = let_out(c, base, id);
	return r ? r : remove_tree(base, name, 0);
}

/* --- the gate's own --- */

static int refuse(struct gg_cgroup *c, int err, const char *why)
{
	snprintf(c->why, sizeof(c->why), "%s", why);
	gg_close_fd(&c->parent);
	gg_close_fd(&c->base);
	return err;
}

static int refuse_of(struct gg_cgroup *c, int err, const char *dir, const char *cure)
{
	struct gg_buf b = GG_BUF(c->why);

	gg_buf_add(&b, "%.150s: %s%s", dir, strerror(-err), cure);
	gg_close_fd(&c->parent);
	gg_close_fd(&c->base);
	return err;
}

/* The directory of the cgroup that we are in. 0 or -errno, with c->why. */
static int find_own(struct gg_cgroup *c, char own[static PATH_MAX], char dir[static PATH_MAX])
{
	AUTO_FREE char *mounts = NULL, *text = malloc(PATH_MAX * 2);
	size_t len, cap = 1 << 16;
	int r = text ? gg_read_file("/proc/self/cgroup", text, PATH_MAX * 2, &len) : -ENOMEM;

	r = r ? r : gg_cgroup_own(text, own, PATH_MAX);
	if (gg_is_shortage(-r))
		return refuse(c, r, strerror(-r));
	if (r < 0)
		return refuse(c, r,
			      r == -ENOENT ? "there is no cgroup v2 here"
					   : "our cgroup cannot be seen from here");
	do {
		cap *= 4;
		free(mounts);
		mounts = malloc(cap);
		r = mounts ? gg_read_file("/proc/self/mountinfo", mounts, cap, &len) : -ENOMEM;
	} while (r == 0 && len == cap - 1 && cap < 1 << 24);
	r = r ? r : gg_cgroup_dir(mounts, own, dir, PATH_MAX);
	if (gg_is_shortage(-r))
		return refuse(c, r, strerror(-r));
	return r < 0 ? refuse(c, r, "no cgroup v2 file system is mounted that shows our cgroup") : 0;
}

static bool has_mark(int dir, const char *name)
{
	char value[4];

	return fgetxattr(dir, name, value, sizeof(value)) >= 1 && value[0] == '1';
}

/*
 * May we make cgroups there? Who owns it may. root may everywhere, but only where nobody else manages them:
 * where systemd says that it has left them to us, or as PID 1 of a container that has a root of its own.
 */
static bool is_ours(int dir, const char *own, const struct stat *st)
{
	if (geteuid() != 0)
		return st->st_uid == geteuid();
	return has_mark(dir, "user.delegate") || has_mark(dir, "trusted.delegate") ||
	       (getpid() == 1 && !own[1]);
}

static int examine(struct gg_cgroup *c, const char *own, const char *dir)
{
	struct stat st;

	c->parent = open_dir(AT_FDCWD, dir);
	if (c->parent < 0)
		return refuse_of(c, c->parent, dir, "");
	if (faccessat(c->parent, "cgroup.type", F_OK, 0) < 0)
		return refuse(c, -EPERM, "we are in the root of all cgroups, which is nobody's own");
	if (faccessat(c->parent, "cgroup.kill", F_OK, 0) < 0)
		return refuse(c, -EOPNOTSUPP, "the kernel has no cgroup.kill (Linux 5.14)");
	if (fstat(c->parent, &st) < 0 || !is_ours(c->parent, own, &st))
		return refuse_of(c, -EPERM, dir,
				 " (not delegated to us: Delegate=yes in the unit does that)");
	return 0;
}

/* Make base and gate, and move there. 0 or -errno, and nothing is left then. */
static int make_base(struct gg_cgroup *c, const char *name)
{
	int r = mkdirat(c->parent, name, 0755) < 0 ? -errno : 0;

	if (r < 0)
		return r;
	c->base = open_dir(c->parent, name);
	r = c->base < 0 ? c->base : 0;
	if (r == 0 && mkdirat(c->base, "gate", 0755) < 0)
		r = -errno;
	r = r ? r : put(c->base, "gate/cgroup.procs", "0");
	if (r < 0) {
		gg_close_fd(&c->base);
		remove_tree(c->parent, name, 0);
	}
	return r;
}

int gg_cgroup_open(struct gg_cgroup *c, const char *instance)
{
	char own[PATH_MAX], dir[PATH_MAX], name[NAME];
	int r, tries = START_TRIES;

	*c = (struct gg_cgroup){ .parent = -1, .base = -1, .before = -1 };
	r = find_own(c, own, dir);
	r = r ? r : examine(c, own, dir);
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), OURS "%.40s", instance);
	do
		r = make_base(c, name);
	/* another gate that starts now took it for what a dead one left: nobody was in it yet */
	while ((r == -ENOENT || r == -ENODEV) && --tries);
	if (r < 0)
		return refuse_of(c, r, dir,
				 r == -EROFS ? " (ProtectControlGroups=yes, or a container's default)" : "");
	snprintf(c->path, sizeof(c->path), "%.*s/%s", PATH_MAX - NAME - 2, dir, name);
	return 0;
}

void gg_cgroup_close(struct gg_cgroup *c)
{
	if (c->base < 0)
		return;
	move_all(c->base, c->parent, ".");
	remove_tree(c->parent, strrchr(c->path, '/') + 1, 0);
	gg_close_fd(&c->before);
	gg_close_fd(&c->base);
	gg_close_fd(&c->parent);
}

/* Nobody is in it, nor in what is below it. */
static bool is_empty(int parent, const char *name)
{
	char file[NAME], text[256];
	AUTO_CLOSE int fd = -1;
	ssize_t n;

	snprintf(file, sizeof(file), "%.48s/cgroup.events", name);
	fd = openat(parent, file, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	return strstr(text, "populated 0");
}

void gg_cgroup_drop_before(struct gg_cgroup *c)
{
	if (c->before < 0)
		return;
	remove_tree(c->parent, c->before_name, 0);
	gg_close_fd(&c->before);
}

int gg_cgroup_find_before(struct gg_cgroup *c, const char *instance)
{
	const char *own = strrchr(c->path, '/') + 1;
	AUTO_DIR DIR *d = NULL;
	const struct dirent *e;
	int r = list_dir(c->parent, ".", &d);

	if (r < 0)
		return r;
	while ((e = readdir(d))) {
		if (strncmp(e->d_name, OURS, strlen(OURS)) != 0 ||
		    strlen(e->d_name) != strlen(OURS) + INSTANCE_LEN || strcmp(e->d_name, own) == 0)
			continue;
		if (instance[0] && strcmp(e->d_name + strlen(OURS), instance) == 0) {
			gg_close_fd(&c->before);
			c->before = open_dir(c->parent, e->d_name);
			snprintf(c->before_name, sizeof(c->before_name), "%.60s", e->d_name);
			if (c->before >= 0)
				move_all(c->before, c->base, "gate");
		}
		if (is_empty(c->parent, e->d_name))
			remove_tree(c->parent, e->d_name, 0);
	}
	return 0;
}
