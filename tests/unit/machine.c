/* cli/machine.h: what the doctor says of a machine, for every trouble of the table. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/magic.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/conf.h"
#include "cli/machine.h"

#define BEGIN(hit, T, part, judged) \
	do { \
		char mem[1200]; \
		struct gg_buf b = GG_BUF(mem); \
		enum gg_trouble got = (judged); \
		(hit)[T] = true; \
		cr_expect_eq(got, T, "trouble %d, wanted %d (line %d): %s", got, T, __LINE__, mem); \
		cr_expect(strstr(mem, part), "'%s' is not in: %s", part, mem); \
	} while (0)

static void of_calls(bool *hit)
{
	struct gg_machine_calls s = { .seccomp = 0, .major = 6, .minor = 1 };

	BEGIN(hit, GG_FINE, "Linux 6.1, no seccomp filter", gg_judge_calls(&s, &b));
	s.error[GG_CALL_PIDFD_GETFD] = EPERM;
	BEGIN(hit, GG_TROUBLE_NO_SPARE_CALL,
	      "pidfd_getfd fails (Operation not permitted); the clients of watched", gg_judge_calls(&s, &b));
	s.seccomp = 2;
	BEGIN(hit, GG_TROUBLE_NO_SPARE_CALL, "a seccomp filter forbids it", gg_judge_calls(&s, &b));
	/* what is needed goes before what is not */
	s.error[GG_CALL_STATX] = ENOSYS;
	BEGIN(hit, GG_TROUBLE_NO_CALL, "statx fails (Function not implemented), a seccomp filter",
	      gg_judge_calls(&s, &b));
	/* an old kernel says the same as a filter */
	s = (struct gg_machine_calls){ .seccomp = 0, .major = 5, .minor = 2 };
	s.error[GG_CALL_PIDFD_OPEN] = ENOSYS;
	s.error[GG_CALL_PIDFD_SIGNAL] = s.error[GG_CALL_PIDFD_GETFD] = -1;
	BEGIN(hit, GG_TROUBLE_NO_CALL, "Linux 5.2 is too old; no session can be ended",
	      gg_judge_calls(&s, &b));
	s.minor = 3;
	s.seccomp = 2;
	BEGIN(hit, GG_TROUBLE_NO_CALL, "a seccomp filter forbids it; no session", gg_judge_calls(&s, &b));
}

static void of_proc(bool *hit)
{
	struct gg_machine_proc s = { .mounted = true, .own = true };

	BEGIN(hit, GG_FINE, "nothing is hidden", gg_judge_proc(&s, &b));
	strcpy(s.options, "hidepid=invisible,subset=pid");
	BEGIN(hit, GG_FINE, "mounted with hidepid=invisible,subset=pid", gg_judge_proc(&s, &b));
	s.own = false;
	BEGIN(hit, GG_TROUBLE_OTHER_PROC, "/proc/self is not this process", gg_judge_proc(&s, &b));
	s.mounted = false;
	BEGIN(hit, GG_TROUBLE_NO_PROC, "no proc file system", gg_judge_proc(&s, &b));
	BEGIN(hit, GG_FINE, "no Yama", gg_judge_yama(-1, false, &b));
	BEGIN(hit, GG_FINE, "ptrace_scope is 1", gg_judge_yama(1, false, &b));
	BEGIN(hit, GG_TROUBLE_YAMA, "ptrace_scope is 2", gg_judge_yama(2, false, &b));
	BEGIN(hit, GG_FINE, "ptrace_scope is 2", gg_judge_yama(2, true, &b));
	BEGIN(hit, GG_TROUBLE_YAMA, "ptrace_scope is 3", gg_judge_yama(3, true, &b));
}

