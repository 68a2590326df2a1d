/* predecessor - end the sessions of a gate that died. See predecessor.h. Effect. */
#include "supervisor/predecessor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "base/headroom.h"
#include "base/pidfd.h"
#include "base/pstat.h"
#include "reaper/classify.h"
#include "reaper/procfs.h"
#include "reaper/proctable.h"
#include "supervisor/foster.h"

#define FIRST_S 0.1 /* until the first look again at those that could not be looked into ... */
#define AGAIN_S 1   /* ... and from one to the next */
#define SAY_LOOKS 3 /* who waits for a disk is through by then */

/* Processes whose environment could not be read when the gate started: they sleep in the kernel, or the
 * machine lacked something. */
struct gg_predecessor {
	struct gg_gate *gate;
	ev_timer timer;
	struct gg_ident *late; /* owned */
	size_t n;
	int looks; /* again at them, up to SAY_LOOKS */
	char instance[33];
};

/* 1, 0, or -EBUSY: it cannot be told now. */
static int belongs(pid_t pid, const char *instance)
{
	char value[64];
	int r = gg_procfs_getenv(pid, "GIT_GATE_INSTANCE", value, sizeof(value));

	return r == -EBUSY || gg_is_shortage(-r) ? -EBUSY : r == 0 && !strcmp(value, instance);
}

static bool is_of_service(pid_t pid)
{
	char value[64];

	return gg_procfs_getenv(pid, "GIT_GATE_SERVICE", value, sizeof(value)) == 0;
}

static bool is_gc(pid_t pid)
{
	struct gg_pstat st;

	return gg_pstat_read(pid, &st) == 0 && gg_orphan_is_gc(pid, st.sid);
}

/* Who has a parent among them is found through it. */
static bool has_parent(const struct gg_proctable_row *v, size_t n, const struct gg_proctable_row *p)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].pid == p->ppid)
			return true;
	return false;
}

/* The client's socket, out of the process that serves it: so that the client can be told, and git can end by
 * itself. -1: not to be had. */
static int find_socket(pid_t root, uint64_t root_tick)
{
	struct gg_scan_target t = { .id = "", .root = root, .root_tick = root_tick, .cgroup = -1 };
	struct gg_snap snap = { 0 };
	int found = -1;

	if (gg_scan_procs(&t, NULL, &snap) < 0)
		return -1;
	for (size_t i = 0; found < 0 && i < snap.n; i++) {
		AUTO_CLOSE int pidfd = -1;
		uint64_t ino;
		bool pipe;

		if (gg_procfs_stream(snap.v[i].pid, 0, &ino, &pipe) == 0 && !pipe &&
		    gg_pidfd_open(snap.v[i].pid, snap.v[i].start_tick, &pidfd) == 0)
			found = (int)syscall(SYS_pidfd_getfd, pidfd, 0, 0);
	}
	free(snap.v);
	return found;
}

static bool is_http(pid_t pid)
{
	char argv[512];
	enum gg_hook hook;
	size_t n;

	return gg_procfs_argv(pid, argv, sizeof(argv), &n) == 0 &&
	       gg_role_of(argv, n, GG_ROLE_SESSION, &hook) == GG_ROLE_HTTP;
}

/* 1; 0: it has gone meanwhile; -ENOMEM. */
static int adopt(struct gg_gate *g, const struct gg_proctable_row *p)
{
	char host[64] = "", port[16] = "";
	struct gg_adoptee a = { .root = p->pid, .root_tick = p->start_tick, .sock = -1 };
	int r;

	gg_procfs_getenv(p->pid, "GIT_GATE_SESSION", a.id, sizeof(a.id)); /* none below a service */
	gg_procfs_getenv(p->pid, "REMOTE_ADDR", host, sizeof(host));
	gg_procfs_getenv(p->pid, "REMOTE_PORT", port, sizeof(port));
	gg_procfs_getenv(p->pid, "GIT_GATE_USER", a.user, sizeof(a.user));
	if (!*host && !strncmp(a.user, "uid:", 4)) /* on a unix socket */
		snprintf(a.peer, sizeof(a.peer), "unix:uid=%.16s", a.user + 4);
	else
		snprintf(a.peer, sizeof(a.peer), "%.48s:%.8s", host, port);
	gg_foster_repo(g, p->pid, a.repo);
	a.http = is_http(p->pid);
	a.sock = find_socket(p->pid, p->start_tick);
	r = gg_foster_adopt(g, &a);
	return r == -ENOMEM ? r : r == 0;
}

