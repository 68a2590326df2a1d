/* manledger - of git-gate(1): the JSON of report and tune. */
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/manpage.h"

static const struct gg_page_member both[] = {
	{ "mode", "string", "enforce or observe." },
	{ "since", "integer", "When counting began, in seconds since 1970: at the gate's start." },
	{ "period_ms", "integer", "How long ago that is." },
	{ "seen", "integer", "Sessions that have ended; over HTTP requests." },
	{ "healthy", "integer", "Those of them that ended well." },
	{ "watched", "integer", "Those of watched servers: how they ended is not known." },
};

static const struct gg_page_member report[] = {
	{ "would_end", "integer", "Sessions that enforce mode would have ended: the sum of the next four." },
	{ "finished_well", "integer", "Those that went on and ended well: false alarms." },
	{ "failed", "integer", "Those that did not: they never went on, their client left, or git failed." },
	{ "running", "integer", "Those that have not ended." },
	{ "unknown", "integer", "Those of which it cannot be told." },
	{ "reasons", "array", "The same by the reason of a session's first verdict." },
	{ "reasons[].reason", "string", "It." },
	{ "reasons[].NUMBER", "integer", "would_end, finished_well, failed, running and unknown." },
	{ "keys", "array", "For each deadline that false alarms had." },
	{ "keys[].key", "string", "The setting." },
	{ "keys[].current_ms", "integer or null", "What it is; null for never." },
	{ "keys[].false_alarms", "integer", "How many had it." },
	{ "keys[].silence_ms", "integer or null", "Their longest silence." },
	{ "keys[].spare_ms", "integer or null",
	  "The smallest usual value that would have spared all of them." },
	{ "false_alarms", "array", "The newest first, 256 at most." },
	{ "false_alarms_left_out", "integer", "How many older ones there were." },
	{ "others", "array", "The same of those that did not finish well." },
	{ "others_left_out", "integer", "How many older ones there were." },
	{ "reaped", "integer", "As in status." },
	{ "by_reason", "object", "As in status." },
	{ "by_reason.REASON", "integer", "One of them." },
};

/* Of false_alarms[] and others[]. */
static const struct gg_page_member verdict[] = {
	{ "key", "string", "The setting of the first verdict." },
	{ "limit_ms", "integer", "What it was." },
	{ "limits", "array", "For each setting that its verdicts named." },
	{ "limits[].key", "string", "The setting." },
	{ "limits[].silence_ms", "integer or null",
	  "The longest silence that counted against it; null where no silence is the measure, as of "
	  "rate.min." },
	{ "limits[].spare_ms", "integer or null", "The smallest usual value that would have spared it." },
	{ "age_ms", "integer", "How long it lasted." },
	{ "status", "integer", "As in reaped." },
	{ "outcome", "string", "finished-well, failed or unknown." },
};

static const struct gg_page_member tune[] = {
	{ "keys", "array", "For each deadline." },
	{ "keys[].key", "string", "The setting." },
	{ "keys[].current_ms", "integer or null", "What it is; null for never." },
	{ "keys[].healthy", "integer", "Healthy sessions that could have met it." },
	{ "keys[].longest_ms", "integer", "Their longest silence against it." },
	{ "keys[].proposal", "string",
	  "raise, lower, keep, not-enough-seen, off because it is never, or cannot because deadline.session "
	  "or a day is in the way." },
	{ "keys[].proposed_ms", "integer or null", "The proposed value." },
	{ "keys[].stuck", "integer",
	  "Sessions that were ended for it, or would have been and did not finish well." },
	{ "keys[].stuck_later_ms", "integer or null",
	  "How much later each of them would end; negative for earlier." },
	{ "keys[].ends_healthy_now", "integer",
	  "How many of the healthy ones the present value would have ended, at most." },
	{ "keys[].ends_healthy", "integer or null", "How many the proposed one would have." },
	{ "keys[].needs_healthy", "integer or null", "How many healthy sessions a proposal takes." },
	{ "keys[].lower", "array",
	  "The highest value that would have ended any of the healthy, and those below it; three at most." },
	{ "keys[].lower[].limit_ms", "integer", "The value." },
	{ "keys[].lower[].ends_healthy", "integer", "How many it would have ended." },
	{ "settings", "array", "One for each proposal." },
	{ "settings[]", "string", "KEY=VALUE." },
};

void gg_man_json_ledger(void)
{
	gg_page_answer("report", "One object:");
	gg_page_members(both, GG_LEN(both));
	gg_page_members(report, GG_LEN(report));
	gg_page_answer("an alarm of report",
		       "One of false_alarms or others: id, time, transport, service, repo, peer, reason and "
		       "phase as in reaped, of the first verdict, and:");
	gg_page_members(verdict, GG_LEN(verdict));
	gg_page_answer("tune", "One object, which begins as that of report does, until watched; and:");
	gg_page_members(tune, GG_LEN(tune));
}
