/* askgit - see askgit.h. */
#include "supervisor/askgit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/headroom.h"

#define ANSWERS_MS 10000
#define GET_GIT "install git again, or put one that works before it in PATH"

static const char *const args[] = { [GG_ASK_VERSION] = "version", [GG_ASK_EXEC_PATH] = "--exec-path" };

int gg_askgit_parse_version(const char *text, int *ret_major, int *ret_minor)
{
	return sscanf(text, "git version %d.%d", ret_major, ret_minor) == 2 ? 0 : -EINVAL;
}

bool gg_askgit_is_old(int major, int minor)
{
	return major < GG_GIT_MAJOR || (major == GG_GIT_MAJOR && minor < GG_GIT_MINOR);
}

void gg_askgit_begin(struct gg_askgit *a)
{
	char path_var[PATH_MAX + 8];

	a->path = getenv("PATH");
	if (!a->path || !*a->path)
		a->path = "/usr/local/bin:/usr/bin:/bin";
	if (gg_path_search("git", a->path, a->git, sizeof(a->git)) < 0)
		a->git[0] = 0;
	snprintf(path_var, sizeof(path_var), "PATH=%s", a->path);
	for (int i = 0; i < GG_NASKS; i++) {
		char *argv[] = { (char *)"git", (char *)args[i], NULL };
		char *envp[] = { path_var, (char *)"LC_ALL=C", NULL };
		struct gg_spawn sp = { .path = a->git,
				       .argv = argv,
				       .envp = envp,
				       .in = -1,
				       .out = -1,
				       .err = -1,
				       .extra = -1 };

		a->asked[i].r = *a->git ? gg_capture_begin(&a->asked[i].capture, &sp) : -ENOENT;
	}
}

void gg_askgit_end(struct gg_askgit *a, bool wanted)
{
	for (struct gg_asked *q = a->asked; q < a->asked + GG_NASKS; q++) {
		size_t len;

		if (q->r == 0)
			q->r = gg_capture_end(&q->capture, wanted ? ANSWERS_MS : 0, q->said, sizeof(q->said),
					      &len, &q->status);
		wanted = wanted && q->r == 0; /* the first that is wrong is what is said */
		q->said[q->r ? 0 : strcspn(q->said, "\n")] = 0;
	}
}

/* Is there one at all? */
static int no_git(const char *path, struct gg_buf *err)
{
	char file[PATH_MAX];

	for (const char *dir = path, *end; dir; dir = *end ? end + 1 : NULL) {
		struct stat st;

		end = strchrnul(dir, ':');
		snprintf(file, sizeof(file), "%.*s/git", (int)(end - dir), dir);
		if (*dir != '/' || stat(file, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		gg_buf_add(err, "%s cannot be run by uid %u: make it executable, or install git again", file,
			   (unsigned)geteuid());
		return -EACCES;
	}
	gg_buf_add(err, "git is not in PATH (%s): install it", path);
	return -ENOENT;
}

static int cannot_run(struct gg_buf *err, const char *git, int e)
{
	gg_buf_add(err, "cannot run %s: %s", git, e == ETIMEDOUT ? "it does not answer" : strerror(e));
	if (!gg_is_shortage(e)) /* else it is not git's fault */
		gg_buf_add(err, "; " GET_GIT);
	return -e;
}

static void add_end(struct gg_buf *err, int status)
{
	if (WIFSIGNALED(status))
		gg_buf_add(err, "it was ended by signal %d", WTERMSIG(status));
	else
		gg_buf_add(err, "its exit status is %d", WEXITSTATUS(status));
}

static int check(const struct gg_askgit *a, enum gg_askgit_what what, struct gg_buf *err)
{
	const struct gg_asked *q = &a->asked[what];

	if (q->r < 0)
		return cannot_run(err, a->git, -q->r);
	if (WIFEXITED(q->status) && !WEXITSTATUS(q->status))
		return 0;
	gg_buf_add(err, "%s %s failed: ", a->git, args[what]);
	if (*q->said)
		gg_escape(err, q->said, strlen(q->said), 200);
	else
		add_end(err, q->status);
	gg_buf_add(err, "; " GET_GIT);
	return -EIO;
}

static int check_version(const char *git, const char *version, struct gg_buf *err)
{
	int major, minor;

	if (gg_askgit_parse_version(version, &major, &minor) < 0) {
		gg_buf_add(err, "%s version said '", git);
		gg_escape(err, version, strlen(version), 200);
		gg_buf_add(err, "', which is no version; " GET_GIT);
		return -EINVAL;
	}
	if (gg_askgit_is_old(major, minor)) {
		gg_buf_add(err, "%s is version %d.%d: git %d.%d or newer is needed", git, major, minor,
			   GG_GIT_MAJOR, GG_GIT_MINOR);
		return -EINVAL;
	}
	return 0;
}

int gg_askgit_answers(const struct gg_askgit *a, const char **ret_exec_path, struct gg_buf *err)
{
	int r = *a->git ? check(a, GG_ASK_VERSION, err) : no_git(a->path, err);

	r = r ? r : check_version(a->git, a->asked[GG_ASK_VERSION].said, err);
	*ret_exec_path = a->asked[GG_ASK_EXEC_PATH].said;
	return r ? r : check(a, GG_ASK_EXEC_PATH, err);
}
