/* run - git-gate run and git-gate watch: read the configuration, then serve, or only watch. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/accessload.h"
#include "base/cleanup.h"
#include "base/conf.h"
#include "base/spawn.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/say.h"
#include "supervisor/gate.h"
#include "supervisor/signals.h"

enum { RELOAD_GIT_MS = 2000 };

/*
 * glibc's own rule is to learn from the first large buffer that is freed (git's answer about the settings, a
 * megabyte): the next ones come from the heap, which may then keep twice as much for ever.
 */
static void give_back_memory(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
#endif
}

/* For a reload. The gate serves nobody meanwhile, so git gets less time than at the start. */
static int load(void *arg, struct gg_reader *ret)
{
	const struct gg_args *a = arg;
	int e = gg_reader_init(ret);

	ret->git_ms = RELOAD_GIT_MS;
	ret->watches = a->pid;
	ret->gate = a->gate;
	e = e ? e : gg_conf_load(ret, a->config, a->set, a->nset);
	return e ? e : gg_access_load(ret);
}

static bool is_set(const struct gg_reader *r, enum gg_key k)
{
	return strcmp(r->origin[k], "default") != 0;
}

static int run(const struct gg_args *a, pid_t watch)
{
	struct gg_reader r;
	struct gg_args again = *a;
	struct gg_askgit git = { 0 };
	struct gg_gate_start start = {
		.conf = &r.conf, .load = load, .arg = &again, .git = watch ? NULL : &git, .watch = watch
	};
	int code;

	/* a TERM or INT that comes before the loop runs is looked for between the steps */
	gg_signals_hold();
	give_back_memory();
	if (!watch)
		gg_askgit_begin(&git);
	code = gg_config_load_access(a, &r);
	if (!watch)
		gg_askgit_end(&git, code == 0);
	start.listen_set[GG_GIT] = code == 0 && is_set(&r, GG_KEY_listen_git);
	start.listen_set[GG_HTTP] = code == 0 && is_set(&r, GG_KEY_listen_http);
	if (gg_stop_pending())
		code = GG_EXIT_DONE;
	else if (code == 0)
		code = gg_gate_run(&start);
	gg_reader_free(&r);
	return code;
}

int gg_cmd_run(const struct gg_args *a)
{
	return run(a, 0);
}

/*
 * The settings of a gate that only watches: it has no listeners and a control socket of its own, which the
 * command line may set, but not the file, where the serving gate's stands.
 */
static int watch(const struct gg_args *a, pid_t pid)
{
	const char *dir = geteuid() ? getenv("XDG_RUNTIME_DIR") : NULL;
	AUTO_FREE char *control = NULL;
	AUTO_FREE char **set = calloc(a->nset + 4, sizeof(*set));
	struct gg_args with = *a;
	size_t n = 0;

	if (!set ||
	    asprintf(&control, "gate.control=%s/git-gate/watch-%d", dir ? dir : "/run", (int)pid) < 0) {
		gg_say("out of memory");
		return GG_EXIT_FAILED;
	}
	set[n++] = control;
	set[n++] = (char *)"listen.git=off";
	set[n++] = (char *)"listen.http=off";
	for (size_t i = 0; i < a->nset; i++)
		set[n++] = a->set[i];
	if (a->observe)
		set[n++] = (char *)"reaper.mode=observe";
	with.set = set;
	with.nset = n;
	return run(&with, pid);
}

int gg_cmd_watch(const struct gg_args *a)
{
	int64_t pid;

	if (!a->pid) {
		gg_say("watch: --pid is missing: the number of the process that runs the git server");
		return GG_EXIT_USAGE;
	}
	if (gg_int_parse(a->pid, 1, INT32_MAX, &pid) < 0) {
		gg_say("watch: --pid: '%s' is no process number", a->pid);
		return GG_EXIT_USAGE;
	}
	return watch(a, (pid_t)pid);
}
