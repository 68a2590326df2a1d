/* session - one client's connection and the processes that serve it. See session.h. */
#include "supervisor/session.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/event.h"
#include "base/httplink.h"
#include "base/pidfd.h"
#include "base/pstat.h"
#include "base/spawn.h"
#include "daemon-wrap/status.h"
#include "reaper/client.h"
#include "reaper/follow.h"
#include "supervisor/admit.h"
#include "supervisor/clientsock.h"
#include "supervisor/cgroups.h"
#include "supervisor/foster.h"
#include "base/headroom.h"
#include "supervisor/janitor.h"
#include "supervisor/linger.h"
#include "supervisor/listen.h"
#include "supervisor/metricsreport.h"
#include "supervisor/onreap.h"
#include "supervisor/pushlimit.h"
#include "supervisor/sessionio.h"
#include "supervisor/sessionlog.h"
#include "supervisor/setup.h"

#define RETRY_MS 1000 /* when the machine lacked a descriptor; a look each time */

static void close_watcher(struct gg_gate *g, ev_io *w)
{
	if (w->fd < 0)
		return;
	ev_io_stop(g->loop, w);
	close(w->fd);
	w->fd = -1;
}

size_t gg_session_repo_count(const struct gg_gate *g, const char *repo)
{
	size_t n = 0;

	for (size_t i = 0; i < g->reg.n; i++) {
		const struct gg_session *s = g->reg.v[i];

		/* between two HTTP requests it does nothing there */
		n += !s->root_gone && !s->held && !s->lent && !s->refused && s->service[0] &&
		     s->view.phase != GG_PHASE_KEEP_ALIVE && !strcmp(s->repo, repo);
	}
	return n;
}

static void close_status(struct gg_io *io)
{
	io->session->tell_fd = -1;
	close_watcher(io->gate, &io->status);
}

/* Answer the report of a request: "" go on, else why not; status as in struct gg_answer. */
static void answer(struct gg_session *s, const char *why, int status)
{
	struct gg_io *io = s->io;
	struct gg_answer a = { .push_max = gg_pushlimit_own(io->gate->conf, s),
			       .status = status,
			       .last = s->http && gg_gate_turn_is_over(io->gate, s) };
	char buf[GG_STATUS_MAX];
	size_t n;

	snprintf(a.refused, sizeof(a.refused), "%s", why);
	strcpy(a.user, s->user);
	n = gg_answer_pack(&a, buf);
	/* without an answer it would wait for ever: the end of the socket is one, too */
	if (!gg_sessionio_answer(io->status.fd, buf, n) || !s->http)
		close_status(io);
}

static void go_on(struct gg_session *s)
{
	answer(s, "", 0);
	s->due_ms = gg_now_ms();
	s->peek_ms = s->due_ms + GG_PEEK_MS;
}

/* Its clocks start again. How many bytes of an HTTP connection were heads is not known. */
static void restart(struct gg_session *s, enum gg_phase phase)
{
	gg_session_hook_over(s, false);
	gg_track_init(&s->track, gg_now_ms());
	s->told = 0;
	s->track.request_unknown = s->http || s->local.is;
	s->view.phase = s->track.phase = phase;
	gg_record_phase(s, phase, "", gg_now_ms());
}

static void forget_held(struct gg_io *io)
{
	free(io->held);
	io->held = NULL;
}

/* The rules may have changed while it waited. */
static bool still_may(struct gg_session *s)
{
	struct gg_io *io = s->io;
	struct gg_ruling now;

	gg_rules_judge(io->gate->conf, &io->peer, io->held, s->http, &now);
	if (now.status)
		gg_session_give_up(s, now.why);
	return !now.status;
}

void gg_session_release(struct gg_session *s)
{
	uint64_t request_bytes = s->track.request_bytes;

	if (!still_may(s))
		return;
	forget_held(s->io);
	s->held = false;
	restart(s, GG_PHASE_REQUEST);
	s->track.request_bytes = request_bytes;
	go_on(s);
	gg_gate_wake(s->io->gate);
}

void gg_session_give_up(struct gg_session *s, const char *why)
{
	struct gg_fields f;

	s->held = false;
	forget_held(s->io);
	s->refused = true;
	gg_session_fields(s, gg_now_ms(), &f);
	gg_event(GG_EV_SESSION_REFUSED, &f, "%s", why);
	answer(s, why, 0);
}

