/* foster - sessions that others began. See foster.h. */
#include "supervisor/foster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event.h"
#include "base/gitdir.h"
#include "base/headroom.h"
#include "base/pidfd.h"
#include "reaper/client.h"
#include "reaper/follow.h"
#include "reaper/procfs.h"
#include "supervisor/cgroups.h"
#include "supervisor/sessionio.h"
#include "supervisor/sessionlog.h"

#define ENTER_PEEKS 20 /* a second: then its directory is what it is */

static void on_root_exit(EV_P_ ev_io *w, int revents)
{
	struct gg_io *io = w->data;

	if (gg_sessionio_lost(io->gate, revents))
		return;
	ev_io_stop(EV_A_ w);
	w->fd = -1; /* it is the session's pidfd, closed with it */
	gg_session_root_gone(io->session, -1);
}

static void watch_root(struct gg_io *io)
{
	ev_io_init(&io->root, on_root_exit, io->session->pidfd, EV_READ);
	io->root.data = io;
	ev_io_start(io->gate->loop, &io->root);
}

/* A session whose root is watched through its pidfd; NULL: it is gone, or the machine lacks something. */
static struct gg_session *begin(struct gg_gate *g, pid_t root, uint64_t tick, int *ret_err)
{
	struct gg_session *s = gg_registry_add(&g->reg, gg_now_ms());
	struct gg_io *io = calloc(1, sizeof(*io));

	*ret_err = s && io ? 0 : -ENOMEM;
	if (*ret_err == 0 && !gg_headroom_fds(GG_SPARE_FDS + 1))
		*ret_err = -EMFILE;
	if (*ret_err == 0)
		*ret_err = gg_pidfd_open(root, tick, &s->pidfd);
	if (*ret_err < 0) {
		free(io);
		if (s)
			gg_registry_drop(&g->reg, s);
		return NULL;
	}
	s->root = root;
	s->root_tick = tick;
	s->io = io;
	*io = (struct gg_io){ .gate = g, .session = s };
	io->err.fd = io->status.fd = io->server.fd = -1;
	gg_loglines_init(&io->lines, gg_session_log_line, s);
	watch_root(io);
	return s;
}

void gg_foster_repo(const struct gg_gate *g, pid_t pid, char ret[static GG_REPO_MAX])
{
	char cwd[PATH_MAX], base[PATH_MAX];
	const char *repo = cwd;

	ret[0] = 0;
	if (gg_procfs_link(pid, "cwd", cwd, sizeof(cwd)) < 0)
		return;
	if (realpath(g->conf->base_path, base) && !strncmp(cwd, base, strlen(base)) &&
	    cwd[strlen(base)] == '/')
		repo = cwd + strlen(base) + 1;
	snprintf(ret, GG_REPO_MAX, "%.*s", GG_REPO_MAX - 1, repo);
}

int gg_foster_adopt(struct gg_gate *g, const struct gg_adoptee *a)
{
	int err, sock = a->sock;
	struct gg_session *s = begin(g, a->root, a->root_tick, &err);

	if (!s) {
		gg_close_fd(&sock);
		return err;
	}
	if (a->id[0])
		memcpy(s->id, a->id, sizeof(s->id));
	memcpy(s->peer, a->peer, sizeof(s->peer));
	memcpy(s->user, a->user, sizeof(s->user));
	memcpy(s->repo, a->repo, sizeof(s->repo));
	s->adopted = true;
	gg_cgroups_adopt(g, s);
	s->http = a->http;
	s->transport = a->http ? "http" : s->transport;
	s->sock = sock;
	s->sock_ino = gg_socket_inode(sock);
	gg_client_found(s, s->accepted_ms);
	gg_reaper_end(s, GG_REASON_PREDECESSOR, -1, gg_now_ms());
	gg_gate_wake(g);
	return 0;
}

/* --- below a watched process --- */

/* "HOST:PORT", with brackets around an IPv6 address if it has none. */
static void join(struct gg_buf *b, const char *host, const char *port)
{
	bool bare = strchr(host, ':') && host[0] != '[';

	gg_buf_add(b, "%s%.56s%s:%.6s", bare ? "[" : "", host, bare ? "]" : "", port);
}

/*
 * Who the client is, from the environment that its server gave the process: sshd's SSH_CONNECTION ("client
 * port server port"), else the variables of CGI, of which git daemon sets those of the client.
 */
