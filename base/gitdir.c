/* gitdir - does a directory look like a git directory? See gitdir.h. */
#include "base/gitdir.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

bool gg_gitdir_is(const char *dir)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/objects", dir) >= (int)sizeof(path) || stat(path, &st) < 0 ||
	    !S_ISDIR(st.st_mode))
		return false;
	/* HEAD may be a symbolic link to an unborn branch */
	return snprintf(path, sizeof(path), "%s/HEAD", dir) < (int)sizeof(path) && lstat(path, &st) == 0;
}
