/* manjson - of git-gate(1): what the commands print, with and without --json. */
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/manpage.h"

static const struct gg_page_member live[] = {
	{ "id", "string", "Eight hexadecimal digits." },
	{ "transport", "string",
	  "How it is served: git or http. Of a watched server also ssh, or pipe when that is all that is "
	  "known." },
	{ "service", "string",
	  "receive-pack, upload-pack or upload-archive, or what else the client asked for; empty until its "
	  "request is known." },
	{ "repo", "string",
	  "The git directory below gate.basePath, or what the client asked for when there is none." },
	{ "peer", "string", "Address and port of the client; unix:uid=NUMBER on a unix socket." },
	{ "user", "string or null",
	  "Who the client is, where that is known: the name of the token that it showed, over HTTP of the "
	  "last "
	  "request, or uid: and the number of the user whose process connected to a unix socket." },
	{ "phase", "string", "See PHASES in git-gate(8)." },
	{ "step", "string",
	  "What its hook does at the moment, as scan or forward; empty when there is none. Without --json it "
	  "stands behind "
	  "phase, as hook: scan." },
	{ "age_ms", "integer", "Since it was accepted." },
	{ "quiet_ms", "integer", "Since the client was last seen to send or to take something." },
	{ "bytes_in", "integer", "What arrived from the client." },
	{ "bytes_out", "integer", "What the client's kernel has acknowledged." },
	{ "pid", "integer", "The process at the root of the session." },
	{ "ending", "string or null", "The reason for which it is being ended." },
	{ "watch", "string or null",
	  "Below whom it was found: service and its name, or pid and its number; null for a session of the "
	  "gate's own." },
	{ "deadline", "string or null",
	  "The setting whose limit passes first if nothing happens; null when none counts now: something "
	  "moves, it is git's "
	  "turn without a limit, or it is being ended." },
	{ "deadline_ms", "integer or null", "That limit." },
	{ "deadline_used_ms", "integer or null",
	  "How much of it is used. It may be a little more than the limit: two looks "
	  "must agree." },
	{ "rate_in", "integer or null",
	  "Bytes a second from the client, of about the last second; null before the first is over." },
	{ "rate_out", "integer or null", "The same to the client." },
};

static const struct gg_page_member ended[] = {
	{ "reason", "string or null",
	  "Why the gate ended it, see REASONS in git-gate(8); null when it ended by itself. phase and "
	  "quiet_ms are of the "
	  "moment when this was decided." },
	{ "key", "string or null", "The setting to raise if it was healthy." },
	{ "limit_ms", "integer or null", "The limit that was passed." },
	{ "steps", "array", "The steps that were taken, see STEPS in git-gate(8)." },
	{ "steps[]", "string", "One of them." },
	{ "time", "integer", "When it ended, in seconds since 1970." },
	{ "status", "integer or null",
	  "How the process at its root ended, as waitpid(2) tells it; -1 when it was not the gate's child. "
	  "The journal does "
	  "not have it, nor pid and watch." },
};

static const struct gg_page_member remembered[] = {
	{ "source", "string", "memory, of the running gate, or journal." },
	{ "instance", "string",
	  "The gate that it was a session of, see status; empty when that is not known." },
};

static const struct gg_page_member story[] = {
	{ "timeline", "array",
	  "The phases it was seen in, oldest first. One that passed between two looks is not there." },
	{ "timeline[].from_ms", "integer", "When it was first seen in it, since it was accepted." },
	{ "timeline[].phase", "string", "The phase." },
	{ "timeline[].step", "string", "What its hook said that it does; empty for none." },
	{ "timeline_left_out", "integer", "Of a long timeline, how many are missing after the first 8." },
	{ "log", "array", "The last lines that git and hooks wrote to its stderr." },
	{ "log[]", "string", "One of them." },
	{ "evidence", "array", "What was seen when it was decided to end it." },
	{ "evidence[]", "string", "A line." },
	{ "silences", "object",
	  "For each reason whose limit has counted, the longest silence so far, in milliseconds." },
	{ "silences.REASON", "integer", "One of them." },
};