static void find_peer(struct gg_session *s, pid_t pid)
{
	char ssh[160] = "", word[4][64] = { "", "", "", "" }, mem[80];
	static const char *const cgi[4] = { "REMOTE_ADDR", "REMOTE_PORT", "SERVER_ADDR", "SERVER_PORT" };
	struct gg_buf peer = GG_BUF(s->peer), local = GG_BUF(mem);
	const char *why;

	if (gg_procfs_getenv(pid, "SSH_CONNECTION", ssh, sizeof(ssh)) == 0)
		sscanf(ssh, "%63s %63s %63s %63s", word[0], word[1], word[2], word[3]);
	else
		for (size_t i = 0; i < GG_LEN(cgi); i++)
			gg_procfs_getenv(pid, cgi[i], word[i], sizeof(word[i]));
	if (!word[0][0])
		return;
	join(&peer, word[0], word[1]);
	join(&local, word[2], word[3]);
	if (gg_addr_parse(s->peer, &s->lent->remote, &why) < 0 ||
	    gg_addr_parse(local.s, &s->lent->local, &why) < 0)
		s->lent->local.len = 0;
	if (ssh[0])
		s->transport = "ssh";
}

static const char *transport(enum gg_root_kind kind)
{
	return kind == GG_ROOT_DAEMON ? "git" : kind == GG_ROOT_BACKEND ? "http" : "pipe";
}

/* How long the process runs, for people: its clocks start now, when it is first seen. */
static int64_t age_ms(uint64_t start_tick)
{
	int64_t age = gg_clock_ms(CLOCK_BOOTTIME) - (int64_t)(start_tick * 1000) / sysconf(_SC_CLK_TCK);

	return age > 0 ? age : 0;
}

int gg_foster_watch(struct gg_gate *g, const struct gg_found *f, const char *watch)
{
	struct gg_lent *lent = calloc(1, sizeof(*lent));
	struct gg_session *s;
	int err = -ENOMEM;

	s = lent ? begin(g, f->who.pid, f->who.start_tick, &err) : NULL;
	if (!s) {
		free(lent);
		return err;
	}
	snprintf(lent->watch, sizeof(lent->watch), "%s", watch);
	s->lent = lent;
	s->transport = transport(f->kind);
	s->accepted_ms -= age_ms(f->who.start_tick);
	s->track.request_unknown = true;
	find_peer(s, f->who.pid);
	s->due_ms = s->peek_ms = gg_now_ms();
	gg_gate_wake(g);
	return 0;
}

/* git enters its repository soon after it has begun; a shell's directory is not meant. */
static bool has_entered(const struct gg_session *s, pid_t pid)
{
	char dir[32];

	snprintf(dir, sizeof(dir), "/proc/%d/cwd", (int)pid);
	return s->lent->entering++ >= ENTER_PEEKS || access(dir, X_OK) < 0 || gg_gitdir_is(dir);
}

bool gg_foster_served(struct gg_session *s, pid_t pid)
{
	struct gg_fields f;

	if (s->service[0])
		return true;
	if (!has_entered(s, pid))
		return false;
	gg_follow_request(s, false, false);
	snprintf(s->service, sizeof(s->service), "%s", s->view.push ? "receive-pack" : "upload-pack");
	gg_foster_repo(s->io->gate, pid, s->repo);
	s->found = s->repo[0];
	gg_session_fields(s, gg_now_ms(), &f);
	f.phase = NULL;
	gg_event(GG_EV_SESSION_OPENED, &f, "%s of %s, found below %s", s->service, s->repo, s->lent->watch);
	return true;
}

void gg_foster_reroot(struct gg_session *s, pid_t pid, uint64_t start_tick, void *gate)
{
	int fd;

	(void)gate;
	if (gg_pidfd_open(pid, start_tick, &fd) < 0)
		return; /* it has gone too: the next look says so */
	close(s->pidfd);
	s->pidfd = fd;
	s->root = pid;
	s->root_tick = start_tick;
	s->root_gone = false;
	s->ended_ms = -1;
	watch_root(s->io);
}

void gg_foster_forget(struct gg_session *s)
{
	struct gg_io *io = s->io;
	struct gg_gate *g = io->gate;

	if (!s->root_gone)
		ev_io_stop(g->loop, &io->root);
	if (io->server.fd >= 0) {
		ev_io_stop(g->loop, &io->server);
		close(io->server.fd);
	}
	gg_close_fd(&s->sock);
	close(s->pidfd);
	free(io);
	gg_registry_drop(&g->reg, s);
}
