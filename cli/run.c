/* run - git-gate run: read the configuration and serve. */
#include "base/conf.h"
#include "cli/command.h"
#include "cli/config.h"
#include "supervisor/gate.h"

int gg_cmd_run(const struct gg_args *a)
{
	struct gg_reader r;
	int code = gg_config_load(a, &r);

	if (code == 0)
		code = gg_gate_run(&r.conf);
	gg_reader_free(&r);
	return code;
}