static void of_a_child(bool *hit)
{
	struct gg_machine_child s = { .made = 0 };
	struct gg_machine_tcp tcp = { .info_size = 232, .info_least = 136 };

	BEGIN(hit, GG_FINE, "all that is read", gg_judge_child(&s, &b));
	s.blind = true;
	BEGIN(hit, GG_TROUBLE_REDUCED, "no syscall (it tells nothing)", gg_judge_child(&s, &b));
	s.error[GG_SEEN_IO] = EACCES;
	s.error[GG_SEEN_SYSCALL] = EPERM;
	BEGIN(hit, GG_TROUBLE_REDUCED,
	      "no syscall (Operation not permitted), so whose turn it is, is told by silence alone; io "
	      "(Permission denied)",
	      gg_judge_child(&s, &b));
	s.error[GG_SEEN_STAT] = ENOENT;
	BEGIN(hit, GG_TROUBLE_NO_STAT, "no stat", gg_judge_child(&s, &b));
	s.made = EAGAIN;
	BEGIN(hit, GG_TROUBLE_NO_CHILD, "cannot start a process", gg_judge_child(&s, &b));
	BEGIN(hit, GG_FINE, "lists a process's children", gg_judge_children(&s, &b));
	s.children = EOPNOTSUPP;
	BEGIN(hit, GG_TROUBLE_NO_CHILDREN, "children", gg_judge_children(&s, &b));
	BEGIN(hit, GG_FINE, "232 bytes", gg_judge_tcp(&tcp, &b));
	tcp.info_size = 104;
	BEGIN(hit, GG_TROUBLE_SHORT_TCP_INFO, "104 bytes, 136 are read", gg_judge_tcp(&tcp, &b));
	tcp.pair = ENETUNREACH;
	BEGIN(hit, GG_TROUBLE_NO_LOOPBACK, "Network is unreachable", gg_judge_tcp(&tcp, &b));
}

static void of_git(bool *hit)
{
	static const struct {
		int minor, patch;
		enum gg_trouble trouble;
	} rows[] = {
		{ 35, 8, GG_TROUBLE_OLD_GIT },
		{ 36, 3, GG_TROUBLE_UNSAFE_GIT },
		{ 36, 4, GG_FINE },
		{ 38, 2, GG_TROUBLE_UNSAFE_GIT },
		{ 39, 0, GG_TROUBLE_UNSAFE_GIT },
		{ 39, 1, GG_FINE },
		{ 40, 0, GG_FINE },
	};
	struct gg_machine_git s = { .version = "git version x",
				    .major = 2,
				    .exec_path = "/usr/lib/git-core" };

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		s.minor = rows[i].minor;
		s.patch = rows[i].patch;
		BEGIN(hit, rows[i].trouble, "/usr/lib/git-core", gg_judge_git(&s, &b));
	}
	s.major = 3;
	s.minor = 0;
	BEGIN(hit, GG_FINE, "git version x", gg_judge_git(&s, &b));
	strcpy(s.missing, "git-daemon");
	BEGIN(hit, GG_TROUBLE_NO_GIT_PART, "git-daemon is not there", gg_judge_git(&s, &b));
	s.version[0] = 0;
	BEGIN(hit, GG_TROUBLE_NO_GIT, "not in PATH", gg_judge_git(&s, &b));
}

static void of_the_clock(bool *hit)
{
	struct gg_machine_clock s = { .resolution_ns = 1, .now_s = 2000000000, .synchronised = 1 };

	BEGIN(hit, GG_FINE, "synchronised", gg_judge_clock(&s, &b));
	s.suspended_ms = 3600000;
	BEGIN(hit, GG_FINE, "slept for 1h00m", gg_judge_clock(&s, &b));
	s.synchronised = -1;
	BEGIN(hit, GG_FINE, "cannot be asked", gg_judge_clock(&s, &b));
	s.synchronised = 0;
	BEGIN(hit, GG_TROUBLE_CLOCK_FREE, "not synchronised", gg_judge_clock(&s, &b));
	s.entry_s = s.now_s + 60;
	BEGIN(hit, GG_TROUBLE_CLOCK_FREE, "not synchronised", gg_judge_clock(&s, &b));
	s.entry_s = s.now_s + 61;
	BEGIN(hit, GG_TROUBLE_CLOCK_FUTURE_ENTRY, "61 s ahead", gg_judge_clock(&s, &b));
	s.late_ms = 250;
	BEGIN(hit, GG_TROUBLE_CLOCK_COARSE, "a wait of 1ms takes 251ms", gg_judge_clock(&s, &b));
	s.now_s = 86400;
	BEGIN(hit, GG_TROUBLE_CLOCK_PAST, "86400 seconds since 1970", gg_judge_clock(&s, &b));
}

