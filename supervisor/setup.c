/* setup - what must be right before a gate can serve. See setup.h. */
#include "supervisor/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pstat.h"
#include "supervisor/gate.h"
#include "supervisor/proxied.h"

#define FDS_PER_SESSION 5 /* socket, stderr pipe, two pidfds, and one while it starts */
#define FDS_LENT 16384	  /* two a session of a watched server */
#define FDS_OTHER 512	  /* listeners, control clients, lingering connections, files of /proc */

#ifndef GG_LIBEXEC
#define GG_LIBEXEC "/usr/local/libexec/git-gate"
#endif

/* Whoever serves nothing in a way need not have what it takes. Which sockets are inherited is found later. */
static bool is_wanted(const struct gg_gate *g, enum gg_transport t)
{
	const struct gg_list *l = t == GG_HTTP ? &g->conf->listen_http : &g->conf->listen_git;

	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], "off"))
			return true;
	return getenv("LISTEN_FDS");
}

int gg_setup_proc(struct gg_buf *err)
{
	int r = gg_pstat_check();

	if (r < 0)
		gg_buf_add(err,
			   "/proc, by which the gate follows processes, is not mounted, or is of another PID "
			   "namespace: mount it in the gate's own");
	return r;
}

int gg_setup_git(struct gg_gate *g, struct gg_buf *err)
{
	const char *exec_path;
	int r = gg_askgit_answers(g->start->git, &exec_path, err);

	if (r < 0)
		return r;
	g->path = g->start->git->path;
	for (enum gg_transport t = 0; t < GG_NTRANSPORTS; t++) {
		static const char *const commands[] = {
			[GG_GIT] = "git-daemon", [GG_HTTP] = "git-http-backend"
		};
		char *command = g->served[t].command;

		if (!is_wanted(g, t))
			continue;
		snprintf(command, PATH_MAX, "%.*s/%s", PATH_MAX - 32, exec_path, commands[t]);
		if (access(command, X_OK) < 0) {
			gg_buf_add(err,
				   "%s: %s: install it (on some systems it is in a package of its own), or "
				   "set %s = off",
				   command, strerror(errno), t == GG_HTTP ? "listen.http" : "listen.git");
			return -ENOENT;
		}
	}
	return 0;
}

int gg_setup_program(const char *name, char ret[static PATH_MAX], struct gg_buf *err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n > 0) {
		self[n] = 0;
		slash = strrchr(self, '/');
		if (slash)
			*slash = 0;
		snprintf(ret, PATH_MAX, "%.*s/%s", PATH_MAX - 32, self, name);
		if (access(ret, X_OK) == 0)
			return 0;
	}
	snprintf(ret, PATH_MAX, "%s/%s", GG_LIBEXEC, name);
	if (access(ret, X_OK) == 0)
		return 0;
	gg_buf_add(err, "%s is neither beside git-gate nor in %s: install it again", name, GG_LIBEXEC);
	return -ENOENT;
}

