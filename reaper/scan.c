/* scan - one session's processes and its client's socket. See scan.h. */
#include "reaper/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <linux/tcp.h>

#include "base/cleanup.h"
#include "base/httplink.h"
#include "base/pstat.h"
#include "reaper/cgroup.h"
#include "reaper/classify.h"
#include "reaper/procfs.h"
#include "reaper/proctable.h"

#define THREADS_MAX 64 /* of one process that are looked at; unpackers use one a CPU */
#define ARGV_MAX 1024  /* bytes of a command line that are read: enough for argv[0..3] */

uint64_t gg_scan_reads(void)
{
	return gg_procfs_reads();
}

/*
 * A process still to be looked at. By then its number may be another's, so either its start time is known, or
 * it has to have a parent in the session.
 */
struct queued {
	pid_t pid;
	ssize_t parent;	     /* its place in the snapshot, -1: the gate, or one that has gone */
	uint64_t start_tick; /* 0: it was named as the child of the parent */
};

struct queue {
	struct queued *v;
	size_t n, size;
};

static void queue_free(struct queue *q)
{
	free(q->v);
}

static int queue_add(struct queue *q, pid_t pid, uint64_t start_tick, ssize_t parent)
{
	if (q->n == q->size) {
		size_t want = q->size ? q->size * 2 : 32;
		struct queued *v = realloc(q->v, want * sizeof(*v));

		if (!v)
			return -ENOMEM;
		q->v = v;
		q->size = want;
	}
	q->v[q->n++] = (struct queued){ pid, parent, start_tick };
	return 0;
}

static bool gone(int r)
{
	return r == -ENOENT || r == -ESRCH;
}

/* Which way, if any, a system call on a client's stream goes. */
static bool is_read(long nr)
{
	return nr == SYS_read || nr == SYS_recvfrom || nr == SYS_recvmsg || nr == SYS_readv;
}

static bool is_write(long nr)
{
	return nr == SYS_write || nr == SYS_sendto || nr == SYS_sendmsg || nr == SYS_writev;
}

static bool is_poll(long nr)
{
#ifdef SYS_poll
	if (nr == SYS_poll)
		return true;
#endif
	return nr == SYS_ppoll;
}

/* Add one thread's evidence. 0, or -errno when the evidence cannot be had though the process is there. */
static int look_at_thread(struct gg_proc *p, pid_t tid, const struct gg_scan_target *t)
{
	struct gg_syscall sc;
	uint64_t ino;
	int r = gg_procfs_syscall(p->pid, tid, &sc);

	if (gone(r))
		return 0;
	if (r < 0)
		return r;
	p->running |= sc.running;
	if (p->role == GG_ROLE_SESSION && is_poll(sc.nr))
		p->reads_client = true; /* it polls nothing but the client's socket */
	if (sc.running || (!is_read(sc.nr) && !is_write(sc.nr)))
		return 0;
	r = gg_procfs_stream(p->pid, (int)sc.arg0, &ino, NULL);
	if (gone(r) || r == -ENOTSOCK)
		return 0;
	if (r < 0)
		return r;
	p->reads_client |= is_read(sc.nr) && ino == t->in_ino;
	p->writes_client |= is_write(sc.nr) && ino == t->out_ino;
	return 0;
}

static int look_at_threads(struct gg_proc *p, const struct gg_scan_target *t)
{
	char path[64];
	AUTO_DIR DIR *dir = NULL;
	struct dirent *e;
	int r = 0, seen = 0;

	if (p->nlwp <= 1)
		return look_at_thread(p, p->pid, t);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)p->pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (r == 0 && seen < THREADS_MAX && (e = readdir(dir)))
		if (e->d_name[0] != '.' && ++seen)
			r = look_at_thread(p, (pid_t)atoi(e->d_name), t);
	return r;
}

/* Only those that may talk to the client are asked what they are blocked in. */
static bool talks(enum gg_role role)
{
	return role == GG_ROLE_SESSION || role == GG_ROLE_DAEMON || role == GG_ROLE_BACKEND ||
	       role == GG_ROLE_RECEIVE_PACK || role == GG_ROLE_UPLOAD_PACK || role == GG_ROLE_UNPACKER;
}

