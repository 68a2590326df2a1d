/* Tests of reaper/classify.h: argv to role, snapshot to phase and turn. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "reaper/classify.h"

Test(classify, role)
{
	static const struct {
		const char *argv; /* words; a space becomes NUL */
		enum gg_role parent, want;
		enum gg_hook hook;
	} rows[] = {
		{ "/usr/bin/git-gate-session --status-fd=3", GG_ROLE_SESSION, GG_ROLE_SESSION, 0 },
		{ "/usr/lib/git-core/git-daemon --inetd", GG_ROLE_SESSION, GG_ROLE_DAEMON, 0 },
		{ "git daemon --inetd", GG_ROLE_SESSION, GG_ROLE_DAEMON, 0 },
		/* forked, not yet exec'ed: still shows its parent's command line */
		{ "/usr/lib/git-core/git-daemon --inetd", GG_ROLE_DAEMON, GG_ROLE_GIT, 0 },
		{ "git receive-pack .", GG_ROLE_DAEMON, GG_ROLE_RECEIVE_PACK, 0 },
		{ "/usr/lib/git-core/git receive-pack .", GG_ROLE_DAEMON, GG_ROLE_RECEIVE_PACK, 0 },
		{ "/usr/lib/git-core/git-receive-pack .", GG_ROLE_DAEMON, GG_ROLE_RECEIVE_PACK, 0 },
		{ "git receive-pack .", GG_ROLE_RECEIVE_PACK, GG_ROLE_GIT, 0 },
		{ "git receive-pack .", GG_ROLE_HOOK, GG_ROLE_OTHER, 0 },
		{ "git upload-pack --strict --timeout=0 .", GG_ROLE_DAEMON, GG_ROLE_UPLOAD_PACK, 0 },
		{ "git upload-pack --strict --timeout=0 .", GG_ROLE_SESSION, GG_ROLE_UPLOAD_PACK, 0 },
		{ "git upload-archive .", GG_ROLE_DAEMON, GG_ROLE_UPLOAD_PACK, 0 },
		{ "git index-pack --stdin", GG_ROLE_RECEIVE_PACK, GG_ROLE_UNPACKER, 0 },
		{ "git unpack-objects --pack_header=2,3", GG_ROLE_RECEIVE_PACK, GG_ROLE_UNPACKER, 0 },
		{ "git index-pack --stdin", GG_ROLE_HOOK, GG_ROLE_OTHER, 0 },
		{ "git index-pack --stdin", GG_ROLE_SESSION, GG_ROLE_UNPACKER, 0 }, /* receive-pack died */
		{ "git rev-list --objects --stdin", GG_ROLE_RECEIVE_PACK, GG_ROLE_GIT, 0 },
		{ "git gc --auto --quiet", GG_ROLE_RECEIVE_PACK, GG_ROLE_GIT, 0 },
		{ "/usr/lib/git-core/git-daemon --serve --port=1", GG_ROLE_SESSION, GG_ROLE_DAEMON, 0 },
		{ "/usr/lib/git-core/git-http-backend", GG_ROLE_SESSION, GG_ROLE_BACKEND, 0 },
		{ "git http-backend", GG_ROLE_RECEIVE_PACK, GG_ROLE_GIT, 0 },
		{ "git receive-pack --stateless-rpc .", GG_ROLE_BACKEND, GG_ROLE_RECEIVE_PACK, 0 },
		{ "git upload-pack --stateless-rpc .", GG_ROLE_BACKEND, GG_ROLE_UPLOAD_PACK, 0 },
		{ "git upload-archive--writer .", GG_ROLE_UPLOAD_PACK, GG_ROLE_UNPACKER, 0 },
		{ "git pack-objects --revs", GG_ROLE_UPLOAD_PACK, GG_ROLE_GIT, 0 },
		{ "git", GG_ROLE_RECEIVE_PACK, GG_ROLE_GIT, 0 },
		{ "/srv/hooks/pre-receive", GG_ROLE_RECEIVE_PACK, GG_ROLE_HOOK, GG_HOOK_PRE_RECEIVE },
		{ "/bin/sh hooks/pre-receive", GG_ROLE_RECEIVE_PACK, GG_ROLE_HOOK, GG_HOOK_PRE_RECEIVE },
		{ "/bin/bash -e /x/hooks/update refs/heads/a 1 2", GG_ROLE_RECEIVE_PACK, GG_ROLE_HOOK,
		  GG_HOOK_UPDATE },
		{ "/bin/sh h/reference-transaction prepared", GG_ROLE_RECEIVE_PACK, GG_ROLE_HOOK,
		  GG_HOOK_REFERENCE_TRANSACTION },
		{ "h/post-receive", GG_ROLE_RECEIVE_PACK, GG_ROLE_HOOK, GG_HOOK_POST_RECEIVE },
		{ "post-update refs/heads/update", GG_ROLE_RECEIVE_PACK, GG_ROLE_HOOK, GG_HOOK_POST_UPDATE },
		{ "h/proc-receive", GG_ROLE_RECEIVE_PACK, GG_ROLE_HOOK, GG_HOOK_PROC_RECEIVE },
		{ "/usr/bin/python3 x.py", GG_ROLE_RECEIVE_PACK, GG_ROLE_HOOK, GG_HOOK_UNKNOWN },
		{ "/x/git-gate-hook refresh /r.git", GG_ROLE_SESSION, GG_ROLE_HOOK, GG_HOOK_UNKNOWN },
		{ "git-gate-hook git pack-objects", GG_ROLE_UPLOAD_PACK, GG_ROLE_GIT, 0 },
		{ "sleep 60", GG_ROLE_HOOK, GG_ROLE_OTHER, 0 },
		{ "git push ssh://x", GG_ROLE_DAEMON, GG_ROLE_OTHER, 0 }, /* left behind by a hook */
		{ "git push ssh://x", GG_ROLE_OTHER, GG_ROLE_OTHER, 0 },
		{ "sleep 60", GG_ROLE_SESSION, GG_ROLE_OTHER, 0 },
		{ "", GG_ROLE_RECEIVE_PACK, GG_ROLE_OTHER, 0 }, /* a zombie */
		{ "", GG_ROLE_DAEMON, GG_ROLE_OTHER, 0 },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char argv[200];
		size_t n = strlen(rows[i].argv);
		enum gg_hook hook;

		strcpy(argv, rows[i].argv);
		for (size_t k = 0; k < n; k++)
			if (argv[k] == ' ')
				argv[k] = 0;
		cr_expect_eq(gg_role_of(argv, n ? n + 1 : 0, rows[i].parent, &hook), rows[i].want, "'%s'",
			     rows[i].argv);
		cr_expect_eq(hook, rows[i].hook, "'%s'", rows[i].argv);
	}
}

