/* waits - what a process waits for. See waits.h. */
#include "reaper/waits.h"

#include <dirent.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "reaper/procfs.h"

/* Those whose first argument is a descriptor. */
static bool is_about_fd(const char *call)
{
	static const char *const names[] = {
		"read",	       "write",	     "readv",	  "writev",	     "pread64",
		"pwrite64",    "recvfrom",   "recvmsg",	  "sendto",	     "sendmsg",
		"connect",     "accept",     "accept4",	  "flock",	     "fcntl",
		"ioctl",       "fsync",	     "splice",	  "copy_file_range", "epoll_wait",
		"epoll_pwait", "getdents64", "fdatasync",
	};

	for (size_t i = 0; i < GG_LEN(names); i++)
		if (!strcmp(call, names[i]))
			return true;
	return false;
}

static void name_call(long nr, struct gg_wait *w)
{
	/* of this machine's architecture */
	char *name = nr >= 0 && nr <= INT32_MAX ? seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)nr)
						: NULL;

	if (name)
		snprintf(w->call, sizeof(w->call), "%s", name);
	else if (nr >= 0)
		snprintf(w->call, sizeof(w->call), "system call %ld", nr);
	free(name);
}

static void name_fd(pid_t pid, uint64_t in_ino, uint64_t out_ino, struct gg_wait *w)
{
	char link[256], fd[32];
	uint64_t ino;

	if (gg_procfs_stream(pid, w->fd, &ino, NULL) == 0 && (ino == in_ino || ino == out_ino)) {
		snprintf(w->what, sizeof(w->what), "client");
		return;
	}
	snprintf(fd, sizeof(fd), "fd/%d", w->fd);
	if (gg_procfs_link(pid, fd, link, sizeof(link)) == 0)
		snprintf(w->what, sizeof(w->what), "%.*s", (int)sizeof(w->what) - 1, link);
}

static void read_channel(pid_t pid, pid_t tid, struct gg_wait *w)
{
	char file[48];

	snprintf(file, sizeof(file), "task/%d/wchan", (int)tid);
	if (gg_procfs_read(pid, file, w->where, sizeof(w->where), NULL) < 0 || !strcmp(w->where, "0"))
		w->where[0] = 0;
}

static void look_at_thread(pid_t pid, pid_t tid, uint64_t in_ino, uint64_t out_ino, struct gg_waits *ret)
{
	struct gg_wait *w = &ret->thread[ret->n++];
	struct gg_syscall sc;

	*w = (struct gg_wait){ .fd = -1 };
	read_channel(pid, tid, w);
	if (gg_procfs_syscall(pid, tid, &sc) < 0)
		return;
	if (sc.running) {
		snprintf(w->call, sizeof(w->call), "on a CPU");
		return;
	}
	name_call(sc.nr, w);
	if (!is_about_fd(w->call))
		return;
	w->fd = (int)sc.arg0;
	name_fd(pid, in_ino, out_ino, w);
}

/* A script that an interpreter runs, or a command of git's. */
static bool is_name(const char *argv0, const char *s)
{
	const char *slash = strrchr(argv0, '/');

	if (*s == '/' || !strncmp(s, "./", 2) || !strncmp(s, "hooks/", 6))
		return true;
	return !strcmp(slash ? slash + 1 : argv0, "git") && *s != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz-") == strlen(s);
}

/*
 * Without directories: what a hook is called says more than where it lies. Who reads the log, or the page of
 * listen.admin, need not be one who may read command lines, and hooks have passwords in them: of what git
 * did not start itself only the name is told.
 */
static void read_command(const struct gg_proc *p, struct gg_waits *ret)
{
	bool of_git = p->role == GG_ROLE_HOOK && p->hook != GG_HOOK_UNKNOWN;
	struct gg_buf b = GG_BUF(ret->command);
	char argv[512];
	size_t n, word;

	if (gg_procfs_argv(p->pid, argv, sizeof(argv), &n) < 0)
		return;
	for (size_t i = 0, at = 0; at < n; i++, at += word + 1) {
		const char *s = argv + at, *slash = strrchr(s, '/');

		word = strlen(s);
		if (i && !of_git && (i > 1 || !is_name(argv, s))) {
			gg_buf_add(&b, " ...");
			return;
		}
		gg_buf_add(&b, "%s%s", i ? " " : "", *s == '/' && slash[1] ? slash + 1 : s);
	}
}

void gg_waits_read(const struct gg_proc *p, uint64_t in_ino, uint64_t out_ino, struct gg_waits *ret)
{
	char path[64];
	AUTO_DIR DIR *dir = NULL;
	struct dirent *e;

	*ret = (struct gg_waits){ 0 };
	read_command(p, ret);
	look_at_thread(p->pid, p->pid, in_ino, out_ino, ret);
	if (p->nlwp <= 1)
		return;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)p->pid);
	dir = opendir(path);
	while (dir && ret->n < GG_WAITS_THREADS && (e = readdir(dir))) {
		pid_t tid = (pid_t)atoi(e->d_name);

		if (tid > 0 && tid != p->pid)
			look_at_thread(p->pid, tid, in_ino, out_ino, ret);
	}
}