/*
 * git-daemon's own child before it is git receive-pack (a wrapper, a slow exec) has the client's socket as
 * its stdin; what a hook left behind and the root inherited has not. In doubt it is git's.
 */
static bool is_servers(pid_t pid, uint64_t in_ino)
{
	uint64_t ino;
	int r = gg_procfs_stream(pid, 0, &ino, NULL);

	return r == 0 ? ino == in_ino : r != -ENOTSOCK;
}

/* Who could lend us the client's streams? */
static void look_at_streams(struct gg_proc *p, const struct gg_scan_target *t)
{
	uint64_t ino;

	p->has_in = gg_procfs_stream(p->pid, 0, &ino, NULL) == 0 && ino == t->in_ino;
	p->has_out = gg_procfs_stream(p->pid, 1, &ino, NULL) == 0 && ino == t->out_ino;
}

/* What it waits for is its name, see daemon-wrap/httpclient.c. */
static void look_at_http(struct gg_proc *p, const char *comm)
{
	static const char *const names[] = { [GG_AWAITS_NEXT] = "http:idle",
					     [GG_AWAITS_HEAD] = "http:head",
					     [GG_AWAITS_BODY] = "http:body",
					     [GG_AWAITS_GIT] = "http:git",
					     [GG_AWAITS_READER] = "http:reply" };

	for (enum gg_awaits a = GG_AWAITS_NEXT; a < GG_LEN(names); a++)
		if (!strcmp(comm, names[a]))
			p->awaits = a;
	p->running = p->state != 'S';
	p->reads_client =
		p->awaits == GG_AWAITS_NEXT || p->awaits == GG_AWAITS_HEAD || p->awaits == GG_AWAITS_BODY;
	p->writes_client = p->awaits == GG_AWAITS_READER;
}

/* Mostly it is found at the place where it was the last time. */
static const struct gg_known *find_known(const struct gg_scan_target *t, const struct gg_proc *p, size_t at)
{
	for (size_t i = 0; i < t->nknown; i++) {
		const struct gg_known *k = &t->known[(at + i) % t->nknown];

		if (k->who.pid == p->pid && k->who.start_tick == p->start_tick)
			return k;
	}
	return NULL;
}

/* Of one whose command line cannot be read now: what was known of it, or what its name tells. */
static void guess_role(const struct gg_pstat *st, const struct gg_known *k, struct gg_proc *p)
{
	if (k && k->image == st->image) {
		p->named = k->named;
		p->hook = k->hook;
	} else {
		p->named = gg_role_of(st->comm, strlen(st->comm) + 1, p->parent, &p->hook);
	}
}

/*
 * What p is by its command line, which is read once as long as it runs the same, and its parent is the same.
 * at: its place in the snapshot. 1: done; 0: not of this session; -errno.
 */
static int name_role(const struct gg_pstat *st, const struct gg_scan_target *t, size_t at, struct gg_proc *p)
{
	const struct gg_known *k = find_known(t, p, at);
	bool gc = p->parent == GG_ROLE_DAEMON && st->sid == p->pid; /* if it is one */
	char argv[ARGV_MAX];
	size_t len = 0;
	int r;

	if (k && k->image && k->image == st->image && k->parent == p->parent) {
		p->image = k->image;
		p->named = k->named;
		p->hook = k->hook;
		return 1;
	}
	if (gg_procfs_held(p->pid, st)) {
		if (gc && !strcmp(st->comm, "git"))
			return 0;
		guess_role(st, k, p);
		return 1;
	}
	r = gg_procfs_read(p->pid, "cmdline", argv, sizeof(argv), &len);
	if (r < 0 && !gone(r))
		return r;
	if (gc && gg_is_detached_gc(argv, len))
		return 0; /* it outlives the session on purpose */
	p->named = gg_role_of(argv, len, p->parent, &p->hook);
	p->image = len && !gc ? st->image : 0;
	return 1;
}

static ssize_t find_seen(const struct gg_snap *snap, pid_t pid)
{
	for (size_t i = 0; i < snap->n; i++)
		if (snap->v[i].pid == pid)
			return (ssize_t)i;
	return -1;
}

