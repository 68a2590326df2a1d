/* client - the client's side of a session, as far as the gate can reach it. See client.h. */
#include "reaper/client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/httplink.h"
#include "base/headroom.h"
#include "reaper/procfs.h"
#include "reaper/sockdiag.h"

#define STREAM_BYTES (256 << 10)
#define STREAM_SOON_MS 2000
#define STREAM_LOOK_MS 100
/* OpenSSH's client says what its program has read when that are more than three packets of 32 KiB */
#define SSH_STEP (4U * (32 << 10))
#define LOOK_FDS 4 /* that one look at a session and one step take at most, for a moment */

/* A descriptor of ours for the stream that is another process's fd: it must be the very stream. */
static int borrow(const struct gg_lent *l, pid_t pid, bool out, int *ret)
{
	AUTO_CLOSE int pidfd = -1, fd = -1;
	char path[40];
	struct stat st;

	if (!pid)
		return -ESRCH;
	if (l->pipe) {
		/* opened anew: O_NONBLOCK on a dup would change git's own descriptor */
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, out);
		fd = open(path, (out ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
	} else {
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pidfd < 0)
			return -errno;
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, (int)out, 0);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_ino != (out ? l->out_ino : l->in_ino))
		return -ESRCH; /* another process has the number, or this one has closed the stream */
	*ret = gg_take_fd(&fd);
	return 0;
}

/* Note why it failed, when that will not pass by itself. True: nobody is there to borrow from. */
static bool nobody(struct gg_lent *l, int r)
{
	if (r == -EPERM || r == -EACCES || r == -ENOSYS)
		l->refused = -r;
	return r == -ESRCH || r == -ENOENT || r == -EBADF;
}

/* One file: who reads, or writes, was found by the last look. */
static void count(pid_t pid, bool out, uint64_t *chars, uint64_t *sum, int64_t *grown_ms, int64_t now)
{
	uint64_t in, written, n;

	if (!pid || gg_procfs_io(pid, &in, &written) < 0)
		return;
	n = out ? written : in;
	if (n <= *chars)
		return;
	*sum += n - *chars;
	*chars = n;
	*grown_ms = now;
}

static uint32_t queued(const struct gg_lent *l, pid_t pid, bool out)
{
	AUTO_CLOSE int fd = -1;
	int n = 0;

	if (borrow(l, pid, out, &fd) < 0 || ioctl(fd, out && l->pair ? SIOCOUTQ : FIONREAD, &n) < 0 || n < 0)
		return 0;
	return (uint32_t)n;
}

/*
 * Pipes show what git takes from the client, but not what the client takes of what git gave: sshd's channel
 * and the socket's buffers lie between, megabytes of them, and a write that is blocked in a full pipe is
 * counted only when all of it is through. The connection behind them tells, where it is known.
 */
static bool sample_pipes(struct gg_session *s, int64_t now)
{
	struct gg_lent *l = s->lent;
	AUTO_CLOSE int fd = -1;
	struct tcp_info info;
	struct gg_tcp tcp = { 0 };
	size_t size;

	if (nobody(l, borrow(l, l->in_pid, false, &fd)) && nobody(l, borrow(l, l->out_pid, true, &fd)))
		return false;
	count(l->in_pid, false, &l->in_chars, &l->taken, &l->taken_ms, now);
	count(l->out_pid, true, &l->out_chars, &l->given, &l->given_ms, now);
	l->linked = l->local.len && gg_sockdiag_tcp(&l->local, &l->remote, &info, &size) == 0;
	if (l->linked) {
		gg_scan_tcp_info(&info, size, &tcp);
		l->linked = tcp.valid;
		l->known |= l->linked;
		tcp.step = strcmp(s->transport, "ssh") == 0 ? SSH_STEP : 0;
	}
	tcp.valid = true;
	tcp.received = l->taken;
	tcp.recv_age_ms = now - l->taken_ms;
	if (!l->linked) {
		tcp.acked = l->given;
		tcp.sent_age_ms = now - l->given_ms;
	}
	tcp.queued_in = queued(l, l->in_pid, false);
	tcp.queued_out = queued(l, l->out_pid, true);
	s->tcp = tcp;
	return true;
}