static const struct gg_page_member shown[] = {
	{ "turn", "string", "Whose turn it is: client or gate." },
	{ "certain", "boolean", "Whether the system calls of the processes that matter could be read." },
	{ "tcp", "object", "The connection as the kernel knows it." },
	{ "tcp.queued_in", "integer", "Bytes that wait to be read by git." },
	{ "tcp.queued_out", "integer", "Bytes that the client has not acknowledged." },
	{ "tcp.recv_age_ms", "integer", "Since data came." },
	{ "tcp.sent_age_ms", "integer", "Since data was sent." },
	{ "tcp.retransmits", "integer", "Those in a row without an answer." },
	{ "processes", "array", "All of the session." },
	{ "processes[].pid", "integer", "Its number." },
	{ "processes[].ppid", "integer", "That of its parent." },
	{ "processes[].state", "string", "The letter of ps(1)." },
	{ "processes[].role", "string",
	  "session, git-daemon, http-backend, git-gate-http, receive-pack, upload-pack, unpacker, git, hook "
	  "or other." },
	{ "processes[].cpu_ms", "integer", "CPU that it has used." },
	{ "processes[].io_bytes", "integer", "What it read and wrote, sockets and pipes included." },
	{ "processes[].argv", "string", "Its command line." },
};

static const struct gg_page_member status[] = {
	{ "version", "string", "Of the gate that answers." },
	{ "instance", "string",
	  "Its id, new at every start; the sessions' processes have it in their environment." },
	{ "pid", "integer", "Of the gate." },
	{ "mode", "string", "enforce or observe." },
	{ "uptime_ms", "integer", "Since it was started." },
	{ "listening", "array", "Addresses, git://ADDRESS or http://ADDRESS." },
	{ "listening[]", "string", "One of them." },
	{ "control", "string", "The control socket." },
	{ "base_path", "string", "gate.basePath." },
	{ "sessions", "integer", "Sessions of its own being served." },
	{ "limit_sessions", "integer", "limit.sessions." },
	{ "ended", "integer", "Sessions that have ended since the start." },
	{ "reaped", "integer", "Those of them that the gate ended." },
	{ "observed", "integer", "How often observe mode let pass what enforce would have ended." },
	{ "by_reason", "object", "For each reason, the number of sessions that were ended for it." },
	{ "by_reason.REASON", "integer", "One of them." },
	{ "limits", "array",
	  "How much of each limit is in use: limit.sessions, limit.waiting and, if they are set, "
	  "limit.sessionsPerPeer and "
	  "limit.sessionsPerRepo." },
	{ "limits[].key", "string", "The setting." },
	{ "limits[].used", "integer", "In use; of the last two, by the peer or repository that has most." },
	{ "limits[].limit", "integer", "The limit." },
	{ "limits[].who", "string or null", "That peer or repository." },
	{ "longest_wait_ms", "integer or null",
	  "For how long the client has waited that has waited longest of those in the waiting room; null "
	  "when it is empty." },
	{ "last_error", "object or null",
	  "The last event of priority err, as gate.log=json writes it: see tail. Null when there was none "
	  "since the start." },
	{ "draining", "boolean", "The gate is stopping, or was told to drain." },
	{ "paused", "boolean", "Accepting is paused; the event gate.limited says why." },
	{ "waiting", "integer", "Clients that wait for a session to become free." },
	{ "refused", "integer",
	  "Clients that were turned away, because too many were waiting, they had waited too long, or the "
	  "gate was told to "
	  "drain." },
	{ "dropped_events", "integer", "Events that the log did not take." },
	{ "suppressed_events", "integer",
	  "Events that were left out for their rate; the event log.suppressed says which." },
	{ "reduced_evidence", "boolean", "The system calls of some session's processes could not be read." },
	{ "cgroup", "string or null",
	  "The directory below which each session has a cgroup of its own; null: none has." },
	{ "cgroup_unused", "string or null", "If cgroup is null, why." },
	{ "proc_reads", "integer", "Files of /proc that were read, a measure of cost." },
	{ "wakeups", "integer", "Turns of the event loop, another." },
	{ "services", "array", "In the order of the configuration." },
	{ "services[].name", "string", "Its name." },
	{ "services[].state", "string",
	  "waiting for others, starting, up, failing because it was not ready in time, backoff before the "
	  "next start, "
	  "stopping, done, gave-up or stopped." },
	{ "services[].pid", "integer or null", "Its process; null when it does not run." },
	{ "services[].restarts", "integer", "How often it was started again." },
	{ "services[].uptime_ms", "integer or null", "Since it was started; null when it does not run." },
	{ "services[].last", "string or null", "How the last run ended." },
};