static void of_limits(bool *hit)
{
	struct gg_machine_limits s = { .fds = 5000,
				       .procs = UINT64_MAX,
				       .tasks = UINT64_MAX,
				       .sessions = 64,
				       .waiting = 4096,
				       .fds_serve = 832,
				       .fds_all = 4928,
				       .backlog = 4096,
				       .want_backlog = 4096 };

	BEGIN(hit, GG_FINE, "started from here may have 5000, limit.sessions = 64 takes 832",
	      gg_judge_fds(&s, &b));
	s.fds = 4927;
	s.gates = true;
	BEGIN(hit, GG_TROUBLE_FEW_WAITING_FDS, "the gate may have 4927", gg_judge_fds(&s, &b));
	s.fds = 831;
	BEGIN(hit, GG_TROUBLE_FEW_FDS, "831", gg_judge_fds(&s, &b));
	s.fds = UINT64_MAX;
	BEGIN(hit, GG_FINE, "any number", gg_judge_fds(&s, &b));
	BEGIN(hit, GG_FINE, "not limited", gg_judge_procs(&s, &b));
	s.tasks = 511;
	BEGIN(hit, GG_TROUBLE_FEW_PROCS, "511 processes (pids.max", gg_judge_procs(&s, &b));
	s.procs = 300;
	BEGIN(hit, GG_TROUBLE_FEW_PROCS, "300 processes (RLIMIT_NPROC)", gg_judge_procs(&s, &b));
	BEGIN(hit, GG_FINE, "4096", gg_judge_backlog(&s, &b));
	s.backlog = 128;
	BEGIN(hit, GG_TROUBLE_SMALL_BACKLOG, "somaxconn is 128", gg_judge_backlog(&s, &b));
	s.backlog = -1;
	BEGIN(hit, GG_FINE, "cannot be asked", gg_judge_backlog(&s, &b));
}

static void of_places(bool *hit)
{
	struct gg_machine_room s = { .dir = "/srv/git", .bytes = INT64_C(1) << 40, .files = -1 };
	struct gg_machine_others o = { .base = "" };

	BEGIN(hit, GG_FINE, "room for 1.0T", gg_judge_room(&s, 0, &b));
	s.files = 999;
	BEGIN(hit, GG_TROUBLE_ALMOST_FULL, "999 files", gg_judge_room(&s, 0, &b));
	s.files = 0;
	BEGIN(hit, GG_TROUBLE_FULL, "0 files", gg_judge_room(&s, 0, &b));
	s.files = 100000;
	s.bytes = 1 << 20;
	BEGIN(hit, GG_TROUBLE_ALMOST_FULL, "1.0M", gg_judge_room(&s, 0, &b));
	BEGIN(hit, GG_FINE, "1.0M", gg_judge_room(&s, 1 << 20, &b)); /* no push may be larger */
	s.bytes = 0;
	BEGIN(hit, GG_TROUBLE_FULL, "room for 0", gg_judge_room(&s, 1 << 20, &b));
	BEGIN(hit, GG_FINE, "a disk", gg_judge_fs(&s, &b));
	s.type = NFS_SUPER_MAGIC;
	BEGIN(hit, GG_TROUBLE_REMOTE_FS, "on nfs", gg_judge_fs(&s, &b));
	s.type = (long)(int)0xff534d42; /* as 32 bit have it */
	BEGIN(hit, GG_TROUBLE_REMOTE_FS, "on cifs", gg_judge_fs(&s, &b));
	s.type = OVERLAYFS_SUPER_MAGIC;
	BEGIN(hit, GG_TROUBLE_LOST_FS, "on overlay", gg_judge_fs(&s, &b));
	s.read_only = true;
	BEGIN(hit, GG_TROUBLE_READ_ONLY, "read-only", gg_judge_fs(&s, &b));
	s.error = ENOENT;
	BEGIN(hit, GG_TROUBLE_READ_ONLY, "No such file", gg_judge_fs(&s, &b));
	BEGIN(hit, GG_TROUBLE_FULL, "No such file", gg_judge_room(&s, 0, &b));

	BEGIN(hit, GG_FINE, "nobody else", gg_judge_others(&o, &b));
	strcpy(o.base, "/b");
	BEGIN(hit, GG_TROUBLE_OPEN_BASE, "/b", gg_judge_others(&o, &b));
	strcpy(o.control, "/c");
	BEGIN(hit, GG_TROUBLE_OPEN_CONTROL, "/c", gg_judge_others(&o, &b));
	strcpy(o.hooks, "/h");
	BEGIN(hit, GG_TROUBLE_OPEN_HOOKS, "/h", gg_judge_others(&o, &b));
	strcpy(o.settings, "/s");
	BEGIN(hit, GG_TROUBLE_OPEN_SETTINGS, "/s", gg_judge_others(&o, &b));
}

