/* Tests of reaper/account.h and reaper/ledger.h. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "reaper/ledger.h"

enum { REQUEST = 30, AT = 1000 }; /* bytes of the request, and received and sent by the verdict */

/* A session that was judged (or not), and how it ended. in, out: bytes after the verdict. */
static const struct row {
	const char *name;
	enum gg_reason reason; /* of the last verdict */
	int status;
	uint64_t in, out;
	bool push, asked, peer_gone, stopped, http, answered, foreign;
	enum gg_fate want;
} rows[] = {
	{ "fetch", .want = GG_FATE_WELL },
	{ "fetch that failed", .status = 128 << 8, .want = GG_FATE_FAILED },
	{ "client's host fell silent", .peer_gone = true, .want = GG_FATE_FAILED },
	{ "push", .push = true, .asked = true, .want = GG_FATE_WELL },
	{ "push whose pack was cut", .push = true, .want = GG_FATE_FAILED },
	{ "push where hooks tell nothing", .push = true, .foreign = true, .want = GG_FATE_UNKNOWN },
	{ "killed", .status = 9, .push = true, .asked = true, .want = GG_FATE_FAILED },
	{ "watched", .status = -1, .want = GG_FATE_UNKNOWN },

	{ "fetch, went on", GG_REASON_COMMANDS, .in = 500, .want = GG_FATE_WELL },
	{ "fetch, the client left: exit 0", GG_REASON_COMMANDS, .in = 1, .want = GG_FATE_FAILED },
	{ "fetch, reset", GG_REASON_COMMANDS, .want = GG_FATE_FAILED },
	{ "fetch, went on and failed", GG_REASON_COMMANDS, 128 << 8, .in = 500, .want = GG_FATE_FAILED },
	{ "push, counted for long", GG_REASON_PACK_START, .in = 500, .push = true, .asked = true,
	  .want = GG_FATE_WELL },
	{ "push, some more came, then cut: exit 0", GG_REASON_IDLE, .in = 500, .push = true,
	  .want = GG_FATE_FAILED },
	{ "push, cut without a byte: exit 0", GG_REASON_IDLE, .in = 1, .push = true, .want = GG_FATE_FAILED },
	{ "push, hooks tell nothing", GG_REASON_IDLE, .in = 500, .push = true, .foreign = true,
	  .want = GG_FATE_UNKNOWN },
	{ "report not read, then it was", GG_REASON_NOT_READING, .out = 500, .push = true, .asked = true,
	  .want = GG_FATE_WELL },
	{ "report not read, what it sends does not count", GG_REASON_NOT_READING, .in = 500, .push = true,
	  .asked = true, .want = GG_FATE_FAILED },
	{ "report not read: the end of the stream", GG_REASON_NOT_READING, .out = 1, .push = true,
	  .asked = true, .want = GG_FATE_FAILED },
	{ "trickled clone, to its end", GG_REASON_TRICKLE, .out = 500, .want = GG_FATE_WELL },
	{ "trickled push, cut: exit 0", GG_REASON_TRICKLE, .in = 500, .push = true, .want = GG_FATE_FAILED },
	{ "came back", GG_REASON_PEER_GONE, .in = 500, .push = true, .asked = true, .want = GG_FATE_WELL },
	{ "did not come back", GG_REASON_PEER_GONE, 128 << 8, .want = GG_FATE_FAILED },
	{ "slow hook", GG_REASON_HOOK, .push = true, .asked = true, .want = GG_FATE_WELL },
	{ "slow hook that was killed", GG_REASON_HOOK, 9, .push = true, .asked = true,
	  .want = GG_FATE_FAILED },
	{ "deadline.session", GG_REASON_SESSION, .want = GG_FATE_WELL },
	{ "under pressure", GG_REASON_PRESSURE, .in = 500, .want = GG_FATE_WELL },
	{ "went on, then the gate stopped", GG_REASON_COMMANDS, 9, .in = 500, .stopped = true,
	  .want = GG_FATE_UNKNOWN },
	{ "stuck until the gate stopped", GG_REASON_COMMANDS, 9, .stopped = true, .want = GG_FATE_FAILED },
	{ "watched, went on", GG_REASON_COMMANDS, -1, .in = 500, .want = GG_FATE_UNKNOWN },

	{ "http, answered", GG_REASON_IDLE, .in = 500, .push = true, .http = true, .answered = true,
	  .want = GG_FATE_WELL },
	{ "http, answered though nothing more came", GG_REASON_INIT, .http = true, .answered = true,
	  .want = GG_FATE_WELL },
	{ "http, answered, hooks tell nothing", GG_REASON_IDLE, .in = 500, .push = true, .http = true,
	  .answered = true, .foreign = true, .want = GG_FATE_WELL },
	{ "http, the last request, answered and closed", GG_REASON_PACK_START, .in = 500, .push = true,
	  .asked = true, .http = true, .want = GG_FATE_WELL },
	{ "http, the body was cut: exit 0", GG_REASON_IDLE, .in = 500, .push = true, .http = true,
	  .want = GG_FATE_FAILED },
	{ "http, the reply was cut", GG_REASON_NOT_READING, 1 << 8, .out = 500, .http = true,
	  .want = GG_FATE_FAILED },
};

