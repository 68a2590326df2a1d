/*
 * askgit - what git says of itself: its version, and where its programs are. Asked before the settings are
 * read, so that git answers meanwhile: a start waits for little else. Effect, but for the answers.
 */
#ifndef GG_SUPERVISOR_ASKGIT_H
#define GG_SUPERVISOR_ASKGIT_H

#include <limits.h>
#include <stdbool.h>

#include "base/spawn.h"
#include "base/text.h"

enum gg_askgit_what { GG_ASK_VERSION, GG_ASK_EXEC_PATH, GG_NASKS };

struct gg_askgit {
	const char *path;   /* $PATH, or a default: borrowed from the environment */
	char git[PATH_MAX]; /* the one in it; "": there is none */
	struct gg_asked {
		struct gg_capture capture; /* while it runs */
		int r, status;		   /* 0 and its exit status, or -errno */
		char said[PATH_MAX];	   /* its first line */
	} asked[GG_NASKS];
};

void gg_askgit_begin(struct gg_askgit *a);
/*
 * Wait for it, or end it when nobody wants the answers any more. Before there is an event loop, which may
 * take any child for its own.
 */
void gg_askgit_end(struct gg_askgit *a, bool wanted);
/*
 * Is this a git to serve with, 2.36 or newer, and where are its programs? ret_exec_path: in a. 0 or -errno,
 * with a text in err that names the culprit and the cure. Looks at files when there is no git.
 */
int gg_askgit_answers(const struct gg_askgit *a, const char **ret_exec_path, struct gg_buf *err);

/* "git version 2.39.5" → 2, 39. 0 or -EINVAL. Pure. */
int gg_askgit_parse_version(const char *text, int *ret_major, int *ret_minor);
/* safe.directory and GIT_CONFIG_COUNT work together from 2.36 on. Pure. */
enum { GG_GIT_MAJOR = 2, GG_GIT_MINOR = 36 };
bool gg_askgit_is_old(int major, int minor);

#endif
