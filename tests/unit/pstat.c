/* Tests of base/pstat.h and base/pidfd.h. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/pidfd.h"
#include "base/pstat.h"

#define REST " 1 2 3 0 -1 4194304 100 200 3 4 11 22 33 44 20 0 5 0 98765 1000000 50 18446744073709551615\n"

Test(pstat, parse)
{
	static const struct {
		const char *text;
		int want;
		const char *comm;
		char state;
	} rows[] = {
		{ "7 (git) S" REST, 0, "git", 'S' },
		{ "7 (a b) R" REST, 0, "a b", 'R' },
		{ "7 () S" REST, 0, "", 'S' },
		{ "7 (a) S 1 (b) Z" REST, 0, "a) S 1 (b", 'Z' }, /* a name made to look like the rest */
		{ "7 (a\n) R 1 1 1) D" REST, 0, "a\n) R 1 1 1", 'D' },
		{ "7 (()) S" REST, 0, "()", 'S' },
		{ "7 ()))))) S" REST, 0, ")))))", 'S' },
		{ "7 (\xff\x1b) S" REST, 0, "\xff\x1b", 'S' },
		{ "7 (kworker/u8:1-events_unbound) I" REST, 0, "kworker/u8:1-ev", 'I' },
		{ "", -EINVAL, NULL, 0 },
		{ "7", -EINVAL, NULL, 0 },
		{ "7 ", -EINVAL, NULL, 0 },
		{ "7 (git", -EINVAL, NULL, 0 },
		{ "7 (git)", -EINVAL, NULL, 0 },
		{ "7 (git) ", -EINVAL, NULL, 0 },
		{ "7 (git) S", -EINVAL, NULL, 0 },
		{ "7 (git) S ", -EINVAL, NULL, 0 },
		{ "7 )git( S" REST, -EINVAL, NULL, 0 },
		{ "7(git) S" REST, -EINVAL, NULL, 0 },
		{ "x (git) S" REST, -EINVAL, NULL, 0 },
		{ "0 (git) S" REST, -EINVAL, NULL, 0 },
		{ "-1 (git) S" REST, -EINVAL, NULL, 0 },
		{ "2147483648 (git) S" REST, -EINVAL, NULL, 0 },
		{ "99999999999999999999 (git) S" REST, -EINVAL, NULL, 0 },
		{ "7 (git) SS" REST, -EINVAL, NULL, 0 },
		{ "7 (git) S 1 2 3 0 -1 4194304 100 200 3 4 11 22 33 44 20 0 5 0", -EINVAL, NULL, 0 },
		{ "7 (git) S 1 2 3 0 -1 4194304 100 200 3 4 11 22 33 44 20 0 5 0 -98765", -EINVAL, NULL, 0 },
		{ "7 (git) S 1 2 3 0 -1 4194304 100 200 3 4 11 22 33 44 20 0 x 0 98765", -EINVAL, NULL, 0 },
		{ "7 (git) S 1 2 3  0 -1 4194304 100 200 3 4 11 22 33 44 20 0 5 0 98765", -EINVAL, NULL, 0 },
		{ "7 (git) S 1 2 3 0 -1 4194304 100 200 3 4 11 22 33 44 20 0 5 0 98765x", -EINVAL, NULL, 0 },
		{ "7 (git) S 1 2 3 0 -1 4194304 1 2 3 4 18446744073709551615 1 33 44 20 0 5 0 98765", -EINVAL,
		  NULL, 0 },
		{ "7 (git) S 1 2 3 0 -1 4194304 1 2 3 4 1 1 33 44 20 0 5 0 18446744073709551616", -EINVAL,
		  NULL, 0 },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_pstat st = { .pid = 99 };

		cr_assert_eq(gg_pstat_parse(rows[i].text, &st), rows[i].want, "row %zu: %s", i, rows[i].text);
		if (rows[i].want) {
			cr_assert_eq(st.pid, 99, "untouched on failure");
			continue;
		}
		cr_assert_str_eq(st.comm, rows[i].comm, "row %zu: %s", i, st.comm);
		cr_assert_eq(st.state, rows[i].state);
		cr_assert(st.pid == 7 && st.ppid == 1 && st.pgrp == 2 && st.sid == 3);
		cr_assert_eq(st.nlwp, 5);
		cr_assert_eq(st.cpu_ticks, 33);
		cr_assert_eq(st.start_tick, 98765);
	}
}

Test(pstat, being_reaped)
{
	struct gg_pstat st;

	cr_assert_eq(gg_pstat_parse("7 (git) X 0 -1 -1 0 -1 4228108 0 0 0 0 0 0 0 0 20 0 0 0 98765 0 0", &st),
		     0);
	cr_assert(st.ppid == 0 && st.pgrp == -1 && st.sid == -1 && st.nlwp == 0);
}

Test(pstat, read_self)
{
	struct gg_pstat st;

	prctl(PR_SET_NAME, "a) R 1\n(b");
	cr_assert_eq(gg_pstat_read(getpid(), &st), 0);
	cr_assert_str_eq(st.comm, "a) R 1\n(b");
	cr_assert(st.pid == getpid() && st.ppid == getppid() && st.pgrp == getpgrp() && st.sid == getsid(0));
	cr_assert_eq(st.state, 'R');
	cr_assert_gt(st.start_tick, 0);
}

Test(pstat, read_nobody)
{
	struct gg_pstat st;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	cr_assert_eq(gg_pstat_read(pid, &st), -ESRCH);
	cr_assert_eq(gg_pstat_read(0, &st), -ESRCH);
	cr_assert_eq(gg_pstat_read(-1, &st), -ESRCH);
}

Test(pidfd, only_the_process_that_was_meant)
{
	struct gg_pstat st;
	siginfo_t si;
	int fd = -1, status;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	cr_assert_eq(gg_pstat_read(pid, &st), 0);
	cr_assert_eq(gg_pidfd_open(pid, st.start_tick + 1, &fd), -ESRCH);
	cr_assert_eq(fd, -1);
	cr_assert_eq(gg_proc_signal(pid, st.start_tick + 1, SIGKILL), -ESRCH);
	cr_assert_eq(gg_pidfd_open(pid, st.start_tick, &fd), 0);
	cr_assert_eq(gg_pidfd_signal(fd, 0), 0);
	cr_assert_eq(gg_proc_signal(pid, st.start_tick, SIGKILL), 0);
	cr_assert_eq(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
	cr_assert_eq(gg_proc_signal(pid, st.start_tick, SIGTERM), 0, "a zombie is a success");
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(WTERMSIG(status), SIGKILL);
	cr_assert_eq(gg_pidfd_signal(fd, 0), -ESRCH);
	cr_assert_eq(gg_proc_signal(pid, st.start_tick, SIGTERM), -ESRCH);
	close(fd);
}