static int domain_of(int sock)
{
	int domain = AF_UNSPEC;
	socklen_t len = sizeof(domain);

	return getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 ? domain : AF_UNSPEC;
}

void gg_client_found(struct gg_session *s, int64_t now_ms)
{
	if (s->sock < 0 || s->lent || domain_of(s->sock) != AF_UNIX)
		return;
	s->local = (struct gg_local){ .is = true, .taken_ms = now_ms, .given_ms = now_ms };
	s->track.request_unknown = true; /* what is read beyond it is not told from other files */
}

/*
 * The client sends: more is queued, or was read. It reads: less is queued for it, or whoever writes could go
 * on. A piece that waits for it counts as read when it was read whole; they are small
 * (supervisor/unixsock.c).
 */
static void sample_local(struct gg_session *s, int64_t now)
{
	struct gg_local *l = &s->local;
	struct gg_tcp tcp;
	uint64_t in;

	gg_scan_tcp(s->sock, &tcp);
	count(l->in_pid, false, &l->in_chars, &l->taken, &l->taken_ms, now);
	count(l->out_pid, true, &l->out_chars, &l->given, &l->given_ms, now);
	in = l->taken + tcp.queued_in;
	if (in > l->in) {
		l->received += in - l->in;
		l->taken_ms = now;
	}
	l->in = in;
	if (tcp.queued_out < l->out_queue) {
		l->takes++;
		l->given_ms = now;
	}
	l->out_queue = tcp.queued_out;
	tcp.received = l->received;
	tcp.acked = l->given;
	tcp.takes = l->takes;
	tcp.recv_age_ms = now - l->taken_ms;
	tcp.sent_age_ms = tcp.ack_age_ms = now - l->given_ms;
	s->tcp = tcp;
}

bool gg_client_sample(struct gg_session *s, int64_t now_ms)
{
	struct gg_lent *l = s->lent;
	AUTO_CLOSE int fd = -1;
	struct gg_tcp tcp;
	int r;

	if (s->sock >= 0 && s->local.is) {
		sample_local(s, now_ms);
		return true;
	}
	if (s->sock >= 0 && !(l && l->pair)) {
		gg_scan_tcp(s->sock, &s->tcp);
		return true;
	}
	if (!l)
		return true;
	if (l->pipe || l->pair)
		return sample_pipes(s, now_ms);
	r = borrow(l, l->in_pid, false, &fd);
	if (r < 0) {
		s->tcp.valid = false;
		return !nobody(l, r);
	}
	gg_scan_tcp(fd, &tcp);
	s->tcp = tcp;
	return true;
}

int64_t gg_client_streams(struct gg_session *s, int64_t now_ms)
{
	int off = 0;

	if (s->streams || s->http || s->lent || s->sock < 0 || strcmp(s->service, "upload-pack") != 0)
		return -1;
	if (s->tcp.acked + s->tcp.queued_out >= STREAM_BYTES) {
		s->streams = true;
		setsockopt(s->sock, IPPROTO_TCP, TCP_NODELAY, &off, sizeof(off));
		return -1;
	}
	/* later it is sampled with all others */
	return now_ms - s->track.accepted_ms < STREAM_SOON_MS ? now_ms + STREAM_LOOK_MS : -1;
}

static void change_holder(pid_t *now, pid_t to, uint64_t *chars)
{
	if (*now == to)
		return;
	*now = to;
	*chars = 0;
}

/* A socketpair, as inetd-like programs give. One that cannot be borrowed is taken for a connection. */
static bool is_pair(const struct gg_lent *l, pid_t pid, int fd)
{
	AUTO_CLOSE int sock = -1;

	return borrow(l, pid, fd, &sock) == 0 && domain_of(sock) == AF_UNIX;
}

/*
 * The first process of git's own that has one: git-daemon --serve, http-backend, receive-pack. http-backend
 * closes its stdout once the git command that it runs has it, and its stdin when it leaves the body to that.
 */
