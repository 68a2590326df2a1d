/* checkconfig - git-gate check-config: what is wrong, or every value and its origin. */
#include <stdio.h>

#include "base/accessload.h"
#include "base/conf.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/say.h"

static void warn(const char *key, const char *what)
{
	gg_say("warning: %s: %s", key, what);
}

int gg_cmd_check_config(const struct gg_args *a)
{
	struct gg_reader r;
	int code = gg_config_load_access(a, &r);

	if (code == 0) {
		gg_access_warn(&r.conf, warn);
		gg_conf_print(stdout, &r);
	}
	gg_reader_free(&r);
	return code;
}
