#include "tests/torture/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/pidfd.h"
#include "base/spawn.h"
#include "base/text.h"

enum { GIT_MS = 60000 };

/* Run git in the scratch repository to its end; its stderr is ours. 0, -EIO when it fails, or -errno. */
static int run_git(const struct gg_scratch *s, const char *const argv[], int in, int out)
{
	struct gg_spawn sp = { .path = s->git,
			       .argv = (char *const *)argv,
			       .envp = s->env,
			       .in = in,
			       .out = out,
			       .err = 2,
			       .extra = -1 };
	AUTO_CLOSE int pidfd = -1;
	pid_t pid;
	int status, n, r = gg_spawn(&sp, &pid, &pidfd);

	if (r < 0)
		return r;
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	do
		n = poll(&p, 1, GIT_MS);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		gg_pidfd_signal(pidfd, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return n == 0 ? -ETIMEDOUT : WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static int open_in(const struct gg_scratch *s, const char *name, int flags)
{
	char path[PATH_MAX + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

static int put_random(FILE *f, size_t n)
{
	char buf[4096];

	while (n > 0) {
		size_t take = n < sizeof(buf) ? n : sizeof(buf);
		ssize_t k = getrandom(buf, take < 256 ? take : 256, 0);

		/* 256 bytes at a time are never cut short by a signal */
		if (k < 0)
			return -errno;
		if (fwrite(buf, 1, (size_t)k, f) != (size_t)k)
			return -EIO;
		n -= (size_t)k;
	}
	return 0;
}

/* One root commit on a branch of its own: blobs of that many bytes, and a first one of another size. */
static int put_history(FILE *f, const char *name, int mark, int blobs, size_t bytes, size_t first)
{
	int r = 0;

	fprintf(f,
		"commit refs/heads/%s\nmark :%d\ncommitter Torture <torture@localhost> 1700000000 +0000\n"
		"data <<END\n%s\nEND\n",
		name, mark, name);
	for (int i = 0; i < blobs && r == 0; i++) {
		size_t n = i == 0 ? first : bytes;

		fprintf(f, "M 100644 inline file-%03d\ndata %zu\n", i, n);
		r = put_random(f, n);
		fputc('\n', f);
	}
	fputc('\n', f);
	return r;
}

static int write_stream(const struct gg_scratch *s)
{
	char path[PATH_MAX + 32];
	int r;

	snprintf(path, sizeof(path), "%s/import", s->dir);
	FILE *f = fopen(path, "we");
	if (!f)
		return -errno;
	r = put_history(f, "small", 1, 5, 2000, 400000);
	if (r == 0)
		r = put_history(f, "large", 2, 200, 12000, 12000);
	if (r == 0)
		r = put_history(f, "big", 3, 128, GG_BIG_BYTES / 128, GG_BIG_BYTES / 128);
	if (r == 0 && s->clones)
		r = put_history(f, "fetched", 4, 128, GG_BIG_BYTES / 128, GG_BIG_BYTES / 128);
	if (fclose(f) != 0 && r == 0)
		r = -errno;
	return r;
}

/* The commits' names, from the file that fast-import writes: ":1 OID". */
static int read_marks(struct gg_scratch *s)
{
	char path[PATH_MAX + 32], oid[65];
	int mark, found = 0;

	snprintf(path, sizeof(path), "%s/marks", s->dir);
	AUTO_FILE FILE *f = fopen(path, "re");
	while (f && fscanf(f, " :%d %64[0-9a-f]", &mark, oid) == 2) {
		found += mark == 1 || mark == 2;
		if (mark == 1)
			snprintf(s->small.oid, sizeof(s->small.oid), "%s", oid);
		if (mark == 2)
			snprintf(s->large.oid, sizeof(s->large.oid), "%s", oid);
		if (mark == 4)
			snprintf(s->fetched_oid, sizeof(s->fetched_oid), "%s", oid);
	}
	return found == 2 ? 0 : -EIO;
}

static int import(struct gg_scratch *s)
{
	char marks[PATH_MAX + 64];
	const char *const argv[] = { "git", "fast-import", "--quiet", marks, NULL };
	int r = write_stream(s);

	snprintf(marks, sizeof(marks), "--export-marks=%s/marks", s->dir);
	if (r < 0)
		return r;
	AUTO_CLOSE int in = open_in(s, "import", O_RDONLY);
	if (in < 0)
		return in;
	r = run_git(s, argv, in, -1);
	if (r < 0)
		return r;
	return read_marks(s);
}

static int make_pack(const struct gg_scratch *s, const char *name, struct gg_packed *ret)
{
	const char *const argv[] = { "git", "pack-objects", "--revs", "--stdout", "-q", NULL };
	AUTO_CLOSE int list = open_in(s, "list", O_RDWR | O_CREAT | O_TRUNC);
	AUTO_CLOSE int out = open_in(s, name, O_RDWR | O_CREAT | O_TRUNC);
	struct stat st;
	int r;

	if (list < 0 || out < 0)
		return list < 0 ? list : out;
	if (dprintf(list, "refs/heads/%s\n", name) < 0 || lseek(list, 0, SEEK_SET) < 0)
		return -errno;
	r = run_git(s, argv, list, out);
	if (r < 0)
		return r;
	if (fstat(out, &st) < 0)
		return -errno;
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, out, 0);
	if (p == MAP_FAILED)
		return -errno;
	ret->data = p;
	ret->n = (size_t)st.st_size;
	return 0;
}

static int make_env(struct gg_scratch *s)
{
	const char *path = getenv("PATH");
	static const char *const fixed[] = {
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"LC_ALL=C",
		"GIT_CONFIG_COUNT=3",
		"GIT_CONFIG_KEY_0=core.compression",
		"GIT_CONFIG_VALUE_0=0",
		"GIT_CONFIG_KEY_1=pack.threads",
		"GIT_CONFIG_VALUE_1=1",
		"GIT_CONFIG_KEY_2=gc.auto",
		"GIT_CONFIG_VALUE_2=0",
	};
	size_t n = 0;

	path = path ? path : "/usr/local/bin:/usr/bin:/bin";
	if (asprintf(&s->env[n++], "PATH=%s", path) < 0 || asprintf(&s->env[n++], "HOME=%s", s->dir) < 0 ||
	    asprintf(&s->env[n++], "GIT_DIR=%s", s->repo) < 0)
		return -ENOMEM;
	_Static_assert(GG_LEN(fixed) + 4 <= GG_LEN(s->env), "env is too small");
	for (size_t i = 0; i < GG_LEN(fixed); i++) {
		s->env[n] = strdup(fixed[i]);
		if (!s->env[n++])
			return -ENOMEM;
	}
	return gg_path_search("git", path, s->git, sizeof(s->git));
}

static int make_dir(struct gg_scratch *s)
{
	const char *tmp = getenv("TMPDIR");
	char dir[PATH_MAX];

	struct gg_buf d = GG_BUF(dir), repo = GG_BUF(s->repo);

	gg_buf_add(&d, "%s/git-gate-torture.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (d.cut)
		return -ENAMETOOLONG;
	if (!mkdtemp(dir))
		return -errno;
	memcpy(s->dir, dir, sizeof(dir));
	gg_buf_add(&repo, "%s/repo.git", dir);
	return repo.cut ? -ENAMETOOLONG : 0;
}

static int init(struct gg_scratch *s)
{
	const char *const argv[] = { "git", "init", "--quiet", "--bare", NULL };

	return run_git(s, argv, -1, -1);
}

int gg_scratch_make(struct gg_scratch *s, char *ret_why, size_t size)
{
	const char *what = "cannot make a temporary directory";
	int r = make_dir(s);

	if (r == 0) {
		what = "cannot find git in PATH";
		r = make_env(s);
	}
	if (r == 0) {
		what = "git init failed";
		r = init(s);
	}
	if (r == 0) {
		what = "git fast-import failed";
		r = import(s);
	}
	if (r == 0) {
		what = "git pack-objects failed";
		r = make_pack(s, "small", &s->small);
	}
	if (r == 0)
		r = make_pack(s, "large", &s->large);
	if (r < 0)
		snprintf(ret_why, size, "%s: %s", what, strerror(-r));
	return r;
}

static void remove_tree(char *dir)
{
	char *const roots[] = { dir, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	FTSENT *e;

	while (fts && (e = fts_read(fts)))
		if (e->fts_info == FTS_DP)
			rmdir(e->fts_accpath);
		else if (e->fts_info != FTS_D)
			unlink(e->fts_accpath);
	if (fts)
		fts_close(fts);
}

void gg_scratch_free(struct gg_scratch *s)
{
	if (s->small.data)
		munmap(s->small.data, s->small.n);
	if (s->large.data)
		munmap(s->large.data, s->large.n);
	for (size_t i = 0; i < GG_LEN(s->env); i++)
		free(s->env[i]);
	if (*s->dir)
		remove_tree(s->dir);
	*s = (struct gg_scratch){ 0 };
}
