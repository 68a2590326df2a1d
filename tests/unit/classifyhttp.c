/* Tests of reaper/classify.h: sessions over HTTP. */
#include <criterion/criterion.h>

#include "base/cleanup.h"
#include "reaper/classify.h"

/* git-gate-http says what it waits for; below it git's processes read the pipe that it fills. */
Test(classify, http)
{
	static const struct {
		const char *name;
		enum gg_awaits awaits;
		bool running;
		struct gg_proc git[3];
		uint32_t in, out;
		enum gg_phase phase;
		bool client;
	} rows[] = {
#define BK { .role = GG_ROLE_BACKEND }
#define RP(threads, reads) \
	{ \
		.role = GG_ROLE_RECEIVE_PACK, .nlwp = (threads), .reads_client = (reads) \
	}
#define UNP(reads) \
	{ \
		.role = GG_ROLE_UNPACKER, .reads_client = (reads) \
	}
		{ "kept", GG_AWAITS_NEXT, .phase = GG_PHASE_KEEP_ALIVE, .client = true },
		{ "kept, a request has come", GG_AWAITS_NEXT, .in = 1, .phase = GG_PHASE_KEEP_ALIVE },
		{ "a head", GG_AWAITS_HEAD, .phase = GG_PHASE_REQUEST, .client = true },
		{ "a head, at work", GG_AWAITS_HEAD, .running = true, .phase = GG_PHASE_REQUEST },
		{ "a body, git-gate-http alone", GG_AWAITS_BODY, .phase = GG_PHASE_COMMANDS, .client = true },
		{ "nothing yet", GG_AWAITS_NONE, .phase = GG_PHASE_WORK },
		{ "git", GG_AWAITS_GIT, .git = { BK }, .phase = GG_PHASE_WORK },
		{ "commands", GG_AWAITS_BODY, .git = { BK, RP(1, true) }, .phase = GG_PHASE_COMMANDS,
		  .client = true },
		{ "commands have come", GG_AWAITS_BODY, .git = { BK, RP(1, true) }, .in = 9,
		  .phase = GG_PHASE_COMMANDS },
		{ "the pack", GG_AWAITS_BODY, .git = { BK, RP(2, true) }, .phase = GG_PHASE_PACK_START,
		  .client = true },
		{ "more of it", GG_AWAITS_BODY, .git = { BK, RP(2, false), UNP(true) },
		  .phase = GG_PHASE_PACK, .client = true },
		{ "git resolves deltas", GG_AWAITS_BODY, .git = { BK, RP(2, false), UNP(false) },
		  .phase = GG_PHASE_WORK },
		{ "a hook, the body never ends", GG_AWAITS_BODY,
		  .git = { BK, RP(2, false), { .role = GG_ROLE_HOOK } }, .phase = GG_PHASE_HOOK },
		{ "the reader", GG_AWAITS_READER, .git = { BK, RP(2, false) }, .out = 9,
		  .phase = GG_PHASE_SENDING, .client = true },
		{ "the reader, but all of it was taken", GG_AWAITS_READER, .git = { BK, RP(2, false) },
		  .phase = GG_PHASE_WORK },
		{ "a reader in a fetch", GG_AWAITS_READER, .git = { BK, { .role = GG_ROLE_UPLOAD_PACK } },
		  .out = 9, .phase = GG_PHASE_SENDING, .client = true },
		{ "a fetch's body", GG_AWAITS_BODY,
		  .git = { { .role = GG_ROLE_BACKEND, .reads_client = true },
			   { .role = GG_ROLE_UPLOAD_PACK } },
		  .phase = GG_PHASE_COMMANDS, .client = true },
#undef BK
#undef RP
#undef UNP
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		enum gg_awaits a = rows[i].awaits;
		struct gg_proc v[4] = { { .role = GG_ROLE_HTTP, .awaits = a, .running = rows[i].running } };
		struct gg_snap s = { .v = v, .n = 1, .tcp = { .valid = true } };
		struct gg_view view;

		v[0].reads_client = a == GG_AWAITS_NEXT || a == GG_AWAITS_HEAD || a == GG_AWAITS_BODY;
		v[0].writes_client = a == GG_AWAITS_READER;
		s.tcp.queued_in = rows[i].in;
		s.tcp.queued_out = rows[i].out;
		for (size_t k = 0; k < 3 && rows[i].git[k].role; k++)
			v[s.n++] = rows[i].git[k];
		for (size_t k = 0; k < s.n; k++) {
			v[k].pid = 100 + (pid_t)k;
			v[k].ppid = 99 + (pid_t)k;
			v[k].state = 'S';
			v[k].nlwp = v[k].nlwp ? v[k].nlwp : 1;
		}
		gg_classify(&s, &view);
		cr_expect_eq(view.phase, rows[i].phase, "%s: %s", rows[i].name, gg_phase_name(view.phase));
		cr_expect_eq(view.client_turn, rows[i].client, "%s", rows[i].name);
	}
}
