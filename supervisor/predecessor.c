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
#include "base/pidfd.h"
#include "base/pstat.h"
#include "reaper/classify.h"
#include "reaper/procfs.h"
#include "reaper/proctable.h"
#include "supervisor/foster.h"

static bool belongs(pid_t pid, const char *instance)
{
	char value[64];

	return gg_procfs_getenv(pid, "GIT_GATE_INSTANCE", value, sizeof(value)) == 0 &&
	       !strcmp(value, instance);
}

static bool is_of_service(pid_t pid)
{
	char value[64];

	return gg_procfs_getenv(pid, "GIT_GATE_SERVICE", value, sizeof(value)) == 0;
}

static bool is_gc(pid_t pid)
{
	struct gg_pstat st;

	return gg_pstat_read(pid, &st) == 0 && gg_scan_is_gc(pid, st.sid);
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

	return gg_procfs_read(pid, "cmdline", argv, sizeof(argv), &n) == 0 &&
	       gg_role_of(argv, n, GG_ROLE_SESSION, &hook) == GG_ROLE_HTTP;
}

static void adopt(struct gg_gate *g, const struct gg_proctable_row *p)
{
	char host[64] = "", port[16] = "";
	struct gg_adoptee a = { .root = p->pid, .root_tick = p->start_tick, .sock = -1 };

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
	gg_foster_adopt(g, &a);
}

/*
 * What a service left: ours would find its place taken, so it goes, but for the git sessions below it, which
 * are ended as gently as any. True: it was such a session.
 */
static bool end_service(struct gg_gate *g, const struct gg_proctable_row *v, size_t n,
			const struct gg_proctable_row *p)
{
	bool below = false;

	if (!gg_find_in_session(v, n, p)) {
		gg_proc_signal(p->pid, p->start_tick, SIGKILL);
		return false;
	}
	for (size_t i = 0; i < n; i++)
		below |= v[i].pid == p->ppid && gg_find_in_session(v, n, &v[i]);
	if (!below)
		adopt(g, p);
	return !below;
}

int gg_predecessor_end(struct gg_gate *g, const char *instance)
{
	AUTO_FREE struct gg_proctable_row *v = NULL;
	size_t n, mine = 0;
	int r = gg_proctable_read(&v, &n), adopted = 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (belongs(v[i].pid, instance))
			v[mine++] = v[i];
	for (size_t i = 0; i < mine; i++) {
		if (is_of_service(v[i].pid)) {
			adopted += end_service(g, v, mine, &v[i]);
		} else if (!has_parent(v, mine, &v[i]) && !is_gc(v[i].pid)) {
			adopt(g, &v[i]);
			adopted++;
		}
	}
	return adopted;
}
