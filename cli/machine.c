/* machine - see machine.h. */
#include "cli/machine.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/conf.h"
#include "cli/format.h"
#include "supervisor/askgit.h"

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif

enum {
	PROCESSES_A_SESSION = 8, /* wrapper, daemon, receive-pack, index-pack, hook, scanner, git push, ssh */
	LATE_MS = 100,
	AHEAD_S = 60,
	FEW_FILES = 1000,
};
#define WRITTEN_S INT64_C(1767225600) /* 2026: nothing of ours is older */
#define NEED_BYTES INT64_C(268435456) /* for a push whose size nothing bounds */

static const struct {
	const char *name;
	int major, minor;
	const char *without;
	bool spare;
} calls[] = {
#define CALL(ID, name, major, minor, without) { name, major, minor, without, false },
#define SPARE(ID, name, major, minor, without) { name, major, minor, without, true },
#include "cli/machine.def"
};

static const struct {
	const char *file, *without;
} seen[] = {
#define SEEN(ID, file, without) { file, without },
#include "cli/machine.def"
};

static const struct {
	const char *check;
	enum gg_result level;
	const char *means, *cure;
} troubles[] = {
	{ "", GG_RESULT_OK, "", "" },
#define TROUBLE(ID, check, level, means, cure) { check, GG_RESULT_##level, means, cure },
#include "cli/machine.def"
};

const char *gg_trouble_check(enum gg_trouble t)
{
	return troubles[t].check;
}

bool gg_trouble_is_warning(enum gg_trouble t)
{
	return troubles[t].level == GG_RESULT_WARN;
}

const char *gg_trouble_means(enum gg_trouble t)
{
	return troubles[t].means;
}

const char *gg_trouble_cure(enum gg_trouble t)
{
	return troubles[t].cure;
}

bool gg_trouble_found(enum gg_trouble t, const char *what, struct gg_found *f)
{
	if (t == GG_FINE)
		return gg_found_ok(f, "%s", what);
	if (gg_trouble_is_warning(t))
		gg_found_warn(f, "%s: %s", what, troubles[t].means);
	else
		gg_found_bad(f, "%s: %s", what, troubles[t].means);
	gg_found_cure(f, "%s", troubles[t].cure);
	return gg_trouble_is_warning(t);
}

/* Why a call fails: a filter and an old kernel look alike, so the version decides. */
static void add_why(const struct gg_machine_calls *s, enum gg_call c, struct gg_buf *b)
{
	bool has = s->major > calls[c].major || (s->major == calls[c].major && s->minor >= calls[c].minor);

	gg_buf_add(b, "%s fails (%s)", calls[c].name, strerror(s->error[c]));
	if (s->error[c] == ENOSYS && s->major && !has)
		gg_buf_add(b, ", Linux %d.%d is too old", s->major, s->minor);
	else if (s->seccomp == 2 && (s->error[c] == EPERM || s->error[c] == ENOSYS))
		gg_buf_add(b, ", a seccomp filter forbids it");
	gg_buf_add(b, "; %s", calls[c].without);
}

enum gg_trouble gg_judge_calls(const struct gg_machine_calls *s, struct gg_buf *b)
{
	enum gg_trouble t = GG_FINE;

	for (int spare = 0; spare < 2 && t == GG_FINE; spare++)
		for (enum gg_call c = 0; c < GG_NCALLS; c++) {
			if (calls[c].spare != (spare == 1) || s->error[c] <= 0)
				continue;
			gg_buf_add(b, "%s", b->len ? "; " : "");
			add_why(s, c, b);
			t = spare ? GG_TROUBLE_NO_SPARE_CALL : GG_TROUBLE_NO_CALL;
		}
	if (t == GG_FINE)
		gg_buf_add(b, "Linux %d.%d, %s, all that the gate uses work", s->major, s->minor,
			   s->seccomp == 2  ? "a seccomp filter"
			   : s->seccomp < 0 ? "seccomp not known"
					    : "no seccomp filter");
	return t;
}

enum gg_trouble gg_judge_proc(const struct gg_machine_proc *s, struct gg_buf *b)
{
	if (!s->mounted) {
		gg_buf_add(b, "/proc is no proc file system");
		return GG_TROUBLE_NO_PROC;
	}
	if (!s->own) {
		gg_buf_add(b, "/proc/self is not this process");
		return GG_TROUBLE_OTHER_PROC;
	}
	gg_buf_add(b, "mounted%s%s", *s->options ? " with " : ", nothing is hidden", s->options);
	return GG_FINE;
}

enum gg_trouble gg_judge_child(const struct gg_machine_child *s, struct gg_buf *b)
{
	enum gg_trouble t = GG_FINE;

