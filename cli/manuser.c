/* manuser - git-gate(1): the commands, their options, what they print and exit with. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/conf.h"
#include "cli/manpage.h"
#include "cli/options.h"

static const char intro[] =
	".Sh DESCRIPTION\n"
	".Nm\n"
	"serves pushes and fetches over git:// and HTTP, ends the sessions that are stuck, and\n"
	"leaves the repository clean.\n"
	"This page is about its commands.\n"
	"What a gate does and how it is operated is in\n"
	".Xr git-gate 8 ,\n"
	"its settings are in\n"
	".Xr git-gate.conf 5 .\n"
	".Pp\n"
	"The commands that take\n"
	".Fl \\-control\n"
	"ask a running gate over its control socket, and wait 5 seconds at most for the\n"
	"answer.\n"
	"The gate answers its own user, root, and members of the socket's group.\n"
	"The socket is the one that\n"
	".Fl \\-control\n"
	"names, else\n"
	".Ic gate.control\n"
	"of the configuration.\n"
	"If neither is given and there is no socket in the default place, it is\n"
	".Pa " GG_CONTROL_SYSTEM " .\n"
	".Pp\n"
	"Because git looks for its commands in\n"
	".Ev PATH ,\n"
	".Ql git gate sessions\n"
	"is the same as\n"
	".Ql git\\-gate sessions .\n"
	".Sh COMMANDS\n";

/* What the manual says of a command beyond the help of the table. */
static const struct gg_page_item more[] = {
	{ "run",
	  "It runs in the foreground. The events go to the journal or to the standard error, see gate.log." },
	{ "watch",
	  "For a server that someone else runs: a stand-alone git daemon, sshd with git-shell, a web server "
	  "with "
	  "git http-backend. Sessions below PID are found, eight times in the shortest deadline and at least "
	  "once a second, and judged like a gate's own, see WATCHED SERVERS in git-gate(8). It listens "
	  "nowhere and starts no session; the control socket is git-gate/watch-PID where a gate's would be, "
	  "unless -c gate.control says otherwise. Told to stop, it leaves the sessions alone. When PID has "
	  "ended, and its sessions too, it ends." },
	{ "check-config", "Nothing is started. A list has a line for each value." },
	{ "sessions", "Each is looked at anew for the answer." },
	{ "reaped", "The gate remembers the last 1000 sessions that it ended since it was started, and the "
		    "last 1000 that "
		    "ended by themselves." },
	{ "show", "One that has ended is shown as reaped would list it." },
	{ "kill",
	  "It is ended by the same steps as a stuck one, healthy or not; the command does not wait for that. "
	  "reaper.mode=observe does not keep it from being ended." },
	{ "health", "It prints healthy. A gate that serves as many sessions as it may is healthy." },
	{ "reload",
	  "The gate reads it as it did when it was started, with the --config and -c of then; those given "
	  "here "
	  "only find the gate. It answers which settings changed, and which were changed but need a restart. "
	  "If anything is wrong every setting stays as it is, the errors are printed, and the exit status is "
	  "1. Running sessions go on, see SIGHUP in git-gate(8)." },
	{ "drain",
	  "New clients and those that wait are told to try again later. The gate goes on until it is "
	  "told to stop, also when the last session has ended." },
	{ "cleanup", "REPO is a git directory below DIR; without one, all repositories below DIR are looked "
		     "through. It needs "
		     "no gate: a running one does this by itself, at its start and after each push that did "
		     "not end well. "
		     "For each finding there is a line of a word, a tab, the path below DIR, and for all but "
		     "the first of "
		     "these words another tab and the reason: removed; kept, its owner may be alive; "
		     "foreign, it is not to be "
		     "removed; failed. The exit status is 1 when something was kept or failed." },
};

/* What the manual says of an option beyond its help; by long name, or the letter. */
static const struct gg_page_item more_on_options[] = {
	{ "c", "KEY without =VALUE sets a boolean to true." },
	{ "since", "Leftovers that are older are foreign." },
	{ "strict", "Otherwise only processes that are older than a leftover protect it." },
};

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

static const char json_rest[] =
	".Ss kill, health and resume\n"
	"An empty object.\n"
	".Ss reload\n"
	"An object of two arrays of settings, changed and restart: those that apply now,\n"
	"and those that were changed but need a restart; a service whose settings\n"
	"changed is in the latter, by its name behind service and a dot.\n"
	".Ss drain\n"
	"An object with\n"
	".Va sessions ,\n"
	"the number of those that may finish.\n"
	".Ss version\n"
	"An object with\n"
	".Va version .\n"
	".Ss status\n"
	"One object:\n";

static const char after_json[] = ".Sh ENVIRONMENT\n"
				 ".Bl -tag -width Ds\n"
				 ".It Ev XDG_RUNTIME_DIR\n"
				 "Users other than root have the default control socket below it, in\n"
				 ".Pa git\\-gate/control .\n"
				 "If it is not set, and for root, this is\n"
				 ".Pa " GG_CONTROL_SYSTEM " .\n"
				 ".It Ev PATH\n"
				 "Where git is looked for, which reads the configuration.\n"
				 ".El\n"
				 ".Sh FILES\n"
				 ".Bl -tag -width Ds\n"
				 ".It Pa " GG_CONF_FILE "\n"
				 "The configuration, see\n"
				 ".Xr git-gate.conf 5 .\n"
				 ".It Pa " GG_CONTROL_SYSTEM "\n"
				 "The control socket.\n"
				 ".El\n";

