/* probemachine - /proc, ptrace rules, git, hook, clock, limits: what they are, for git-gate doctor. */
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/ask.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/readfile.h"
#include "base/spawn.h"
#include "cli/probe.h"
#include "cli/tool.h"
#include "supervisor/listen.h"
#include "supervisor/setup.h"

enum { ASK_MS = 10000, CAP_SYS_PTRACE_BIT = 19 };

/* What the last mount of /proc hides: "hidepid=invisible,subset=pid". */
static void read_options(char *ret, size_t size)
{
	AUTO_FILE FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096];
	struct gg_buf b = { .s = ret, .size = size };

	while (f && fgets(line, sizeof(line), f)) {
		char where[1024];
		const char *type = strstr(line, " - proc ");

		if (!type || sscanf(line, "%*s %*s %*s %*s %1023s", where) != 1 || strcmp(where, "/proc"))
			continue;
		b.len = 0;
		ret[0] = 0;
		for (char *p = strtok(line + (type - line), " ,\n"); p; p = strtok(NULL, " ,\n"))
			if (!strncmp(p, "hidepid=", 8) || !strncmp(p, "subset=", 7) || !strncmp(p, "gid=", 4))
				gg_buf_add(&b, "%s%s", b.len ? "," : "", p);
	}
}

void gg_probe_proc(struct gg_machine_proc *ret)
{
	struct statfs fs;
	char self[32] = "", own[32];
	ssize_t n = readlink("/proc/self", self, sizeof(self) - 1);

	*ret = (struct gg_machine_proc){ .mounted =
						 statfs("/proc", &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC };
	snprintf(own, sizeof(own), "%d", (int)getpid());
	self[n > 0 ? n : 0] = 0;
	ret->own = !strcmp(self, own);
	read_options(ret->options, sizeof(ret->options));
}

int gg_probe_yama(bool *ret_capable)
{
	char text[4096];
	const char *at;
	unsigned long long effective = 0;
	int64_t scope;

	if (gg_read_file("/proc/self/status", text, sizeof(text), NULL) == 0) {
		at = strstr(text, "\nCapEff:");
		if (at && sscanf(at, "\nCapEff: %llx", &effective) != 1)
			effective = 0;
	}
	*ret_capable = effective >> CAP_SYS_PTRACE_BIT & 1;
	if (gg_read_file("/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text), NULL) < 0)
		return -1;
	text[strcspn(text, "\n")] = 0;
	return gg_int_parse(text, 0, 9, &scope) == 0 ? (int)scope : -1;
}

/* Its first line. false: it does not run. */
static bool first_line(const char *const *argv, char *ret, size_t size)
{
	struct gg_tool t = { .argv = argv, .limit_ms = ASK_MS };
	AUTO_FREE struct gg_tool_end *end = malloc(sizeof(*end));

	ret[0] = 0;
	if (!end || !gg_tool_run(&t, end))
		return false;
	end->out[strcspn(end->out, "\n")] = 0;
	snprintf(ret, size, "%.*s", (int)size - 1, end->out);
	return true;
}

void gg_probe_git(struct gg_machine_git *ret)
{
	static const char *const version[] = { "git", "version", NULL }, *const exec[] = { "git",
											   "--exec-path",
											   NULL };
	static const char *const parts[] = { "git-daemon", "git-http-backend", "git" };

	*ret = (struct gg_machine_git){ .major = 0 };
	if (!first_line(version, ret->version, sizeof(ret->version)) ||
	    sscanf(ret->version, "git version %d.%d.%d", &ret->major, &ret->minor, &ret->patch) < 2) {
		ret->version[0] = 0;
		return;
	}
	first_line(exec, ret->exec_path, sizeof(ret->exec_path));
	for (size_t i = 0; i < GG_LEN(parts) && !*ret->missing; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", ret->exec_path, parts[i]);
		if (access(path, X_OK) < 0)
			snprintf(ret->missing, sizeof(ret->missing), "%s", parts[i]);
	}
}

void gg_probe_hook(const struct gg_conf *c, struct gg_machine_hook *ret)
{
	char path[PATH_MAX], real[PATH_MAX];
	const char *argv[] = { real, "--version", NULL }, *slash;

	*ret = (struct gg_machine_hook){ .ours = false };
	if (snprintf(path, sizeof(path), "%s/pre-receive", c->hook_path) >= (int)sizeof(path) ||
	    !realpath(path, real))
		return;
	slash = strrchr(real, '/');
	ret->ours = slash && !strcmp(slash, "/git-gate-hook");
	if (ret->ours)
		first_line(argv, ret->version, sizeof(ret->version));
}

/* --- clock ------------------------------------------------------------------------------------------- */

/* The best of some: a machine that is busy for a moment has no coarse timer. */
static int64_t lateness_ms(void)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < 5; i++) {
		struct timespec t = { .tv_nsec = 1000000 };
		int64_t begun = gg_now_ms(), took;

		nanosleep(&t, NULL);
		took = gg_now_ms() - begun - 1;
		if (took < best)
			best = took;
	}
	return best > 0 ? best : 0;
}

void gg_probe_clock(struct gg_machine_clock *ret)
{
	struct timespec res = { 0 };
	struct timex tx = { .modes = 0 };
	int state;

	clock_getres(CLOCK_MONOTONIC, &res);
	ret->resolution_ns = (int64_t)res.tv_sec * 1000000000 + res.tv_nsec;
	ret->late_ms = lateness_ms();
	ret->now_s = time(NULL);
	ret->suspended_ms = gg_clock_ms(CLOCK_BOOTTIME) - gg_now_ms();
	state = adjtimex(&tx); /* asks only */
	ret->synchronised = state < 0 ? -1 : state != TIME_ERROR && !(tx.status & STA_UNSYNC);
}

/* --- limits ------------------------------------------------------------------------------------------ */

static uint64_t limit_of(rlim_t l)
{
	return l == RLIM_INFINITY ? UINT64_MAX : l;
}

/* "Max open files            1024                 65536                files"; hard: the second of the two.
 */
static bool limit_in(const char *text, const char *name, bool hard, uint64_t *ret)
{
	const char *at = strstr(text, name);
	char soft_text[32], hard_text[32];
	int64_t n;

	if (!at || sscanf(at + strlen(name), "%31s %31s", soft_text, hard_text) != 2)
		return false;
	if (!strcmp(hard ? hard_text : soft_text, "unlimited"))
		*ret = UINT64_MAX;
	else if (gg_int_parse(hard ? hard_text : soft_text, 0, INT64_MAX, &n) == 0)
		*ret = (uint64_t)n;
	else
		return false;
	return true;
}

/* The smallest pids.max of the cgroup and those above it; of the unified hierarchy. */
static uint64_t tasks_of(pid_t pid)
{
	char file[64], text[4096], path[PATH_MAX];
	uint64_t least = UINT64_MAX;
	char *at, *slash;

	snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	if (gg_read_file(file, text, sizeof(text), NULL) < 0)
		return least;
	at = !strncmp(text, "0::", 3) ? text : strstr(text, "\n0::");
	if (!at)
		return least;
	at += *at == '\n' ? 4 : 3;
	at[strcspn(at, "\n")] = 0;
	for (;;) {
		char max[32];
		int64_t n;

		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/pids.max", at);
		if (gg_read_file(path, max, sizeof(max), NULL) == 0) {
			max[strcspn(max, "\n")] = 0;
			if (gg_int_parse(max, 0, INT64_MAX, &n) == 0 && (uint64_t)n < least)
				least = (uint64_t)n;
		}
		slash = strrchr(at, '/');
		if (!slash || !*at)
			return least;
		*slash = 0;
	}
}

void gg_probe_limits(const struct gg_conf *c, pid_t gate, struct gg_machine_limits *ret)
{
	char path[64], text[4096];
	struct rlimit fds = { 0 }, procs = { 0 };
	int64_t n;

	*ret = (struct gg_machine_limits){ .sessions = c->sessions,
					   .waiting = c->waiting,
					   .backlog = -1,
					   .want_backlog = GG_LISTEN_BACKLOG };
	gg_setup_nofile_wants(c, &ret->fds_serve, &ret->fds_all);
	getrlimit(RLIMIT_NOFILE, &fds);
	getrlimit(RLIMIT_NPROC, &procs);
	ret->fds = limit_of(fds.rlim_max); /* the gate raises its own to what it needs */
	ret->procs = limit_of(procs.rlim_cur);
	snprintf(path, sizeof(path), "/proc/%d/limits", (int)gate);
	if (gate > 0 && gg_read_file(path, text, sizeof(text), NULL) == 0)
		ret->gates = limit_in(text, "Max open files", true, &ret->fds) &&
			     limit_in(text, "Max processes", false, &ret->procs);
	ret->tasks = tasks_of(ret->gates ? gate : getpid());
	if (gg_read_file("/proc/sys/net/core/somaxconn", text, sizeof(text), NULL) == 0) {
		text[strcspn(text, "\n")] = 0;
		if (gg_int_parse(text, 0, INT_MAX, &n) == 0)
			ret->backlog = n;
	}
}