	if (s->made) {
		gg_buf_add(b, "cannot start a process: %s", strerror(s->made));
		return GG_TROUBLE_NO_CHILD;
	}
	for (enum gg_seen i = 0; i < GG_NSEEN; i++) {
		bool blind = i == GG_SEEN_SYSCALL && s->blind && !s->error[i];

		if (s->error[i] <= 0 && !blind)
			continue;
		gg_buf_add(b, "%s%s (%s), so %s", b->len ? "; " : "a process of our own: no ", seen[i].file,
			   blind ? "it tells nothing" : strerror(s->error[i]), seen[i].without);
		if (t == GG_FINE)
			t = i == GG_SEEN_STAT ? GG_TROUBLE_NO_STAT : GG_TROUBLE_REDUCED;
	}
	if (t == GG_FINE)
		gg_buf_add(b, "all that is read of a session can be read of a process of one's own");
	return t;
}

enum gg_trouble gg_judge_children(const struct gg_machine_child *s, struct gg_buf *b)
{
	if (s->children > 0) {
		gg_buf_add(b, "/proc/PID/task/TID/children: %s", strerror(s->children));
		return GG_TROUBLE_NO_CHILDREN;
	}
	gg_buf_add(b, "the kernel lists a process's children");
	return GG_FINE;
}

enum gg_trouble gg_judge_tcp(const struct gg_machine_tcp *s, struct gg_buf *b)
{
	if (s->pair) {
		gg_buf_add(b, "no connection over 127.0.0.1: %s", strerror(s->pair));
		return GG_TROUBLE_NO_LOOPBACK;
	}
	gg_buf_add(b, "TCP_INFO has %u bytes, %u are read", s->info_size, s->info_least);
	return s->info_size < s->info_least ? GG_TROUBLE_SHORT_TCP_INFO : GG_FINE;
}

enum gg_trouble gg_judge_yama(int scope, bool capable, struct gg_buf *b)
{
	if (scope < 0) {
		gg_buf_add(b, "no Yama, or it cannot be asked");
		return GG_FINE;
	}
	gg_buf_add(b, "kernel.yama.ptrace_scope is %d", scope);
	return scope >= 3 || (scope == 2 && !capable) ? GG_TROUBLE_YAMA : GG_FINE;
}

/* The first release of each series in which the fault is mended. */
static bool is_unsafe(const struct gg_machine_git *s)
{
	static const struct {
		int minor, patch;
	} mended[] = { { 36, 4 }, { 37, 5 }, { 38, 3 }, { 39, 1 } };

	for (size_t i = 0; s->major == 2 && i < GG_LEN(mended); i++)
		if (s->minor == mended[i].minor)
			return s->patch < mended[i].patch;
	return false;
}

enum gg_trouble gg_judge_git(const struct gg_machine_git *s, struct gg_buf *b)
{
	if (!*s->version) {
		gg_buf_add(b, "git is not in PATH, or does not run");
		return GG_TROUBLE_NO_GIT;
	}
	gg_buf_add(b, "%s, its programs in %s", s->version, s->exec_path);
	if (gg_askgit_is_old(s->major, s->minor))
		return GG_TROUBLE_OLD_GIT;
	if (*s->missing) {
		gg_buf_add(b, ", %s is not there or cannot be run", s->missing);
		return GG_TROUBLE_NO_GIT_PART;
	}
	return is_unsafe(s) ? GG_TROUBLE_UNSAFE_GIT : GG_FINE;
}

enum gg_trouble gg_judge_clock(const struct gg_machine_clock *s, struct gg_buf *b)
{
	if (s->now_s < WRITTEN_S) {
		gg_buf_add(b, "the clock stands at %lld seconds since 1970", (long long)s->now_s);
		return GG_TROUBLE_CLOCK_PAST;
	}
	if (s->resolution_ns > INT64_C(1000000) * LATE_MS || s->late_ms > LATE_MS) {
		gg_buf_add(b, "a wait of 1ms takes %lldms (resolution %lldus)", (long long)s->late_ms + 1,
			   (long long)s->resolution_ns / 1000);
		return GG_TROUBLE_CLOCK_COARSE;
	}
	if (s->entry_s > s->now_s + AHEAD_S) {
		gg_buf_add(b, "the newest entry is %lld s ahead of the clock",
			   (long long)(s->entry_s - s->now_s));
		return GG_TROUBLE_CLOCK_FUTURE_ENTRY;
	}
	if (s->synchronised == 0) {
		gg_buf_add(b, "the clock is not synchronised");
		return GG_TROUBLE_CLOCK_FREE;
	}
	gg_buf_add(b, "%s",
		   s->synchronised < 0 ? "whether it is synchronised cannot be asked" : "synchronised");
	if (s->suspended_ms > 1000) {
		gg_buf_add(b, ", the machine slept for ");
		gg_human_ms(b, s->suspended_ms);
		gg_buf_add(b, ", which no deadline counts");
	}
	return GG_FINE;
}

