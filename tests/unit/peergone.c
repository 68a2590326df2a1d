/*
 * Tests of reaper/policy.h: a client whose host has vanished, told from one that is silent, stopped, or does
 * not read.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "reaper/policy.h"
#include "tests/unit/world.h"

#define SILENT(phase, turn) \
	{ \
		LONG, phase, turn, 0, 0, false \
	}

/* The client's host vanishes. The verdict comes when the deadline or the keep-alive is over, whichever is
 * first, and says so. */
static const struct host quick = { 500, 500, 2, true }, answers = { 500, 500, 2, false },
			 slow = { 1000, 3000, 3, true }, none = { LONG, LONG, 3, true };
static const struct {
	const char *name;
	const struct host *host;
	struct stretch s[2];
	size_t n;
	enum gg_reason want;
	const char *key;
	int64_t due;
} peer_gone_rows[] = {
	/* 500 + 2 * 500: before every deadline */
	{ "request, keep-alive first",
	  &quick,
	  { SILENT(GG_PHASE_REQUEST, true) },
	  1,
	  GG_REASON_PEER_GONE,
	  "tcp.keepCount",
	  1500 },
	{ "commands, keep-alive first",
	  &quick,
	  { COMMANDS(700), SILENT(GG_PHASE_COMMANDS, true) },
	  2,
	  GG_REASON_PEER_GONE,
	  "tcp.keepCount",
	  2000 },
	{ "pack-start, keep-alive first",
	  &quick,
	  { SILENT(GG_PHASE_PACK_START, true) },
	  1,
	  GG_REASON_PEER_GONE,
	  "tcp.keepCount",
	  1500 },
	{ "pack, keep-alive first",
	  &quick,
	  { PACK(1000, 20, 1000), SILENT(GG_PHASE_PACK, true) },
	  2,
	  GG_REASON_PEER_GONE,
	  "tcp.keepCount",
	  2480 },
	/* two probes are unanswered when the deadline comes */
	{ "request, deadline first",
	  &slow,
	  { SILENT(GG_PHASE_REQUEST, true) },
	  1,
	  GG_REASON_PEER_GONE,
	  "deadline.init",
	  2000 },
	{ "commands, deadline first",
	  &slow,
	  { SILENT(GG_PHASE_COMMANDS, true) },
	  1,
	  GG_REASON_PEER_GONE,
	  "deadline.commands",
	  3000 },
	{ "pack-start, deadline first",
	  &slow,
	  { SILENT(GG_PHASE_PACK_START, true) },
	  1,
	  GG_REASON_PEER_GONE,
	  "deadline.packStart",
	  3000 },
	{ "pack, deadline first",
	  &slow,
	  { PACK(1000, 20, 1000), SILENT(GG_PHASE_PACK, true) },
	  2,
	  GG_REASON_PEER_GONE,
	  "deadline.idle",
	  2980 },
	/* retransmissions tell, not probes */
	{ "sending",
	  &quick,
	  { SILENT(GG_PHASE_SENDING, true) },
	  1,
	  GG_REASON_PEER_GONE,
	  "deadline.idle",
	  2000 },
	/* nothing was asked yet, so nothing is unanswered */
	{ "pack, before the first probe",
	  &none,
	  { SILENT(GG_PHASE_PACK, true) },
	  1,
	  GG_REASON_IDLE,
	  "deadline.idle",
	  2000 },
	/* stopped, not gone: its kernel answers */
	{ "stopped in the pack", &answers, { PACK(LONG, 0, 0) }, 1, GG_REASON_IDLE, "deadline.idle", 2000 },
	{ "does not read",
	  &answers,
	  { { LONG, GG_PHASE_SENDING, true, 0, 0, false } },
	  1,
	  GG_REASON_NOT_READING,
	  "deadline.idle",
	  2000 },
	{ "silent in commands",
	  &answers,
	  { COMMANDS(LONG) },
	  1,
	  GG_REASON_COMMANDS,
	  "deadline.commands",
	  3000 },
	/* git's turn is not cut for it */
	{ "in a hook", &quick, { SILENT(GG_PHASE_HOOK, false) }, 1, GG_REASON_HOOK, "deadline.hook", 5000 },
	{ "at work", &quick, { SILENT(GG_PHASE_WORK, false) }, 1, GG_REASON_NONE, NULL, 0 },
};

Test(peergone, peer_gone)
{
	struct gg_limits lim = scaled();

	for (size_t i = 0; i < GG_LEN(peer_gone_rows); i++) {
		struct result r = play_on(peer_gone_rows[i].host, peer_gone_rows[i].s, peer_gone_rows[i].n,
					  &lim, 30000, false);

		cr_expect_eq(r.reason, peer_gone_rows[i].want, "%s: %s", peer_gone_rows[i].name,
			     gg_reason_name(r.reason));
		cr_expect(peer_gone_rows[i].key ? r.key && !strcmp(r.key, peer_gone_rows[i].key) : !r.key,
			  "%s: key %s", peer_gone_rows[i].name, r.key);
		cr_expect_geq(r.at_ms, peer_gone_rows[i].due, "%s: too early, at %d", peer_gone_rows[i].name,
			      (int)r.at_ms);
		if (r.reason)
			cr_expect_leq(r.at_ms, peer_gone_rows[i].due + 2 * lim.period, "%s: too late, at %d",
				      peer_gone_rows[i].name, (int)r.at_ms);
		cr_expect_geq(r.quiet_ms, r.limit_ms > 0 ? peer_gone_rows[i].key ? r.limit_ms : 0 : 0, "%s",
			      peer_gone_rows[i].name);
	}
}

