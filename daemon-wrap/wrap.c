/* wrap - what git-gate-session and git-gate-http have in common. See wrap.h. */
#include "daemon-wrap/wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/httplink.h"
#include "base/text.h"
#include "daemon-wrap/repo.h"

#define REPORT_TRIES 3 /* the kernel may have no memory for it at first */
#define REPORT_PAUSE_US 20000
#define LACKS_PAUSE_US 20000

static int parse(int argc, char **argv, struct gg_wrap *o)
{
	static const struct option longs[] = {
		{ "status-fd", required_argument, NULL, 's' },
		{ "base-path", required_argument, NULL, 'b' },
		{ "hook-path", required_argument, NULL, 'h' },
		{ "nofile", required_argument, NULL, 'n' },
		{ "safe-directory", required_argument, NULL, 'd' },
		{ "refresh", no_argument, NULL, 'r' },
		{ "limit-push", required_argument, NULL, 'p' },
		{ "keep-alive", required_argument, NULL, 'k' },
		{ "init-timeout", required_argument, NULL, 't' },
		{ 0 },
	};
	struct rlimit lim;
	int64_t n;
	int c;

	*o = (struct gg_wrap){ .status_fd = -1 };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 's' && gg_int_parse(optarg, 3, 1024, &n) == 0) {
			o->status_fd = (int)n;
		} else if (c == 'b') {
			o->base_path = optarg;
		} else if (c == 'h') {
			o->hook_path = optarg;
		} else if (c == 'n' && gg_int_parse(optarg, 0, INT64_MAX, &n) == 0) {
			if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
				lim.rlim_cur = (rlim_t)n < lim.rlim_max ? (rlim_t)n : lim.rlim_max;
				setrlimit(RLIMIT_NOFILE, &lim);
			}
		} else if (c == 'r') {
			o->refresh = true;
		} else if (c == 't' && gg_int_parse(optarg, 0, UINT_MAX, &n) == 0) {
			o->init_s = (unsigned)n;
		} else if (c == 'k' && gg_int_parse(optarg, 0, INT_MAX, &n) == 0) {
			o->keep_ms = n;
		} else if (c == 'p' && gg_int_parse(optarg, 0, INT64_MAX, &n) == 0) {
			o->limit_push = n;
		} else if (c == 'd' && o->nsafe < sizeof(o->safe) / sizeof(o->safe[0])) {
			o->safe[o->nsafe++] = optarg;
		} else {
			return -EINVAL;
		}
	}
	if (getenv("GIT_CONFIG_COUNT") && gg_int_parse(getenv("GIT_CONFIG_COUNT"), 0, INT_MAX - 1, &n) == 0)
		o->nconfig = (int)n;
	o->command = argv + optind;
	return o->base_path && o->hook_path && o->command[0] ? 0 : -EINVAL;
}