static const char examples[] = ".Sh EXAMPLES\n"
			       "Serve every repository below\n"
			       ".Pa ~/git\n"
			       "on this machine, and accept pushes unscanned:\n"
			       ".Bd -literal -offset indent\n"
			       "git\\-gate run \\-c gate.basePath=$HOME/git \\-c gate.exportAll=true \\e\n"
			       "    \\-c hook.scanner=none\n"
			       ".Ed\n"
			       ".Pp\n"
			       "What is going on, and one session with its processes:\n"
			       ".Bd -literal -offset indent\n"
			       "git\\-gate sessions\n"
			       "git\\-gate show ab12cd34\n"
			       ".Ed\n"
			       ".Pp\n"
			       "End it, and say why in the log:\n"
			       ".Pp\n"
			       ".Dl git\\-gate kill ab12cd34 \\-\\-reason 'holds up the release'\n"
			       ".Pp\n"
			       "Which settings made sessions end, and how often:\n"
			       ".Bd -literal -offset indent\n"
			       "git\\-gate reaped \\-\\-json | jq \\-r '.[].key' | sort | uniq \\-c\n"
			       ".Ed\n"
			       ".Pp\n"
			       "What would be ended of a git daemon that runs without a gate:\n"
			       ".Pp\n"
			       ".Dl git\\-gate watch \\-\\-pid $(pidof git\\-daemon) \\-\\-observe\n"
			       ".Pp\n"
			       "Find what is wrong with a configuration before it is used:\n"
			       ".Pp\n"
			       ".Dl git\\-gate check\\-config \\-\\-config new.conf\n"
			       ".Sh SEE ALSO\n"
			       ".Xr git 1 ,\n"
			       ".Xr git-daemon 1 ,\n"
			       ".Xr git-gate.conf 5 ,\n"
			       ".Xr git-gate 8\n";

/* "Fl \-config Ar FILE" */
static void put_form(const struct gg_option *o)
{
	if (o->name)
		printf("Fl \\-%s", o->name);
	else
		printf("Fl %c", o->letter);
	if (o->value)
		printf(" Ar %s", o->value);
	if (o->repeat)
		fputs(" ...", stdout);
}

/* "ID", "[REPO]..." */
static void put_operands(const char *s)
{
	bool optional = *s == '[';

	if (!*s)
		return;
	s += optional;
	printf("%sAr %.*s%s\n", optional ? ".Op " : ".", (int)strcspn(s, "]"), s,
	       strstr(s, "...") ? " ..." : "");
}

/* The command's own options, each on a line; --help is everybody's. */
static void put_synopsis(const struct gg_command *c)
{
	struct gg_option o;

	printf(".Cm ");
	gg_page_word(c->name);
	putchar('\n');
	for (size_t i = 0; gg_options_at(c, i, &o); i++) {
		if (o.letter == 'h')
			continue;
		fputs(o.required ? "." : ".Op ", stdout);
		put_form(&o);
		putchar('\n');
	}
	put_operands(c->operands);
}

static void put_more(const struct gg_page_item *v, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].word, word) == 0)
			gg_page_text(v[i].text);
}

static void put_sentence(const char *s)
{
	char mem[256];
	struct gg_buf b = GG_BUF(mem);

	gg_buf_add(&b, "%s.", s);
	if (*s >= 'a' && *s <= 'z')
		mem[0] = (char)(*s - 'a' + 'A');
	gg_page_text(mem);
}

static void put_commands(const struct gg_command *commands, size_t n)
{
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < n; i++) {
		puts(".It Xo");
		put_synopsis(&commands[i]);
		puts(".Xc");
		put_sentence(commands[i].help);
		put_more(more, GG_LEN(more), commands[i].name);
	}
	puts(".El");
}

static void put_options(void)
{
	struct gg_option o;

	puts(".Sh OPTIONS\n.Bl -tag -width Ds");
	for (size_t i = 0; gg_options_at(NULL, i, &o); i++) {
		char letter[] = { o.letter, '\0' };

		fputs(".It ", stdout);
		if (o.name && o.letter)
			printf("Fl %c , ", o.letter);
		put_form(&o);
		putchar('\n');
		put_sentence(o.help);
		put_more(more_on_options, GG_LEN(more_on_options), o.name ? o.name : letter);
	}
	puts(".El");
}

static void put_json(void)
{
	fputs(json, stdout);
	gg_page_list("Va", live, GG_LEN(live));
	fputs(json_ended, stdout);
	gg_page_list("Va", ended, GG_LEN(ended));
	fputs(json_show, stdout);
	gg_page_list("Va", shown, GG_LEN(shown));
	fputs(json_rest, stdout);
	gg_page_list("Va", status, GG_LEN(status));
}

void gg_man_user(const struct gg_command *commands, size_t n)
{
	gg_page_begin("git-gate", "1", "a git server that ends half-open sessions");
	puts(".Sh SYNOPSIS");
	for (size_t i = 0; i < n; i++) {
		puts(".Nm");
		put_synopsis(&commands[i]);
	}
	fputs(intro, stdout);
	put_commands(commands, n);
	put_options();
	put_json();
	fputs(after_json, stdout);
	gg_page_exits();
	fputs(examples, stdout);
}
