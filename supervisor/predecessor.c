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
#include "supervisor/session.h"

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
	char argv[1024];
	size_t n;

	return gg_pstat_read(pid, &st) == 0 && st.sid == pid &&
	       gg_procfs_read(pid, "cmdline", argv, sizeof(argv), &n) == 0 && gg_is_detached_gc(argv, n);
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
	struct gg_scan_target t = { .id = "", .root = root, .root_tick = root_tick };
	struct gg_snap snap = { 0 };
	int found = -1;

	if (gg_scan_procs(&t, NULL, &snap) < 0)
		return -1;
	for (size_t i = 0; found < 0 && i < snap.n; i++) {
		AUTO_CLOSE int pidfd = -1;
		uint64_t ino;

		if (gg_procfs_socket(snap.v[i].pid, 0, &ino) == 0 &&
		    gg_pidfd_open(snap.v[i].pid, snap.v[i].start_tick, &pidfd) == 0)
			found = (int)syscall(SYS_pidfd_getfd, pidfd, 0, 0);
	}
	free(snap.v);
	return found;
}

static void adopt(struct gg_gate *g, const struct gg_proctable_row *p)
{
	char host[64] = "", port[16] = "", cwd[PATH_MAX] = "", base[PATH_MAX];
	struct gg_adoptee a = { .root = p->pid, .root_tick = p->start_tick, .sock = -1 };
	size_t n;

	if (gg_procfs_getenv(p->pid, "GIT_GATE_SESSION", a.id, sizeof(a.id)) < 0)
		return;
	gg_procfs_getenv(p->pid, "REMOTE_ADDR", host, sizeof(host));
	gg_procfs_getenv(p->pid, "REMOTE_PORT", port, sizeof(port));
	snprintf(a.peer, sizeof(a.peer), "%.48s:%.8s", host, port);
	if (realpath(g->conf->base_path, base) && gg_procfs_link(p->pid, "cwd", cwd, sizeof(cwd)) == 0) {
		n = strlen(base);
		if (!strncmp(cwd, base, n) && cwd[n] == '/')
			snprintf(a.repo, sizeof(a.repo), "%.*s", (int)sizeof(a.repo) - 1, cwd + n + 1);
	}
	a.sock = find_socket(p->pid, p->start_tick);
	gg_session_adopt(g, &a);
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
			gg_proc_signal(v[i].pid, v[i].start_tick,
				       SIGKILL); /* ours would find its place taken */
			continue;
		}
		if (has_parent(v, mine, &v[i]) || is_gc(v[i].pid))
			continue;
		adopt(g, &v[i]);
		adopted++;
	}
	return adopted;
}
