/* Tests of reaper/evidence.h: what is shown, in which order, and that it is bounded whatever there is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "reaper/evidence.h"

static struct gg_proc proc(pid_t pid, pid_t ppid, enum gg_role role)
{
	return (struct gg_proc){ .pid = pid, .ppid = ppid, .role = role, .state = 'S', .nlwp = 1 };
}

static struct gg_waits waits(const char *call, int fd, const char *what, const char *where)
{
	struct gg_waits w = { .n = 1 };

	snprintf(w.thread[0].call, sizeof(w.thread[0].call), "%s", call);
	snprintf(w.thread[0].what, sizeof(w.thread[0].what), "%s", what);
	snprintf(w.thread[0].where, sizeof(w.thread[0].where), "%s", where);
	w.thread[0].fd = fd;
	return w;
}

Test(evidence, whole)
{
	struct gg_proc v[] = { proc(10, 1, GG_ROLE_DAEMON), proc(12, 11, GG_ROLE_HOOK),
			       proc(11, 10, GG_ROLE_RECEIVE_PACK) };
	struct gg_snap snap = { .v = v,
				.n = 3,
				.tcp = { .valid = true,
					 .received = 35,
					 .recv_age_ms = 4000,
					 .queued_out = 7,
					 .sent_age_ms = 100,
					 .probes = 2 } };
	struct gg_view view = { .phase = GG_PHASE_COMMANDS, .client_turn = true, .certain = true };
	struct gg_verdict verdict = { .reason = GG_REASON_COMMANDS, .limit_ms = 4000, .quiet_ms = 4012 };
	struct gg_waits w[] = { waits("read", 3, "pipe:[5]", "pipe_read"),
				waits("read", 0, "client", "wait_woken"), waits("wait4", -1, "", "do_wait") };
	struct gg_picked picked[GG_EVIDENCE_PROCS];
	struct gg_story st = { 0 };
	struct gg_case c = { .verdict = &verdict,
			     .view = &view,
			     .snap = &snap,
			     .story = &st,
			     .step = "scan",
			     .outside = "",
			     .picked = picked,
			     .waits = w,
			     .n = gg_evidence_pick(&snap, 10, picked),
			     .tick_ms = 10 };
	char text[GG_EVIDENCE_MAX + 1];
	struct gg_buf b = GG_BUF(text);

	cr_assert_eq(c.n, 3);
	snprintf(w[2].command, sizeof(w[2].command), "sh -c a\nb\x1b");
	v[1].cpu_ticks = 3;
	v[2].nlwp = 2;
	for (int i = 0; i < 5; i++) {
		char line[] = "line 0 \"quoted\"";

		line[5] = (char)('0' + i);
		gg_story_line(&st, line);
	}
	gg_evidence_write(&b, &c);
	cr_assert_str_eq(
		text,
		"turn: the client's, in phase commands (step scan); silent for 4.0s, limit 4s "
		"(deadline.commands)\n"
		"tcp: 35 bytes received, the last 4.0s ago; 0 acknowledged; sent something 100ms ago\n"
		"tcp: queued for git 0, for the client 7 bytes; in flight 0 segments; unanswered: 0 "
		"retransmits, 2 probes\n"
		"process: 10 S git-daemon: read fd 3 (pipe:[5]) in pipe_read; CPU 0 ms, I/O 0 bytes\n"
		"process:  11 S receive-pack: read fd 0 (client) in wait_woken; CPU 0 ms, I/O 0 bytes; 2 "
		"threads\n"
		"process:   12 S hook [sh -c a\\nb\\x1b]: wait4 in do_wait; CPU 30 ms, I/O 0 bytes\n"
		"log: line 2 \\\"quoted\\\"\n"
		"log: line 3 \\\"quoted\\\"\n"
		"log: line 4 \\\"quoted\\\"",
		"%s", text);
	gg_story_free(&st);
}

/* Nothing is known but the reason. */
Test(evidence, poor)
{
	struct gg_snap snap = { 0 };
	struct gg_view view = { .phase = GG_PHASE_HOOK };
	struct gg_verdict verdict = { .reason = GG_REASON_OPERATOR, .limit_ms = -1, .quiet_ms = 5 };
	struct gg_story st = { 0 };
	struct gg_picked picked[GG_EVIDENCE_PROCS];
	struct gg_case c = { .verdict = &verdict,
			     .view = &view,
			     .snap = &snap,
			     .story = &st,
			     .step = "",
			     .outside = "; behind a pipe",
			     .n = gg_evidence_pick(&snap, 10, picked) };
	char text[GG_EVIDENCE_MAX + 1];
	struct gg_buf b = GG_BUF(text);

	gg_evidence_write(&b, &c);
	cr_assert_str_eq(
		text,
		"turn: the gate's, in phase hook; silent for 5ms; not all system calls could be read\n"
		"tcp: not known; behind a pipe",
		"%s", text);
}

