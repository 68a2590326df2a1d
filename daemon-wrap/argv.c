/* argv - the command line and the environment of a git:// session. See argv.h. */
#include "daemon-wrap/argv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int gg_strv_add(struct gg_strv *s, const char *fmt, ...)
{
	va_list ap;
	int r;

	if (s->n + 1 >= s->size) {
		size_t want = s->size ? s->size * 2 : 16;
		char **v = realloc(s->v, want * sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->v = v;
		s->size = want;
	}
	va_start(ap, fmt);
	r = vasprintf(&s->v[s->n], fmt, ap);
	va_end(ap);
	if (r < 0) {
		s->v[s->n] = NULL;
		return -ENOMEM;
	}
	s->v[++s->n] = NULL;
	return 0;
}

void gg_strv_free(struct gg_strv *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct gg_strv){ 0 };
}

/* By which the reaper may be late on a busy machine: of its ends clients are told, and there is a record. */
#define LATE_MS 10000

/* Seconds for git-daemon's --init-timeout: a backstop behind the reaper's deadline, 0 (none) when it only
 * observes. */
static int64_t init_timeout(const struct gg_conf *c)
{
	if (c->mode == GG_MODE_OBSERVE || c->init_ms == GG_NEVER)
		return 0;
	return (c->init_ms + (4 * c->grace_ms > LATE_MS ? 4 * c->grace_ms : LATE_MS) + 999) / 1000;
}

/* On: offered. Off: refused, and no repository's daemon.* setting can turn it on. */
static int add_service(struct gg_strv *s, const char *name, bool on)
{
	int r = gg_strv_add(s, "--%s=%s", on ? "enable" : "disable", name);

	return r == 0 && !on ? gg_strv_add(s, "--forbid-override=%s", name) : r;
}

static bool has_upstreams(const struct gg_conf *c)
{
	for (size_t i = 0; i < c->nrepo; i++)
		if (c->repo[i].upstream[0])
			return true;
	return false;
}

/* The options that git-gate-session and git-gate-http have in common, see wrap.c. */
static int add_common(struct gg_strv *ret, const struct gg_conf *c, const char *prog, uint64_t nofile)
{
	int r = gg_strv_add(ret, "%s", prog);

	r = r ? r : gg_strv_add(ret, "--status-fd=3");
	r = r ? r : gg_strv_add(ret, "--base-path=%s", c->base_path);
	r = r ? r : gg_strv_add(ret, "--hook-path=%s", c->hook_path);
	r = r ? r : gg_strv_add(ret, "--init-timeout=%lld", (long long)init_timeout(c));
	r = r ? r : gg_strv_add(ret, "--nofile=%llu", (unsigned long long)nofile);
	if (r == 0 && has_upstreams(c))
		r = gg_strv_add(ret, "--refresh");
	for (size_t i = 0; r == 0 && i < c->safe_directory.n; i++)
		r = gg_strv_add(ret, "--safe-directory=%s", c->safe_directory.v[i]);
	return r;
}

int gg_argv_http(struct gg_strv *ret, const struct gg_conf *c, const char *http, const char *backend,
		 uint64_t nofile)
{
	int r = add_common(ret, c, http, nofile);

	if (r == 0 && c->init_ms != GG_NEVER)
		r = gg_strv_add(ret, "--keep-alive=%lld", (long long)c->init_ms);
	if (r == 0 && c->push_max)
		r = gg_strv_add(ret, "--limit-push=%lld", (long long)c->push_max);
	r = r ? r : gg_strv_add(ret, "--");
	return r ? r : gg_strv_add(ret, "%s", backend);
}

int gg_argv_git(struct gg_strv *ret, const struct gg_conf *c, const char *session, const char *daemon,
		uint64_t nofile)
{
	int r = add_common(ret, c, session, nofile);

	r = r ? r : gg_strv_add(ret, "--");
	r = r ? r : gg_strv_add(ret, "%s", daemon);
	r = r ? r : gg_strv_add(ret, "--inetd");
	r = r ? r : gg_strv_add(ret, "--log-destination=stderr");
	r = r ? r : gg_strv_add(ret, "--informative-errors");
	r = r ? r : gg_strv_add(ret, "--base-path=%s", c->base_path);
	r = r ? r : gg_strv_add(ret, "--timeout=0");
	r = r ? r : gg_strv_add(ret, "--init-timeout=%lld", (long long)init_timeout(c));
	if (r == 0 && c->export_all)
		r = gg_strv_add(ret, "--export-all");
	r = r ? r : add_service(ret, "receive-pack", c->receive_pack);
	r = r ? r : add_service(ret, "upload-pack", c->upload_pack);
	return r ? r : add_service(ret, "upload-archive", c->upload_archive);
}

