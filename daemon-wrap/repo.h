/* repo - which repository a requested path means, and whether it may be served. Effect: looks at the file
 * system. */
#ifndef GG_WRAP_REPO_H
#define GG_WRAP_REPO_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct gg_repo {
	char dir[PATH_MAX]; /* the git directory, resolved; "" when there is none by this name */
	const char *below;  /* the same below the base path; into dir */
};

/*
 * Tries the names that git daemon tries: PATH/.git, PATH, PATH.git/.git, PATH.git below base.
 *   base     absolute; resolved here
 *   safe     paths (or "*") of gate.safeDirectory, nsafe of them
 *   ret_err  for the client and the log, when it must not be served: it leaves the base path, or belongs to
 * another user (then with the cure), or the machine cannot tell. Returns 0 also when nothing is found (git
 * daemon says so itself); -EPERM or another -errno with a text in ret_err.
 */
int gg_repo_find(const char *base, const char *path, char *const *safe, size_t nsafe, struct gg_repo *ret,
		 struct gg_buf *ret_err);

/* Does an errno say how a path is? Any other says that the machine cannot tell now. */
bool gg_repo_errno(int e);

#endif
