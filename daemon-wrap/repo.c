/* repo - which repository a requested path means, and whether it may be served. See repo.h. */
#include "daemon-wrap/repo.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/gitdir.h"

bool gg_repo_errno(int e)
{
	return !e || e == ENOENT || e == ENOTDIR || e == EACCES || e == ELOOP || e == ENAMETOOLONG ||
	       e == EROFS;
}

/* What cannot be looked at is not taken for what is not there. */
static int cannot_tell(struct gg_repo *r, int e, struct gg_buf *err)
{
	r->dir[0] = 0;
	gg_buf_add(err, "the repository cannot be looked at: %s, try again later", strerror(e));
	return -e;
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* git's own rule: the git directory, and the work tree above it, must belong to whoever runs git. */
static bool owned(const char *dir, uid_t *ret_owner)
{
	struct stat st;

	if (stat(dir, &st) < 0)
		return false;
	*ret_owner = st.st_uid;
	return st.st_uid == geteuid();
}

static bool listed(const char *dir, char *const *safe, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(safe[i], "*") || !strcmp(safe[i], dir))
			return true;
	return false;
}

int gg_repo_find(const char *base, const char *path, char *const *safe, size_t nsafe, struct gg_repo *ret,
		 struct gg_buf *ret_err)
{
	static const char *const suffixes[] = { "/.git", "", ".git/.git", ".git" };
	char root[PATH_MAX], name[PATH_MAX];
	size_t n, len = strlen(path);
	uid_t owner = 0;
	bool found = false, gitfile = false;

	ret->dir[0] = 0;
	ret->below = ret->dir;
	errno = 0;
	if (!realpath(base, root))
		return gg_repo_errno(errno) ? 0 : cannot_tell(ret, errno, ret_err);
	while (len > 1 && path[len - 1] == '/')
		len--;
	for (size_t i = 0; !found && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		int k = snprintf(name, sizeof(name), "%s%s%.*s%s", root, path[0] == '/' ? "" : "/", (int)len,
				 path, suffixes[i]);

		if (k >= (int)sizeof(name))
			continue;
		errno = 0;
		gitfile = is_file(name); /* git follows what it says, wherever that is */
		found = gitfile || (gg_repo_errno(errno) && gg_gitdir_is(name));
		if (!found && !gg_repo_errno(errno))
			return cannot_tell(ret, errno, ret_err);
	}
	if (found && gitfile) {
		gg_buf_add(ret_err, "repository is a file that names another directory, which is not served");
		return -EPERM;
	}
	errno = 0;
	if (!found || !realpath(name, ret->dir)) {
		ret->dir[0] = 0;
		return gg_repo_errno(errno) ? 0 : cannot_tell(ret, errno, ret_err);
	}
	n = strcmp(root, "/") ? strlen(root) : 0;
	if (strncmp(ret->dir, root, n) || ret->dir[n] != '/') {
		ret->dir[0] = 0;
		gg_buf_add(ret_err, "repository is outside the base path");
		return -EPERM;
	}
	ret->below = ret->dir + n + 1;
	errno = 0;
	if (!owned(ret->dir, &owner) && !listed(ret->dir, safe, nsafe)) {
		if (!gg_repo_errno(errno))
			return cannot_tell(ret, errno, ret_err);
		gg_buf_add(ret_err,
			   "repository belongs to uid %u, the gate runs as uid %u: change its owner, or add "
			   "it to "
			   "gate.safeDirectory",
			   (unsigned)owner, (unsigned)geteuid());
		return -EPERM;
	}
	return 0;
}
