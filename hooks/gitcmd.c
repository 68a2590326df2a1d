/* gitcmd - git commands that look at what a push brings. See gitcmd.h. */
#include "hooks/gitcmd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/spawn.h"
#include "hooks/run.h"

enum { ENV_MAX = 16, ARGS_MAX = 24, SAID_MAX = 400 };

struct env {
	char *v[ENV_MAX + 1];
	size_t n;
	bool failed;
};

static void env_free(struct env *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->v[i]);
}

static void env_add(struct env *e, const char *name, const char *value)
{
	char *s = NULL;

	if (e->n == ENV_MAX || asprintf(&s, "%s=%s", name, value) < 0)
		e->failed = true;
	else
		e->v[e->n++] = s;
}

static void env_keep(struct env *e, const char *name)
{
	const char *value = getenv(name);

	if (value)
		env_add(e, name, value);
}

bool gg_gitcmd_has_quarantine(void)
{
	const char *q = getenv("GIT_QUARANTINE_PATH");

	return q && *q;
}

static void env_fill(struct env *e, enum gg_git_store store)
{
	static const char *const fixed[][2] = {
		{ "LC_ALL", "C" },
		{ "GIT_NO_REPLACE_OBJECTS", "1" },
		{ "GIT_GRAFT_FILE", "/dev/null" },
		{ "GIT_CONFIG_NOSYSTEM", "1" },
		{ "GIT_CONFIG_GLOBAL", "/dev/null" },
		{ "GIT_TERMINAL_PROMPT", "0" },
		{ "GIT_OPTIONAL_LOCKS", "0" },
		{ "GIT_NO_LAZY_FETCH", "1" },
		/* that there may be grafts is said first, in the place of what is wrong */
		{ "GIT_CONFIG_COUNT", "1" },
		{ "GIT_CONFIG_KEY_0", "advice.graftFileDeprecated" },
		{ "GIT_CONFIG_VALUE_0", "false" },
	};
	const char *q = getenv("GIT_QUARANTINE_PATH");

	for (size_t i = 0; i < GG_LEN(fixed); i++)
		env_add(e, fixed[i][0], fixed[i][1]);
	env_keep(e, "PATH");
	env_keep(e, "GIT_EXEC_PATH");
	env_keep(e, "GIT_DIR");
	if (store == GG_STORE_PUSH) {
		env_keep(e, "GIT_OBJECT_DIRECTORY");
		env_keep(e, "GIT_ALTERNATE_OBJECT_DIRECTORIES");
	}
	if (store == GG_STORE_QUARANTINE)
		env_add(e, "GIT_OBJECT_DIRECTORY", q ? q : "/nonexistent");
}

int gg_gitcmd_init(struct gg_gitcmd *g, struct gg_deadline until)
{
	*g = (struct gg_gitcmd){ .until = until };
	return gg_path_search("git", getenv("PATH"), g->git, sizeof(g->git));
}

/* What stdout goes to, and the beginning of what stderr said. */
struct sink {
	const struct gg_gitcmd *g;
	const struct gg_gitcmd_io *io;
	struct gg_buf said;
	char said_text[SAID_MAX];
};

static void on_out(void *arg, const char *bytes, size_t n)
{
	struct sink *s = arg;

	if (s->io->out)
		s->io->out(s->io->arg, bytes, n);
}

static void on_err(void *arg, const char *bytes, size_t n)
{
	struct sink *s = arg;

	gg_buf_put(&s->said, bytes, n);
}

static void on_tick(void *arg, int64_t elapsed_ms)
{
	struct sink *s = arg;

	s->g->tick(s->g->tick_arg, elapsed_ms);
}

static int judge(const struct gg_run_end *end, int r, const char *command, const struct sink *s,
		 struct gg_buf *ret_err)
{
	size_t line = strcspn(s->said_text, "\n");

	if (r == 0 && gg_run_ok(end))
		return 0;
	gg_buf_add(ret_err, "git %s: ", command);
	gg_run_why(ret_err, end, &s->g->until);
	if (line) {
		gg_buf_add(ret_err, ": ");
		gg_escape(ret_err, s->said_text, line, 200);
	}
	if (r < 0)
		return r;
	if (end->timed_out)
		return -ETIMEDOUT;
	return WIFEXITED(end->status) && WEXITSTATUS(end->status) ? WEXITSTATUS(end->status) : -EIO;
}

int gg_gitcmd_run(const struct gg_gitcmd *g, enum gg_git_store store, const char *const *args,
		  const struct gg_gitcmd_io *io, struct gg_buf *ret_err)
{
	__attribute__((cleanup(env_free))) struct env env = { 0 };
	struct sink s = { .g = g, .io = io };
	const char *argv[ARGS_MAX + 1] = { g->git };
	struct gg_run_end end = { 0 };
	size_t n = 1;

	s.said = GG_BUF(s.said_text);
	while (n < ARGS_MAX && args[n - 1]) {
		argv[n] = args[n - 1];
		n++;
	}
	env_fill(&env, store);
	if (env.failed || args[n - 1]) {
		gg_buf_add(ret_err, "git %s: %s", args[0], strerror(ENOMEM));
		return -ENOMEM;
	}
	struct gg_run run = {
		.name = "git",
		.argv = (char *const *)argv,
		.envp = env.v,
		.in = io->in,
		.nin = io->nin,
		.in_fd = -1,
		.out = on_out,
		.err = on_err,
		.arg = &s,
		.tick = g->tick ? on_tick : NULL,
		.tick_ms = GG_GIT_TICK_MS,
		.limit_ms = gg_deadline_left(&g->until),
	};
	int r = gg_run(&run, &end);

	return judge(&end, r, args[0], &s, ret_err);
}
