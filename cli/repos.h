/* repos - the [repo "NAME"] sections of a configuration, by name. Pure but for the complaint. */
#ifndef GG_CLI_REPOS_H
#define GG_CLI_REPOS_H

#include "base/conf.h"

/* NULL: there is no such section. */
const struct gg_repo_conf *gg_repos_find(const struct gg_conf *c, const char *name);
/* The same, and says so on stderr, with the name that is most like it. */
const struct gg_repo_conf *gg_repos_want(const struct gg_conf *c, const char *name);

#endif
