/* pstat - see pstat.h. */
#include "base/pstat.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/*
 * The number at *p, which a space or the end of the line follows; *p moves behind it.
 * Magnitude up to UINT64_MAX, because start time and CPU time are unsigned.
 */
static bool next_number(const char **p, bool *ret_negative, uint64_t *ret)
{
	const char *s = *p;
	uint64_t v = 0;

	*ret_negative = *s == '-';
	s += *ret_negative;
	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	if (*s == ' ')
		s++;
	else if (*s && *s != '\n')
		return false;
	*p = s;
	*ret = v;
	return true;
}

static bool next_u64(const char **p, uint64_t *ret)
{
	bool negative;

	return next_number(p, &negative, ret) && !negative;
}

/* Ids and counts: the kernel prints -1 for the group and session of a process that is being reaped. */
static bool next_int(const char **p, int *ret)
{
	bool negative;
	uint64_t v;

	if (!next_number(p, &negative, &v) || v > INT_MAX || (negative && v > 1))
		return false;
	*ret = negative ? -(int)v : (int)v;
	return true;
}

static bool skip(const char **p, int fields)
{
	bool negative;
	uint64_t v;

	while (fields-- > 0)
		if (!next_number(p, &negative, &v))
			return false;
	return true;
}

/* "PID (COMM) S ": fills pid, comm and state; returns what follows, NULL when it looks otherwise. */
static const char *parse_head(const char *text, struct gg_pstat *st)
{
	const char *p = text, *close = strrchr(text, ')');
	size_t n;

	if (!next_int(&p, &st->pid) || st->pid <= 0 || *p != '(' || !close || close < p)
		return NULL;
	p++;
	n = (size_t)(close - p);
	if (n >= sizeof(st->comm))
		n = sizeof(st->comm) - 1; /* kernel workers have longer names */
	memcpy(st->comm, p, n);
	p = close + 1;
	if (p[0] != ' ' || p[1] <= ' ' || p[1] > '~' || p[2] != ' ')
		return NULL;
	st->state = p[1];
	return p + 3;
}

/*
 * Name, and where the kernel laid stack and arguments, which is another place at each exec() and not shown of
 * those that we may not look into. *p: behind field 22.
 */
static uint64_t image_of(const char *p, const struct gg_pstat *st)
{
	uint64_t stack, arg_start, arg_end, h = 14695981039346656037u;

	if (!skip(&p, 5) || !next_u64(&p, &stack) || !skip(&p, 19) || !next_u64(&p, &arg_start) ||
	    !next_u64(&p, &arg_end) || !stack || !arg_end)
		return 0;
	for (size_t i = 0; i < sizeof(st->comm) && st->comm[i]; i++)
		h = (h ^ (unsigned char)st->comm[i]) * 1099511628211u;
	h = (h ^ stack) * 1099511628211u;
	h = (h ^ arg_start) * 1099511628211u;
	h = (h ^ arg_end) * 1099511628211u;
	return h ? h : 1;
}

int gg_pstat_parse(const char *text, struct gg_pstat *ret)
{
	struct gg_pstat st = { .pid = 0 };
	const char *p = parse_head(text, &st);
	uint64_t utime, stime;

	if (!p)
		return -EINVAL;
	if (!next_int(&p, &st.ppid) || !next_int(&p, &st.pgrp) || !next_int(&p, &st.sid))
		return -EINVAL;
	if (!skip(&p, 7)) /* tty_nr to cmajflt, fields 7 to 13 */
		return -EINVAL;
	if (!next_u64(&p, &utime) || !next_u64(&p, &stime) ||
	    __builtin_add_overflow(utime, stime, &st.cpu_ticks))
		return -EINVAL;
	if (!skip(&p, 4)) /* cutime to nice, fields 16 to 19 */
		return -EINVAL;
	if (!next_int(&p, &st.nlwp) || !skip(&p, 1) || !next_u64(&p, &st.start_tick))
		return -EINVAL;
	st.image = image_of(p, &st);
	*ret = st;
	return 0;
}

int gg_pstat_read(pid_t pid, struct gg_pstat *ret)
{
	AUTO_CLOSE int fd = -1;
	char path[40], text[2048]; /* 52 numbers of at most 20 digits, and a name */
	struct gg_pstat st;
	ssize_t n;

	if (pid <= 0)
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno; /* ESRCH: reaped since the open */
	if (n == 0)
		return -ESRCH;
	text[n] = '\0';
	if (gg_pstat_parse(text, &st) < 0 || st.pid != pid)
		return -EINVAL;
	*ret = st;
	return 0;
}

int gg_pstat_still(pid_t pid, uint64_t start_tick)
{
	struct gg_pstat st;
	int r = gg_pstat_read(pid, &st);

	return r == -ENOENT ? -ESRCH : r ? r : st.start_tick == start_tick ? 0 : -ESRCH;
}

int gg_pstat_check(void)
{
	char link[16];
	ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);

	link[n > 0 ? n : 0] = 0;
	return atoi(link) == getpid() ? 0 : -ENODEV;
}