static const struct gg_page_member events[] = {
	{ "time", "string", "UTC, to the millisecond: 2026-11-26T17:00:00.123Z." },
	{ "event", "string", "Its name, see git-gate-events(7)." },
	{ "priority", "string", "As in syslog(3): debug, info, notice, warning, err." },
	{ "message", "string", "What happened, in words." },
	{ "instance", "string", "The gate." },
	{ "FIELD", "string or integer",
	  "What else is known, under the names of the journal's fields in small letters without GIT_GATE: "
	  "session, repo, "
	  "peer, reason, limit_ms and so on. What is not known is not there." },
};

static const struct gg_page_member doctor[] = {
	{ "repo", "string", "The repository, or empty when the check is of the gate." },
	{ "check", "string", "What was looked at." },
	{ "result", "string", "ok, warn (it works, but not as well as it might), failed or skipped." },
	{ "text", "string", "What was found." },
	{ "cure", "string", "What to do about it, or empty." },
};

static const struct gg_page_member reload[] = {
	{ "changed", "array",
	  "Settings that apply now, and repositories whose settings do, by their names behind repo and a "
	  "dot." },
	{ "changed[]", "string", "One of them." },
	{ "added", "array", "Repositories whose sections are new." },
	{ "added[]", "string", "One of them." },
	{ "removed", "array", "Repositories whose sections are gone." },
	{ "removed[]", "string", "One of them." },
	{ "restart", "array",
	  "Settings that were changed but need a restart; a service whose settings changed by its name "
	  "behind service and a "
	  "dot." },
	{ "restart[]", "string", "One of them." },
};

static const struct gg_page_member drain[] = {
	{ "sessions", "integer", "The number of those that may finish." },
	{ "lame_duck_ms", "integer",
	  "For how long new clients are served yet, deadline.lameDuck; 0: they are not." },
};

static const struct gg_page_member version[] = {
	{ "version", "string", "Of this program." },
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
			   "What is here keeps its name, its type and its meaning; more names may be\n"
			   "added.\n"
			   "A name as tcp.queued_in is in an object, one as processes[].pid in each object\n"
			   "of an array, and a word in capitals stands for any name.\n";

static const struct gg_page_member ready[] = {
	{ "ready", "boolean", "Whether new clients are served." },
	{ "reasons", "array", "Why not; empty when they are." },
	{ "reasons[]", "string", "One of them." },
};

void gg_page_members(const struct gg_page_member *v, size_t n)
{
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < n; i++) {
		printf(".It Va %s Pq %s\n", v[i].name, v[i].type);
		gg_page_text(v[i].text);
	}
	puts(".El");
}

void gg_page_answer(const char *command, const char *text)
{
	printf(".Ss %s\n", command);
	gg_page_text(text);
}

static void put_sessions(void)
{
	gg_page_answer("sessions", "An array of objects, with --watch one such array a line, each time:");
	gg_page_members(live, GG_LEN(live));
	gg_page_answer("reaped",
		       "An array of objects, the newest first, with these names of sessions: id, transport, "
		       "service, "
		       "repo, peer, "
		       "phase, age_ms, quiet_ms, bytes_in, bytes_out, pid (null from the journal), watch and "
		       "user; and:");
	gg_page_members(ended, GG_LEN(ended));
	gg_page_members(remembered, GG_LEN(remembered));
	gg_page_answer("show",
		       "One object, of sessions or, if the session has ended, of reaped without source and "
		       "instance. Both "
		       "have also:");
	gg_page_members(story, GG_LEN(story));
	puts(".Pp\nAnd a live one:");
	gg_page_members(shown, GG_LEN(shown));
}

void gg_man_json(void)
{
	fputs(json, stdout);
	put_sessions();
	gg_page_answer("status", "One object:");
	gg_page_members(status, GG_LEN(status));
	gg_page_answer("tail", "An object a line, the same as with gate.log=json:");
	gg_page_members(events, GG_LEN(events));
	gg_page_answer("doctor", "An array of objects, one for each check, in the order of the checks:");
	gg_page_members(doctor, GG_LEN(doctor));
	gg_page_answer("reload", "One object:");
	gg_page_members(reload, GG_LEN(reload));
	gg_page_answer("drain", "One object:");
	gg_page_members(drain, GG_LEN(drain));
	gg_page_answer("version", "One object:");
	gg_page_members(version, GG_LEN(version));
	gg_page_answer("health \\-\\-ready", "One object:");
	gg_page_members(ready, GG_LEN(ready));
	puts(".Ss kill, health and resume\nAn empty object.");
	gg_man_json_ledger();
}
