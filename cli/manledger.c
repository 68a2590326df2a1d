/* manledger - of git-gate(1): the JSON of report and tune. */
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/manpage.h"

static const struct gg_page_item both[] = {
	{ "mode", "enforce or observe." },
	{ "since", "When counting began, in seconds since 1970: at the gate's start." },
	{ "period_ms", "How long ago that is." },
	{ "seen", "Sessions that have ended; over HTTP requests." },
	{ "healthy", "Those of them that ended well." },
	{ "watched", "Those of watched servers: how they ended is not known." },
};

static const struct gg_page_item report[] = {
	{ "would_end", "Sessions that enforce mode would have ended: the sum of the next four." },
	{ "finished_well", "Those that went on and ended well: false alarms." },
	{ "failed", "Those that did not: they never went on, their client left, or git failed." },
	{ "running", "Those that have not ended." },
	{ "unknown", "Those of which it cannot be told." },
	{ "reasons",
	  "An array of objects: reason, that of a session's first verdict, and the five numbers of it." },
	{ "keys",
	  "An array of objects, one for each deadline that false alarms had: key, current_ms, false_alarms "
	  "(how many had it), silence_ms (their longest), and spare_ms, the smallest usual value that would "
	  "have spared all of them." },
	{ "false_alarms",
	  "An array of objects, the newest first, 256 at most: id, time, transport, service, repo, peer, "
	  "reason, phase, key and limit_ms as in reaped, of the first verdict; limits, an array of objects, "
	  "one for each setting that its verdicts named, with key, silence_ms (the longest silence "
	  "that counted against it) and spare_ms, both null where no silence is the measure, as of rate.min; "
	  "age_ms, status, and outcome: finished-well, failed or unknown." },
	{ "false_alarms_left_out", "How many older ones there were." },
	{ "others", "The same of those that did not finish well." },
	{ "others_left_out", "How many older ones there were." },
	{ "reaped", "As in status." },
	{ "by_reason", "As in status." },
};

static const struct gg_page_item tune[] = {
	{ "keys",
	  "An array of objects, one for each deadline: key; current_ms, null for never; healthy, the healthy "
	  "sessions that could have met it; longest_ms, their longest silence against it; proposal (raise, "
	  "lower, keep, not-enough-seen, off because it is never, or cannot because deadline.session or a "
	  "day is in the way); proposed_ms, or null; stuck, the sessions that were ended for it, or would "
	  "have been and did not finish well; stuck_later_ms, how much later each of them would end, "
	  "negative "
	  "for earlier; ends_healthy_now and ends_healthy, how many of the healthy ones the present value "
	  "would have ended, at most, and how many the proposed one; needs_healthy, how many it takes; and "
	  "lower, an array of three objects at most, limit_ms and ends_healthy: the highest value that would "
	  "have ended any, and those below it." },
	{ "settings", "An array of texts, KEY=VALUE, one for each proposal." },
};

void gg_man_json_ledger(void)
{
	puts(".Ss report\nOne object:");
	gg_page_list("Va", both, GG_LEN(both));
	gg_page_list("Va", report, GG_LEN(report));
	puts(".Ss tune\nOne object, which begins as that of\n.Cm report\ndoes, and");
	gg_page_list("Va", tune, GG_LEN(tune));
}