static const char *whose(const struct gg_machine_limits *s)
{
	return s->gates ? "the gate" : "a process started from here";
}

enum gg_trouble gg_judge_fds(const struct gg_machine_limits *s, struct gg_buf *b)
{
	if (s->fds == UINT64_MAX)
		gg_buf_add(b, "%s may have any number", whose(s));
	else
		gg_buf_add(b, "%s may have %llu", whose(s), (unsigned long long)s->fds);
	gg_buf_add(b, ", limit.sessions = %lld takes %llu and limit.waiting = %lld with it %llu",
		   (long long)s->sessions, (unsigned long long)s->fds_serve, (long long)s->waiting,
		   (unsigned long long)s->fds_all);
	return s->fds < s->fds_serve ? GG_TROUBLE_FEW_FDS
	       : s->fds < s->fds_all ? GG_TROUBLE_FEW_WAITING_FDS
				     : GG_FINE;
}

enum gg_trouble gg_judge_procs(const struct gg_machine_limits *s, struct gg_buf *b)
{
	uint64_t want = (uint64_t)s->sessions * PROCESSES_A_SESSION;
	uint64_t may = s->procs < s->tasks ? s->procs : s->tasks;

	if (may == UINT64_MAX)
		gg_buf_add(b, "%s is not limited in processes", whose(s));
	else
		gg_buf_add(b, "%s may have %llu processes (%s)", whose(s), (unsigned long long)may,
			   s->procs < s->tasks ? "RLIMIT_NPROC" : "pids.max of its cgroup");
	gg_buf_add(b, ", limit.sessions = %lld may take %llu", (long long)s->sessions,
		   (unsigned long long)want);
	return may < want ? GG_TROUBLE_FEW_PROCS : GG_FINE;
}

enum gg_trouble gg_judge_backlog(const struct gg_machine_limits *s, struct gg_buf *b)
{
	if (s->backlog < 0) {
		gg_buf_add(b, "net.core.somaxconn cannot be asked");
		return GG_FINE;
	}
	gg_buf_add(b, "net.core.somaxconn is %lld, the gate asks for %lld", (long long)s->backlog,
		   (long long)s->want_backlog);
	return s->backlog < s->want_backlog ? GG_TROUBLE_SMALL_BACKLOG : GG_FINE;
}

enum gg_trouble gg_judge_room(const struct gg_machine_room *s, int64_t need, struct gg_buf *b)
{
	if (s->error) {
		gg_buf_add(b, "%s: %s", s->dir, strerror(s->error));
		return GG_TROUBLE_FULL;
	}
	gg_buf_add(b, "%s has room for ", s->dir);
	gg_human_size(b, s->bytes);
	if (s->files >= 0)
		gg_buf_add(b, " and %lld files", (long long)s->files);
	if (s->bytes == 0 || s->files == 0)
		return GG_TROUBLE_FULL;
	if (s->bytes < (need > 0 ? need : NEED_BYTES) || (s->files >= 0 && s->files < FEW_FILES))
		return GG_TROUBLE_ALMOST_FULL;
	return GG_FINE;
}

static const char *fs_name(long type)
{
	static const struct {
		long type;
		const char *name;
	} names[] = {
		{ OVERLAYFS_SUPER_MAGIC, "overlay" },
		{ TMPFS_MAGIC, "tmpfs" },
		{ RAMFS_MAGIC, "ramfs" },
		{ NFS_SUPER_MAGIC, "nfs" },
		{ 0xff534d42, "cifs" },
		{ 0xfe534d42, "smb" },
		{ V9FS_MAGIC, "9p" },
		{ FUSE_SUPER_MAGIC, "fuse" },
	};

	for (size_t i = 0; i < GG_LEN(names); i++)
		if ((uint32_t)type == (uint32_t)names[i].type)
			return names[i].name;
	return NULL;
}

enum gg_trouble gg_judge_fs(const struct gg_machine_room *s, struct gg_buf *b)
{
	const char *name = fs_name(s->type);

	if (s->error) {
		gg_buf_add(b, "%s: %s", s->dir, strerror(s->error));
		return GG_TROUBLE_READ_ONLY;
	}
	gg_buf_add(b, "%s is on %s", s->dir, name ? name : "a disk");
	if (s->read_only) {
		gg_buf_add(b, ", read-only");
		return GG_TROUBLE_READ_ONLY;
	}
	if (!name)
		return GG_FINE;
	return !strcmp(name, "overlay") || !strcmp(name, "tmpfs") || !strcmp(name, "ramfs")
		       ? GG_TROUBLE_LOST_FS
		       : GG_TROUBLE_REMOTE_FS;
}