/* Whose parent has gone meanwhile has another of the session, or is found by the next look. */
static bool is_whom_we_meant(const struct queued *q, const struct gg_pstat *st, const struct gg_snap *snap)
{
	if (q->start_tick)
		return st->start_tick == q->start_tick;
	return st->ppid == snap->v[q->parent].pid || find_seen(snap, st->ppid) >= 0;
}

/* Fill *p, which is to be the next of the snapshot. 1: seen; 0: it is gone, or not of this session; -errno.
 */
static int look_at(const struct queued *q, const struct gg_scan_target *t, const struct gg_snap *snap,
		   struct gg_proc *p)
{
	enum gg_role parent_role = q->parent < 0 ? GG_ROLE_SESSION : snap->v[q->parent].role;
	pid_t pid = q->pid;
	struct gg_pstat st;
	uint64_t in, out;
	int r = gg_pstat_read(pid, &st);

	if (gone(r) || (r == 0 && !is_whom_we_meant(q, &st, snap)))
		return 0;
	if (r < 0)
		return r;
	*p = (struct gg_proc){ .pid = pid,
			       .ppid = st.ppid,
			       .sid = st.sid,
			       .start_tick = st.start_tick,
			       .cpu_ticks = st.cpu_ticks,
			       .state = st.state,
			       .nlwp = st.nlwp,
			       .parent = parent_role };
	r = name_role(&st, t, snap->n, p);
	if (r <= 0)
		return r;
	p->role = p->named;
	if (parent_role == GG_ROLE_DAEMON && p->role == GG_ROLE_OTHER && gg_proc_alive(p) &&
	    is_servers(pid, t->in_ino))
		p->role = GG_ROLE_GIT;
	if (!gg_proc_alive(p))
		return 1;
	if (p->role == GG_ROLE_HTTP)
		look_at_http(p, st.comm);
	r = gg_procfs_io(pid, &in, &out);
	if (r == -EMFILE)
		return r;
	p->io_chars = r == 0 ? in + out : 0;
	if (talks(p->role)) {
		r = look_at_threads(p, t);
		if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
			return r;
		p->opaque = r < 0;
		if (t->lent || t->local)
			look_at_streams(p, t);
	}
	return 1;
}

static bool is_known(const struct gg_scan_target *t, const struct gg_ident *who)
{
	for (size_t i = 0; i < t->nknown; i++)
		if (t->known[i].who.pid == who->pid && t->known[i].who.start_tick == who->start_tick)
			return true;
	return false;
}

/* The number is no other session's as long as anybody has it, but then it may be. */
static bool in_session(const struct gg_scan_target *t, const struct gg_orphan *o)
{
	return o->sid == t->root && (!t->root_taken_tick || o->who.start_tick < t->root_taken_tick);
}

static int add_start(struct queue *q, const struct gg_scan_target *t, const struct gg_orphans *orphans)
{
	struct gg_pstat st;
	int r = gg_pstat_read(t->root, &st);
	bool number_is_ours = r < 0 || st.start_tick == t->root_tick;

	if (r == 0 && number_is_ours)
		r = queue_add(q, t->root, t->root_tick, -1);
	else if (r == 0 || gone(r))
		r = gg_pstat_check();
	for (size_t i = 0; r == 0 && orphans && i < orphans->n; i++) {
		const struct gg_orphan *o = &orphans->v[i];

		if (!o->gc && ((number_is_ours && in_session(t, o)) || !strcmp(o->session, t->id) ||
			       is_known(t, &o->who)))
			r = queue_add(q, o->who.pid, o->who.start_tick, -1);
	}
	return r;
}

/* A process that was seen before and is not reached any more: its parent died, and it is not our child now.
 */
static int add_lost(struct queue *q, const struct gg_scan_target *t)
{
	size_t reached = q->n;
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->nknown; i++) {
		struct gg_pstat st;
		bool seen = false;

		for (size_t j = 0; !seen && j < reached; j++)
			seen = q->v[j].pid == t->known[i].who.pid;
		if (!seen && gg_pstat_read(t->known[i].who.pid, &st) == 0 &&
		    st.start_tick == t->known[i].who.start_tick)
			r = queue_add(q, t->known[i].who.pid, st.start_tick, -1);
	}
	return r;
}

