/*
 * argv - the command line of a git:// session and the environment of any, from the settings. Pure but for
 * allocation. Used by supervisor/session.c, tested by tests/unit/wrap.c, a row a rule.
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

/* The same for git-gate-http, path of which is http, which has git-http-backend do the work. */
int gg_argv_http(struct gg_strv *ret, const struct gg_conf *c, const char *http, const char *backend,
		 uint64_t nofile);

/* What differs from one session to the next. */
struct gg_env {
	const char *path;	   /* PATH */
	const char *id, *instance; /* GIT_GATE_SESSION, GIT_GATE_INSTANCE */
	const char *host; /* REMOTE_ADDR: IPv6 in brackets, as git daemon has it; NULL: it has no address, nor
			     port */
	uint16_t port;	  /* REMOTE_PORT */
	const char *user; /* GIT_GATE_USER and REMOTE_USER; NULL: not known */
	const char *cgroup; /* GIT_GATE_CGROUP, for gg_wrap_join; NULL: none */
};

/* The whole environment, from nothing: what the gate itself was started with does not reach git or a hook. */
int gg_env_git(struct gg_strv *ret, const struct gg_conf *c, const struct gg_env *e);

/*
 * The same for an HTTP connection: what git-gate-http is started with and git http-backend gets for each
 * request (httpenv.h adds the request's own). GIT_PROJECT_ROOT, GIT_HTTP_EXPORT_ALL, http.receivepack and the
 * like follow the settings. REMOTE_ADDR is as on git://, so that a hook sees one form. server_addr,
 * server_port  our end of the connection: SERVER_ADDR, SERVER_PORT; NULL: not given
 */
int gg_env_http(struct gg_strv *ret, const struct gg_conf *c, const struct gg_env *e, const char *server_addr,
		uint16_t server_port);

#endif
