/* procfs - single files below /proc/PID. See procfs.h. */
#include "reaper/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/children.h"
#include "base/cleanup.h"
#include "base/headroom.h"
#include "base/readfile.h"
#include "reaper/envsearch.h"

#define HELD_THREADS 256 /* of one process that are looked at */

static uint64_t reads;

uint64_t gg_procfs_reads(void)
{
	return reads;
}

static int read_file(const char *path, char *buf, size_t size, size_t *ret_len)
{
	reads++;
	return gg_read_file(path, buf, size, ret_len);
}

int gg_procfs_read(pid_t pid, const char *file, char *buf, size_t size, size_t *ret_len)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return read_file(path, buf, size, ret_len);
}

int gg_procfs_link(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t k;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	reads++;
	k = readlink(path, buf, size - 1);
	if (k < 0)
		return -errno;
	buf[k] = 0;
	return 0;
}

int gg_procfs_stream(pid_t pid, int fd, uint64_t *ret_ino, bool *ret_pipe)
{
	char name[32], link[64];
	unsigned long long ino;
	bool pipe;
	int r;

	snprintf(name, sizeof(name), "fd/%d", fd);
	r = gg_procfs_link(pid, name, link, sizeof(link));
	if (r < 0)
		return r;
	pipe = sscanf(link, "pipe:[%llu]", &ino) == 1;
	if (!pipe && sscanf(link, "socket:[%llu]", &ino) != 1)
		return -ENOTSOCK;
	*ret_ino = ino;
	if (ret_pipe)
		*ret_pipe = pipe;
	return 0;
}

int gg_procfs_io(pid_t pid, uint64_t *ret_read, uint64_t *ret_written)
{
	unsigned long long rchar, wchar;
	char text[512];
	int r = gg_procfs_read(pid, "io", text, sizeof(text), NULL);

	if (r < 0)
		return r;
	if (sscanf(text, "rchar: %llu wchar: %llu", &rchar, &wchar) != 2)
		return -EINVAL;
	*ret_read = rchar;
	*ret_written = wchar;
	return 0;
}

int gg_procfs_syscall(pid_t pid, pid_t tid, struct gg_syscall *ret)
{
	char path[64], text[256];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
	r = read_file(path, text, sizeof(text), NULL);
	if (r < 0)
		return r;
	*ret = (struct gg_syscall){ .nr = -1, .arg0 = -1 };
	if (!strncmp(text, "running", 7)) {
		ret->running = true;
		return 0;
	}
	/* "NR 0xARG0 0xARG1 …", or "-1 0xSP 0xPC" when blocked outside a system call */
	if (sscanf(text, "%ld", &ret->nr) != 1)
		return -EINVAL;
	if (ret->nr >= 0 && sscanf(text, "%*d 0x%lx", (unsigned long *)&ret->arg0) != 1)
		return -EINVAL;
	return 0;
}

static bool sleeps(pid_t pid, const char *tid)
{
	char path[64], text[1024];
	struct gg_pstat st;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/stat", (int)pid, tid);
	return read_file(path, text, sizeof(text), NULL) == 0 && gg_pstat_parse(text, &st) == 0 &&
	       st.state == 'D';
}

bool gg_procfs_held(pid_t pid, const struct gg_pstat *st)
{
	char path[64];
	AUTO_DIR DIR *dir = NULL;
	struct dirent *e;
	bool held = st->state == 'D';

	if (held || st->nlwp <= 1)
		return held;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return gg_is_shortage(errno); /* in doubt it is: who reads of it may not come back */
	for (int seen = 0; !held && seen < HELD_THREADS && (e = readdir(dir)); seen++)
		held = e->d_name[0] != '.' && sleeps(pid, e->d_name);
	return held;
}

static int check_held(pid_t pid)
{
	struct gg_pstat st;
	int r;

	reads++;
	r = gg_pstat_read(pid, &st);
	return r ? r : gg_procfs_held(pid, &st) ? -EBUSY : 0;
}

int gg_procfs_argv(pid_t pid, char *buf, size_t size, size_t *ret_len)
{
	int r = check_held(pid);

	return r ? r : gg_procfs_read(pid, "cmdline", buf, size, ret_len);
}

int gg_procfs_getenv(pid_t pid, const char *name, char *buf, size_t size)
{
	struct gg_envsearch e = { .name = name, .buf = buf, .size = size };
	char path[64], text[16384];
	AUTO_CLOSE int fd = -1;
	ssize_t k;
	int r = check_held(pid);

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	reads++;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (r == 0 && (k = read(fd, text, sizeof(text))) != 0) {
		if (k < 0)
			return -errno;
		for (ssize_t i = 0; i < k && r == 0; i++)
			r = gg_envsearch_byte(&e, text[i]);
	}
	/* one that a process has cut short by writing over it ends where its environment does */
	if (r == 0 && e.value)
		r = gg_envsearch_byte(&e, 0);
	return r > 0 ? 0 : -ENODATA;
}

int gg_procfs_children(pid_t pid, bool lone, pid_t **v, size_t *n, size_t *size)
{
	return lone ? gg_children_read_lone(pid, v, n, size, &reads)
		    : gg_children_read(pid, v, n, size, &reads);
}