Test(classify, role_of_bytes_that_are_no_argv)
{
	/* not NUL-terminated, or cut in the middle: nothing past the end may be read */
	static const char cut[] = { 'g', 'i', 't', 0,	'r', 'e', 'c', 'e',
				    'i', 'v', 'e', '-', 'p', 'a', 'c', 'k' };
	enum gg_hook hook;

	for (size_t n = 0; n <= sizeof(cut); n++) {
		char *heap = malloc(n + 1);

		memcpy(heap, cut, n);
		cr_expect_neq(gg_role_of(heap, n, GG_ROLE_DAEMON, &hook), GG_ROLE_RECEIVE_PACK);
		free(heap);
	}
}

Test(classify, detached_gc)
{
	static const char gc[] = "git\0gc\0--auto", maintenance[] = "git\0maintenance\0run",
			  sleep_60[] = "sleep\0gc", push[] = "git\0push";

	cr_expect(gg_is_detached_gc(gc, sizeof(gc)));
	cr_expect(gg_is_detached_gc(maintenance, sizeof(maintenance)));
	cr_expect(!gg_is_detached_gc(sleep_60, sizeof(sleep_60)));
	cr_expect(!gg_is_detached_gc(push, sizeof(push)));
}

/* A process of a row: role, and letters: r reads the client, w writes to it, R on a CPU, o opaque, m more
 * than one thread, Z, D, O orphan. */
struct p {
	enum gg_role role;
	const char *flags;
	int parent; /* index; -1 the gate */
	enum gg_hook hook;
};

static struct gg_snap make(const struct p *p, size_t n, struct gg_proc *v)
{
	struct gg_snap s = { .v = v, .n = n };

	for (size_t i = 0; i < n; i++) {
		const char *f = p[i].flags;

		v[i] = (struct gg_proc){ .pid = (pid_t)(100 + i),
					 .ppid = p[i].parent < 0 ? 1 : 100 + p[i].parent,
					 .role = p[i].role,
					 .start_tick = 1000 + i,
					 .state = 'S',
					 .nlwp = 1,
					 .hook = p[i].hook };
		v[i].reads_client = strchr(f, 'r');
		v[i].writes_client = strchr(f, 'w');
		v[i].running = strchr(f, 'R');
		v[i].opaque = strchr(f, 'o');
		v[i].orphan = strchr(f, 'O');
		v[i].nlwp = strchr(f, 'm') ? 2 : 1;
		v[i].state = strchr(f, 'Z') ? 'Z' : strchr(f, 'D') ? 'D' : strchr(f, 'R') ? 'R' : 'S';
	}
	return s;
}