static bool is_among(pid_t pid, const pid_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == pid)
			return true;
	return false;
}

static bool is_queued(pid_t pid, const struct queue *q, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (q->v[i].pid == pid)
			return true;
	return false;
}

/* Those added behind the first n that are in the cgroup yet: their numbers are whose they were when it was
 * listed. */
static int keep_members(struct queue *q, const struct gg_scan_target *t, size_t n)
{
	AUTO_FREE pid_t *in = NULL;
	size_t now = 0, size = 0, kept = n;
	int r = q->n == n ? 0 : gg_cgroup_procs(t->cgroup, t->id, &in, &now, &size);

	for (size_t i = n; i < q->n; i++)
		if (is_among(q->v[i].pid, in, now))
			q->v[kept++] = q->v[i];
	q->n = kept;
	return r;
}

/*
 * Who is in the session's cgroup and was not reached: it has cut every tie but this one, or is younger than
 * the look at its parent. Of a family of them the eldest, through whom the others are reached; but no
 * maintenance.
 */
static int add_members(struct queue *q, const struct gg_scan_target *t, const struct gg_snap *snap)
{
	AUTO_FREE pid_t *in = NULL;
	size_t reached = q->n, n = 0, size = 0, left = 0;
	int r = gg_cgroup_procs(t->cgroup, t->id, &in, &n, &size);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (!is_queued(in[i], q, reached))
			in[left++] = in[i];
	for (size_t i = 0; r == 0 && i < left; i++) {
		struct gg_pstat st;

		if (gg_pstat_read(in[i], &st) == 0 && !is_among(st.ppid, in, left) &&
		    !gg_orphan_is_gc(st.sid, st.sid))
			r = queue_add(q, in[i], st.start_tick, find_seen(snap, st.ppid));
	}
	r = r ? r : keep_members(q, t, reached);
	return gone(r) ? 0 : r;
}

/* Of the at-th of the snapshot. */
static int add_children(struct queue *q, const struct gg_proc *p, size_t at)
{
	AUTO_FREE pid_t *child = NULL;
	size_t n = 0, size = 0;
	int r = p->nlwp == 1 ? gg_children_lone(p->pid, &child, &n, &size)
			     : gg_children(p->pid, &child, &n, &size);

	if (r == 0 && n)
		r = gg_pstat_still(p->pid, p->start_tick);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = queue_add(q, child[i], 0, (ssize_t)at);
	return gone(r) ? 0 : r;
}

static int grow(struct gg_snap *snap, size_t *size)
{
	size_t want = *size ? *size * 2 : 8;
	struct gg_proc *v;

	if (snap->n < *size)
		return 0;
	v = realloc(snap->v, want * sizeof(*v));
	if (!v)
		return -ENOMEM;
	snap->v = v;
	*size = want;
	return 0;
}

/* Look at the i-th of the queue, and add its children to it. */
static int look_at_next(struct queue *q, size_t i, const struct gg_scan_target *t, struct gg_snap *snap,
			size_t *size)
{
	const struct queued at = q->v[i];
	struct gg_proc *p;
	int r = grow(snap, size);

	if (r < 0)
		return r;
	p = &snap->v[snap->n];
	r = look_at(&at, t, snap, p);
	if (r <= 0)
		return r;
	p->orphan =
		at.parent < 0 ? at.pid != t->root : p->parent == GG_ROLE_DAEMON && p->role == GG_ROLE_OTHER;
	snap->n++;
	return add_children(q, p, snap->n - 1);
}