static void find_stream(struct gg_lent *l, const struct gg_snap *snap, int fd, uint64_t *ino)
{
	bool found = *ino;

	for (size_t i = 0; !*ino && i < snap->n; i++) {
		enum gg_role role = snap->v[i].role;

		if (role == GG_ROLE_DAEMON || role == GG_ROLE_BACKEND || role == GG_ROLE_RECEIVE_PACK ||
		    role == GG_ROLE_UPLOAD_PACK)
			gg_procfs_stream(snap->v[i].pid, fd, ino, &l->pipe);
		if (!found && *ino && !l->pipe)
			l->pair = is_pair(l, snap->v[i].pid, fd);
	}
}

/* Parents come before their children: of several holders the last one is who reads, or writes, now. Over HTTP
 * git-gate-http writes to the client, whoever reads from it. */
static void note_local(struct gg_session *s, const struct gg_snap *snap)
{
	pid_t in = 0, out = s->http ? s->root : 0;

	for (size_t i = 0; i < snap->n; i++) {
		in = snap->v[i].has_in ? snap->v[i].pid : in;
		out = snap->v[i].has_out && !s->http ? snap->v[i].pid : out;
	}
	change_holder(&s->local.in_pid, in, &s->local.in_chars);
	change_holder(&s->local.out_pid, out, &s->local.out_chars);
}

void gg_client_note(struct gg_session *s, const struct gg_snap *snap, int64_t now_ms)
{
	struct gg_lent *l = s->lent;
	pid_t in = 0, out = 0;

	if (s->local.is)
		return note_local(s, snap);
	if (!l)
		return;
	find_stream(l, snap, 0, &l->in_ino);
	find_stream(l, snap, 1, &l->out_ino);
	if (!l->taken_ms)
		l->taken_ms = l->given_ms = now_ms;
	/* parents come before their children: of several holders the last one is who reads now */
	for (size_t i = 0; i < snap->n; i++) {
		in = snap->v[i].has_in ? snap->v[i].pid : in;
		out = snap->v[i].has_out && !out ? snap->v[i].pid : out;
	}
	change_holder(&l->in_pid, in, &l->in_chars);
	change_holder(&l->out_pid, out, &l->out_chars);
}

bool gg_client_take(struct gg_session *s)
{
	struct gg_lent *l = s->lent;

	if (!l || l->pipe || s->sock >= 0)
		return true;
	if (!gg_headroom_fds(LOOK_FDS + 1))
		return false;
	nobody(l, borrow(l, l->in_pid, false, &s->sock));
	return true;
}

bool gg_client_seen(const struct gg_session *s)
{
	const struct gg_lent *l = s->lent;

	return l->pipe || l->pair ? l->linked : s->tcp.valid;
}

bool gg_client_tell(struct gg_session *s, const char *text)
{
	char mem[512];
	struct gg_buf b = GG_BUF(mem);

	if (s->tell_fd < 0)
		return false;
	gg_buf_add(&b, "%c%s", GG_STATUS_END, text);
	return send(s->tell_fd, b.s, b.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)b.len;
}

bool gg_client_write(struct gg_session *s, const char *data, size_t n)
{
	AUTO_CLOSE int fd = -1;

	if (s->sock >= 0)
		return send(s->sock, data, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n;
	if (!s->lent || !s->lent->pipe || n > PIPE_BUF || borrow(s->lent, s->lent->out_pid, true, &fd) < 0)
		return false;
	return write(fd, data, n) == (ssize_t)n;
}

void gg_client_explain(const struct gg_session *s, struct gg_buf *b)
{
	const struct gg_lent *l = s->lent;

	if (!l)
		return;
	gg_buf_add(b, "; seen from outside, below %s", l->watch);
	if (!l->in_ino)
		gg_buf_add(b, "; its connection was not found");
	else if ((l->pipe || l->pair) && !l->known)
		gg_buf_add(b, "; the client is behind a %s, and the connection behind that is not known",
			   l->pipe ? "pipe" : "local socket");
	else if (l->pipe)
		gg_buf_add(b, "; the client is behind a pipe: it cannot be half-closed");
	if (l->refused)
		gg_buf_add(b, "; its connection cannot be borrowed (%s)", strerror(l->refused));
	if (!s->view.certain)
		gg_buf_add(b, "; its system calls cannot be read");
}
