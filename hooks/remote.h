/*
 * remote - what is asked of a repository's upstream, over ssh. Effect. Used by hooks/forward.c and
 * hooks/refresh.c.
 */
#ifndef GG_HOOKS_REMOTE_H
#define GG_HOOKS_REMOTE_H

#include "hooks/git.h"
#include "hooks/outcome.h"
#include "hooks/pushconf.h"
#include "hooks/pushreport.h"

struct gg_remote {
	const struct gg_push_conf *c; /* borrowed */
	struct gg_git git;
};

/* What the calls have in common. ret_why: on failure, one line for people. 0 or -errno. */
int gg_remote_open(struct gg_remote *u, const struct gg_push_conf *c, const char *gitdir,
		   struct gg_buf *ret_why);

struct gg_heads { /* what upstream has */
	struct gg_listing l;
	char *text;	 /* l refers to it */
	char head[1024]; /* what HEAD points at: "refs/heads/main"; "": unknown */
};

/*
 * git ls-remote.
 *   only_head  ask for HEAD only
 *   ret_why    on failure: one line for people
 * 0; -ETIMEDOUT; -EIO: it failed; other -errno.
 */
int gg_remote_list(const struct gg_remote *u, const struct gg_deadline *until, bool only_head,
		   struct gg_heads *ret, struct gg_buf *ret_why);
void gg_heads_free(struct gg_heads *h);

/* Why a call failed, for people: what git or ssh said, else how it ended. Paths of the gate's are not in it.
 */
void gg_remote_why(const struct gg_remote *u, struct gg_buf *b, const char *name,
		   const struct gg_push_report *said, const struct gg_run_end *end,
		   const struct gg_deadline *until);

#endif