/* A client that answers its probes costs no look and no sample more than one that needs none. */
Test(peergone, answered_probes_cost_nothing)
{
	static const struct stretch silent[] = { COMMANDS(LONG) };
	static const struct host often = { 300, 300, 2, false };
	struct gg_limits lim = scaled();
	struct result without = play(silent, 1, &lim, 60000, false),
		      with = play_on(&often, silent, 1, &lim, 60000, false);

	cr_expect_eq(with.looks, without.looks);
	cr_expect_eq(with.samples, without.samples);
}

/* A sample that falls between a probe and its answer is no evidence; nor is one probe of a reader in a far
 * country. */
Test(peergone, one_sample_is_no_silence)
{
	struct gg_limits lim = scaled();
	struct gg_tcp tcp = { .valid = true,
			      .probes = 1,
			      .ack_age_ms = 1010,
			      .recv_age_ms = 1010,
			      .keep_count = 3,
			      .keep_ms = 2500 };
	struct gg_snap snap = { .now_ms = 5000, .tcp = tcp };
	struct gg_track t;
	int64_t next;

	gg_track_init(&t, 3000);
	gg_policy_sample(&t, &snap, &lim, &next);
	cr_expect(!gg_policy_unanswered(&t, &snap.tcp, 5000, &lim, 1000));
	snap.tcp.probes = 0;
	gg_policy_sample(&t, &snap, &lim, &next);
	snap.tcp.probes = 1;
	snap.now_ms = 6100;
	gg_policy_sample(&t, &snap, &lim, &next);
	cr_expect(!gg_policy_unanswered(&t, &snap.tcp, 6100, &lim, 1000), "another probe, a second later");
	snap.now_ms = 6100 + lim.period;
	gg_policy_sample(&t, &snap, &lim, &next);
	cr_expect(gg_policy_unanswered(&t, &snap.tcp, snap.now_ms, &lim, 1000));
}

/* A kernel answers one probe in 500 ms: the second of a closed window comes 400 ms after the first. */
Test(peergone, window_probes_that_come_too_fast)
{
	static const struct {
		uint32_t probes;
		int64_t first_heard, want;
	} rows[] = {
		{ 1, 424, false }, /* not answered, and no wonder */
		{ 2, 424, true },  /* the third came later than that */
		{ 1, 1700, true }, /* the one before it was long ago */
	};
	struct gg_limits lim = scaled();

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_snap snap = { .now_ms = 5000,
					.tcp = { .valid = true,
						 .queued_out = 4000000,
						 .probes = 1,
						 .recv_age_ms = 9000,
						 .ack_age_ms = rows[i].first_heard } };
		struct gg_track t;
		int64_t next;

		gg_track_init(&t, 0);
		gg_policy_sample(&t, &snap, &lim, &next);
		snap.now_ms += 800;
		snap.tcp.ack_age_ms += 800;
		snap.tcp.probes = rows[i].probes;
		gg_policy_sample(&t, &snap, &lim, &next);
		cr_expect_eq(gg_policy_unanswered(&t, &snap.tcp, snap.now_ms, &lim, 9000), rows[i].want,
			     "row %zu", i);
	}
}

/* A reader whose tiny window overflows makes us send again, but its kernel talks to us all the time. */
Test(peergone, retransmissions_that_are_heard)
{
	struct gg_limits lim = scaled();
	struct gg_tcp tcp = {
		.valid = true, .unacked = 2, .retransmits = 4, .ack_age_ms = 300, .recv_age_ms = 5000
	};
	struct gg_track t;

	gg_track_init(&t, 0);
	cr_expect(!gg_policy_unanswered(&t, &tcp, 9000, &lim, 1000));
	tcp.ack_age_ms = 1000;
	cr_expect(gg_policy_unanswered(&t, &tcp, 9000, &lim, 1000));
	tcp.unacked = 0;
	cr_expect(!gg_policy_unanswered(&t, &tcp, 9000, &lim, 1000));
}

Test(peergone, given_up_by_the_kernel)
{
	static const struct {
		const char *name;
		struct gg_tcp tcp;
		bool want;
	} rows[] = {
		{ "timed out",
		  { .valid = true,
		    .gone = true,
		    .probes = 3,
		    .keep_count = 3,
		    .keep_ms = 4000,
		    .ack_age_ms = 4096,
		    .recv_age_ms = 9000 },
		  true },
		{ "timed out after a long pack: its data are no acknowledgements",
		  { .valid = true,
		    .gone = true,
		    .probes = 3,
		    .keep_count = 3,
		    .keep_ms = 4000,
		    .ack_age_ms = 90000,
		    .recv_age_ms = 4096 },
		  true },
		{ "a reset in answer to a probe",
		  { .valid = true,
		    .gone = true,
		    .probes = 1,
		    .keep_count = 3,
		    .keep_ms = 4000,
		    .ack_age_ms = 1100,
		    .recv_age_ms = 1100 },
		  false },
		{ "a reset", { .valid = true, .gone = true }, false },
		{ "not yet",
		  { .valid = true,
		    .probes = 3,
		    .keep_count = 3,
		    .keep_ms = 4000,
		    .ack_age_ms = 3900,
		    .recv_age_ms = 9000 },
		  false },
		{ "no TCP", { .gone = true }, false },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_verdict v = { 0 };

		cr_expect_eq(gg_policy_given_up(&rows[i].tcp, &v), rows[i].want, "%s", rows[i].name);
		cr_expect_eq(v.reason, rows[i].want ? GG_REASON_PEER_GONE : GG_REASON_NONE, "%s",
			     rows[i].name);
		if (rows[i].want)
			cr_expect_eq(v.quiet_ms, 4096);
	}
}
