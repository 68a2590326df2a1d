/* refresh - bring a repository up to date before it is served. See refresh.h. */
#include "daemon-wrap/refresh.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/spawn.h"
#include "base/text.h"

/* Beside our own program. */
static void find_hook(char *ret, size_t size)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = 0;
	slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	snprintf(ret, size, "%s/git-gate-hook", self);
}

void gg_wrap_refresh(const struct gg_wrap *o, struct gg_status *st, char ret_stale[GG_STALE_MAX])
{
	struct gg_buf why = GG_BUF(st->refused);
	char hook[PATH_MAX + 16], dir[PATH_MAX], out[sizeof(st->refused)];
	char *argv[] = { hook, (char *)"refresh", dir, NULL };
	struct gg_spawn sp = {
		.path = hook, .argv = argv, .envp = environ, .in = -1, .out = -1, .err = -1, .extra = -1
	};
	unsigned backstop;
	size_t n;
	int status, r;

	ret_stale[0] = 0;
	if (!o->refresh || !st->found[0])
		return;
	find_hook(hook, sizeof(hook));
	gg_wrap_git_dir(o, st, dir, sizeof(dir));
	backstop = alarm(0); /* the client waits for us now */
	r = gg_spawn_capture(&sp, INT_MAX, out, sizeof(out), &n, &status);
	alarm(backstop);
	if (r == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		snprintf(ret_stale, GG_STALE_MAX, "%.*s", n ? (int)strcspn(out, "\n") : 0, out);
		return;
	}
	gg_buf_add(&why, "the repository cannot be brought up to date: ");
	if (r == 0 && n > 1)
		gg_buf_add(&why, "%.*s", (int)strcspn(out, "\n"), out);
	else if (r == 0 && WIFSIGNALED(status))
		gg_buf_add(&why, "git-gate-hook was ended by signal %d", WTERMSIG(status));
	else if (r == 0)
		gg_buf_add(&why, "git-gate-hook failed");
	else
		gg_buf_add(&why, "git-gate-hook does not start: %s", strerror(-r));
	if (r < 0 || n <= 1 || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != GG_REFRESH_FAILED) /* else git-gate-hook has seen to that */
		gg_wrap_record(st->refused);
	gg_buf_add(&why, ", try again later");
}

/* git has a shell run what has any of these in it. */
static void add_program(struct gg_buf *b, const char *path)
{
	if (!path[strcspn(path, "|&;<>()$`\\\"' \t\n*?[#~=%")]) {
		gg_buf_add(b, "%s", path);
		return;
	}
	gg_buf_add(b, "'");
	for (; *path; path++)
		gg_buf_add(b, *path == '\'' ? "'\\''" : "%c", *path);
	gg_buf_add(b, "'");
}

/* One more setting of git's behind those that the gate gave us, for all that we start. */
static int set_pack_hook(void)
{
	static const char key[] = "uploadpack.packObjectsHook";
	const char *count = getenv("GIT_CONFIG_COUNT"), *last;
	char hook[PATH_MAX + 16], value[2 * sizeof(hook)], name[48], text[24];
	struct gg_buf v = GG_BUF(value);
	int64_t n = 0;

	if (count && gg_int_parse(count, 0, 10000, &n) < 0)
		return 0;
	snprintf(name, sizeof(name), "GIT_CONFIG_KEY_%lld", (long long)n - 1);
	last = getenv(name);
	find_hook(hook, sizeof(hook));
	if ((last && !strcmp(last, key)) || access(hook, X_OK) < 0)
		return 0; /* it is set; or the fetch would fail for a warning */
	add_program(&v, hook);
	if (v.cut)
		return 0;
	snprintf(text, sizeof(text), "%lld", (long long)n + 1);
	snprintf(name, sizeof(name), "GIT_CONFIG_KEY_%lld", (long long)n);
	if (setenv(name, key, 1) < 0)
		return -ENOMEM;
	snprintf(name, sizeof(name), "GIT_CONFIG_VALUE_%lld", (long long)n);
	return setenv(name, value, 1) < 0 || setenv("GIT_CONFIG_COUNT", text, 1) < 0 ? -ENOMEM : 0;
}

int gg_wrap_stale(const char *stale)
{
	if (!*stale) {
		unsetenv(GG_STALE_ENV); /* the setting may stay: without this the hook says nothing */
		return 0;
	}
	return setenv(GG_STALE_ENV, stale, 1) < 0 ? -ENOMEM : set_pack_hook();
}
