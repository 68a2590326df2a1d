/*
 * steps - the operator's own programs: DIR/pre-receive.d/ before a push is accepted, DIR/post-receive.d/ once
 * the refs have moved. Called by hooks/hook.c. Tested by tests/unit/hooksteps.c with real programs.
 *
 * Every regular file (or link to one) is a step, in the order of their names' bytes. Left out are names that
 * begin with '.', end in '~' or '.bak', or contain '.dpkg-', and directories. Each gets all updates on stdin
 * ("OLD NEW REF\n"), the caller's directory (the repository), the environment of hooks/stepenv.h and its own
 * limit. What it prints the client reads, within the bounds of hooks/sayfilter.h.
 *
 *   pre-receive   the first step that fails refuses the push, and no other runs. A file that is not
 *                 executable or no program, and a directory that cannot be read, fail before any step has
 *                 run.
 *   post-receive  all run, whatever fails.
 *
 * A directory that is not there has no steps.
 */
#ifndef GG_HOOKS_STEPS_H
#define GG_HOOKS_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#include "hooks/update.h"

struct gg_steps {	 /* all borrowed, for the call */
	const char *dir; /* hook.dir; "": no steps */
	bool post;	 /* post-receive.d, else pre-receive.d */
	const struct gg_push *push;
	const char *repo; /* for GIT_GATE_REPO */
	char *const *env; /* what the steps' environment is chosen from: environ */
	int64_t limit_ms; /* deadline.step, each */
	/*
	 * For the session's record; NULL: not told. step: "pre-receive.d/10-check", why: "exit status 1",
	 * "is not executable"; both escaped, one line.
	 */
	void (*begun)(void *arg, const char *step);
	void (*failed)(void *arg, const char *step, const char *why);
	/* who held its output after its end, and was ended; the step's own exit status is its verdict */
	void (*stray)(void *arg, const char *step, const char *who);
	void *arg;
};

/*
 * 0: all steps that there are have run and succeeded. -EPERM: a step ran and failed. Another -errno: what
 * should be a step could not be run, or the directory could not be read. The client has been told, by
 * gg_say_client, and the failed() callback was called for each.
 */
int gg_steps_run(const struct gg_steps *s);

#endif
