/* config - see config.h. */
#include "cli/config.h"

#include <string.h>

#include "base/accessload.h"
#include "cli/say.h"

int gg_config_try(const struct gg_args *a, struct gg_reader *r)
{
	int e = gg_reader_init(r);

	r->watches = a->pid;
	r->gate = a->gate;
	return e == 0 ? gg_conf_load(r, a->config, a->set, a->nset) : e;
}

static int say(const struct gg_reader *r, int e)
{
	for (size_t i = 0; i < r->nerror; i++)
		gg_say("%s", r->error[i]);
	if (r->nerror)
		return GG_EXIT_USAGE;
	if (e < 0)
		gg_say("cannot read the configuration: %s", strerror(-e));
	return e < 0 ? GG_EXIT_FAILED : 0;
}

int gg_config_load(const struct gg_args *a, struct gg_reader *r)
{
	int e = gg_config_try(a, r);

	return say(r, e);
}

int gg_config_load_access(const struct gg_args *a, struct gg_reader *r)
{
	int e = gg_config_try(a, r);

	return say(r, e ? e : gg_access_load(r));
}