enum gg_trouble gg_judge_others(const struct gg_machine_others *s, struct gg_buf *b)
{
	static const enum gg_trouble kinds[] = { GG_TROUBLE_OPEN_SETTINGS, GG_TROUBLE_OPEN_HOOKS,
						 GG_TROUBLE_OPEN_CONTROL, GG_TROUBLE_OPEN_BASE };
	const char *paths[] = { s->settings, s->hooks, s->control, s->base };

	for (size_t i = 0; i < GG_LEN(paths); i++)
		if (*paths[i]) {
			gg_buf_add(b, "every user may write to %s", paths[i]);
			return kinds[i];
		}
	gg_buf_add(b, "nobody else may write to settings, gate.basePath, hook.path and where the control "
		      "socket is");
	return GG_FINE;
}

enum gg_trouble gg_judge_hook(const struct gg_machine_hook *s, struct gg_buf *b)
{
	if (!s->ours) {
		gg_buf_add(b, "pre-receive is a program of your own");
		return GG_FINE;
	}
	if (strcmp(s->version, GG_VERSION) == 0) {
		gg_buf_add(b, "%s, as this program", s->version);
		return GG_FINE;
	}
	gg_buf_add(b, "the hook is %s, and this program " GG_VERSION,
		   *s->version ? s->version : "of another version");
	return GG_TROUBLE_OTHER_HOOK;
}

enum gg_trouble gg_judge_control(const struct gg_machine_control *s, struct gg_buf *b)
{
	gg_buf_add(b, "%s", s->path);
	if (s->running)
		return GG_FINE;
	if (s->error) {
		gg_buf_add(b, " cannot be made: %s: %s", s->where, strerror(s->error));
		return GG_TROUBLE_NO_CONTROL_DIR;
	}
	gg_buf_add(b, " can be made");
	return GG_FINE;
}

enum gg_trouble gg_judge_journal(const struct gg_machine_journal *s, struct gg_buf *b)
{
	if (!s->there) {
		gg_buf_add(b, "no journald takes records here%s",
			   s->log == GG_LOG_JOURNAL ? "" : ", so events go to the gate's stderr");
		return s->log == GG_LOG_JOURNAL ? GG_TROUBLE_NO_JOURNAL : GG_FINE;
	}
	gg_buf_add(b, "journald takes records");
	if (s->no_library) {
		gg_buf_add(b, ", and libsystemd.so.0, which reads them, cannot be loaded");
		return GG_TROUBLE_NO_JOURNAL_LIBRARY;
	}
	if (!s->readable) {
		gg_buf_add(b, ", and you may read none");
		return GG_TROUBLE_CLOSED_JOURNAL;
	}
	if (!s->persistent) {
		gg_buf_add(b, ", and /var/log/journal has none");
		return GG_TROUBLE_BRIEF_JOURNAL;
	}
	if (!s->catalog) {
		gg_buf_add(b, ", and its catalog has no text for ours");
		return GG_TROUBLE_NO_CATALOG;
	}
	gg_buf_add(b, ", keeps them, and explains them");
	return GG_FINE;
}

enum gg_trouble gg_judge_steps(const struct gg_machine_steps *s, struct gg_buf *b)
{
	static const char *const names[] = {
		[GG_TRIED_HANGUP] = "SIGHUP",
		[GG_TRIED_KILL] = "SIGKILL",
		[GG_TRIED_IDENTITY] = "sparing a process of another start time",
		[GG_TRIED_HALF_CLOSE] = "half-close of a connection that is read from",
		[GG_TRIED_SUBTREE] = "a hook's processes that have left it",
	};
	enum gg_trouble t = GG_FINE;

	for (enum gg_tried i = 0; i < GG_NTRIED; i++) {
		if (s->error[i] == 0)
			continue;
		gg_buf_add(b, "%s%s: %s", b->len ? "; " : "", names[i],
			   s->error[i] < 0 ? "not tried" : strerror(s->error[i]));
		if (s->error[i] > 0)
			t = GG_TROUBLE_NO_STEP;
	}
	if (t == GG_FINE && s->tried_adoption && !s->adopted) {
		gg_buf_add(b, "%san orphan did not come to us", b->len ? "; " : "");
		return GG_TROUBLE_NO_ADOPTION;
	}
	if (t == GG_FINE)
		gg_buf_add(b, "%severy %sstep ended a process of its own", b->len ? "; " : "",
			   b->len ? "other " : "");
	return t;
}
