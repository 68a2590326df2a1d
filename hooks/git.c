/* git - see git.h. */
#include "hooks/git.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/children.h"
#include "base/cleanup.h"
#include "base/pidfd.h"
#include "base/pstat.h"
#include "base/spawn.h"
#include "hooks/run.h"

enum {
	NENV = 48,
	NARG = 64,
	GENTLE_MS = 2000, /* for git to take its lock files away */
};

/* What no configuration file changes for us. hooksPath comes last, see make_env. */
static const char *const settings[][2] = {
	{ "gc.auto", "0" },
	{ "maintenance.auto", "false" },
	{ "push.gpgSign", "false" }, /* a certificate is for us, it cannot be passed on */
	{ "push.followTags", "false" },
	{ "push.recurseSubmodules", "no" },
	{ "fetch.recurseSubmodules", "false" },
	{ "fetch.writeCommitGraph", "false" },
	{ "submodule.recurse", "false" },
	{ "core.alternateRefsCommand", "true" }, /* what alternates have is no business of upstream's */
	{ "protocol.version", "2" },
};

struct env {
	char *v[NENV]; /* owned, NULL-terminated */
	size_t n;
	bool failed;
};

static void env_free(struct env *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->v[i]);
}

static void add(struct env *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct env *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (e->failed || e->n + 1 >= NENV || vasprintf(&e->v[e->n], fmt, ap) < 0) {
		e->v[e->n] = NULL;
		e->failed = true;
	} else {
		e->n++;
	}
	va_end(ap);
}

static void add_ours(struct env *e, const char *name)
{
	const char *value = getenv(name);

	if (value)
		add(e, "%s=%s", name, value);
}

static void make_env(const struct gg_git *g, const struct gg_git_call *call, struct env *e)
{
	size_t n = GG_LEN(settings);

	add(e, "LC_ALL=C"); /* git's and ssh's words are read by us */
	add_ours(e, "PATH");
	add_ours(e, "GIT_GATE_SESSION");
	add_ours(e, "GIT_GATE_INSTANCE");
	if (call->quarantine) {
		add_ours(e, "GIT_OBJECT_DIRECTORY");
		add_ours(e, "GIT_ALTERNATE_OBJECT_DIRECTORIES");
		if (!getenv("GIT_OBJECT_DIRECTORY")) /* only deletions: git made no quarantine */
			add(e, "GIT_OBJECT_DIRECTORY=%s/objects", g->gitdir);
	}
	add(e, "GIT_DIR=%s", call->git_dir ? call->git_dir : g->gitdir);
	add(e, "GIT_CONFIG_NOSYSTEM=1");
	add(e, "GIT_CONFIG_GLOBAL=%s", call->config ? call->config : "/dev/null");
	add(e, "GIT_TERMINAL_PROMPT=0");
	add(e, "GIT_NO_REPLACE_OBJECTS=1");
	add(e, "GIT_ALLOW_PROTOCOL=%s", g->ssh[0] ? "ssh" : "none");
	if (g->ssh[0]) {
		add(e, "GIT_SSH_VARIANT=ssh");
		add(e, "GIT_SSH_COMMAND=%s", g->ssh);
	}
	for (size_t i = 0; i < n; i++) {
		add(e, "GIT_CONFIG_KEY_%zu=%s", i, settings[i][0]);
		add(e, "GIT_CONFIG_VALUE_%zu=%s", i, settings[i][1]);
	}
	add(e, "GIT_CONFIG_KEY_%zu=core.hooksPath", n);
	add(e, "GIT_CONFIG_VALUE_%zu=%s", n, call->hooks ? call->hooks : "/dev/null");
	add(e, "GIT_CONFIG_COUNT=%zu", n + 1);
}

int gg_git_open(struct gg_git *g, const char *gitdir, struct gg_buf *ret_why)
{
	g->ssh[0] = '\0';
	g->lock_fd = 0;
	if (!realpath(gitdir, g->gitdir)) {
		gg_buf_add(ret_why, "cannot find the repository: %s", strerror(errno));
		return -errno;
	}
	if (gg_path_search("git", getenv("PATH"), g->git, sizeof(g->git)) < 0) {
		gg_buf_add(ret_why, "there is no git in PATH");
		return -ENOENT;
	}
	return 0;
}

/* A call under way. */
struct under_way {
	const struct gg_git_call *call;
	int64_t soft_ms; /* when git is asked to end; -1: not, or not any more */
	bool asked;
};

/* gg_run's program is our only child: nothing else runs meanwhile. */
static void ask_to_end(void)
{
	AUTO_FREE pid_t *v = NULL;
	size_t n = 0, size = 0;

	if (gg_children_read(getpid(), &v, &n, &size, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		struct gg_pstat st;

		if (gg_pstat_read(v[i], &st) == 0 && st.ppid == getpid())
			gg_proc_signal(v[i], st.start_tick, SIGTERM);
	}
}

static void on_out(void *arg, const char *bytes, size_t n)
{
	struct under_way *w = arg;

	w->call->out(w->call->arg, bytes, n);
}

static void on_err(void *arg, const char *bytes, size_t n)
{
	struct under_way *w = arg;

	if (w->call->err)
		w->call->err(w->call->arg, bytes, n);
}

static void on_tick(void *arg, int64_t elapsed_ms)
{
	struct under_way *w = arg;

	if (w->soft_ms >= 0 && elapsed_ms >= w->soft_ms) {
		ask_to_end();
		w->soft_ms = -1;
		w->asked = true;
	}
	if (w->call->tick)
		w->call->tick(w->call->arg, elapsed_ms);
}

/* Half of a short limit is left for the end. */
static int64_t soft_limit(const struct gg_git_call *call)
{
	if (!call->gentle || call->limit_ms == GG_NEVER)
		return -1;
	return call->limit_ms > 2 * GENTLE_MS ? call->limit_ms - GENTLE_MS : call->limit_ms / 2;
}

int gg_git_run(const struct gg_git *g, const struct gg_git_call *call, struct gg_run_end *ret)
{
	struct under_way w = { .call = call, .soft_ms = soft_limit(call) };
	struct env e = { .n = 0 };
	const char *argv[NARG] = { g->git };
	struct gg_run r = {
		.name = "git",
		.argv = (char *const *)argv,
		.envp = e.v,
		.in_fd = -1,
		.pass_fd = g->lock_fd,
		.in = call->in,
		.nin = call->nin,
		.out = call->out ? on_out : NULL,
		.err = on_err,
		.tick = on_tick,
		.tick_ms = call->gentle && (!call->tick || call->tick_ms > 250) ? 250 : call->tick_ms,
		.arg = &w,
		.limit_ms = call->limit_ms,
	};
	int rc;

	for (size_t i = 0; call->args[i] && i + 2 < NARG; i++)
		argv[i + 1] = call->args[i];
	make_env(g, call, &e);
	if (e.failed) {
		*ret = (struct gg_run_end){ .not_started = true, .error = -ENOMEM };
		rc = -ENOMEM;
	} else {
		rc = gg_run(&r, ret);
	}
	env_free(&e);
	/* it ended because it was asked to */
	ret->timed_out = ret->timed_out || (w.asked && !ret->not_started && !gg_run_ok(ret));
	return rc;
}
