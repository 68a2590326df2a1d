/* gitdir - does a directory look like a git directory, as git itself asks: objects/ and HEAD? Effect: stat.
 */
#ifndef GG_BASE_GITDIR_H
#define GG_BASE_GITDIR_H

#include <stdbool.h>

/* A file that git-gate add makes in the mirror of an upstream. Where it is, and the settings name no
 * upstream, the gate has not been told yet, or no longer knows: a push would be accepted, and lost with the
 * next fetch. */
#define GG_MIRROR_MARK "git-gate-upstream"

bool gg_gitdir_is(const char *dir);

#endif
