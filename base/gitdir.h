/* gitdir - does a directory look like a git directory, as git itself asks: objects/ and HEAD? Effect: stat.
 */
#ifndef GG_BASE_GITDIR_H
#define GG_BASE_GITDIR_H

#include <stdbool.h>

bool gg_gitdir_is(const char *dir);

#endif
