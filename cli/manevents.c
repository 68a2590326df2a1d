/* manevents - git-gate-events(7): every event, field and reason, from the tables, and how to read them. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/manpage.h"
#include "reaper/reason.h"

static const struct {
	const char *name, *priority, *message_id, *doc;
} events[] = {
#define EV(ID, name, PRIORITY, id, doc) { name, #PRIORITY, id, doc },
#include "base/event.def"
#undef EV
};

static const struct {
	const char *name, *doc;
} fields[] = {
#define TEXT(name, doc) { #name, doc },
#define NUMBER(name, word, is_time, doc) { #name, doc },
#include "base/eventfield.def"
#undef TEXT
#undef NUMBER
};

static const char intro[] =
	".Sh DESCRIPTION\n"
	"Everything that\n"
	".Xr git-gate 8\n"
	"says about itself while it serves is an event.\n"
	"Its name never changes its meaning, nor does its\n"
	".Va MESSAGE_ID .\n"
	".Ic gate.log\n"
	"chooses where events go,\n"
	".Ic gate.logLevel\n"
	"which of them.\n"
	"Text from outside has its control characters escaped, in each form: an event is one\n"
	"record, whoever chose its words.\n"
	".Ss Journal\n"
	"Each field is\n"
	".Va GIT_GATE_\n"
	"and its name in capitals; times are in microseconds, and end in\n"
	".Va _USEC\n"
	"instead of _ms.\n"
	".Va GIT_GATE_EVENT\n"
	"is the event's name,\n"
	".Va GIT_GATE_INSTANCE\n"
	"the gate's id, new at every start.\n"
	"A verdict has\n"
	".Va GIT_GATE_EVIDENCE ,\n"
	"a field of several lines, and for the catalog what the reason means\n"
	".Pq Va GIT_GATE_SEEN , _LOOK_AT , _ADVICE\n"
	"and the evidence in parts.\n"
	".Pp\n"
	"A session's story, from the client's request to the end:\n"
	".Pp\n"
	".Dl journalctl GIT_GATE_SESSION=0e42e375\n"
	".Pp\n"
	"Each verdict with what was seen, what to look at, what to do and the evidence:\n"
	".Pp\n"
	".Dl journalctl \\-x GIT_GATE_EVENT=session.reaped\n"
	".Pp\n"
	"What was ended for one reason since this morning:\n"
	".Pp\n"
	".Dl journalctl \\-S today GIT_GATE_EVENT=session.reaped GIT_GATE_REASON=idle\n"
	".Pp\n"
	"The explanations are a catalog that\n"
	".Ql make install\n"
	"puts beside those of systemd; after that, once:\n"
	".Pp\n"
	".Dl journalctl \\-\\-update\\-catalog\n"
	".Ss JSON lines\n"
	"One object a line, with\n"
	".Va time , event , priority , message , instance ,\n"
	"and the fields by their names.\n"
	".Va evidence\n"
	"is an array of texts.\n"
	"A line is shorter than 4096 bytes; what has no room in it ends in three dots.\n"
	".Ss Text lines\n"
	"The time, the event, a colon, the message, and the fields as\n"
	".Ar name Ns = Ns Ar value ;\n"
	"a message with an equals sign in it is quoted.\n"
	"Evidence follows as lines of its own, session.evidence, which have the session's id.\n"
	".Ss What is lost\n"
	"The log is never waited for.\n"
	"What the journal does not take, because it is not there or does not read, goes to the\n"
	"standard error as text.\n"
	"What that does not take either is lost, and counted: log.dropped says how many, with the\n"
	"next event that is written, or some seconds after the log is read again.\n"
	".Pp\n"
	"What clients, hooks and services can cause in any number has a rate: of each such kind 2000\n"
	"events at once and 100 a second, of one session 200 and 20, of the lines that it writes to\n"
	"its standard error 200 and 20 as well.\n"
	"What is over that is counted by kind in log.suppressed, every ten seconds at most, and by\n"
	"session in session.closed.\n"
	"Verdicts, errors and what an operator did are never left out.\n"
	".Ic git-gate status\n"
	"has the numbers since the start.\n"
	".Sh EVENTS\n"
	"With their priority and\n"
	".Va MESSAGE_ID .\n";

static const char evidence[] =
	".Sh EVIDENCE\n"
	"What a verdict rests on, as of that moment, in lines of text that may change:\n"
	".Bl -tag -width Ds\n"
	".It turn\n"
	"Whose turn it was, in which phase, for how long nothing had happened, the limit and its\n"
	"setting.\n"
	".It tcp\n"
	"What the kernel says of the connection: bytes, their ages, what is queued on both sides, and\n"
	"what the client's kernel has left unanswered.\n"
	".It process\n"
	"The session's processes as a tree: number, state as in\n"
	".Xr ps 1 ,\n"
	"role, command; the system call that each thread is in, with its descriptor, and the kernel\n"
	"function in which it sleeps; CPU time and I/O.\n"
	".Ql client\n"
	"is the stream to or from the client.\n"
	".It log\n"
	"The last lines that git or a hook wrote to the standard error.\n"
	".El\n"
	".Sh REASONS\n"
	"Why a session is ended, or would be.\n";

static void put_lower(const char *s)
{
	for (; *s; s++)
		putchar(*s >= 'A' && *s <= 'Z' ? *s - 'A' + 'a' : *s);
}

static void put_events(void)
{
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < GG_LEN(events); i++) {
		printf(".It Cm %s Pq ", events[i].name);
		put_lower(events[i].priority);
		putchar('\n');
		gg_page_text(events[i].doc);
		printf(".br\n.Va %s\n", events[i].message_id);
	}
	puts(".El");
}

static void put_fields(void)
{
	puts(".Sh FIELDS\nAn event has those that are known.\n.Bl -tag -width Ds");
	for (size_t i = 0; i < GG_LEN(fields); i++) {
		printf(".It Va %s\n", fields[i].name);
		gg_page_text(fields[i].doc);
	}
	puts(".El");
}

static void put_reasons(void)
{
	puts(".Bl -tag -width Ds");
	for (enum gg_reason r = GG_REASON_NONE + 1; r < GG_NREASONS; r++) {
		const char *key = gg_reason_key(r);
		const struct gg_reason_help *h = gg_reason_help(r);

		printf(".It Cm %s%s%s\n", gg_reason_name(r), key ? " Pq Ic " : "", key ? key : "");
		gg_page_text(h->seen);
		puts(".Pp\nWhat to look at:");
		gg_page_text(h->look_at);
		puts(".Pp\nWhat to do:");
		gg_page_text(h->advice);
	}
	puts(".El");
}

void gg_man_events(void)
{
	gg_page_begin("git-gate-events", "7", "what git-gate says in its log, and how to read it");
	fputs(intro, stdout);
	put_events();
	put_fields();
	fputs(evidence, stdout);
	put_reasons();
	puts(".Sh SEE ALSO\n.Xr git-gate 1 ,\n.Xr journalctl 1 ,\n.Xr git-gate.conf 5 ,\n.Xr git-gate 8");
}
