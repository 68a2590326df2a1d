/* httpcommand - what git is started as for a request. See httpcommand.h. */
#include "daemon-wrap/httpcommand.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon-wrap/repoconf.h"

/* NULL: it is not there, or empty. */
static const char *value_of(const struct gg_strv *env, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < env->n; i++)
		if (!strncmp(env->v[i], name, n) && env->v[i][n] == '=')
			return env->v[i][n + 1] ? env->v[i] + n + 1 : NULL;
	return NULL;
}

static bool is_known(const struct gg_route *r, bool gzip)
{
	return r->kind == GG_ROUTE_INFO_REFS || (r->kind == GG_ROUTE_RECEIVE_PACK && !gzip);
}

/* Below where git http-backend is. False: that has to be asked. */
static bool find_git(const struct gg_wrap *o, const struct gg_route *r, const struct gg_status *status,
		     struct gg_httpcommand *c)
{
	static const char name[] = "/git";
	const char *backend = o->command[0], *slash = strrchr(backend, '/');

	if (!slash)
		return false;
	gg_wrap_git_dir(o, status, c->dir, sizeof(c->dir));
	snprintf(c->git, sizeof(c->git), "%.*s", (int)(slash - backend), backend);
	if (gg_repoconf_may_refuse(c->dir, c->git, o->nconfig, r->service))
		return false;
	return strlen(c->git) + sizeof(name) <= sizeof(c->git) && access(strcat(c->git, name), X_OK) == 0;
}

/* Who moves the references, for their logs. The gate sets none of it. */
static int add_committer(struct gg_strv *env)
{
	const char *user = value_of(env, "REMOTE_USER"), *host = value_of(env, "REMOTE_ADDR");
	int r;

	user = user ? user : "anonymous";
	r = gg_strv_add(env, "GIT_COMMITTER_NAME=%s", user);
	return r ? r : gg_strv_add(env, "GIT_COMMITTER_EMAIL=%s@http.%s", user, host ? host : "(none)");
}

int gg_httpcommand_choose(const struct gg_wrap *o, const struct gg_route *route,
			  const struct gg_status *status, bool gzip, struct gg_strv *env,
			  struct gg_httpcommand *ret)
{
	struct gg_buf preface = GG_BUF(ret->text);
	const char *protocol = value_of(env, "HTTP_GIT_PROTOCOL");
	bool push = route->kind == GG_ROUTE_RECEIVE_PACK;
	int r = 0;

	ret->path = o->command[0];
	ret->cwd = ret->preface = NULL;
	ret->argv[0] = (char *)"git-http-backend";
	ret->argv[1] = NULL;
	if (!is_known(route, gzip) || !find_git(o, route, status, ret))
		return 0;
	if (push)
		gg_advert_result(&preface, route->service);
	else
		gg_advert_begin(&preface, route->service, protocol);
	ret->path = ret->git;
	ret->cwd = ret->dir;
	ret->preface = ret->text;
	ret->argv[0] = (char *)"git";
	ret->argv[1] = (char *)route->service;
	ret->argv[2] = push ? (char *)"--stateless-rpc" : (char *)"--http-backend-info-refs";
	ret->argv[3] = (char *)".";
	ret->argv[4] = NULL;
	if (protocol)
		r = gg_strv_add(env, "GIT_PROTOCOL=%s", protocol);
	return r == 0 && push ? add_committer(env) : r;
}