#define DAEMON \
	{ \
		GG_ROLE_DAEMON, "", -1, 0 \
	}
#define RP GG_ROLE_RECEIVE_PACK
#define UP GG_ROLE_UNPACKER

static const struct {
	const char *name;
	struct p p[5];
	size_t n;
	uint32_t in, out; /* queued */
	enum gg_phase phase;
	bool client, certain;
} phase_rows[] = {
	{ "http-backend waits for the client's commands",
	  { { GG_ROLE_BACKEND, "r", -1, 0 }, { RP, "", 0, 0 } },
	  2,
	  0,
	  0,
	  GG_PHASE_COMMANDS,
	  true,
	  true },
	{ "http-backend waits for the pack",
	  { { GG_ROLE_BACKEND, "r", -1, 0 }, { RP, "m", 0, 0 } },
	  2,
	  0,
	  0,
	  GG_PHASE_PACK_START,
	  true,
	  true },
	{ "http-backend waits for more of the pack",
	  { { GG_ROLE_BACKEND, "r", -1, 0 }, { RP, "m", 0, 0 }, { UP, "", 1, 0 } },
	  3,
	  0,
	  0,
	  GG_PHASE_PACK,
	  true,
	  true },
	{ "http-backend has more to pass on",
	  { { GG_ROLE_BACKEND, "r", -1, 0 }, { RP, "m", 0, 0 }, { UP, "", 1, 0 } },
	  3,
	  9,
	  0,
	  GG_PHASE_PACK,
	  false,
	  true },
	{ "http-backend has passed all of it on",
	  { { GG_ROLE_BACKEND, "", -1, 0 }, { RP, "m", 0, 0 }, { UP, "m", 1, 0 } },
	  3,
	  0,
	  0,
	  GG_PHASE_WORK,
	  false,
	  true },
	{ "http-backend left its stdin to receive-pack",
	  { { GG_ROLE_BACKEND, "", -1, 0 }, { RP, "m", 0, 0 }, { UP, "r", 1, 0 } },
	  3,
	  0,
	  0,
	  GG_PHASE_PACK,
	  true,
	  true },
	{ "a hook below http-backend, which reads on",
	  { { GG_ROLE_BACKEND, "r", -1, 0 },
	    { RP, "m", 0, 0 },
	    { GG_ROLE_HOOK, "", 1, GG_HOOK_PRE_RECEIVE } },
	  3,
	  0,
	  0,
	  GG_PHASE_HOOK,
	  false,
	  true },
	{ "http-backend waits for the rest of a request to fetch",
	  { { GG_ROLE_BACKEND, "r", -1, 0 }, { GG_ROLE_UPLOAD_PACK, "", 0, 0 } },
	  2,
	  0,
	  0,
	  GG_PHASE_COMMANDS,
	  true,
	  true },
	{ "http-backend waits for the body of a request",
	  { { GG_ROLE_BACKEND, "r", -1, 0 } },
	  1,
	  0,
	  0,
	  GG_PHASE_REQUEST,
	  true,
	  true },
	{ "sshd's receive-pack is the root", { { RP, "r", -1, 0 } }, 1, 0, 0, GG_PHASE_COMMANDS, true, true },
	{ "nothing left", { { 0 } }, 0, 0, 0, GG_PHASE_CLOSING, false, true },
	{ "zombies only", { { GG_ROLE_DAEMON, "Z", -1, 0 } }, 1, 0, 0, GG_PHASE_CLOSING, false, true },
	{ "zombie leader with a live thread",
	  { { GG_ROLE_DAEMON, "Zmr", -1, 0 } },
	  1,
	  0,
	  0,
	  GG_PHASE_REQUEST,
	  true,
	  true },
	{ "no request yet", { { GG_ROLE_SESSION, "r", -1, 0 } }, 1, 0, 0, GG_PHASE_REQUEST, true, true },
	{ "half a request, peeked at",
	  { { GG_ROLE_SESSION, "r", -1, 0 } },
	  1,
	  9,
	  0,
	  GG_PHASE_REQUEST,
	  true,
	  true },
	{ "looking at a slow file system",
	  { { GG_ROLE_SESSION, "D", -1, 0 } },
	  1,
	  40,
	  0,
	  GG_PHASE_REQUEST,
	  false,
	  true },
	{ "git-daemon reads", { { GG_ROLE_DAEMON, "r", -1, 0 } }, 1, 0, 0, GG_PHASE_REQUEST, true, true },
	{ "git-daemon has it", { { GG_ROLE_DAEMON, "r", -1, 0 } }, 1, 9, 0, GG_PHASE_REQUEST, false, true },
	{ "waits for commands", { DAEMON, { RP, "r", 0, 0 } }, 2, 0, 0, GG_PHASE_COMMANDS, true, true },
	{ "has commands to read", { DAEMON, { RP, "r", 0, 0 } }, 2, 1, 0, GG_PHASE_COMMANDS, false, true },
	{ "advertisement not read", { DAEMON, { RP, "w", 0, 0 } }, 2, 0, 9, GG_PHASE_SENDING, true, true },
	{ "writing, all of it taken", { DAEMON, { RP, "w", 0, 0 } }, 2, 0, 0, GG_PHASE_WORK, false, true },
	{ "waits for the pack", { DAEMON, { RP, "rm", 0, 0 } }, 2, 0, 0, GG_PHASE_PACK_START, true, true },
	{ "index-pack waits",
	  { DAEMON, { RP, "m", 0, 0 }, { UP, "r", 1, 0 } },
	  3,
	  0,
	  0,
	  GG_PHASE_PACK,
	  true,
	  true },
	{ "index-pack reads",
	  { DAEMON, { RP, "m", 0, 0 }, { UP, "r", 1, 0 } },
	  3,
	  1,
	  0,
	  GG_PHASE_PACK,
	  false,
	  true },
	{ "index-pack on a CPU",
	  { DAEMON, { RP, "m", 0, 0 }, { UP, "R", 1, 0 } },
	  3,
	  0,
	  0,
	  GG_PHASE_WORK,
	  false,
	  true },
	{ "a thread reads, another runs",
	  { DAEMON, { RP, "m", 0, 0 }, { UP, "rRm", 1, 0 } },
	  3,
	  0,
	  0,
	  GG_PHASE_WORK,
	  false,
	  true },
	{ "delta resolution",
	  { DAEMON, { RP, "m", 0, 0 }, { UP, "m", 1, 0 } },
	  3,
	  0,
	  0,
	  GG_PHASE_WORK,
	  false,
	  true },
	{ "progress not read",
	  { DAEMON, { RP, "wm", 0, 0 }, { UP, "", 1, 0 } },
	  3,
	  5,
	  9,
	  GG_PHASE_SENDING,
	  true,
	  true },
	{ "connectivity",
	  { DAEMON, { RP, "m", 0, 0 }, { GG_ROLE_GIT, "", 1, 0 } },
	  3,
	  0,
	  0,
	  GG_PHASE_WORK,
	  false,
	  true },
	{ "foreground gc",
	  { DAEMON, { RP, "", 0, 0 }, { GG_ROLE_GIT, "D", 1, 0 } },
	  3,
	  0,
	  0,
	  GG_PHASE_WORK,
	  false,
	  true },
	{ "pre-receive",
	  { DAEMON, { RP, "m", 0, 0 }, { GG_ROLE_HOOK, "", 1, GG_HOOK_PRE_RECEIVE } },
	  3,
	  0,
	  0,
	  GG_PHASE_HOOK,
	  false,
	  true },
	{ "hook whose output is not read",
	  { DAEMON, { RP, "wm", 0, 0 }, { GG_ROLE_HOOK, "", 1, GG_HOOK_PRE_RECEIVE } },
	  3,
	  0,
	  9,
	  GG_PHASE_SENDING,
	  true,
	  true },
	{ "a stray holds the hook's pipe",
	  { DAEMON, { RP, "m", 0, 0 }, { GG_ROLE_OTHER, "Z", 1, 0 }, { GG_ROLE_OTHER, "O", -1, 0 } },
	  4,
	  0,
	  0,
	  GG_PHASE_HOOK,
	  false,
	  true },
	{ "git-daemon killed, receive-pack waits",
	  { { RP, "rO", -1, 0 } },
	  1,
	  0,
	  0,
	  GG_PHASE_COMMANDS,
	  true,
	  true },
	{ "receive-pack killed, unpack-objects reads on",
	  { DAEMON, { GG_ROLE_OTHER, "Z", 0, 0 }, { UP, "r", 0, 0 } },
	  3,
	  0,
	  0,
	  GG_PHASE_PACK,
	  true,
	  true },
	{ "receive-pack killed, somebody unknown holds the log",
	  { DAEMON, { GG_ROLE_OTHER, "Z", 0, 0 } },
	  2,
	  0,
	  0,
	  GG_PHASE_HOOK,
	  false,
	  true },
	{ "git-daemon between two steps", { DAEMON }, 1, 0, 0, GG_PHASE_REQUEST, false, true },
	{ "only a stray", { { GG_ROLE_OTHER, "O", -1, 0 } }, 1, 0, 0, GG_PHASE_HOOK, false, true },
	{ "blocked in something else", { DAEMON, { RP, "", 0, 0 } }, 2, 0, 0, GG_PHASE_WORK, false, true },
	{ "opaque, quiet", { DAEMON, { RP, "o", 0, 0 } }, 2, 0, 0, GG_PHASE_COMMANDS, true, false },
	{ "opaque, reading a queue", { DAEMON, { RP, "o", 0, 0 } }, 2, 7, 0, GG_PHASE_WORK, false, false },
	{ "opaque index-pack",
	  { DAEMON, { RP, "om", 0, 0 }, { UP, "o", 1, 0 } },
	  3,
	  0,
	  0,
	  GG_PHASE_PACK,
	  true,
	  false },
	{ "opaque index-pack at work",
	  { DAEMON, { RP, "om", 0, 0 }, { UP, "oD", 1, 0 } },
	  3,
	  0,
	  0,
	  GG_PHASE_WORK,
	  false,
	  false },
	{ "opaque, not read", { DAEMON, { RP, "o", 0, 0 } }, 2, 0, 7, GG_PHASE_SENDING, true, false },
	{ "opaque, behind a hook",
	  { DAEMON, { RP, "om", 0, 0 }, { GG_ROLE_HOOK, "", 1, GG_HOOK_UPDATE } },
	  3,
	  0,
	  7,
	  GG_PHASE_HOOK,
	  false,
	  true },
	{ "fetch", { DAEMON, { GG_ROLE_UPLOAD_PACK, "r", 0, 0 } }, 2, 0, 0, GG_PHASE_COMMANDS, true, true },
	{ "fetch counts",
	  { DAEMON, { GG_ROLE_UPLOAD_PACK, "r", 0, 0 }, { GG_ROLE_GIT, "", 1, 0 } },
	  3,
	  0,
	  0,
	  GG_PHASE_WORK,
	  false,
	  true },
	{ "fetch not read",
	  { DAEMON, { GG_ROLE_UPLOAD_PACK, "w", 0, 0 } },
	  2,
	  0,
	  9,
	  GG_PHASE_SENDING,
	  true,
	  true },
};