/* git reads settings from GIT_CONFIG_COUNT, _KEY_n and _VALUE_n: they come after every file, so no repository
 * overrides them. */
static int add_config(struct gg_strv *s, int *n, const char *key, const char *value)
{
	int r = gg_strv_add(s, "GIT_CONFIG_KEY_%d=%s", *n, key);

	r = r ? r : gg_strv_add(s, "GIT_CONFIG_VALUE_%d=%s", *n, value);
	++*n;
	return r;
}

static int add_size_limit(struct gg_strv *ret, int *n, int64_t bytes)
{
	char text[32];

	if (!bytes)
		return 0;
	snprintf(text, sizeof(text), "%lld", (long long)bytes);
	return add_config(ret, n, "receive.maxInputSize", text);
}

static int add_client(struct gg_strv *ret, const struct gg_env *e)
{
	int r = 0;

	if (e->host) {
		r = gg_strv_add(ret, "REMOTE_ADDR=%s", e->host);
		r = r ? r : gg_strv_add(ret, "REMOTE_PORT=%u", (unsigned)e->port);
	}
	if (r == 0 && e->user) {
		r = gg_strv_add(ret, "GIT_GATE_USER=%s", e->user);
		r = r ? r : gg_strv_add(ret, "REMOTE_USER=%s", e->user);
	}
	return r;
}

/* Everything but the count of the settings, *n of them, which the caller may add to. */
static int add_env(struct gg_strv *ret, const struct gg_conf *c, const struct gg_env *e, int *n)
{
	int r = gg_strv_add(ret, "PATH=%s", e->path);

	/* git has no words of its own in C.UTF-8, but loads its files each time; hooks get C.UTF-8 from
	 * git-gate-hook */
	r = r ? r : gg_strv_add(ret, "LC_ALL=C");
	r = r ? r : gg_strv_add(ret, "GIT_GATE_SESSION=%s", e->id);
	r = r ? r : gg_strv_add(ret, "GIT_GATE_INSTANCE=%s", e->instance);
	r = r ? r : gg_strv_add(ret, "GIT_GATE_CONTROL=%s", c->control);
	if (r == 0 && e->cgroup)
		r = gg_strv_add(ret, "GIT_GATE_CGROUP=%s", e->cgroup);
	r = r ? r : add_client(ret, e);
	r = r ? r : add_config(ret, n, "core.hooksPath", c->hook_path);
	r = r ? r : add_config(ret, n, "receive.fsckObjects", "true");
	r = r ? r : add_size_limit(ret, n, c->push_max);
	for (size_t i = 0; r == 0 && i < c->safe_directory.n; i++)
		r = add_config(ret, n, "safe.directory", c->safe_directory.v[i]);
	/* git 2.39 compares with the path that it was started with, which is "."; whose repository it is was
	 * checked before */
	if (r == 0 && c->safe_directory.n)
		r = add_config(ret, n, "safe.directory", ".");
	return r;
}

int gg_env_git(struct gg_strv *ret, const struct gg_conf *c, const struct gg_env *e)
{
	int n = 0, r = add_env(ret, c, e, &n);

	return r ? r : gg_strv_add(ret, "GIT_CONFIG_COUNT=%d", n);
}

int gg_env_http(struct gg_strv *ret, const struct gg_conf *c, const struct gg_env *e, const char *server_addr,
		uint16_t server_port)
{
	int n = 0, r = add_env(ret, c, e, &n);

	/*
	 * Neither a repository's own setting nor REMOTE_USER turns on what is off here. What is on, a
	 * repository may turn off; of pushes git-gate-http finds that out (repoconf.h), because git would not
	 * take them unless it is told to.
	 */
	r = r ? r : add_config(ret, &n, "http.receivepack", c->receive_pack ? "true" : "false");
	if (r == 0 && !c->upload_pack)
		r = add_config(ret, &n, "http.uploadpack", "false");
	if (r == 0 && !c->upload_pack)
		r = add_config(ret, &n, "http.getanyfile", "false");
	r = r ? r : gg_strv_add(ret, "GIT_CONFIG_COUNT=%d", n);
	r = r ? r : gg_strv_add(ret, "GIT_PROJECT_ROOT=%s", c->base_path);
	if (r == 0 && c->export_all) /* that it is there says yes, whatever its value */
		r = gg_strv_add(ret, "GIT_HTTP_EXPORT_ALL=1");
	if (r == 0 && server_addr) {
		r = gg_strv_add(ret, "SERVER_ADDR=%s", server_addr);
		r = r ? r : gg_strv_add(ret, "SERVER_PORT=%u", (unsigned)server_port);
	}
	return r;
}
