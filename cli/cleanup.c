/* cleanup - git-gate cleanup: remove what dead pushes left in repositories and beside them. The gate runs it
 * too. */
#include "reaper/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/say.h"
#include "reaper/sweep.h"

/* Returns whether nothing is left. */
static bool clean_one(const struct gg_cleanup *c, const char *repo)
{
	int left = gg_cleanup_run(c, repo, stdout);

	if (left < 0)
		gg_say("cannot clean up '%s%s%s': %s", c->base, repo ? "/" : "", repo ? repo : "",
		       strerror(-left));
	return left == 0;
}

/* Beside the repositories. Returns whether nothing is left. */
static bool sweep(const struct gg_args *a, const char *base)
{
	int rooms = a->noperand ? 0 : gg_sweep_rooms(base, stdout);
	int scratch = a->scratch ? gg_sweep_scratch(a->scratch, a->instance, stdout) : 0;

	if (rooms < 0)
		gg_say("cannot clean up '%s': %s", base, strerror(-rooms));
	if (scratch < 0)
		gg_say("cannot clean up '%s': %s", a->scratch, strerror(-scratch));
	return rooms == 0 && scratch == 0;
}

int gg_cmd_cleanup(const struct gg_args *a)
{
	AUTO_FREE char *base = NULL;
	struct gg_cleanup c = { .strict = a->strict };
	bool clean = true;

	if (!a->base) {
		gg_say("cleanup: --base DIR is missing");
		return GG_EXIT_USAGE;
	}
	if (a->since && gg_int_parse(a->since, 0, INT64_MAX, &c.since_ms) < 0) {
		gg_say("cleanup: --since: '%s' is not a number of milliseconds since 1970", a->since);
		return GG_EXIT_USAGE;
	}
	base = realpath(a->base, NULL);
	if (!base) {
		gg_say("cannot open '%s': %s", a->base, strerror(errno));
		return GG_EXIT_FAILED;
	}
	c.base = base;
	setvbuf(stdout, NULL, _IOLBF, 0); /* whoever reads along sees each finding at once */
	if (!a->noperand)
		clean = clean_one(&c, NULL);
	for (size_t i = 0; i < a->noperand; i++)
		clean = clean_one(&c, a->operand[i]) && clean;
	clean = sweep(a, base) && clean;
	return clean ? GG_EXIT_DONE : GG_EXIT_FAILED;
}
