/*
 * argv - the command line and the environment of a git:// session, from the settings. Pure but for
 * allocation. Used by supervisor/session.c, tested by tests/unit/argv.c, a row a rule.
 *
 * git-gate-session takes its own options, then "--", then the git-daemon command that it becomes:
 *   git-gate-session --status-fd=3 --base-path=B … -- /usr/lib/git-core/git-daemon --inetd …
 */
#ifndef GG_WRAP_ARGV_H
#define GG_WRAP_ARGV_H

#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"

struct gg_strv {
	char **v; /* NULL-terminated, owned */
	size_t n, size;
};

/* Append a formatted string. 0 or -ENOMEM. */
int gg_strv_add(struct gg_strv *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void gg_strv_free(struct gg_strv *s);

/*
 * session  path of git-gate-session;  daemon  path of git-daemon
 * nofile   soft limit of descriptors that git gets (the gate raises its own)
 */
int gg_argv_git(struct gg_strv *ret, const struct gg_conf *c, const char *session, const char *daemon,
		uint64_t nofile);

/* What differs from one session to the next. */
struct gg_env {
	const char *path;	   /* PATH */
	const char *id, *instance; /* GIT_GATE_SESSION, GIT_GATE_INSTANCE */
	const char *host;	   /* REMOTE_ADDR: IPv6 in brackets, as git daemon has it */
	uint16_t port;		   /* REMOTE_PORT */
};

/* The whole environment, from nothing: what the gate itself was started with does not reach git or a hook. */
int gg_env_git(struct gg_strv *ret, const struct gg_conf *c, const struct gg_env *e);

/* Seconds for git-daemon's --init-timeout: a backstop behind the reaper's deadline, 0 (none) when it only
 * observes. */
int64_t gg_argv_init_timeout(const struct gg_conf *c);

#endif