/*
 * What a service left: ours would find its place taken, so it goes, but for the git sessions below it, which
 * are ended as gently as any. 1: it was such a session; else as adopt.
 */
static int end_service(struct gg_gate *g, const struct gg_proctable_row *v, size_t n,
		       const struct gg_proctable_row *p)
{
	bool below = false;

	if (!gg_find_in_session(v, n, p)) {
		gg_proc_signal(p->pid, p->start_tick, SIGKILL);
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		below |= v[i].pid == p->ppid && gg_find_in_session(v, n, &v[i]);
	return below ? 0 : adopt(g, p);
}

/* One that could not be looked into before. True: there is nothing more to find out. */
static bool settle(struct gg_predecessor *p, const struct gg_ident *who)
{
	struct gg_proctable_row row = { .pid = who->pid, .start_tick = who->start_tick };
	struct gg_pstat st;
	int r = gg_pstat_read(who->pid, &st), parent;

	if (gg_is_shortage(-r))
		return false;
	if (r < 0 || st.start_tick != who->start_tick)
		return true;
	r = belongs(who->pid, p->instance);
	if (r <= 0)
		return r == 0;
	row.ppid = st.ppid;
	parent = belongs(st.ppid, p->instance);
	if (parent) /* else it is found through that one */
		return parent > 0;
	if (is_of_service(who->pid))
		r = end_service(p->gate, &row, 1, &row);
	else if (!gg_orphan_is_gc(who->pid, st.sid))
		r = adopt(p->gate, &row);
	return r >= 0;
}

static void on_timer(EV_P_ ev_timer *w, int revents)
{
	struct gg_predecessor *p = w->data;
	char mem[160];
	struct gg_buf pids = GG_BUF(mem);
	struct gg_fields f = { GG_NO_FIELDS, .pids = pids.s };
	size_t left = 0;

	(void)revents;
	for (size_t i = 0; i < p->n; i++)
		if (!settle(p, &p->late[i]))
			p->late[left++] = p->late[i];
	p->n = left;
	if (!left) {
		ev_timer_stop(EV_A_ w);
	} else if (p->looks < SAY_LOOKS && ++p->looks == SAY_LOOKS) {
		for (size_t i = 0; i < left; i++)
			gg_buf_add(&pids, "%s%d", i ? "," : "", (int)p->late[i].pid);
		gg_event(GG_EV_GATE_PREDECESSOR, &f,
			 "%zu processes cannot be looked into now, most likely because they sleep in the "
			 "kernel (state D): whether they are of a session of the gate that died is not known",
			 left);
	}
}

/* From v come those that belong to it, first, and their number; the others are looked at again later. */
static int sort_out(struct gg_predecessor *p, struct gg_proctable_row *v, size_t n, size_t *ret_mine)
{
	size_t mine = 0;

	p->late = calloc(n + 1, sizeof(*p->late));
	if (!p->late)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int r = belongs(v[i].pid, p->instance);

		if (r > 0)
			v[mine++] = v[i];
		else if (r < 0)
			p->late[p->n++] = (struct gg_ident){ v[i].pid, v[i].start_tick };
	}
	*ret_mine = mine;
	return 0;
}

int gg_predecessor_end(struct gg_gate *g, const char *instance)
{
	AUTO_FREE struct gg_proctable_row *v = NULL;
	struct gg_predecessor *p = calloc(1, sizeof(*p));
	size_t n, mine = 0;
	int r = p ? gg_proctable_read(&v, &n) : -ENOMEM, adopted = 0;

	if (!p)
		return r;
	g->before = p;
	p->gate = g;
	snprintf(p->instance, sizeof(p->instance), "%s", instance);
	ev_timer_init(&p->timer, on_timer, FIRST_S, AGAIN_S);
	p->timer.data = p;
	r = r ? r : sort_out(p, v, n, &mine);
	if (r < 0)
		return r;
	if (p->n)
		ev_timer_start(g->loop, &p->timer);
	for (size_t i = 0; i < mine && r >= 0; i++) {
		r = 0;
		if (is_of_service(v[i].pid))
			r = end_service(g, v, mine, &v[i]);
		else if (!has_parent(v, mine, &v[i]) && !is_gc(v[i].pid))
			r = adopt(g, &v[i]);
		adopted += r > 0;
	}
	return r < 0 ? r : adopted;
}

void gg_predecessor_free(struct gg_gate *g)
{
	if (!g->before)
		return;
	ev_timer_stop(g->loop, &g->before->timer);
	free(g->before->late);
	free(g->before);
	g->before = NULL;
}
