/*
 * probechild - what can be seen of a process of one's own, and whether it can be ended: tried on processes
 * that are started here, as sessions are, and wait for a client that is we.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/children.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/pidfd.h"
#include "base/pstat.h"
#include "cli/probe.h"
#include "hooks/subtree.h"
#include "reaper/procfs.h"

enum { PATIENCE_MS = 3000, MET_THE_END = 42 };

struct child {
	pid_t pid;
	int pair[2]; /* the client's end, and ours of the session's: the child has that as 0 */
};

static void nap(void)
{
	struct timespec t = { .tv_nsec = 2000000 };

	nanosleep(&t, NULL);
}

/* A TCP connection with itself: ret[0] the client, ret[1] the session. 0 or -errno. */
static int connect_pair(int ret[static 2])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	AUTO_CLOSE int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO_CLOSE int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO_CLOSE int s = -1;
	struct timeval limit = { .tv_sec = PATIENCE_MS / 1000 };
	socklen_t len = sizeof(a);

	if (l < 0 || c < 0 || bind(l, (struct sockaddr *)&a, len) < 0 || listen(l, 1) < 0 ||
	    getsockname(l, (struct sockaddr *)&a, &len) < 0)
		return -errno;
	/* bounds connect and accept as well */
	setsockopt(c, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(c, (struct sockaddr *)&a, len) < 0)
		return -errno;
	s = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	if (s < 0)
		return -errno;
	ret[0] = gg_take_fd(&c);
	ret[1] = gg_take_fd(&s);
	return 0;
}

static void be_as_born(void)
{
	sigset_t none;

	sigemptyset(&none);
	close(STDOUT_FILENO); /* who reads that waits for its end */
	close(STDERR_FILENO);
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* as after an exec: who became another user without one is closed to himself */
	prctl(PR_SET_DUMPABLE, 1);
}

_Noreturn static void wait_for_client(int in)
{
	char c;

	be_as_born();
	setsid();
	if (in != 0)
		dup2(in, 0);
	while (read(0, &c, 1) > 0)
		continue;
	_exit(MET_THE_END);
}

/* It sleeps, or cannot be seen. */
static void let_it_block(pid_t pid)
{
	int64_t end_ms = gg_now_ms() + PATIENCE_MS;
	struct gg_pstat st;
	struct gg_syscall sc;

	while (gg_now_ms() < end_ms) {
		if (gg_pstat_read(pid, &st) < 0)
			return;
		if (st.state == 'S' && st.sid == pid && (gg_procfs_syscall(pid, pid, &sc) < 0 || !sc.running))
			return;
		nap();
	}
}

/* 0 or -errno. */
static int start(struct child *ret)
{
	int pair[2] = { -1, -1 }, r = connect_pair(pair);
	pid_t pid;

	/* what can be seen of it does not depend on the network */
	if (r < 0)
		r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
	if (r < 0)
		return r;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		wait_for_client(pair[1]);
	}
	if (pid < 0) {
		r = -errno;
		close(pair[0]);
		close(pair[1]);
		return r;
	}
	*ret = (struct child){ .pid = pid, .pair = { pair[0], pair[1] } };
	let_it_block(pid);
	return 0;
}

/* Its wait status once it has ended; -1: it has not in PATIENCE_MS. It is our child, so its number is its own
 * until then. */
static int ended(struct child *c)
{
	int64_t end_ms = gg_now_ms() + PATIENCE_MS;
	int status;
	pid_t p;

	while ((p = waitpid(c->pid, &status, WNOHANG)) == 0 || (p < 0 && errno == EINTR)) {
		if (gg_now_ms() > end_ms)
			return -1;
		nap();
	}
	c->pid = 0;
	return p < 0 ? -1 : status;
}

static void finish(struct child *c)
{
	close(c->pair[0]);
	close(c->pair[1]);
	if (c->pid > 0) {
		kill(c->pid, SIGKILL);
		waitpid(c->pid, NULL, 0);
	}
}

static int bad(int r)
{
	return r < 0 ? -r : 0;
}

static void look(const struct child *c, struct gg_machine_child *ret)
{
	char text[4096];
	uint64_t in, out, ino;
	struct gg_pstat st;
	struct gg_syscall sc = { .nr = -1 };
	struct stat own;

	ret->error[GG_SEEN_STAT] = bad(gg_pstat_read(c->pid, &st));
	ret->error[GG_SEEN_IO] = bad(gg_procfs_io(c->pid, &in, &out));
	ret->error[GG_SEEN_CWD] = bad(gg_procfs_link(c->pid, "cwd", text, sizeof(text)));
	ret->error[GG_SEEN_ENVIRON] = bad(gg_procfs_read(c->pid, "environ", text, sizeof(text), NULL));
	ret->error[GG_SEEN_WCHAN] = bad(gg_procfs_read(c->pid, "wchan", text, sizeof(text), NULL));
	ret->error[GG_SEEN_FD] = bad(gg_procfs_stream(c->pid, 0, &ino, NULL));
	if (!ret->error[GG_SEEN_FD] && (fstat(c->pair[1], &own) < 0 || own.st_ino != ino))
		ret->error[GG_SEEN_FD] = EINVAL;
	ret->error[GG_SEEN_SYSCALL] = bad(gg_procfs_syscall(c->pid, c->pid, &sc));
	ret->blind = !ret->error[GG_SEEN_SYSCALL] && (sc.nr != SYS_read || sc.arg0 != 0);
}

