/*
 * git-gate-hook - what git runs as pre-receive and post-receive of every session (core.hooksPath points at a
 * directory where it has these names), as pre-push of a forward, and as `git-gate-hook git pack-objects` in
 * place of that for a fetch that is served what may be stale (uploadpack.packObjectsHook); and
 * git-gate-session and git-gate-http as `git-gate-hook refresh DIR` before they serve a repository.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/jsonmem.h"
#include "base/stamp.h"
#include "hooks/prepush.h"
#include "hooks/prereceive.h"
#include "hooks/refresh.h"
#include "hooks/stale.h"

static int refresh(const char *dir)
{
	struct gg_gate_link link = gg_gate_link();
	struct gg_push_conf conf;
	char mem[500], told[GG_STALE_MAX];
	struct gg_buf why = GG_BUF(mem), stale = GG_BUF(told);
	int r = gg_gate_settings(&link, &conf, &why);

	if (r == -ENOMEM) /* the gate is there, and knows nothing of it */
		gg_gate_event(&link, "refresh.failed", "%s", why.s);
	if (r < 0) {
		printf("%s\n", why.s);
		return r == -ENOMEM ? GG_REFRESH_FAILED : GG_REFRESH_UNTOLD;
	}
	r = gg_refresh(dir, &conf, &link, &why);
	if (r < 0 && conf.on_stale == GG_STALE_SERVE) {
		gg_refresh_stale(dir, why.s, &stale);
		printf("%s\n", stale.s);
		r = 0;
	}
	gg_push_conf_free(&conf);
	if (r == 0)
		return GG_REFRESH_DONE;
	printf("%s\n", why.s);
	return GG_REFRESH_FAILED;
}

static int pre_push(void)
{
	return gg_prepush(0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} hooks[] = {
		{ "pre-receive", gg_prereceive },
		{ "post-receive", gg_postreceive },
		{ "pre-push", pre_push },
	};
	const char *slash = argc ? strrchr(argv[0], '/') : NULL, *name = slash	? slash + 1
									 : argc ? argv[0]
										: "";

	if (argc > 2 && strcmp(name, "git-gate-hook") == 0 && strcmp(argv[1], "git") == 0)
		return gg_stale_pack(argv + 1);
	if (argc == 2 &&
	    strcmp(argv[1], "--version") == 0) { /* for git-gate doctor; git gives a hook no arguments */
		puts(GG_VERSION);
		return 0;
	}
	if (argc == 2 && strcmp(name, "git-gate-hook") == 0)
		name = argv[1]; /* from a script of the operator's own in hook.path */
	/* git has C, which costs nothing; the operator's programs may need more */
	setenv("LC_ALL", "C.UTF-8", 1);
	gg_jsonmem_open();
	signal(SIGPIPE, SIG_IGN); /* what nobody reads any more is no reason to die */
	signal(SIGXFSZ, SIG_IGN); /* nor is a file that may not grow: the pusher is told */
	for (size_t i = 0; i < GG_LEN(hooks); i++)
		if (strcmp(name, hooks[i].name) == 0)
			return hooks[i].run();
	if (argc == 3 && strcmp(argv[1], "refresh") == 0)
		return refresh(argv[2]);
	fprintf(stderr, "git-gate-hook: started by git and by git-gate, not for use by hand\n");
	return 2;
}
