/* confload - the effects behind conf.h: the file, git, the environment. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/conf.h"
#include "base/confkey.h"
#include "base/service.h"
#include "base/spawn.h"

enum {
	MAX_BYTES = 4 << 20, /* of the listing: a thousand repositories have room in it */
	MAX_SHOWN = 1000,    /* bytes of what git says */
};

/* What only the machine knows: gg_reader_settle has seen to it that the command is an absolute path. */
static int check_runs(struct gg_reader *r, enum gg_key key, const char *command)
{
	struct gg_list words = { 0 };
	char what[128];
	struct gg_buf b = GG_BUF(what);
	const char *why;
	int e = 0;

	if (r->nerror)
		return 0;
	e = gg_split_words(command, &words, &why);
	if (e == 0 && words.n && access(words.v[0], X_OK) < 0) {
		gg_buf_add(&b, "cannot be run: %s; install it, or write where it is", strerror(errno));
		e = gg_reader_wrong(r, gg_conf_key_name(key), r->origin[key], words.v[0], what);
	}
	gg_list_clear(&words);
	return e;
}

static int check_commands(struct gg_reader *r)
{
	int e = 0;

	if (r->conf.scanner == GG_SCANNER_COMMAND)
		e = check_runs(r, GG_KEY_scanner_command, r->conf.scanner_command);
	return e ? e : check_runs(r, GG_KEY_on_reap, r->conf.on_reap);
}

int gg_reader_finish(struct gg_reader *r)
{
	AUTO_FREE char *cwd = getcwd(NULL, 0);
	struct gg_place place = { .root = geteuid() == 0,
				  .runtime_dir = getenv("XDG_RUNTIME_DIR"),
				  .cwd = cwd };
	int e = !cwd && errno == ENOMEM ? -ENOMEM : gg_reader_settle(r, &place);

	return e ? e : check_commands(r);
}

static int file_error(struct gg_reader *r, const char *file, const char *why)
{
	char name[1024];
	struct gg_buf b = GG_BUF(name);

	gg_escape(&b, file, strlen(file), MAX_SHOWN);
	return gg_reader_error(r, "cannot read '%s': %s", name, why);
}

/* git reads a missing file as an empty one in some versions, so it is looked at first. 1: read it; 0: do not.
 */
static int look_at(struct gg_reader *r, const char *file, bool must_exist)
{
	AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 && errno == ENOENT && !must_exist)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return file_error(r, file, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)) /* /dev/null is a good configuration */
		return file_error(r, file, "not a regular file");
	return 1;
}

static int cannot_run(struct gg_reader *r, int err, const char *why)
{
	int e = gg_reader_error(r, "cannot run git: %s", why);

	return e < 0 ? e : err;
}

/*
 * Run git with an environment of ours: neither the user's or the system's git configuration, nor a repository
 * we happen to stand in, adds to what is read. GIT_DIR names no repository, which keeps git from looking for
 * one.
 */
static int run_git(struct gg_reader *r, const char *file, char *out, size_t size, size_t *ret_len,
		   int *ret_status)
{
	const char *path = getenv("PATH");
	AUTO_FREE char *path_env = NULL;
	char git[4096];
	const char *argv[] = { "git",	 "config", "--file",	    file, "--includes",
			       "--null", "--list", "--show-origin", NULL };
	const char *envp[] = { NULL,
			       "LC_ALL=C",
			       "GIT_CONFIG_NOSYSTEM=1",
			       "GIT_CONFIG_SYSTEM=/dev/null",
			       "GIT_CONFIG_GLOBAL=/dev/null",
			       "GIT_DIR=/dev/null",
			       NULL };
	struct gg_spawn sp = { .path = git,
			       .argv = (char *const *)argv,
			       .envp = (char *const *)envp,
			       .in = -1,
			       .out = -1,
			       .err = -1,
			       .extra = -1 };
	int e;

	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	if (gg_path_search("git", path, git, sizeof(git)) < 0)
		return cannot_run(r, -ENOENT, "not found in PATH");
	if (asprintf(&path_env, "PATH=%s", path) < 0) {
		path_env = NULL;
		return -ENOMEM;
	}
	envp[0] = path_env;
	e = gg_spawn_capture(&sp, r->git_ms, out, size, ret_len, ret_status);
	if (e == -ETIMEDOUT)
		return cannot_run(r, e, "no answer from 'git config'");
	return e < 0 ? cannot_run(r, e, strerror(-e)) : 0;
}

/* git's own words, without its "fatal: " and in one line. */
static int git_error(struct gg_reader *r, const char *file, const char *out, size_t n, int status)
{
	static const char fatal[] = "fatal: ";
	char text[4 * MAX_SHOWN];
	struct gg_buf b = GG_BUF(text);
	const char *listing;

	if (n >= strlen(fatal) && memcmp(out, fatal, strlen(fatal)) == 0) {
		out += strlen(fatal);
		n -= strlen(fatal);
	}
	/* what it had listed before it met the error comes last, because git buffers it; a NUL is in it at
	 * once */
	n = strnlen(out, n);
	listing = memmem(out, n, "\nfile:", strlen("\nfile:"));
	if (listing)
		n = (size_t)(listing - out);
	while (n && out[n - 1] == '\n')
		n--;
	gg_buf_add(&b, "git says: ");
	gg_escape(&b, out, n, MAX_SHOWN);
	if (!n && WIFSIGNALED(status))
		gg_buf_add(&b, "nothing, it was killed by signal %d", WTERMSIG(status));
	else if (!n)
		gg_buf_add(&b, "nothing, it ended with status %d", WEXITSTATUS(status));
	return file_error(r, file, text);
}

static int read_file(struct gg_reader *r, const char *file)
{
	AUTO_FREE char *out = malloc(MAX_BYTES), *cwd = NULL, *full = NULL;
	size_t n;
	int e, status;

	if (!out)
		return -ENOMEM;
	if (*file != '/') { /* origins are shown to people who stand elsewhere, and "-" means stdin to git */
		cwd = getcwd(NULL, 0);
		if (!cwd && errno == ENOMEM)
			return -ENOMEM;
		if (!cwd)
			return file_error(r, file, strerror(errno));
		if (asprintf(&full, "%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd, file) < 0) {
			full = NULL;
			return -ENOMEM;
		}
		file = full;
	}
	e = run_git(r, file, out, MAX_BYTES, &n, &status);
	if (e < 0)
		return e;
	if (status != 0)
		return git_error(r, file, out, n, status);
	if (n == MAX_BYTES - 1)
		return file_error(r, file, "over 4 MiB of settings");
	return gg_reader_feed_git(r, out, n);
}

static int read_set(struct gg_reader *r, const char *set)
{
	AUTO_FREE char *key = strdup(set);
	char *value;

	if (!key)
		return -ENOMEM;
	value = strchr(key, '=');
	if (value)
		*value++ = '\0';
	return gg_reader_feed(r, "command line", key, value);
}

int gg_conf_load(struct gg_reader *r, const char *file, char *const *set, size_t nset)
{
	const char *path = file ? file : GG_CONF_FILE;
	int e = look_at(r, path, file != NULL);

	if (e > 0)
		e = read_file(r, path);
	e = e < 0 ? e : gg_reader_feed_env(r, environ);
	for (size_t i = 0; i < nset && e == 0; i++)
		e = read_set(r, set[i]);
	return e < 0 ? e : gg_reader_finish(r);
}
