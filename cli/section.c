/* section - see section.h. */
#include "cli/section.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/tool.h"

enum { CONFIG_MS = 10000, MODE = 0644 };

/* Why git could not make the lock, as errno has it; 0: it is not known. Some of git's commands do not say. */
static int why_no_lock(const char *file)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s.lock", file) >= (int)sizeof(path))
		return 0;
	if (access(path, F_OK) == 0)
		return EEXIST;
	*strrchr(path, '/') = '\0'; /* it is absolute, and "" cannot be written to either */
	return access(path, W_OK) < 0 ? errno : 0;
}

static bool bad(const struct gg_repo_section *s, const struct gg_tool *t, const struct gg_tool_end *end,
		struct gg_found *f)
{
	char why[1000];
	struct gg_buf w = GG_BUF(why);

	gg_tool_why(&w, t, end);
	gg_found_bad(f, "cannot change %s: %s", s->file, why);
	switch (strstr(end->err, "could not lock") ? why_no_lock(s->file) : 0) {
	case EEXIST:
		return gg_found_cure(f, "somebody else changes it now, or was killed and left %s.lock",
				     s->file);
	case EACCES:
	case EROFS:
		return gg_found_cure(f, "do it as who may write there, or name another file with --config");
	case ENOENT:
		return gg_found_cure(f, "make its directory first, or name another file with --config");
	default:
		return false;
	}
}

/* git writes a new file in the old one's place, which is then the writer's. */
static bool give_back(const struct gg_repo_section *s, const struct stat *was, struct gg_found *f)
{
	struct stat is;

	if (stat(s->file, &is) < 0)
		return gg_found_bad(f, "cannot look at %s: %s", s->file, strerror(errno));
	if (s->made_file && chmod(s->file, MODE) < 0)
		return gg_found_bad(f, "cannot change the mode of %s: %s", s->file, strerror(errno));
	if (!s->made_file && (is.st_uid != was->st_uid || is.st_gid != was->st_gid) &&
	    chown(s->file, was->st_uid, was->st_gid) < 0 && geteuid() == 0)
		return gg_found_bad(f, "cannot give %s back to its owner: %s", s->file, strerror(errno));
	return true;
}

static bool set(const struct gg_repo_section *s, const struct gg_repo_pair *p, struct gg_found *f)
{
	char key[4096];
	struct gg_buf b = GG_BUF(key);
	const char *argv[] = { "git", "config", "--file", s->file, key, p->value, NULL };
	struct gg_tool t = { .argv = argv, .env = "GIT_DIR=/dev/null", .limit_ms = CONFIG_MS };
	struct gg_tool_end end;

	gg_buf_add(&b, "repo.%s.%s", s->name, p->key);
	return gg_tool_run(&t, &end) || bad(s, &t, &end, f);
}

bool gg_repo_section_write(struct gg_repo_section *s, const struct gg_repo_pair *v, size_t n,
			   struct gg_found *f)
{
	struct gg_found undo;
	struct stat was = { 0 };
	size_t done = 0;

	s->made_file = stat(s->file, &was) < 0 && errno == ENOENT;
	while (done < n && set(s, &v[done], f))
		done++;
	if (done == n && give_back(s, &was, f))
		return gg_found_ok(f, "%s", s->file);
	if (done && !gg_repo_section_remove(s, &undo))
		gg_found_say(&undo);
	return false;
}

bool gg_repo_section_remove(const struct gg_repo_section *s, struct gg_found *f)
{
	char section[4096];
	struct gg_buf b = GG_BUF(section);
	const char *argv[] = { "git", "config", "--file", s->file, "--remove-section", section, NULL };
	struct gg_tool t = {
		.argv = argv, .env = "GIT_DIR=/dev/null", .limit_ms = CONFIG_MS, .undoes = true
	};
	struct gg_tool_end end;
	struct stat was = { 0 }, is;

	gg_buf_add(&b, "repo.%s", s->name);
	if (stat(s->file, &was) < 0)
		return gg_found_bad(f, "cannot look at %s: %s", s->file, strerror(errno));
	if (!gg_tool_run(&t, &end))
		return bad(s, &t, &end, f);
	if (s->made_file && stat(s->file, &is) == 0 && is.st_size == 0)
		unlink(s->file);
	else if (!s->made_file && !give_back(s, &was, f))
		return false;
	return gg_found_ok(f, "%s", s->file);
}
