/*
 * wrap - what git-gate-session and git-gate-http have in common: their command line, which argv.c makes, what
 * they tell the gate of a request, and what must not be served. Effect.
 */
#ifndef GG_WRAP_WRAP_H
#define GG_WRAP_WRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon-wrap/request.h"
#include "daemon-wrap/status.h"

struct gg_wrap {
	int status_fd;	    /* -1: nobody is told, or asked */
	bool refresh;	    /* some repository has an upstream */
	unsigned init_s;    /* deadline.init and some graces, a backstop for when the gate is gone; 0: none */
	int64_t keep_ms;    /* deadline.init, for a connection between two requests; 0: for ever */
	int64_t limit_push; /* bytes; 0: none; a repository can have its own */
	int nconfig;	    /* settings that the gate gave git in the environment */
	const char *base_path, *hook_path;
	char *safe[256];
	size_t nsafe;
	char **command; /* what follows "--": argv of git-daemon, path of git-http-backend */
};

/* Applies --nofile. 0 or -EINVAL, after saying on stderr that this is no program for people. */
int gg_wrap_options(const char *name, int argc, char **argv, struct gg_wrap *ret);

/*
 * Before anything else: enter the cgroup that the gate has made for the session, so that whatever is started
 * from here on is in it. Not done by the gate, because the kernel takes its time, some ten milliseconds when
 * it is idle. Without it the session is served all the same.
 */
void gg_wrap_join(const char *name);

/* Does an error of the client's socket pass, e: errno? Where the machine lacks memory, after a pause; the
 * reaper bounds how long that goes on. */
bool gg_wrap_passes(int e);

/* Fill st from the request. Whatever must not be served has a text in st->refused. known: as of
 * gg_request_parse. */
void gg_wrap_examine(const struct gg_wrap *o, const struct gg_request *req, int known, struct gg_status *st);

/* The directory of the repository that was found, and whether its name may have been cut. */
void gg_wrap_git_dir(const struct gg_wrap *o, const struct gg_status *st, char *ret, size_t size);
bool gg_wrap_is_cut(const struct gg_status *st);

void gg_wrap_report(const struct gg_wrap *o, const struct gg_status *st);

/*
 * After a report of a request, which the gate answers: wait until it has room for another session of the
 * repository. st->refused: what was told, or why it is not served, by its rules or for want of room; "": it
 * may be. What is set for this repository alone, and REMOTE_USER, is set for git in our environment.
 */
void gg_wrap_ask(const struct gg_wrap *o, struct gg_status *st, struct gg_answer *ret);

/* The gate has let it be served, and it is refused for what we lack: on stderr, which the gate records. */
void gg_wrap_record(const char *why);

#endif
