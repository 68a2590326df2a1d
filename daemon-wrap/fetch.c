/* fetch - a git:// fetch without git-daemon. See fetch.h. */
#include "daemon-wrap/fetch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon-wrap/repoconf.h"

/* As git-daemon was going to be told. */
static bool has_option(const struct gg_wrap *o, const char *option)
{
	for (char **a = o->command; *a; a++)
		if (!strcmp(*a, option))
			return true;
	return false;
}

static bool is_exported(const struct gg_wrap *o, const char *dir)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/git-daemon-export-ok", dir);
	return has_option(o, "--export-all") || access(path, F_OK) == 0;
}

/* git-daemon takes no path that could be written in another way, nor ~user. */
static bool is_plain(const char *path)
{
	return path[0] == '/' && !strstr(path, "//") && !strstr(path, "/.");
}

bool gg_fetch_prepare(const struct gg_wrap *o, const struct gg_request *req, const struct gg_status *st,
		      const char *packet, size_t n, struct gg_fetch *ret)
{
	const char *slash = strrchr(o->command[0], '/');
	size_t len = slash ? (size_t)(slash - o->command[0]) : 0;

	if (strcmp(st->service, "upload-pack") || !st->found[0] || gg_wrap_is_cut(st) ||
	    !is_plain(req->path) || has_option(o, "--disable=upload-pack"))
		return false;
	if (!len || len + sizeof("/git") > sizeof(ret->git) ||
	    gg_request_protocol(packet, n, ret->protocol, sizeof(ret->protocol)) < 0)
		return false;
	gg_wrap_git_dir(o, st, ret->dir, sizeof(ret->dir));
	snprintf(ret->git, sizeof(ret->git), "%.*s", (int)len, o->command[0]);
	if (!is_exported(o, ret->dir) ||
	    gg_repoconf_may_refuse(ret->dir, ret->git, o->nconfig, "upload-pack"))
		return false;
	return access(strcat(ret->git, "/git"), X_OK) == 0;
}

int gg_fetch_exec(const struct gg_fetch *f, size_t n, bool *ret_taken)
{
	static char request[GG_REQUEST_MAX];
	ssize_t got;

	*ret_taken = false;
	if (chdir(f->dir) < 0 || (f->protocol[0] && setenv("GIT_PROTOCOL", f->protocol, 1) < 0))
		return -errno;
	alarm(0); /* of the wait for the request */
	*ret_taken = true;
	do
		got = recv(0, request, n, MSG_WAITALL);
	while (got < 0 && gg_wrap_passes(errno));
	if (got != (ssize_t)n)
		return -EIO;
	signal(SIGTERM, SIG_IGN); /* kept over exec: git has begun, and ends with its client */
	execl(f->git, "git", "upload-pack", "--strict", "--timeout=0", ".", (char *)NULL);
	return -errno;
}