int gg_scan_procs(const struct gg_scan_target *target, const struct gg_orphans *orphans, struct gg_snap *snap)
{
	struct gg_scan_target own = *target, *t = &own;
	__attribute__((cleanup(queue_free))) struct queue q = { 0 };
	bool lost_added = !t->lent, members_added = t->cgroup < 0 || !orphans;
	size_t size = 0;
	int r = add_start(&q, t, orphans);

	if (t->http) {
		gg_procfs_stream(t->root, GG_HTTP_FD_BODY, &t->in_ino, NULL);
		gg_procfs_stream(t->root, GG_HTTP_FD_REPLY, &t->out_ino, NULL);
	}
	snap->v = NULL;
	snap->n = 0;
	snap->cut = false;
	for (size_t i = 0; r == 0; i++) {
		if (i == q.n && !lost_added) {
			lost_added = true;
			r = add_lost(&q, t);
		}
		if (r == 0 && i == q.n && !members_added) {
			members_added = true;
			r = add_members(&q, t, snap);
		}
		if (r < 0 || i == q.n)
			break;
		if (snap->n == GG_SCAN_MAX) {
			snap->cut = true;
			break;
		}
		r = look_at_next(&q, i, t, snap, &size);
	}
	if (r < 0) {
		free(snap->v);
		snap->v = NULL;
		snap->n = 0;
	}
	return r;
}

/* What the socket alone tells is left out: probes count for nothing then. */
void gg_scan_tcp_info(const struct tcp_info *info, size_t size, struct gg_tcp *ret)
{
	/* the fields up to bytes_received came with Linux 4.1 */
	if (size < offsetof(struct tcp_info, tcpi_segs_out))
		return;
	ret->valid = true;
	ret->received = info->tcpi_bytes_received;
	ret->acked = info->tcpi_bytes_acked;
	ret->recv_age_ms = info->tcpi_last_data_recv;
	ret->sent_age_ms = info->tcpi_last_data_sent;
	ret->ack_age_ms = info->tcpi_last_ack_recv;
	ret->retransmits = info->tcpi_retransmits;
	ret->unacked = info->tcpi_unacked;
	/* TCP_ESTABLISHED is 1, TCP_SYN_RECV 3, TCP_FIN_WAIT1 and 2 are ours; the rest means that the client
	 * closed */
	ret->gone = info->tcpi_state == 7;
	ret->peer_closed = info->tcpi_state == 7 || info->tcpi_state == 8 || info->tcpi_state == 9 ||
			   info->tcpi_state == 11;
}

static int tcp_option(int sock, int name)
{
	int v = 0;
	socklen_t len = sizeof(v);

	return getsockopt(sock, IPPROTO_TCP, name, &v, &len) == 0 && v > 0 ? v : 0;
}

/* No TCP: the queues are known, and whether the other end is still there. */
static void scan_local(int sock, struct gg_tcp *ret)
{
	struct pollfd p = { .fd = sock, .events = POLLRDHUP };
	int domain = 0;
	socklen_t len = sizeof(domain);

	if (getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || domain != AF_UNIX ||
	    poll(&p, 1, 0) < 0)
		return;
	ret->valid = ret->local = true;
	ret->peer_closed = p.revents & (POLLRDHUP | POLLHUP);
	ret->gone = p.revents & POLLHUP;
}

void gg_scan_tcp(int sock, struct gg_tcp *ret)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int n;

	memset(ret, 0, sizeof(*ret));
	memset(&info, 0, sizeof(info));
	if (sock < 0)
		return;
	if (getsockopt(sock, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
		gg_scan_tcp_info(&info, len, ret);
	else
		scan_local(sock, ret);
	/* after the state: what came before the client's end is there then, and may be a whole push */
	if (ioctl(sock, SIOCINQ, &n) == 0 && n > 0)
		ret->queued_in = (uint32_t)n;
	if (ioctl(sock, SIOCOUTQ, &n) == 0 && n > 0)
		ret->queued_out = (uint32_t)n;
	if (ret->local) {
		ret->gone = ret->gone && !ret->queued_in;
		return;
	}
	ret->probes = ret->valid ? info.tcpi_probes : 0;
	if (ret->probes) {
		ret->keep_count = (uint32_t)tcp_option(sock, TCP_KEEPCNT);
		ret->keep_ms = 1000 * ((int64_t)tcp_option(sock, TCP_KEEPIDLE) +
				       (int64_t)ret->keep_count * tcp_option(sock, TCP_KEEPINTVL));
	}
}