/* Sessions are begun through our own descriptor: it goes on leading to the same file. */
static void pin(struct gg_served *s)
{
	struct gg_buf b = GG_BUF(s->pinned);
	int fd = open(s->prog, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return;
	s->fd = fd;
	gg_buf_add(&b, "/proc/%d/fd/%d", (int)getpid(), s->fd);
	if (access(s->pinned, X_OK) < 0)
		s->pinned[0] = 0;
}

int gg_setup_programs(struct gg_gate *g, struct gg_buf *err)
{
	static const char *const names[] = { [GG_GIT] = "git-gate-session", [GG_HTTP] = "git-gate-http" };
	int r = 0;

	for (enum gg_transport t = 0; t < GG_NTRANSPORTS && r == 0; t++) {
		if (!is_wanted(g, t))
			continue;
		r = gg_setup_program(names[t], g->served[t].prog, err);
		if (r == 0)
			pin(&g->served[t]);
	}
	return r;
}

const char *gg_setup_exec(const struct gg_served *s)
{
	return s->pinned[0] ? s->pinned : s->prog;
}

bool gg_setup_replaced(const struct gg_served *s)
{
	struct stat now, held;

	return s->pinned[0] && fstat(s->fd, &held) == 0 &&
	       (stat(s->prog, &now) < 0 || now.st_ino != held.st_ino || now.st_dev != held.st_dev);
}

int gg_setup_argv(const struct gg_gate *g, const struct gg_conf *c, struct gg_strv ret[static GG_NTRANSPORTS])
{
	const struct gg_served *git = &g->served[GG_GIT], *http = &g->served[GG_HTTP];
	int r = gg_argv_git(&ret[GG_GIT], c, git->prog, git->command, g->nofile);

	return r ? r : gg_argv_http(&ret[GG_HTTP], c, http->prog, http->command, g->nofile);
}

int gg_setup_hook(const struct gg_conf *c)
{
	char path[PATH_MAX], to[PATH_MAX];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "%.*s/pre-receive", PATH_MAX - 32, c->hook_path);
	n = readlink(path, to, sizeof(to) - 1);
	if (n < 0)
		return errno == ENOENT ? -ENOENT : -EINVAL;
	to[n] = 0;
	slash = strrchr(to, '/');
	return strcmp(slash ? slash + 1 : to, "git-gate-hook") ? -EINVAL : 0;
}

int gg_setup_base_path(const struct gg_conf *c, struct gg_buf *err)
{
	struct stat st;

	if (stat(c->base_path, &st) < 0) {
		int e = errno;

		gg_buf_add(err, "gate.basePath: %s: %s%s", c->base_path, strerror(e),
			   e == ENOENT ? "; create it, or set gate.basePath" : "");
		return -e;
	}
	if (!S_ISDIR(st.st_mode)) {
		gg_buf_add(err, "gate.basePath: %s is not a directory", c->base_path);
		return -ENOTDIR;
	}
	if (faccessat(AT_FDCWD, c->base_path, R_OK | X_OK, AT_EACCESS) < 0) {
		int e = errno;

		gg_buf_add(err, "gate.basePath: %s cannot be read by uid %u: %s", c->base_path,
			   (unsigned)geteuid(), strerror(e));
		return -e;
	}
	return 0;
}

void gg_setup_nofile_wants(const struct gg_conf *c, uint64_t *ret_serve, uint64_t *ret_all)
{
	*ret_serve = (uint64_t)c->sessions * FDS_PER_SESSION + FDS_OTHER +
		     (c->access_proxy_from.n ? GG_PROXIED_MAX : 0);
	*ret_all = *ret_serve + (uint64_t)c->waiting;
}

int gg_setup_nofile(const struct gg_conf *c, bool watches, uint64_t *ret_soft, size_t *ret_room,
		    struct gg_buf *err)
{
	uint64_t serve, want;
	struct rlimit lim;

	gg_setup_nofile_wants(c, &serve, &want);

	for (size_t i = 0; i < c->nservice; i++)
		watches |= c->service[i].watch;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return -errno;
	*ret_soft = lim.rlim_cur;
	if (lim.rlim_max < want)
		gg_buf_add(err,
			   "limit.sessions=%lld and limit.waiting=%lld want %llu descriptors, but no more "
			   "than %llu are "
			   "allowed (RLIMIT_NOFILE): fewer clients can wait",
			   (long long)c->sessions, (long long)c->waiting, (unsigned long long)want,
			   (unsigned long long)lim.rlim_max);
	if (lim.rlim_cur < want)
		lim.rlim_cur = lim.rlim_max < want ? lim.rlim_max : want;
	*ret_room = lim.rlim_cur > serve ? (size_t)(lim.rlim_cur - serve) : 0;
	/* nobody bounds how many sessions a watched server has; they must not take what ours need */
	if (watches && lim.rlim_cur < want + FDS_LENT)
		lim.rlim_cur = lim.rlim_max < want + FDS_LENT ? lim.rlim_max : want + FDS_LENT;
	return setrlimit(RLIMIT_NOFILE, &lim) < 0 ? -errno : 0;
}