static int look_for(pid_t pid)
{
	AUTO_FREE pid_t *v = NULL;
	size_t n = 0, size = 0;
	int r = gg_children_read(getpid(), &v, &n, &size, NULL);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (v[i] == pid)
			return 0;
	return r < 0 ? -r : ECHILD;
}

void gg_probe_child(struct gg_machine_child *ret)
{
	struct child c = { .pair = { -1, -1 } };

	*ret = (struct gg_machine_child){ .made = bad(start(&c)) };
	if (ret->made)
		return;
	look(&c, ret);
	ret->children = look_for(c.pid);
	finish(&c);
}

void gg_probe_tcp(struct gg_machine_tcp *ret)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int pair[2] = { -1, -1 };

	*ret = (struct gg_machine_tcp){ .pair = bad(connect_pair(pair)),
					.info_least = offsetof(struct tcp_info, tcpi_segs_out) };
	if (ret->pair)
		return;
	if (getsockopt(pair[1], IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
		ret->info_size = len;
	close(pair[0]);
	close(pair[1]);
}

/* --- ending ------------------------------------------------------------------------------------------ */

static int wait_status(struct child *c, bool (*meant)(int status))
{
	int status = ended(c);

	return status == -1 ? ETIMEDOUT : meant(status) ? 0 : EPROTO;
}

static bool hung_up(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP;
}

static bool killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static bool met_the_end(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == MET_THE_END;
}

static int try_signal(int sig, bool (*meant)(int status), int *ret_identity)
{
	struct child c = { .pair = { -1, -1 } };
	struct gg_pstat st;
	int r = start(&c);

	if (r < 0)
		return -r;
	r = gg_pstat_read(c.pid, &st);
	if (r == 0 && ret_identity) { /* of another start time it is somebody else */
		r = gg_proc_signal(c.pid, st.start_tick + 1, sig);
		*ret_identity = r == -ESRCH ? 0 : r == 0 ? EPROTO : -r;
		r = 0;
	}
	r = r ? r : gg_proc_signal(c.pid, st.start_tick, sig);
	r = r < 0 ? -r : wait_status(&c, meant);
	finish(&c);
	return r;
}

static int try_half_close(void)
{
	struct child c = { .pair = { -1, -1 } };
	int r = start(&c);

	if (r < 0)
		return -r;
	r = shutdown(c.pair[1], SHUT_RD) < 0 ? errno : wait_status(&c, met_the_end);
	finish(&c);
	return r;
}

/* As a hook's daemon does it: two forks, two sessions, and the one between is gone. */
_Noreturn static void let_go(int ready)
{
	pid_t pid;

	be_as_born();
	setsid();
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, 0);
		setsid();
		alarm(10 * PATIENCE_MS / 1000); /* if we are killed meanwhile */
		(void)!write(ready, &(pid_t){ getpid() }, sizeof(pid_t));
		close(ready);
		for (;;)
			pause();
	}
	_exit(pid < 0);
}

static pid_t parent_of(pid_t pid)
{
	struct gg_pstat st;

	return gg_pstat_read(pid, &st) < 0 ? -1 : st.ppid;
}

static void try_subtree(struct gg_machine_steps *ret)
{
	struct gg_subtree elders = { .keep = 0 };
	int ready[2] = { -1, -1 }, r = gg_subtree_adopt();
	pid_t pid, orphan = 0;
	char who[64];
	struct gg_buf names = GG_BUF(who);
	size_t left = 0;

	r = r ? r : gg_subtree_elders(&elders);
	if (r == 0 && pipe2(ready, O_CLOEXEC) < 0)
		r = -errno;
	ret->error[GG_TRIED_SUBTREE] = bad(r);
	if (r < 0)
		return gg_subtree_free(&elders);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		let_go(ready[1]);
	close(ready[1]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (pid > 0 && read(ready[0], &orphan, sizeof(orphan)) == sizeof(orphan) && orphan > 0) {
		ret->tried_adoption = true;
		ret->adopted = parent_of(orphan) == getpid();
		r = gg_subtree_end(&elders, PATIENCE_MS, &names, &left);
		r = r < 0 ? r : left ? -ETIMEDOUT : kill(orphan, 0) == 0 ? -EPROTO : 0;
		if (r < 0 && ret->adopted) /* our child, not waited for: the number is its own */
			kill(orphan, SIGKILL);
		ret->error[GG_TRIED_SUBTREE] = bad(r);
	} else {
		ret->error[GG_TRIED_SUBTREE] = EAGAIN;
	}
	close(ready[0]);
	gg_subtree_free(&elders);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
}

void gg_probe_steps(struct gg_machine_steps *ret)
{
	int pair[2] = { -1, -1 };

	*ret = (struct gg_machine_steps){ .error = { [GG_TRIED_IDENTITY] = -1, [GG_TRIED_HALF_CLOSE] = -1 } };
	ret->error[GG_TRIED_HANGUP] = try_signal(SIGHUP, hung_up, NULL);
	ret->error[GG_TRIED_KILL] = try_signal(SIGKILL, killed, &ret->error[GG_TRIED_IDENTITY]);
	if (connect_pair(pair) == 0) {
		close(pair[0]);
		close(pair[1]);
		ret->error[GG_TRIED_HALF_CLOSE] = try_half_close();
	}
	try_subtree(ret);
}