/* git-gate-session has read the request; git-gate-http one of them. Returns how it is to be refused. */
static int take_request(struct gg_session *s, struct gg_status *st)
{
	struct gg_ruling ruling;
	bool same;

	gg_rules_judge(s->io->gate->conf, &s->io->peer, st, s->http, &ruling);
	if (ruling.status)
		strcpy(st->refused, ruling.why);
	same = s->opened && !strcmp(s->service, st->service) && !strcmp(s->repo, st->repo) &&
	       !strcmp(s->user, ruling.user) && !st->refused[0];
	strcpy(s->user, ruling.user);
	gg_follow_silence(s, gg_now_ms());
	gg_follow_request(s, same, st->refused[0]);
	snprintf(s->service, sizeof(s->service), "%s", st->service);
	snprintf(s->repo, sizeof(s->repo), "%.*s", (int)sizeof(s->repo) - 1, st->repo);
	if (s->http) /* it may have come whole, right behind another */
		restart(s, GG_PHASE_REQUEST);
	s->track.request_bytes = st->request_bytes + s->header_bytes;
	s->found = st->found[0] == '1';
	if (ruling.status)
		gg_session_log_denied(s, &ruling);
	else if (!same)
		gg_session_log_opened(s, st);
	s->opened = !st->refused[0];
	return ruling.status;
}

/* The clocks of a request begin, or its end: the connection is kept for a while. */
static void between(struct gg_session *s, char what)
{
	if (what == GG_STATUS_IDLE)
		gg_follow_answered(&s->io->gate->reg, s, gg_now_ms());
	restart(s, what == GG_STATUS_IDLE ? GG_PHASE_KEEP_ALIVE : GG_PHASE_REQUEST);
	s->peek_ms = 0;
	s->due_ms = gg_now_ms();
	if (s->view.phase == GG_PHASE_KEEP_ALIVE)
		gg_admit_next(s->io->gate); /* others may wait for its repository */
}

/* What the session's first process says. False: nothing, or nothing that asks for an answer. how: of
 * take_request. */
static bool take_status(struct gg_io *io, struct gg_status *ret, int *ret_how)
{
	struct gg_session *s = io->session;
	char buf[GG_STATUS_MAX];
	ssize_t n = recv(io->status.fd, buf, sizeof(buf), MSG_DONTWAIT);
	bool valid;

	if (n < 0 && (errno == EAGAIN || errno == EINTR || gg_is_shortage(errno)))
		return false;
	io->asked = true;
	if (!s->http)
		ev_io_stop(io->gate->loop, &io->status);
	if (n == 1 && s->http) {
		if (buf[0] == GG_STATUS_LARGE)
			gg_pushlimit_record(io->gate->conf, s);
		else if (buf[0] == GG_STATUS_PUSHED)
			gg_session_hook_over(s, true);
		else
			between(s, buf[0]);
		gg_gate_wake(io->gate);
		return false;
	}
	valid = n > 0 && gg_status_unpack(buf, (size_t)n, ret) == 0;
	io->stranger = valid && !ret->service[0] && !ret->refused[0];
	if (!valid || io->stranger) {
		close_status(io);
		return false;
	}
	*ret_how = take_request(s, ret);
	return true;
}

/* For when it has to wait. */
static bool keep_request(struct gg_io *io, const struct gg_status *st)
{
	forget_held(io);
	io->held = malloc(sizeof(*io->held));
	if (io->held)
		*io->held = *st;
	return io->held;
}

static void on_status(EV_P_ ev_io *w, int revents)
{
	struct gg_io *io = w->data;
	struct gg_session *s = io->session;
	struct gg_status st;
	int how;

	(void)loop;
	if (gg_sessionio_lost(io->gate, revents) || !take_status(io, &st, &how))
		return;
	if (s->refused) {
		answer(s, st.refused, how);
		s->refused = !s->http; /* that request was; another may follow */
	} else if (gg_admit_repo_full(io->gate, s) && !keep_request(io, &st)) {
		gg_session_give_up(s, "out of memory, try again");
	} else if (gg_admit_repo(io->gate, s)) {
		forget_held(io);
		go_on(s);
	}
	gg_gate_wake(io->gate);
}