void gg_wrap_join(const char *name)
{
	const char *dir = getenv("GIT_GATE_CGROUP");
	AUTO_CLOSE int fd = -1;
	char path[PATH_MAX];

	if (!dir)
		return;
	snprintf(path, sizeof(path), "%.*s/cgroup.procs", PATH_MAX - 32, dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		fprintf(stderr, "%s: cannot enter %s: %s\n", name, dir, strerror(errno));
	unsetenv("GIT_GATE_CGROUP"); /* it is nothing for hooks */
}

int gg_wrap_options(const char *name, int argc, char **argv, struct gg_wrap *ret)
{
	int r = parse(argc, argv, ret);

	if (r < 0)
		fprintf(stderr, "%s: started by git-gate for each connection; not for use by hand\n", name);
	return r;
}

bool gg_wrap_passes(int e)
{
	bool lacks = e == ENOMEM || e == ENOBUFS;

	if (lacks)
		usleep(LACKS_PAUSE_US);
	return lacks || e == EAGAIN || e == EINTR;
}

/* Who it is, for git and its hooks; nobody else sets it. */
static int tell_user(const char *user)
{
	static const char *const names[] = { "REMOTE_USER", "GIT_GATE_USER" };
	int r = 0;

	for (size_t i = 0; i < GG_LEN(names); i++)
		r |= *user ? setenv(names[i], user, 1) : unsetenv(names[i]);
	return r;
}

/* git takes the last value of a setting: this one stands behind what the gate gave to all. */
static int limit_git(const struct gg_wrap *o, int64_t push_max)
{
	char name[40], value[24];
	int r = 0, n = o->nconfig;

	if (push_max >= 0) {
		snprintf(name, sizeof(name), "GIT_CONFIG_KEY_%d", n);
		r = setenv(name, "receive.maxInputSize", 1);
		snprintf(name, sizeof(name), "GIT_CONFIG_VALUE_%d", n++);
		snprintf(value, sizeof(value), "%lld", (long long)push_max);
		r |= setenv(name, value, 1);
	}
	/* an earlier request of the connection may have been for another repository */
	snprintf(value, sizeof(value), "%d", n);
	return r | setenv("GIT_CONFIG_COUNT", value, 1);
}

void gg_wrap_ask(const struct gg_wrap *o, struct gg_status *st, struct gg_answer *ret)
{
	char buf[GG_STATUS_MAX];
	struct gg_answer a = { .push_max = -1 };
	unsigned backstop;
	ssize_t n;
	int e;

	*ret = a;
	if (o->status_fd < 0)
		return;
	backstop = alarm(0); /* the wait has its own limit */
	do
		n = read(o->status_fd, buf, sizeof(buf) - 1);
	while (n < 0 && errno == EINTR);
	e = n < 0 ? errno : 0;
	alarm(backstop);
	buf[n > 0 ? n : 0] = 0;
	if (buf[0] == GG_STATUS_END) {
		snprintf(a.refused, sizeof(a.refused), "%.*s", (int)sizeof(a.refused) - 1, buf + 1);
	} else if (e) {
		snprintf(a.refused, sizeof(a.refused), "the gate cannot be asked: %s, try again later",
			 strerror(e));
		gg_wrap_record(a.refused);
	} else if (n <= 0 || gg_answer_unpack(buf, (size_t)n, &a) < 0) {
		snprintf(a.refused, sizeof(a.refused), "the gate has ended, try again later");
	} else if (limit_git(o, a.push_max) || tell_user(a.user)) {
		snprintf(a.refused, sizeof(a.refused), "out of memory, try again");
		gg_wrap_record(a.refused);
	}
	strcpy(st->refused, a.refused);
	*ret = a;
}

void gg_wrap_git_dir(const struct gg_wrap *o, const struct gg_status *st, char *ret, size_t size)
{
	snprintf(ret, size, "%s/%s", o->base_path, st->repo);
}

bool gg_wrap_is_cut(const struct gg_status *st)
{
	return strlen(st->repo) + 1 == sizeof(st->repo);
}

void gg_wrap_record(const char *why)
{
	fprintf(stderr, "git-gate: refused: %s\n", why);
}

void gg_wrap_report(const struct gg_wrap *o, const struct gg_status *st)
{
	char buf[GG_STATUS_MAX];
	size_t n = gg_status_pack(st, buf);
	ssize_t written = -1;

	if (o->status_fd < 0)
		return;
	for (int i = 0; i < REPORT_TRIES && written < 0; i++) {
		if (i)
			usleep(REPORT_PAUSE_US);
		written = write(o->status_fd, buf, n);
	}
	if (written == (ssize_t)n)
		return;
	fprintf(stderr, "git-gate: cannot report the request: %s\n", strerror(errno));
	shutdown(o->status_fd, SHUT_RD); /* nothing will be said to it: gg_wrap_ask does not wait */
}

static void cannot_tell(struct gg_buf *err, const char *what, int e)
{
	gg_buf_add(err, "pushes are refused: %s cannot be looked at: %s, try again later", what, strerror(e));
}

/* git silently skips a hook that is missing or cannot be executed, and with it every check: so no push then.
 */
static void check_hook(const struct gg_wrap *o, struct gg_buf *err)
{
	char path[PATH_MAX];
	struct stat st;
	bool there;
	int e = ENAMETOOLONG;

	if (snprintf(path, sizeof(path), "%s/pre-receive", o->hook_path) < (int)sizeof(path))
		e = stat(path, &st) < 0 ? errno : 0;
	there = !e;
	if (there)
		e = !S_ISREG(st.st_mode) ? EACCES : access(path, X_OK) < 0 ? errno : 0;
	if (e && !gg_repo_errno(e))
		cannot_tell(err, "the gate's pre-receive hook", e);
	else if (!there)
		gg_buf_add(err, "pushes are refused: the gate's pre-receive hook is missing; see hook.path");
	else if (e)
		gg_buf_add(
			err,
			"pushes are refused: the gate's pre-receive hook cannot be executed; see hook.path");
}

/* receive-pack would say that it cannot make a directory, and not why. */
static void check_place(const char *dir, struct gg_buf *err)
{
	char objects[PATH_MAX + 16];
	struct statvfs fs;
	int e = 0;

	snprintf(objects, sizeof(objects), "%s/objects", dir);
	if (faccessat(AT_FDCWD, objects, W_OK | X_OK, AT_EACCESS) < 0)
		e = errno;
	if (e && gg_repo_errno(e))
		gg_buf_add(err, "pushes are refused: the repository cannot be written to: %s%s", strerror(e),
			   e == EROFS ? "; the operator has to look at the file system of gate.basePath"
				      : "");
	else if (e)
		cannot_tell(err, "the repository", e);
	else if (statvfs(objects, &fs) == 0 && fs.f_files && !fs.f_favail)
		gg_buf_add(err, "pushes are refused: No space left on device (inodes), below gate.basePath");
}

void gg_wrap_examine(const struct gg_wrap *o, const struct gg_request *req, int known, struct gg_status *st)
{
	struct gg_buf err = GG_BUF(st->refused), repo = GG_BUF(st->repo), asked = GG_BUF(st->asked);
	struct gg_repo found;

	snprintf(st->service, sizeof(st->service), "%s", req->service);
	gg_buf_put(&asked, req->path, strlen(req->path));
	if (known == -ENOENT) {
		gg_buf_add(&err, "unknown service git-");
		gg_escape(&err, req->service, strlen(req->service), 32);
		gg_buf_put(&repo, req->path, strlen(req->path));
		return;
	}
	gg_repo_find(o->base_path, req->path, o->safe, o->nsafe, &found, &err);
	gg_buf_put(&repo, found.dir[0] ? found.below : req->path,
		   strlen(found.dir[0] ? found.below : req->path));
	strcpy(st->found, found.dir[0] ? "1" : "");
	if (strcmp(req->service, "receive-pack"))
		return;
	if (!err.len)
		check_hook(o, &err);
	if (!err.len && found.dir[0])
		check_place(found.dir, &err);
}