static void of_programs(bool *hit)
{
	struct gg_machine_hook h = { .ours = false };
	struct gg_machine_control c = { .path = "/run/c", .running = true };
	struct gg_machine_journal j = { .log = GG_LOG_AUTO };

	BEGIN(hit, GG_FINE, "of your own", gg_judge_hook(&h, &b));
	h.ours = true;
	BEGIN(hit, GG_TROUBLE_OTHER_HOOK, "another version", gg_judge_hook(&h, &b));
	strcpy(h.version, "0.0.1");
	BEGIN(hit, GG_TROUBLE_OTHER_HOOK, "the hook is 0.0.1", gg_judge_hook(&h, &b));
	strcpy(h.version, GG_VERSION);
	BEGIN(hit, GG_FINE, GG_VERSION, gg_judge_hook(&h, &b));
	c.error = EACCES;
	strcpy(c.where, "/run");
	BEGIN(hit, GG_FINE, "/run/c", gg_judge_control(&c, &b));
	c.running = false;
	BEGIN(hit, GG_TROUBLE_NO_CONTROL_DIR, "/run/c cannot be made: /run: Permission denied",
	      gg_judge_control(&c, &b));
	c.error = 0;
	BEGIN(hit, GG_FINE, "can be made", gg_judge_control(&c, &b));

	BEGIN(hit, GG_FINE, "stderr", gg_judge_journal(&j, &b));
	j.log = GG_LOG_JOURNAL;
	BEGIN(hit, GG_TROUBLE_NO_JOURNAL, "no journald", gg_judge_journal(&j, &b));
	j.there = j.no_library = true;
	BEGIN(hit, GG_TROUBLE_NO_JOURNAL_LIBRARY, "libsystemd.so.0", gg_judge_journal(&j, &b));
	j.no_library = false;
	BEGIN(hit, GG_TROUBLE_CLOSED_JOURNAL, "you may read none", gg_judge_journal(&j, &b));
	j.readable = true;
	BEGIN(hit, GG_TROUBLE_BRIEF_JOURNAL, "/var/log/journal", gg_judge_journal(&j, &b));
	j.persistent = true;
	BEGIN(hit, GG_TROUBLE_NO_CATALOG, "catalog", gg_judge_journal(&j, &b));
	j.catalog = true;
	BEGIN(hit, GG_FINE, "explains them", gg_judge_journal(&j, &b));
}

static void of_ending(bool *hit)
{
	struct gg_machine_steps s = { .adopted = true, .tried_adoption = true };

	BEGIN(hit, GG_FINE, "every step", gg_judge_steps(&s, &b));
	s.error[GG_TRIED_HALF_CLOSE] = -1;
	BEGIN(hit, GG_FINE, "not tried; every other step", gg_judge_steps(&s, &b));
	s.adopted = false;
	BEGIN(hit, GG_TROUBLE_NO_ADOPTION, "an orphan did not come", gg_judge_steps(&s, &b));
	s.error[GG_TRIED_KILL] = EPERM;
	BEGIN(hit, GG_TROUBLE_NO_STEP, "SIGKILL: Operation not permitted", gg_judge_steps(&s, &b));
}

Test(machine, every_trouble_has_a_row)
{
	bool hit[GG_NTROUBLES] = { [GG_TROUBLE_GATE_REDUCED] = true }; /* the gate says it, nobody judges */

	of_calls(hit);
	of_proc(hit);
	of_a_child(hit);
	of_git(hit);
	of_the_clock(hit);
	of_limits(hit);
	of_places(hit);
	of_programs(hit);
	of_ending(hit);
	for (enum gg_trouble t = 0; t < GG_NTROUBLES; t++)
		cr_expect(hit[t], "no row for: %s, %s", gg_trouble_check(t), gg_trouble_means(t));
}

Test(machine, a_trouble_says_what_to_do)
{
	for (enum gg_trouble t = GG_FINE + 1; t < GG_NTROUBLES; t++) {
		struct gg_found f = { .result = GG_RESULT_OK };
		bool well = gg_trouble_found(t, "what was seen", &f);

		cr_expect_eq(well, gg_trouble_is_warning(t));
		cr_expect_eq(f.result, gg_trouble_is_warning(t) ? GG_RESULT_WARN : GG_RESULT_FAILED);
		cr_expect(strstr(f.text, "what was seen: ") == f.text && strstr(f.text, gg_trouble_means(t)),
			  "%s", f.text);
		cr_expect_str_eq(f.cure, gg_trouble_cure(t), "whole, and not cut");
		cr_expect(strlen(f.cure) > 5 && strlen(f.text) < 300, "%s", f.text);
	}
}