Test(classify, phase)
{
	for (size_t i = 0; i < GG_LEN(phase_rows); i++) {
		struct gg_proc v[5];
		struct gg_snap s = make(phase_rows[i].p, phase_rows[i].n, v);
		struct gg_view view;

		s.tcp.queued_in = phase_rows[i].in;
		s.tcp.queued_out = phase_rows[i].out;
		gg_classify(&s, &view);
		cr_expect_eq(view.phase, phase_rows[i].phase, "%s: %s", phase_rows[i].name,
			     gg_phase_name(view.phase));
		cr_expect_eq(view.client_turn, phase_rows[i].client, "%s: turn", phase_rows[i].name);
		cr_expect_eq(view.certain, phase_rows[i].certain, "%s: certain", phase_rows[i].name);
	}
}

Test(classify, hook_subtree_and_transaction)
{
	static const struct p p[] = {
		DAEMON,
		{ RP, "m", 0, 0 },
		{ GG_ROLE_HOOK, "", 1, GG_HOOK_REFERENCE_TRANSACTION },
		{ GG_ROLE_OTHER, "", 2, 0 },
		{ GG_ROLE_OTHER, "", 3, 0 },
		{ GG_ROLE_OTHER, "O", -1, 0 },
		{ GG_ROLE_OTHER, "", 5, 0 },
		{ GG_ROLE_GIT, "", 1, 0 },
	};
	static const bool want[] = { false, false, true, true, true, true, true, false };
	struct gg_proc v[GG_LEN(p)];
	struct gg_snap s = make(p, GG_LEN(p), v);
	struct gg_view view;

	gg_classify(&s, &view);
	cr_expect(view.ref_transaction);
	cr_expect_eq(view.hook_pid, 102);
	for (size_t i = 0; i < GG_LEN(p); i++)
		cr_expect_eq(gg_in_hook(&s, i), want[i], "process %zu", i);
	/* parents that go round in a circle, as a reused pid can show them, end the search */
	v[3].ppid = v[4].pid;
	cr_expect(!gg_in_hook(&s, 4));
	/* and so does one that went before it was listed */
	v[6].ppid = 99;
	cr_expect(!gg_in_hook(&s, 6));
}