void gg_session_catch_up(struct gg_session *s)
{
	struct gg_io *io = s->io;
	char c;

	while (io && ev_is_active(&io->status) && recv(io->status.fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
		on_status(io->gate->loop, &io->status, 0);
}

static void on_stderr(EV_P_ ev_io *w, int revents)
{
	struct gg_io *io = w->data;

	(void)loop;
	if (gg_sessionio_lost(io->gate, revents))
		return;
	/* what was written first: it says whose lines these are */
	if (ev_is_active(&io->status))
		on_status(io->gate->loop, &io->status, 0);
	if (gg_loglines_read(&io->lines, w->fd, gg_now_ms()) == 0)
		close_watcher(io->gate, w);
}

/* Who serves a git:// client begins with an answer. One that could not begin (no process was to be had, git
 * is broken) leaves the client nothing to read but that it was hung up on. */
static bool is_unanswered(const struct gg_session *s)
{
	return s->opened && !s->http && !s->lent && !s->adopted && !s->ending.reason && s->tcp.valid &&
	       !s->tcp.peer_closed && !s->tcp.acked && !s->tcp.queued_out;
}

/*
 * The end of the connection: everybody else's descriptor of the socket may be open still (a receive-pack
 * whose parent was killed, a stray of a hook), so the client would wait for an end that nobody sends.
 */
static void end_connection(struct gg_gate *g, struct gg_session *s)
{
	if (s->sock < 0)
		return;
	if (s->local.is)
		gg_client_sample(s, gg_now_ms());
	else
		gg_scan_tcp(s->sock, &s->tcp);
	gg_reaper_disconnected(&g->reaper, s, gg_now_ms());
	if (is_unanswered(s))
		gg_clientsock_turn_away(
			s->sock, GG_GIT, GG_LATER,
			"git ended before it answered, try again; what it said is in the gate's log");
	gg_linger(g, gg_take_fd(&s->sock), s->half_closed, s->verdict.reason != GG_REASON_NONE);
}

static void server_gone(struct gg_io *io)
{
	io->session->served = true;
	io->session->due_ms =
		gg_now_ms() + GG_PEEK_MS; /* git-daemon exits too by then, or waits for strays */
	end_connection(io->gate, io->session);
	gg_gate_wake(io->gate);
}

static void on_server_exit(EV_P_ ev_io *w, int revents)
{
	struct gg_io *io = w->data;

	(void)loop;
	if (gg_sessionio_lost(io->gate, revents))
		return;
	close_watcher(io->gate, w);
	server_gone(io);
}

void gg_session_served(struct gg_session *s, pid_t pid, uint64_t start_tick, void *gate)
{
	struct gg_gate *g = gate;
	int fd, r;

	if (s->http)
		return; /* git-gate-http has the connection, and perhaps more requests */
	if (s->lent && pid && !gg_foster_served(s, pid)) {
		s->peek_ms = gg_now_ms() + GG_PEEK_MS;
		return;
	}
	if (s->io->server.fd >= 0 || (s->lent && pid == s->root))
		return;
	r = pid ? gg_pidfd_open(pid, start_tick, &fd) : -ESRCH;
	if (r == 0 && !gg_headroom_fds(GG_SPARE_FDS)) {
		close(fd);
		r = -EMFILE;
	}
	if (r == -ESRCH)
		return server_gone(s->io);
	if (r < 0) { /* the machine lacks something: try again */
		s->peek_ms = gg_now_ms() + RETRY_MS;
		return;
	}
	ev_io_init(&s->io->server, on_server_exit, fd, EV_READ);
	s->io->server.data = s->io;
	ev_io_start(g->loop, &s->io->server);
}

void gg_session_root_gone(struct gg_session *s, int status)
{
	s->root_gone = true;
	s->root_status = status;
	s->ended_ms = s->due_ms = gg_now_ms();
	gg_record_phase(s, GG_PHASE_CLOSING, "", s->ended_ms);
	end_connection(s->io->gate, s);
	gg_gate_session_gone(s->io->gate);
	gg_gate_wake(s->io->gate);
}

static void on_root_exit(EV_P_ ev_child *w, int revents)
{
	struct gg_io *io = w->data;

	(void)revents;
	ev_child_stop(EV_A_ w);
	gg_session_root_gone(io->session, w->rstatus);
}

static int http_env(const struct gg_gate *g, const struct gg_session *s, const struct gg_env *e,
		    struct gg_strv *ret)
{
	struct gg_addr local = { .len = sizeof(local.ss) };
	char mem[64];
	struct gg_buf host = GG_BUF(mem);

	if (getsockname(s->sock, (struct sockaddr *)&local.ss, &local.len) < 0)
		return -errno;
	if (local.ss.ss_family == AF_UNIX)
		return gg_env_http(ret, g->conf, e, NULL, 0);
	gg_addr_host(&host, &local);
	return gg_env_http(ret, g->conf, e, host.s, gg_addr_port(&local));
}

static int spawn(struct gg_gate *g, struct gg_session *s, const struct gg_waiter *w, int err_fd,
		 int status_fd)
{
	struct gg_env e = { .path = g->path,
			    .id = s->id,
			    .instance = g->instance,
			    .port = gg_addr_port(&w->peer),
			    .user = s->user[0] ? s->user : NULL };
	struct gg_strv env = { 0 };
	char mem[64];
	struct gg_buf host = GG_BUF(mem);
	const struct gg_served *how = &g->served[w->transport];
	char cgroup[PATH_MAX];
	struct gg_spawn sp = { .path = gg_setup_exec(how),
			       .argv = g->session_argv[w->transport].v,
			       .in = s->sock,
			       .out = s->sock,
			       .err = err_fd,
			       .extra = status_fd,
			       .new_session = true };
	int r;

	gg_addr_host(&host, &w->peer);
	/* on a unix socket there is no address, and what is none must not pass for one */
	e.host = w->peer.ss.ss_family == AF_UNIX ? NULL : host.s;
	gg_cgroups_begin(g, s, cgroup);
	e.cgroup = cgroup[0] ? cgroup : NULL;
	if (w->transport == GG_HTTP)
		r = http_env(g, s, &e, &env);
	else
		r = gg_env_git(&env, g->conf, &e);
	sp.envp = env.v;
	r = r ? r : gg_spawn(&sp, &s->root, &s->pidfd);
	gg_strv_free(&env);
	gg_session_log_replaced(g, how);
	return r;
}

/* It cannot have been reaped yet: its exit is seen by the loop, later. */
static int identify(struct gg_session *s)
{
	struct gg_pstat st;
	int r = gg_pstat_read(s->root, &st);

	if (r < 0) {
		/* without its identity nothing could ever be done about it, nor about what it started */
		kill(-s->root, SIGKILL);
		gg_pidfd_signal(s->pidfd, SIGKILL);
		while (waitpid(s->root, NULL, 0) < 0 && errno == EINTR)
			;
		gg_close_fd(&s->pidfd);
		return r;
	}
	s->root_tick = st.start_tick;
	return 0;
}

static int start(struct gg_gate *g, struct gg_session *s, const struct gg_waiter *w)
{
	AUTO_CLOSE int err_r = -1, err_w = -1, st_r = -1, st_w = -1;
	struct gg_io *io;
	int p[2], r;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	err_r = p[0], err_w = p[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p) < 0)
		return -errno;
	st_r = p[0], st_w = p[1];
	if (fcntl(err_r, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	s->sock_ino = gg_socket_inode(s->sock);
	io = calloc(1, sizeof(*io));
	if (!io)
		return -ENOMEM;
	r = spawn(g, s, w, err_w, st_w);
	gg_close_fd(&err_w);
	gg_close_fd(&st_w);
	r = r ? r : identify(s);
	if (r < 0) {
		free(io);
		return r;
	}
	s->io = io;
	io->gate = g;
	io->session = s;
	io->peer = w->peer;
	if (s->http)
		s->tell_fd = st_r;
	io->server.fd = io->root.fd = -1;
	gg_loglines_init(&io->lines, gg_session_log_line, s);
	ev_child_init(&io->child, on_root_exit, s->root, 0);
	ev_io_init(&io->err, on_stderr, gg_take_fd(&err_r), EV_READ);
	ev_io_init(&io->status, on_status, gg_take_fd(&st_r), EV_READ);
	io->child.data = io->err.data = io->status.data = io;
	ev_child_start(g->loop, &io->child);
	ev_io_start(g->loop, &io->err);
	ev_io_start(g->loop, &io->status);
	return 0;
}

/* A process that had begun, and was killed again, may have read of the request: another would wait for it. */
static bool may_be_tried_again(const struct gg_session *s, int err)
{
	return gg_is_shortage(err) && (!s->http || s->root <= 0);
}

int gg_session_start(struct gg_gate *g, const struct gg_waiter *w)
{
	struct gg_session *s = gg_registry_add(&g->reg, gg_now_ms());
	struct gg_buf peer_text;
	struct gg_fields f;
	int r;

	if (!s)
		return -ENOMEM;
	s->sock = w->fd;
	s->header_bytes = w->header_bytes;
	s->transport = gg_transport_name(w->transport);
	s->http = w->transport == GG_HTTP;
	s->track.request_unknown = s->http;
	peer_text = GG_BUF(s->peer);
	gg_addr_add(&peer_text, &w->peer);
	if (w->peer.ss.ss_family == AF_UNIX)
		snprintf(s->user, sizeof(s->user), "uid:%u", w->peer.uid);
	gg_client_found(s, s->accepted_ms);
	gg_clientsock_keep_alive(g->conf, w->fd);
	r = start(g, s, w);
	if (r < 0)
		gg_cgroups_end(g, s);
	if (r < 0 && may_be_tried_again(s, -r)) {
		gg_registry_drop(&g->reg, s);
		return r;
	}
	gg_session_fields(s, s->accepted_ms, &f);
	if (r == 0) {
		s->due_ms = s->accepted_ms;
		gg_event(GG_EV_SESSION_ACCEPTED, &f, "client connected");
		gg_gate_wake(g);
		return 0;
	}
	gg_clientsock_turn_away(w->fd, w->transport, GG_LATER,
				"the gate cannot start a session now, try again");
	gg_linger(g, gg_take_fd(&s->sock), false, false);
	gg_event(GG_EV_SESSION_REFUSED, &f, "cannot start %s: %s", g->served[w->transport].prog,
		 strerror(-r));
	s->refused = true;
	gg_registry_end(&g->reg, s, gg_now_ms());
	gg_listen_pause(g, "cannot start a session", -r);
	return 0;
}

/* It was being ended, and was between two requests: nobody lost anything. */
static void forget_idle_end(struct gg_session *s)
{
	if (s->verdict_phase == GG_PHASE_KEEP_ALIVE && s->verdict.reason != GG_REASON_OPERATOR)
		s->verdict.reason = GG_REASON_NONE;
}

void gg_session_finish(struct gg_session *s, void *gate)
{
	struct gg_gate *g = gate;
	struct gg_io *io = s->io;
	int64_t now = gg_now_ms();
	struct gg_status st;
	int how;

	if (ev_is_active(&io->status)) /* it ended before its request was looked at */
		take_status(io, &st, &how);
	if (io->err.fd >= 0)
		gg_loglines_read(&io->lines, io->err.fd, now);
	gg_loglines_end(&io->lines);
	s->log_dropped = io->lines.dropped;
	close_watcher(g, &io->err);
	close_status(io);
	close_watcher(g, &io->server);
	forget_idle_end(s);
	gg_pushlimit_ended(g->conf, s);
	gg_session_log_hook(s, !s->http, s->root_status);
	gg_session_log_end(s, now);
	gg_metrics_ended(g, s, now);
	/* a push that did not end by itself, and well, may have left something; receive-pack ends well also
	 * when its hook was killed */
	if (s->adopted)
		gg_janitor_add_all(g->janitor);
	else if (s->lent && s->verdict.reason == GG_REASON_NONE)
		; /* how others leave their repositories is their business, unless we had a hand in it */
	else if (s->found && (s->dirty || (!strcmp(s->service, "receive-pack") && !s->refused &&
					   (s->root_status || s->verdict.reason != GG_REASON_NONE ||
					    s->hook_died || s->step[0]))))
		gg_janitor_add(g->janitor, s->repo, s->accepted_ms);
	else
		gg_janitor_retry(g->janitor, s->repo);
	close(s->pidfd);
	forget_held(io);
	free(io);
	s->io = NULL;
	gg_cgroups_end(g, s);
	gg_onreap_add(g, gg_registry_end(&g->reg, s, now));
	gg_gate_session_gone(g);
}
