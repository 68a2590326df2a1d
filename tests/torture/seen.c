#include "tests/torture/seen.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "reaper/sockdiag.h"

enum { FILE_MAX = 65536 };

/* A file of /proc/PID, cut at FILE_MAX; NUL-terminated. Returns its length, 0 when it cannot be read. */
static size_t slurp(const char *pid, const char *file, char *buf)
{
	char path[300];
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, file);

	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && n < FILE_MAX) {
		ssize_t k = read(fd, buf + n, FILE_MAX - n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			break;
		n += (size_t)k;
	}
	buf[n] = '\0';
	return n;
}

static const char *next_string(const char *s, const char *end)
{
	s += strlen(s) + 1;
	return s < end ? s : NULL;
}

/* Value of a variable in a block of NUL-terminated strings, or NULL. */
static const char *get(const char *block, size_t n, const char *name)
{
	size_t len = strlen(name);

	for (const char *s = n ? block : NULL; s; s = next_string(s, block + n))
		if (!strncmp(s, name, len) && s[len] == '=')
			return s + len + 1;
	return NULL;
}

static bool is_housekeeping(const char *pid, char *buf)
{
	static const char *const names[] = { "gc", "maintenance", "repack" };
	size_t n = slurp(pid, "cmdline", buf);
	const char *sub = n ? next_string(buf, buf + n) : NULL;

	for (size_t i = 0; sub && i < GG_LEN(names); i++)
		if (!strcmp(sub, names[i]))
			return true;
	return false;
}

void gg_seen_each(void (*each)(void *arg, pid_t pid, uint16_t port, const char *quarantine), void *arg)
{
	AUTO_DIR DIR *proc = opendir("/proc");
	AUTO_FREE char *env = malloc(FILE_MAX + 1), *cmd = malloc(FILE_MAX + 1);
	struct dirent *e;

	while (proc && env && cmd && (e = readdir(proc))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;

		size_t n = slurp(e->d_name, "environ", env);
		const char *port = get(env, n, "REMOTE_PORT"), *q = get(env, n, "GIT_QUARANTINE_PATH");
		int64_t pid, number;

		if (!port || gg_int_parse(port, 1, 65535, &number) < 0 ||
		    gg_int_parse(e->d_name, 1, INT32_MAX, &pid) < 0)
			continue;
		if (is_housekeeping(e->d_name, cmd))
			continue;
		if (q && strrchr(q, '/'))
			q = strrchr(q, '/') + 1;
		each(arg, (pid_t)pid, (uint16_t)number, q);
	}
}

int gg_seen_tcp(int fd)
{
	struct gg_addr server = { .len = sizeof(server.ss) }, us = { .len = sizeof(us.ss) };
	struct tcp_info info;
	size_t size;
	int r;

	if (getpeername(fd, (struct sockaddr *)&server.ss, &server.len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&us.ss, &us.len) < 0)
		return -errno;
	r = gg_sockdiag_tcp(&server, &us, &info, &size);
	/* only one that is not open yet, or no longer, has no more to tell than its addresses */
	if (r == -ENOENT || r == -ENODATA)
		return 0;
	return r < 0 ? r : info.tcpi_state;
}
