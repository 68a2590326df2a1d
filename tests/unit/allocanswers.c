/* For want of memory, see allocrow.h: answers over the control socket that a running gate seldom gives whole.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/cleanup.h"
#include "base/jsonmem.h"
#include "reaper/ledger.h"
#include "supervisor/commands.h"
#include "supervisor/gate.h"
#include "supervisor/ledgercommands.h"
#include "supervisor/ready.h"
#include "supervisor/report.h"
#include "tests/unit/allocrow.h"
#include "tests/unit/world.h"

/* A gate of which nothing is there but what a report is made from. */
struct desk {
	struct gg_conf conf;
	struct gg_gate gate;
};

static void add_alarm(struct gg_ledger *l, bool well)
{
	const struct gg_verdict verdict = { .reason = GG_REASON_IDLE, .limit_ms = 15000 },
				rate = { .reason = GG_REASON_TRICKLE };
	const struct gg_who who = {
		.id = "ab", .peer = "p", .service = "git-receive-pack", .repo = "r.git", .transport = "git"
	};
	struct gg_finish f = { .status = well ? 0 : 256, .received = 1000 };
	struct gg_account a = { .named = true };
	struct gg_tcp tcp = { 0 };

	gg_account_silence(&a, GG_REASON_IDLE, 16000);
	gg_account_verdict(&a, &verdict, GG_PHASE_PACK, &tcp, 1);
	gg_account_verdict(&a, &rate, GG_PHASE_PACK, &tcp, 1);
	gg_ledger_ended(l, &a, &f, &who);
}

static void *make_desk(void)
{
	struct desk *d = calloc(1, sizeof(*d));
	struct gg_gate *g = &d->gate;

	gg_jsonmem_open();
	d->conf.mode = GG_MODE_OBSERVE;
	g->conf = &d->conf;
	g->reaper.lim = scaled();
	g->reaper.lim.idle = 120000;
	cr_assert_eq(gg_registry_init(&g->reg), 0);
	for (int i = 0; i < 200; i++)
		gg_spread_add(&g->reg.ledger.spread[GG_CLOCK_IDLE], 20000);
	add_alarm(&g->reg.ledger, true);
	add_alarm(&g->reg.ledger, false);
	g->reg.reaped = g->reg.by_reason[GG_REASON_IDLE] = 1;
	return d;
}

static void drop_desk(void *o)
{
	gg_registry_free(&((struct desk *)o)->gate.reg);
	free(o);
}

static int run_report(void *o, uint64_t *sum)
{
	const struct gg_controlreq req = { 0 };
	uint64_t lacks = gg_jsonmem_lacks();

	return whole_answer(gg_ledger_report(&((struct desk *)o)->gate, &req), lacks, sum);
}

static int run_tune(void *o, uint64_t *sum)
{
	const struct gg_controlreq req = { 0 };
	uint64_t lacks = gg_jsonmem_lacks();

	return whole_answer(gg_ledger_tune(&((struct desk *)o)->gate, &req), lacks, sum);
}

static int run_error(void *o, uint64_t *sum)
{
	uint64_t lacks = gg_jsonmem_lacks();

	(void)o;
	return whole_answer(gg_command_error("it cannot be done"), lacks, sum);
}

static int run_ready(void *o, uint64_t *sum)
{
	struct gg_gate *g = &((struct desk *)o)->gate;
	uint64_t lacks = gg_jsonmem_lacks();

	g->stage = GG_DRAINING;
	g->drained = true;
	return whole_answer(gg_ready_report(g), lacks, sum);
}

/* Of bytes that are no UTF-8. */
static int run_text(void *o, uint64_t *sum)
{
	uint64_t lacks = gg_jsonmem_lacks();

	(void)o;
	return whole_answer(json_pack("[o]", gg_report_text("a\xff")), lacks, sum);
}

static const struct row rows[] = {
	{ "supervisor/commands: an error", run_error, NULL, NULL, 0, false },
	{ "supervisor/ready", run_ready, make_desk, drop_desk, 0, false },
	{ "supervisor/report: a text", run_text, NULL, NULL, 0, false },
	{ "supervisor/ledgercommands: report", run_report, make_desk, drop_desk, 0, false },
	{ "supervisor/ledgercommands: tune", run_tune, make_desk, drop_desk, 0, false },
};

/* The rows are those of an answer that has all its parts. */
Test(allocanswers, have_all)
{
	const struct gg_controlreq req = { 0 };
	struct desk *d = make_desk();
	json_t *report = gg_ledger_report(&d->gate, &req), *tune = gg_ledger_tune(&d->gate, &req);
	json_t *data = json_object_get(report, "data");

	cr_assert_eq(json_array_size(json_object_get(data, "false_alarms")), 1);
	cr_assert_eq(json_array_size(json_object_get(data, "others")), 1);
	cr_assert_eq(json_array_size(json_object_get(data, "keys")), 1);
	cr_assert_eq(json_array_size(json_object_get(json_object_get(tune, "data"), "settings")), 1);
	json_decref(report);
	json_decref(tune);
	drop_desk(d);
}

Test(allocanswers, each_fails)
{
	struct gg_alloc_faults *f = gg_alloc_faults();

	if (!f)
		cr_skip("a sanitizer has an allocator of its own");
	for (size_t i = 0; i < GG_LEN(rows); i++)
		fail_each(f, &rows[i]);
}
