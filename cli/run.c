/* run - git-gate run: read the configuration and serve. */
#include <signal.h>

#include "base/conf.h"
#include "base/spawn.h"
#include "cli/command.h"
#include "cli/config.h"
#include "supervisor/gate.h"

enum { RELOAD_GIT_MS = 2000 };

/*
 * Before the loop has its handlers a signal would end us, and PID 1 would not even see it: so they wait until
 * then. A TERM or INT that comes earlier is looked for between the steps.
 */
static void hold_signals(void)
{
	static const int signals[] = GG_GATE_SIGNALS;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* For a reload. The gate serves nobody meanwhile, so git gets less time than at the start. */
static int load(void *arg, struct gg_reader *ret)
{
	const struct gg_args *a = arg;
	int e = gg_reader_init(ret);

	ret->git_ms = RELOAD_GIT_MS;
	return e ? e : gg_conf_load(ret, a->config, a->set, a->nset);
}

int gg_cmd_run(const struct gg_args *a)
{
	struct gg_reader r;
	struct gg_args again = *a;
	struct gg_gate_start start = { .conf = &r.conf, .load = load, .arg = &again };
	int code;

	hold_signals();
	code = gg_config_load(a, &r);
	if (gg_stop_pending())
		code = GG_EXIT_DONE;
	else if (code == 0)
		code = gg_gate_run(&start);
	gg_reader_free(&r);
	return code;
}
