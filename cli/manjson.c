/* manjson - of git-gate(1): what the commands print, with and without --json. */
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/manpage.h"

static const struct gg_page_item live[] = {
	{ "id", "Eight hexadecimal digits." },
	{ "transport",
	  "How it is served: git or http. Of a watched server also ssh, or pipe when that is all that "
	  "is known." },
	{ "service",
	  "receive-pack, upload-pack or upload-archive, or what else the client asked for; empty until "
	  "its request is known." },
	{ "repo", "The git directory below gate.basePath, or what the client asked for when there is none." },
	{ "peer", "Address and port of the client." },
	{ "phase", "See PHASES in git-gate(8)." },
	{ "step",
	  "What its hook does at the moment, as scan or forward; empty when there is none. Without --json it "
	  "stands behind phase, as hook: scan." },
	{ "age_ms", "Since it was accepted." },
	{ "quiet_ms", "Since the client was last seen to send or to take something." },
	{ "bytes_in", "What arrived from the client." },
	{ "bytes_out", "What the client's kernel has acknowledged." },
	{ "pid", "The process at the root of the session." },
	{ "ending", "The reason for which it is being ended, or null." },
	{ "watch",
	  "Below whom it was found: service and its name, or pid and its number; null for a session of the "
	  "gate's own." },
};

static const struct gg_page_item ended[] = {
	{ "reason",
	  "Why the gate ended it, see REASONS in git-gate(8); null when it ended by itself. phase and "
	  "quiet_ms are of the moment when this was decided." },
	{ "key", "The setting to raise if it was healthy, or null." },
	{ "limit_ms", "The limit that was passed, or null." },
	{ "steps", "An array of the steps that were taken, see STEPS in git-gate(8)." },
	{ "time", "When it ended, in seconds since 1970." },
	{ "status",
	  "How the process at its root ended, as waitpid(2) tells it; -1 when it was not the gate's child." },
};

static const struct gg_page_item shown[] = {
	{ "turn", "Whose turn it is: client or gate." },
	{ "certain", "Whether the system calls of the processes that matter could be read." },
	{ "tcp",
	  "The connection as the kernel knows it, an object: queued_in and queued_out, bytes that wait to be "
	  "read by git and to be acknowledged by the client; recv_age_ms and sent_age_ms, since data came "
	  "and was sent; retransmits, those in a row without an answer." },
	{ "processes",
	  "An array of objects: pid, ppid, state (the letter of ps(1)), role (session, git-daemon, "
	  "http-backend, receive-pack, upload-pack, unpacker, git, hook or other), cpu_ms, io_bytes (what it "
	  "read "
	  "and wrote, sockets and pipes included) and argv." },
};

static const struct gg_page_item status[] = {
	{ "version", "Of the gate that answers." },
	{ "instance", "Its id, new at every start; the sessions' processes have it in their environment." },
	{ "pid", "Of the gate." },
	{ "mode", "enforce or observe." },
	{ "uptime_ms", "Since it was started." },
	{ "listening", "An array of addresses, git://ADDRESS or http://ADDRESS." },
	{ "control", "The control socket." },
	{ "base_path", "gate.basePath." },
	{ "sessions", "Sessions of its own being served." },
	{ "limit_sessions", "limit.sessions." },
	{ "ended", "Sessions that have ended since the start." },
	{ "reaped", "Those of them that the gate ended." },
	{ "observed", "How often observe mode let pass what enforce would have ended." },
	{ "by_reason", "An object: for each reason, the number of sessions that were ended for it." },
	{ "draining", "The gate is stopping, or was told to drain." },
	{ "paused", "Accepting is paused; the event gate.limited says why." },
	{ "waiting", "Clients that wait for a session to become free." },
	{ "refused", "Clients that were turned away, because too many were waiting, they had waited too "
		     "long, or the gate was told to drain." },
	{ "dropped_events", "Events that the log did not take." },
	{ "suppressed_events",
	  "Events that were left out for their rate; the event log.suppressed says which." },
	{ "reduced_evidence", "The system calls of some session's processes could not be read." },
	{ "proc_reads", "Files of /proc that were read, a measure of cost." },
	{ "wakeups", "Turns of the event loop, another." },
	{ "services",
	  "An array of objects, in the order of the configuration: name; state (waiting for others, "
	  "starting, "
	  "up, failing because it was not ready in time, backoff before the next start, stopping, done, "
	  "gave-up "
	  "or stopped); pid and uptime_ms, null when it does not run; restarts; and last, how the last run "
	  "ended, or null." },
};

static const char json[] = ".Sh OUTPUT\n"
			   "Without\n"
			   ".Fl \\-json\n"
			   "there are tables for people, which may change: cut to the width of a terminal,\n"
			   "with a dash for what is unknown, and sizes in powers of 1024.\n"
			   ".Pp\n"
			   "With\n"
			   ".Fl \\-json\n"
			   "there is one JSON value, in ASCII.\n"
			   "Names that end in _ms are milliseconds.\n"
			   "An unknown text is empty, an unknown number null.\n"
			   "More names may be added.\n"
			   ".Ss sessions\n"
			   "An array of objects:\n";

static const char json_ended[] = ".Ss reaped\n"
				 "An array of objects, the newest first, with the same names but\n"
				 ".Va ending ,\n"
				 "and\n";

static const char json_show[] = ".Ss show\n"
				"One object, of\n"
				".Cm reaped\n"
				"if the session has ended, else of\n"
				".Cm sessions\n"
				"and\n";

static const struct gg_page_item doctor[] = {
	{ "repo", "The repository, or empty when the check is of the gate." },
	{ "check", "What was looked at." },
	{ "result", "ok, failed or skipped." },
	{ "text", "What was found." },
	{ "cure", "What to do about it, or empty." },
};

static const char json_doctor[] = ".Ss doctor\n"
				  "An array of objects, one for each check, in the order of the checks:\n";

static const char json_rest[] =
	".Ss kill, health and resume\n"
	"An empty object.\n"
	"health \\-\\-ready: an object with\n"
	".Va ready\n"
	"and\n"
	".Va reasons ,\n"
	"an array of texts.\n"
	".Ss reload\n"
	"An object of four arrays: changed, the settings that apply now, and repositories\n"
	"whose settings do, by their names behind repo and a dot; added and removed, the\n"
	"repositories whose sections are new, and gone; and restart, the settings that\n"
	"were changed but need a restart, and services whose settings were, by their\n"
	"names behind service and a dot.\n"
	".Ss drain\n"
	"An object with\n"
	".Va sessions ,\n"
	"the number of those that may finish.\n"
	".Ss version\n"
	"An object with\n"
	".Va version .\n"
	".Ss status\n"
	"One object:\n";

void gg_man_json(void)
{
	fputs(json, stdout);
	gg_page_list("Va", live, GG_LEN(live));
	fputs(json_ended, stdout);
	gg_page_list("Va", ended, GG_LEN(ended));
	fputs(json_show, stdout);
	gg_page_list("Va", shown, GG_LEN(shown));
	fputs(json_doctor, stdout);
	gg_page_list("Va", doctor, GG_LEN(doctor));
	fputs(json_rest, stdout);
	gg_page_list("Va", status, GG_LEN(status));
	gg_man_json_ledger();
}
