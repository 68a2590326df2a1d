/* children - see children.h. */
#include "base/children.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/readfile.h"

/* A thread's list of children may be long: PID 1 of a busy gate has thousands. *ret is owned by the caller.
 */
static int read_list(pid_t pid, const char *tid, char **ret, uint64_t *reads)
{
	char path[64];
	size_t len = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/children", (int)pid, tid);
	for (size_t cap = 4096; cap <= 16 << 20; cap *= 4) {
		AUTO_FREE char *text = malloc(cap);
		int r;

		if (!text)
			return -ENOMEM;
		++*reads;
		r = gg_read_file(path, text, cap, &len);
		if (r < 0)
			return r;
		if (len < cap - 1) {
			*ret = gg_take_ptr(&text);
			return 0;
		}
	}
	return -E2BIG;
}

static int add_thread(pid_t pid, const char *tid, pid_t **v, size_t *n, size_t *size, uint64_t *reads)
{
	AUTO_FREE char *text = NULL;
	char *p, *end;
	int r = read_list(pid, tid, &text, reads);

	if (r < 0)
		return r;
	for (p = text;; p = end) {
		long child = strtol(p, &end, 10);

		if (end == p)
			return 0;
		if (*n == *size) {
			size_t want = *size ? *size * 2 : 32;
			pid_t *grown = realloc(*v, want * sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			*v = grown;
			*size = want;
		}
		(*v)[(*n)++] = (pid_t)child;
	}
}

int gg_children_read(pid_t pid, pid_t **v, size_t *n, size_t *size, uint64_t *reads)
{
	char path[64];
	AUTO_DIR DIR *dir = NULL;
	struct dirent *e;
	uint64_t uncounted = 0;
	int r = 0;

	if (!reads)
		reads = &uncounted;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	++*reads;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (r == 0 && (e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		r = add_thread(pid, e->d_name, v, n, size, reads);
		if (r == -ENOENT && atoi(e->d_name) == pid && access(path, F_OK) == 0)
			r = -EOPNOTSUPP; /* the process is there, the file is not */
		else if (r == -ENOENT || r == -ESRCH)
			r = 0; /* the thread has ended */
	}
	return r;
}

int gg_children_read_lone(pid_t pid, pid_t **v, size_t *n, size_t *size, uint64_t *reads)
{
	char tid[16];
	size_t before = *n;

	snprintf(tid, sizeof(tid), "%d", (int)pid);
	if (add_thread(pid, tid, v, n, size, reads) == 0)
		return 0;
	*n = before;
	return gg_children_read(pid, v, n, size, reads); /* which knows why */
}