static struct gg_verdict verdict(enum gg_reason reason)
{
	return (struct gg_verdict){ .reason = reason, .limit_ms = 2000, .quiet_ms = 2100 };
}

static struct gg_account account(const struct row *r)
{
	struct gg_account a = { .named = true, .asked = r->asked };
	struct gg_verdict v = verdict(r->reason);

	if (r->reason)
		gg_account_verdict(&a, &v, GG_PHASE_PACK, &(struct gg_tcp){ .received = AT, .acked = AT }, 1);
	return a;
}

static struct gg_finish finish(const struct row *r)
{
	return (struct gg_finish){ .status = r->status,
				   .push = r->push,
				   .peer_gone = r->peer_gone,
				   .stopped = r->stopped,
				   .http = r->http,
				   .answered = r->answered,
				   .hooks_ask = !r->foreign,
				   .received = AT + r->in,
				   .acked = AT + r->out,
				   .request_bytes = r->http ? 0 : REQUEST };
}

Test(ledger, outcomes)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gg_account a = account(&rows[i]);
		struct gg_finish f = finish(&rows[i]);
		enum gg_fate got = gg_fate(&a, &f);

		cr_expect_eq(got, rows[i].want, "%s: %s", rows[i].name, gg_fate_name(got));
	}
}

/* A client that has nothing to push says so with a flush, and no hook runs. */
Test(ledger, nothing_to_push)
{
	struct gg_account a = { .named = true };
	struct gg_finish f = { .push = true, .hooks_ask = true, .request_bytes = REQUEST };
	struct gg_verdict v = verdict(GG_REASON_COMMANDS);

	f.received = REQUEST + 4;
	cr_assert_eq(gg_fate(&a, &f), GG_FATE_WELL);
	f.received = REQUEST + 5; /* and the end of the stream */
	gg_account_verdict(&a, &v, GG_PHASE_COMMANDS, &(struct gg_tcp){ .received = REQUEST }, 1);
	cr_assert_eq(gg_fate(&a, &f), GG_FATE_WELL);
	f.received = REQUEST + 6;
	cr_assert_eq(gg_fate(&a, &f), GG_FATE_FAILED);
}

Test(ledger, not_served)
{
	struct gg_account a = { .named = true, .refused = true };
	struct gg_finish f = { .status = 0 };

	cr_assert_eq(gg_fate(&a, &f), GG_FATE_FAILED);
	a = (struct gg_account){ 0 }; /* it never asked for anything */
	cr_assert_eq(gg_fate(&a, &f), GG_FATE_FAILED);
}

/* The first verdict is what enforce would have ended it for; the last is what it has to get over. */
Test(ledger, several_verdicts)
{
	struct gg_account a = { .named = true };
	struct gg_finish f = { .received = 500 };
	struct gg_verdict first = verdict(GG_REASON_COMMANDS), last = verdict(GG_REASON_PEER_GONE);

	last.key = "deadline.idle";
	gg_account_verdict(&a, &first, GG_PHASE_COMMANDS, &(struct gg_tcp){ .received = 10 }, 1);
	cr_assert_eq(gg_fate(&a, &f), GG_FATE_WELL);
	gg_account_verdict(&a, &last, GG_PHASE_PACK, &(struct gg_tcp){ .received = 500 }, 2);
	cr_assert_eq(gg_fate(&a, &f), GG_FATE_FAILED);
	cr_assert(a.first.reason == GG_REASON_COMMANDS && a.first_phase == GG_PHASE_COMMANDS &&
		  a.first_time == 1);
	cr_assert_eq(a.clocks, 1u << GG_CLOCK_COMMANDS | 1u << GG_CLOCK_IDLE);
	cr_assert_eq(a.reasons, 1u << GG_REASON_COMMANDS | 1u << GG_REASON_PEER_GONE);
}

static const struct gg_who somebody = { .id = "ab12cd34",
					.peer = "127.0.0.1:1",
					.service = "receive-pack",
					.repo = "r.git",
					.transport = "git" };