/* Each line fits where a catalog's text takes it, all of them fit in, and none is cut inside an escape. */
Test(evidence, is_bounded)
{
	enum { N = 500 };
	static struct gg_proc v[N];
	struct gg_snap snap = { .v = v, .n = N, .tcp = { .valid = true, .received = UINT64_MAX } };
	struct gg_view view = { .phase = GG_PHASE_PACK_START };
	struct gg_verdict verdict = { .reason = GG_REASON_PEER_GONE,
				      .limit_ms = INT64_MAX,
				      .quiet_ms = INT64_MAX };
	struct gg_waits w[GG_EVIDENCE_PROCS];
	struct gg_picked picked[GG_EVIDENCE_PROCS];
	struct gg_story st = { 0 };
	static char nasty[GG_STORY_LINE_MAX + 1];
	struct gg_case c = { .verdict = &verdict,
			     .view = &view,
			     .snap = &snap,
			     .story = &st,
			     .step = "a-step-of-thirty-one-letters-12",
			     .outside = nasty,
			     .picked = picked,
			     .waits = w };
	char text[GG_EVIDENCE_MAX + 1], *line;
	struct gg_buf b = GG_BUF(text);
	bool more = false;

	for (int i = 0; i < N; i++)
		v[i] = proc(2000000 + i, i ? 2000000 + i - 1 : 1, GG_ROLE_OTHER);
	for (int i = 0; i < GG_EVIDENCE_PROCS; i++) {
		w[i] = waits("copy_file_range", INT32_MAX,
			     "\xff\x1b\n\xff\x1b\n\xff\x1b\n\xff\x1b\n\xff\x1b\n\xff\x1b\n",
			     "a_function_of_the_kernel_with_a_name_so_long");
		w[i].thread[1] = w[i].thread[2] = w[i].thread[0];
		w[i].n = 3;
		memset(w[i].command, 0x1b, sizeof(w[i].command) - 1);
	}
	c.n = gg_evidence_pick(&snap, 2000000, picked);
	cr_assert_eq(c.n, GG_EVIDENCE_PROCS);
	memset(nasty, 0xfe, sizeof(nasty) - 1);
	for (int i = 0; i < 10; i++)
		gg_story_line(&st, nasty);
	nasty[0] = 0;
	gg_evidence_write(&b, &c);
	cr_assert(!b.cut && strlen(text) <= GG_EVIDENCE_MAX);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		cr_assert_leq(strlen(line), GG_EVIDENCE_LINE, "%s", line);
		for (const char *s = line; *s; s++)
			cr_assert(*s >= ' ' && *s < 0x7f, "%s", line);
		more |= strstr(line, " more") != NULL;
		if (!strncmp(line, "log: ", 5))
			cr_assert(strstr(line, "\\xfe..."), "%s", line);
	}
	cr_assert(more, "what is left out is said");
	gg_story_free(&st);
}

/* What a dead parent left behind, a process that is its own parent, and one that is nobody's. */
Test(evidence, picks)
{
	struct gg_proc v[] = { proc(10, 1, GG_ROLE_DAEMON), proc(20, 1, GG_ROLE_OTHER),
			       proc(21, 20, GG_ROLE_OTHER), proc(30, 30, GG_ROLE_OTHER),
			       proc(40, 99, GG_ROLE_OTHER) };
	struct gg_snap snap = { .v = v, .n = GG_LEN(v) };
	struct gg_picked p[GG_EVIDENCE_PROCS];

	v[1].orphan = v[3].orphan = true;
	cr_assert_eq(gg_evidence_pick(&snap, 10, p), 4);
	cr_assert(p[0].at == 0 && p[1].at == 1 && p[2].at == 2 && p[2].depth == 1 && p[3].at == 3);
}
