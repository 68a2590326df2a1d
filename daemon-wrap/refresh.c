/* refresh - bring a repository up to date before it is served. See refresh.h. */
#include "daemon-wrap/refresh.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/spawn.h"
#include "base/text.h"

extern char **environ;

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

void gg_wrap_refresh(const struct gg_wrap *o, struct gg_status *st)
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

	if (!o->refresh || !st->found[0])
		return;
	find_hook(hook, sizeof(hook));
	snprintf(dir, sizeof(dir), "%s/%s", o->base_path, st->repo);
	backstop = alarm(0); /* the client waits for us now */
	r = gg_spawn_capture(&sp, INT_MAX, out, sizeof(out), &n, &status);
	alarm(backstop);
	if (r == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	gg_buf_add(&why, "the repository cannot be brought up to date: ");
	if (r == 0 && n > 1)
		gg_buf_add(&why, "%.*s", (int)strcspn(out, "\n"), out);
	else
		gg_buf_add(&why, "git-gate-hook %s", r < 0 ? "does not start" : "failed");
	gg_buf_add(&why, ", try again later");
}