Test(ledger, counts)
{
	struct gg_ledger l;
	struct gg_account a;
	struct gg_finish f;

	cr_assert_eq(gg_ledger_init(&l, 0), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		a = account(&rows[i]);
		f = finish(&rows[i]);
		gg_account_silence(&a, GG_REASON_HOOK, (int64_t)i);
		gg_ledger_ended(&l, &a, &f, &somebody);
	}
	cr_assert_eq(l.seen, sizeof(rows) / sizeof(rows[0]));
	cr_assert_eq(l.watched, 2);
	for (enum gg_reason r = GG_REASON_NONE + 1; r < GG_NREASONS; r++)
		for (enum gg_fate o = 0; o < GG_NFATES; o++) {
			uint64_t want = 0;

			for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
				want += rows[i].reason == r && rows[i].want == o;
			cr_expect_eq(l.outcome[r][o], want, "%s, %s", gg_reason_name(r), gg_fate_name(o));
		}
	cr_assert_eq(l.false_alarms[GG_CLOCK_IDLE], 3); /* idle, http, and not reading */
	cr_assert_eq(l.false_alarms[GG_CLOCK_HOOK], 1);
	cr_assert_eq(l.longest_false_ms[GG_CLOCK_COMMANDS], 0);
	cr_assert_gt(l.longest_false_ms[GG_CLOCK_HOOK], 0);
	cr_assert_eq(gg_ledger_alarm(&l.well, 0)->outcome, GG_FATE_WELL);
	cr_assert_null(gg_ledger_alarm(&l.well, l.well.n));
	gg_ledger_reaped(&l, &(struct gg_verdict){ .reason = GG_REASON_INIT });
	cr_assert_eq(l.stuck[GG_CLOCK_INIT], 1);
	/* who asked for nothing, and was no trouble, is nobody */
	a = (struct gg_account){ 0 };
	f = (struct gg_finish){ 0 };
	gg_ledger_ended(&l, &a, &f, &somebody);
	cr_assert_eq(l.seen, sizeof(rows) / sizeof(rows[0]) + 1);
	gg_ledger_free(&l);
}

/* Which clocks a healthy session says something about. */
Test(ledger, healthy)
{
	static const struct {
		const char *name;
		bool push, asked, advertise;
		int64_t hook_ms;
		unsigned clocks; /* that it is counted for */
	} v[] = {
		{ "fetch", false, false, false, 0,
		  1u << GG_CLOCK_INIT | 1u << GG_CLOCK_COMMANDS | 1u << GG_CLOCK_IDLE | 1u << GG_CLOCK_WORK },
		{ "push", true, true, false, 0, (1u << GG_NCLOCKS) - 1 },
		{ "http advertisement", true, false, true, 0, 1u << GG_CLOCK_INIT | 1u << GG_CLOCK_WORK },
		{ "and a refresh for it", false, false, true, 500,
		  1u << GG_CLOCK_INIT | 1u << GG_CLOCK_WORK | 1u << GG_CLOCK_HOOK },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct gg_account a = { .named = true, .asked = v[i].asked, .advertise = v[i].advertise };
		struct gg_finish f = { .push = v[i].push, .http = true, .answered = true };
		struct gg_ledger l;

		cr_assert_eq(gg_ledger_init(&l, 0), 0);
		gg_account_silence(&a, GG_REASON_HOOK, v[i].hook_ms);
		gg_ledger_ended(&l, &a, &f, &somebody);
		for (enum gg_clock c = 0; c < GG_NCLOCKS; c++)
			cr_expect_eq(l.spread[c].n, v[i].clocks >> c & 1, "%s: %s", v[i].name,
				     gg_clock_key(c));
		gg_ledger_free(&l);
	}
}

/* A flood of stuck ones leaves the false alarm where it is; each ring keeps the last. */
Test(ledger, rings)
{
	struct gg_ledger l;
	struct gg_account a = account(&(struct row){ .reason = GG_REASON_COMMANDS });
	struct gg_finish well = { .received = AT + 100 }, stuck = { .received = AT };
	char id[9];
	struct gg_who w = somebody;

	w.id = id;
	cr_assert_eq(gg_ledger_init(&l, 0), 0);
	strcpy(id, "theone00");
	gg_ledger_ended(&l, &a, &well, &w);
	for (int i = 0; i < 3 * GG_ALARMS; i++) {
		snprintf(id, sizeof(id), "%08d", i);
		gg_ledger_ended(&l, &a, &stuck, &w);
	}
	cr_assert_str_eq(gg_ledger_alarm(&l.well, 0)->id, "theone00");
	cr_assert_null(gg_ledger_alarm(&l.well, 1));
	snprintf(id, sizeof(id), "%08d", 3 * GG_ALARMS - 1);
	cr_assert_str_eq(gg_ledger_alarm(&l.other, 0)->id, id);
	snprintf(id, sizeof(id), "%08d", 2 * GG_ALARMS);
	cr_assert_str_eq(gg_ledger_alarm(&l.other, GG_ALARMS - 1)->id, id);
	cr_assert_null(gg_ledger_alarm(&l.other, GG_ALARMS));
	cr_assert_eq(l.outcome[GG_REASON_COMMANDS][GG_FATE_FAILED], 3 * GG_ALARMS);
	gg_ledger_free(&l);
}
