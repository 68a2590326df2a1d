#include "tests/torture/gitpush.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/pidfd.h"
#include "base/pstat.h"
#include "base/spawn.h"
#include "base/text.h"
#include "tests/torture/scratch.h"

enum { STOP_MS = 3000, STOP_POLL_MS = 5 };

static int open_stderr(const struct gg_scratch *s)
{
	int fd = open(s->dir, O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	char path[PATH_MAX + 32];

	if (fd >= 0)
		return fd;
	/* not every file system has O_TMPFILE */
	snprintf(path, sizeof(path), "%s/stderr.XXXXXX", s->dir);
	fd = mkostemp(path, O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

int gg_push_start(struct gg_push *p, const struct gg_scratch *s, const char *history, const char *url,
		  const char *tag)
{
	char spec[300];
	const char *const argv[] = { "git", "push", url, spec, NULL };
	int r;

	snprintf(spec, sizeof(spec), "%s:refs/heads/%s", history, tag);
	p->err = open_stderr(s);
	if (p->err < 0)
		return p->err;
	struct gg_spawn sp = { .path = s->git,
			       .argv = (char *const *)argv,
			       .envp = s->env,
			       .in = -1,
			       .out = -1,
			       .err = p->err,
			       .extra = -1,
			       .new_session = true };
	r = gg_spawn(&sp, &p->pid, &p->pidfd);
	if (r < 0)
		p->pid = 0;
	return r;
}

static bool is_pack_objects(pid_t pid)
{
	char path[64], buf[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	/* "git\0pack-objects\0…" */
	return strlen(buf) < (size_t)n && !strcmp(buf + strlen(buf) + 1, "pack-objects");
}

/* The push's group as it is now. */
struct survey {
	int running;		/* neither stopped nor dead */
	struct gg_pstat packer; /* pid 0: none */
};

static void survey(pid_t group, struct survey *ret)
{
	AUTO_DIR DIR *proc = opendir("/proc");
	struct dirent *e;

	*ret = (struct survey){ 0 };
	while (proc && (e = readdir(proc))) {
		struct gg_pstat st;
		int64_t pid;

		if (!isdigit((unsigned char)e->d_name[0]) || gg_int_parse(e->d_name, 1, INT_MAX, &pid) < 0 ||
		    gg_pstat_read((pid_t)pid, &st) < 0 || st.pgrp != group)
			continue;
		ret->running += st.state != 'T' && st.state != 'Z';
		if (is_pack_objects(st.pid))
			ret->packer = st;
	}
}

int gg_push_stop(const struct gg_push *p, bool whole)
{
	int64_t until = gg_now_ms() + STOP_MS;
	struct survey s;
	int r = 0;

	survey(p->pid, &s);
	if (!s.packer.pid)
		return -ESRCH;
	/* its leader is our child and not reaped, so the group's number is still its own */
	if (whole)
		r = kill(-p->pid, SIGSTOP) < 0 ? -errno : 0;
	else
		r = gg_proc_signal(s.packer.pid, s.packer.start_tick, SIGSTOP);
	while (r == 0) {
		survey(p->pid, &s);
		if (whole ? s.running == 0 : s.packer.state == 'T')
			break;
		if (gg_now_ms() >= until)
			r = -ETIMEDOUT;
		poll(NULL, 0, STOP_POLL_MS);
	}
	return r;
}

void gg_push_continue(const struct gg_push *p)
{
	if (p->pid > 0)
		kill(-p->pid, SIGCONT);
}

void gg_push_kill(const struct gg_push *p)
{
	if (p->pid > 0)
		kill(-p->pid, SIGKILL);
}

void gg_push_reap(struct gg_push *p, int *ret_status)
{
	while (p->pid > 0) {
		if (waitpid(p->pid, ret_status, 0) < 0 && errno == EINTR)
			continue;
		p->pid = 0;
	}
	gg_close_fd(&p->pidfd);
}

size_t gg_push_stderr(const struct gg_push *p, char *buf, size_t size)
{
	struct stat st;
	ssize_t n;

	if (p->err < 0 || fstat(p->err, &st) < 0)
		return 0;
	n = pread(p->err, buf, size, st.st_size > (off_t)size ? st.st_size - (off_t)size : 0);
	return n < 0 ? 0 : (size_t)n;
}

void gg_push_free(struct gg_push *p)
{
	int status;

	gg_push_kill(p);
	gg_push_reap(p, &status);
	gg_close_fd(&p->err);
}
