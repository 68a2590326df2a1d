/* repos - see repos.h. */
#include "cli/repos.h"

#include <string.h>

#include "cli/say.h"

const struct gg_repo_conf *gg_repos_find(const struct gg_conf *c, const char *name)
{
	for (size_t i = 0; i < c->nrepo; i++)
		if (strcmp(c->repo[i].name, name) == 0)
			return &c->repo[i];
	return NULL;
}

const struct gg_repo_conf *gg_repos_want(const struct gg_conf *c, const char *name)
{
	const struct gg_repo_conf *found = gg_repos_find(c, name), *best = NULL;

	if (found)
		return found;
	for (size_t i = 0; i < c->nrepo; i++)
		if (!best || gg_distance(name, c->repo[i].name) < gg_distance(name, best->name))
			best = &c->repo[i];
	if (best)
		gg_say("the settings know no repository '%s'; did you mean '%s'?", name, best->name);
	else
		gg_say("the settings know no repository '%s': there is no [repo \"NAME\"] section; 'git-gate "
		       "add' makes one",
		       name);
	return NULL;
}
