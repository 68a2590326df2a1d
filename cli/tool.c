/* tool - see tool.h. */
#include "cli/tool.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/spawn.h"
#include "hooks/run.h"

static const char default_path[] = "/usr/local/bin:/usr/bin:/bin";

enum {
	MAX_SHOWN = 600, /* bytes of what a tool says */
	MAX_ARGS = 47,
};

/* What is kept of a tool's output. */
struct keep {
	struct gg_run run;
	struct gg_buf out, err;
};

static void keep_out(void *arg, const char *bytes, size_t n)
{
	gg_buf_put(&((struct keep *)arg)->out, bytes, n);
}

static void keep_err(void *arg, const char *bytes, size_t n)
{
	gg_buf_put(&((struct keep *)arg)->err, bytes, n);
}

static bool is_stopped(void *arg)
{
	(void)arg;
	return gg_stop_pending();
}

static int run(struct keep *k, const char *name, const char *env, const char *path, struct gg_run_end *end)
{
	AUTO_FREE char *path_env = NULL;
	char program[PATH_MAX];
	const char *envp[] = { NULL,
			       "LC_ALL=C",
			       "GIT_CONFIG_NOSYSTEM=1",
			       "GIT_CONFIG_GLOBAL=/dev/null",
			       "GIT_TERMINAL_PROMPT=0",
			       env,
			       NULL };
	char *argv[MAX_ARGS + 1] = { program };

	if (gg_path_search(name, path, program, sizeof(program)) < 0)
		return -ENOENT;
	for (size_t i = 1; k->run.argv[i]; i++) {
		assert(i < MAX_ARGS);
		argv[i] = k->run.argv[i];
	}
	if (asprintf(&path_env, "PATH=%s", path) < 0) {
		path_env = NULL;
		return -ENOMEM;
	}
	envp[0] = path_env;
	k->run.argv = argv;
	k->run.envp = (char *const *)envp;
	return gg_run(&k->run, end);
}

bool gg_tool_run(const struct gg_tool *t, struct gg_tool_end *ret)
{
	const char *path = getenv("PATH");
	struct keep k = { .out = { .size = sizeof(ret->out) }, .err = { .size = sizeof(ret->err) } };
	struct gg_run_end end = { .error = 0 };
	int e;

	memset(ret, 0, sizeof(*ret));
	k.out.s = ret->out;
	k.err.s = ret->err;
	k.run = (struct gg_run){ .name = t->argv[0],
				 .argv = (char *const *)t->argv,
				 .in_fd = -1,
				 .out = keep_out,
				 .err = keep_err,
				 .arg = &k,
				 .limit_ms = t->limit_ms,
				 .stop = t->undoes ? NULL : is_stopped };
	e = run(&k, t->argv[0], t->env, path ? path : default_path, &end);
	ret->stopped = end.stopped;
	ret->timed_out = end.timed_out;
	if (e < 0)
		ret->code = e;
	else
		ret->code = WIFSIGNALED(end.status) ? 128 + WTERMSIG(end.status) : WEXITSTATUS(end.status);
	return e == 0 && gg_run_ok(&end);
}

/* git begins with "fatal: " or "error: ", which says nothing here. */
static const char *skip_word(const char *s)
{
	static const char *const words[] = { "fatal: ", "error: " };

	for (size_t i = 0; i < GG_LEN(words); i++)
		if (strncmp(s, words[i], strlen(words[i])) == 0)
			return s + strlen(words[i]);
	return s;
}

static void add_words(struct gg_buf *b, const char *s)
{
	size_t n;

	s = skip_word(s);
	n = strlen(s);
	while (n && s[n - 1] == '\n')
		n--;
	for (size_t i = 0; i < n && i < MAX_SHOWN; i++)
		if (s[i] == '\n')
			gg_buf_add(b, "; ");
		else if (s[i] != '\r')
			gg_buf_put(b, s + i, 1);
	if (n > MAX_SHOWN)
		gg_buf_add(b, "...");
}

void gg_tool_why(struct gg_buf *b, const struct gg_tool *t, const struct gg_tool_end *end)
{
	const char *name = strrchr(t->argv[0], '/');

	name = name ? name + 1 : t->argv[0];
	gg_buf_add(b, "%s: ", name);
	if (end->stopped) {
		gg_buf_add(b, "interrupted");
	} else if (end->timed_out) {
		gg_buf_add(b, "no end within ");
		gg_duration_add(b, t->limit_ms);
	} else if (end->code == -ENOENT) {
		gg_buf_add(b, "not found in PATH");
	} else if (end->code < 0) {
		gg_buf_add(b, "%s", strerror(-end->code));
	} else if (*end->err || *end->out) {
		add_words(b, *end->err ? end->err : end->out);
	} else if (end->code > 128) {
		gg_buf_add(b, "killed by signal %d", end->code - 128);
	} else {
		gg_buf_add(b, "exit status %d, and no word", end->code);
	}
}

void gg_stop_hold(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGHUP, SIG_IGN); /* whoever hangs up gets it finished */
}

bool gg_stop_wanted(void)
{
	return gg_stop_pending();
}
