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
	"serves pushes and fetches over git:// and HTTP, has every push scanned, forwards it to\n"
	"the repository's upstream over ssh, ends the sessions that are stuck, and leaves the\n"
	"repository clean.\n"
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
	"Where several gates run on a machine,\n"
	".Fl \\-gate Ar NAME\n"
	"says which is meant, that of\n"
	".Pa git\\-gate@NAME.service .\n"
	"Its configuration is\n"
	".Pa /etc/git\\-gate/NAME.config ,\n"
	"which has to exist, and the defaults are\n"
	".Pa /run/git\\-gate@NAME/control\n"
	"for\n"
	".Ic gate.control\n"
	"and\n"
	".Pa /var/lib/git\\-gate/NAME\n"
	"for\n"
	".Ic gate.basePath .\n"
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
	{ "sessions", "Each is looked at anew for the answer, of very many some hundred in turns. LIMIT is "
		      "the deadline that passes first if "
		      "nothing happens, USED how much "
		      "of it is used. With --watch the screen is drawn anew each time, whose deadline is "
		      "nearest first, until q, or a "
		      "signal; a gate that is restarted is waited for. Where standard output is no terminal "
		      "it is printed each time." },
	{ "reaped", "The gate remembers the last 1000 sessions that it ended since it was started, and the "
		    "last 1000 that ended by "
		    "themselves. What is older, and what earlier gates ended, is read from the journal if "
		    "there is one that may be "
		    "read (by root, and by members of the group systemd-journal); SOURCE says where each is "
		    "from. Without --since "
		    "that is the last 1000 of the journal, with it 100000 at most. Everybody may write to a "
		    "journal: what neither root, the user of the gate (who owns its socket) or the unit "
		    "git-gate.service, nor who asks has written is left out, and how much that was is said. "
		    "No gate needs to run for "
		    "that: the exit status is "
		    "3 only if there is neither." },
	{ "show", "Of one that has ended, what reaped has of it. Both have the phases it was seen in, with "
		  "when each began and how "
		  "long it lasted, the longest silences that counted, the last lines of its log, and what "
		  "was seen when it was "
		  "decided to end it; a live one also its processes. The gate knows as many as reaped says; "
		  "of others the journal "
		  "has what there was: journalctl GIT_GATE_SESSION=ID." },
	{ "status", "The gate itself, how many sessions ended and why, who waits, whether anything is wrong, "
		    "the limits with how much "
		    "of each is in use, and its services." },
	{ "tail", "The last events, and each as it comes, in the form of the text log: the gate keeps 500 of "
		  "them, 512 KiB at most, "
		  "those that gate.logLevel lets through, wherever the log goes and whether or not it took "
		  "them. What was missed is "
		  "said on the standard error, and a gate that is restarted is waited for. With ID it ends "
		  "with the session." },
	{ "explain", "What led to a session's end, what to look at and what to do, of a reason; what a "
		     "setting takes, and its default; "
		     "what an event means. Without WORD it lists the reasons." },
	{ "completion", "make install puts it where the shells look for it. Else: source <(git-gate "
			"completion bash) in bash and zsh, "
			"git-gate completion fish | source in fish." },
	{ "kill",
	  "It is ended by the same steps as a stuck one, healthy or not; the command does not wait for that. "
	  "reaper.mode=observe does not keep it from being ended." },
	{ "health",
	  "It prints healthy. A gate that serves as many sessions as it may is healthy. With --ready it "
	  "prints "
	  "ready; or not ready, a line for each reason, and the exit status is 1: the gate starts, stops, is "
	  "drained, lacks an essential service, or accepting pauses because the machine lacks something." },
	{ "metrics",
	  "They are listed in METRICS in git-gate(8), and what the page of listen.admin is, too." },
	{ "report",
	  "Each session that observe mode would have ended is followed to its end; over HTTP each request "
	  "counts "
	  "as one. It finished well if it ended by itself, with success, and its client had gone on after "
	  "the verdict; a push must have come so far that its hook ran. WELL are false alarms: for each "
	  "there is "
	  "the silence that it really had, and the limit that would have spared it; when it had more "
	  "verdicts, a line for each setting. All are counted since the gate's start, and "
	  "the last 256 false alarms, and as many others, are remembered. How a session of a watched server "
	  "ended is not known. In enforce mode it says what was ended; whether that was right cannot be "
	  "known then." },
	{ "tune", "For each deadline: how long healthy sessions were silent at most against it, and a value "
		  "that ends "
		  "none of them: the longest silence and half as much again, rounded up. "
		  "It takes 20 healthy sessions to "
		  "propose anything, and 100 to propose less than now, which is never less than five "
		  "seconds. What bounds the gate's own side "
		  "(deadline.hook, deadline.work) is raised only. ENDED is how many of the healthy ones "
		  "a value would have ended, ENDED-NOW at most, when it is between two that are counted. "
		  "Silences are counted in both modes, but in enforce "
		  "mode none is longer than the limit." },
	{ "reload",
	  "The gate reads it as it did when it was started, with the --config and -c of then; those given "
	  "here "
	  "only find the gate. It answers which settings changed, which repositories were added and removed, "
	  "and what was changed but needs a restart. "
	  "If anything is wrong every setting stays as it is, the errors are printed, and the exit status is "
	  "1. Running sessions go on, see SIGHUP in git-gate(8)." },
	{ "drain",
	  "New clients and those that wait are told to try again later, after deadline.lameDuck if that is "
	  "set. The gate goes on until it is "
	  "told to stop, also when the last session has ended." },
	{ "add",
	  "With --missing, each repository that has a [repo] section and is not there is made, as its "
	  "section says, and "
	  "the settings are left alone: for a new gate of several that share a configuration, or an empty "
	  "volume. "
	  "What fails does not keep the others from being made, and the exit status is 1. "
	  "Else NAME is the path of the repository below gate.basePath. With --upstream it is a mirror: it "
	  "gets "
	  "the "
	  "object format, the HEAD and the references of upstream, but for those that forges make by "
	  "themselves, "
	  "such as pull requests. The key may not be readable by "
	  "others and has no passphrase, the host key has to be in FILE, upstream has to answer, and to let "
	  "the key push (but with "
	  "gate.receivePack off). Then its [repo] section is written with git config, and the lines of "
	  "client "
	  "are printed. The gate knows it after git-gate reload; until then pushes to it are refused. "
	  "Whatever fails, or when it is interrupted, "
	  "nothing of it is left. "
	  "The repository belongs to the owner of gate.basePath, who has to run this, or root: root asks "
	  "upstream, and makes the repository, as that user. A directory of root's that others can write to, "
	  "as a volume of Kubernetes is, is as good as one's own." },
	{ "client", "The lines are for sh, and can be run again: they make a client's git ask the gate when "
		    "upstream is "
		    "named, in the form of upstream's URL, with or without port 22, and in the scp form. "
		    "Of a repository without upstream it prints what to clone. The "
		    "addresses are those of the running gate, else those of the configuration. What begins "
		    "like upstream, "
		    "as r.git-old does like r.git, goes to the gate too: git compares beginnings." },
	{ "remove",
	  "It is refused while sessions of it run, and names them. Without --delete the repository stays, "
	  "and "
	  "is said to; with gate.exportAll, or because of its git-daemon-export-ok, it is served until the "
	  "gate has been told to reload and that file is gone; as long as it is marked as a mirror, "
	  "pushes to it are refused. The gate forgets its settings after git-gate reload." },
	{ "token",
	  "add prints a new token, 256 random bits, once, on the standard output; access.tokenFile gets its "
	  "SHA-256, and NAME, by which rules (user:NAME), events and hooks know who shows it. A name has one "
	  "token: to replace one while clients still use it, make another of another name. remove takes away "
	  "the token of NAME, list prints all names. The file is replaced as a whole, its mode and owner "
	  "stay; a new one is only for the gate's user. The gate knows of a change after git-gate reload, "
	  "and "
	  "from then on a removed token is worth nothing, on connections that are kept alive too. A client "
	  "shows it over HTTP with NAME as the user and the token as the password, or as a bearer token." },
	{ "doctor",
	  "A line for each check: ok, warn, failed or skipped, what was looked at, and the reason, with the "
	  "cure "
	  "when "
	  "there is one. Checked are the settings, the gate, gate.basePath, hook.path, the steps below "
	  "hook.dir, "
	  "hook.scratch and its room, the scanner (it has to find a planted AWS key, and nothing in plain "
	  "text), and the deadlines; without NAME the machine too, see git-gate(8); then of NAME, or of each "
	  "repository that has a section: the "
	  "repository, its objects (git fsck --connectivity-only), the key, the pinned host key, upstream "
	  "(git "
	  "ls-remote), and git push --dry-run. Nothing is changed. Run by root it asks as the owner of "
	  "gate.basePath. The exit status is 1 when a check failed." },
	{ "cleanup",
	  "REPO is a git directory below DIR; without one, all repositories below DIR are looked "
	  "through, and directories .git-gate.* directly in DIR that a killed git-gate add or remove "
	  "left are "
	  "removed when they are older than a day; but one in which there is something named taken is "
	  "a repository "
	  "that remove had not yet forgotten: move that back to its name, or remove it by hand. It "
	  "needs "
	  "no gate: a running one does this by itself, at its start and after each push that did "
	  "not end well. "
	  "For each finding there is a line of a word, a tab, the path below DIR, and for all but "
	  "the first of "
	  "these words another tab and the reason: removed; kept, its owner may be alive; "
	  "foreign, it is not to be "
	  "removed; failed; unread, a directory of which it is not known what is in it. The exit status is "
	  "1 when something was kept, failed or is unread." },
};

/* What the manual says of an option beyond its help; by long name, or the letter. */
static const struct gg_page_item more_on_options[] = {
	{ "c", "KEY without =VALUE sets a boolean to true." },
	{ "host", "Without it, it is the address that the gate listens on." },
	{ "identity", "As ssh-keygen writes it, without a passphrase." },
	{ "known-hosts",
	  "In the form of ssh's known_hosts; ssh-keyscan prints lines of it, which are to be checked." },
	{ "instance",
	  "As status shows it. Of other gates, which may run where their processes are not seen, only "
	  "what is older than a day is removed." },
	{ "scratch", "The directory of a hook that runs is never touched: the hook holds a lock on it." },
	{ "since MS", "Leftovers that are older are foreign." },
	{ "since WHEN", "A duration, as 30m, 2h or 7d, is so long ago. A date is 2026-11-26, 2026-11-26 "
			"17:00 or 2026-11-26T17:00:05, in "
			"local time, or with Z or +01:00 at its end." },
	{ "repo", "* is any text, a / in it too; ? is one character, [ab] one of these." },
	{ "reason REASON", "One of REASONS in git-gate(8)." },
	{ "journal", "As with --directory of journalctl(1): that of a container, or of another machine." },
	{ "watch", "From 0.1 to 3600. With --json there is a line each time." },
	{ "strict", "Otherwise only processes that are older than a leftover protect it." },
};

static const char after_json[] = ".Sh ENVIRONMENT\n"
				 ".Bl -tag -width Ds\n"
				 ".It Ev XDG_RUNTIME_DIR\n"
				 "Users other than root have the default control socket below it, in\n"
				 ".Pa git\\-gate/control .\n"
				 "If it is not set, and for root, this is\n"
				 ".Pa " GG_CONTROL_SYSTEM " .\n"
				 ".It Ev PATH\n"
				 "Where git is looked for, which reads the configuration.\n"
				 ".It Ev NO_COLOR\n"
				 "If it is set and not empty, nothing is coloured.\n"
				 "Nor is it when standard output is no terminal, or\n"
				 ".Ev TERM\n"
				 "is not set or dumb.\n"
				 ".El\n"
				 ".Sh FILES\n"
				 ".Bl -tag -width Ds\n"
				 ".It Pa " GG_CONF_FILE "\n"
				 "The configuration, see\n"
				 ".Xr git-gate.conf 5 .\n"
				 ".It Pa " GG_CONTROL_SYSTEM "\n"
				 "The control socket.\n"
				 ".El\n";

static const char examples[] =
	".Sh EXAMPLES\n"
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
	"The same, drawn anew every two seconds:\n"
	".Pp\n"
	".Dl git\\-gate sessions \\-\\-watch=2\n"
	".Pp\n"
	"What was ended of a team's repositories since yesterday evening, what one of the\n"
	"reasons means, and what happens now:\n"
	".Bd -literal -offset indent\n"
	"git\\-gate reaped \\-\\-since '2026\\-11\\-25 18:00' \\-\\-repo 'team/*'\n"
	"git\\-gate explain pack\\-start\n"
	"git\\-gate tail\n"
	".Ed\n"
	".Pp\n"
	"Which settings made sessions end, and how often:\n"
	".Bd -literal -offset indent\n"
	"git\\-gate reaped \\-\\-json | jq \\-r '.[].key' | sort | uniq \\-c\n"
	".Ed\n"
	".Pp\n"
	"A mirror of an upstream, and whether all of the way to it works:\n"
	".Bd -literal -offset indent\n"
	"git\\-gate add app.git \\-\\-upstream ssh://git@forge.example/team/app.git \\e\n"
	"    \\-\\-identity /etc/git\\-gate/app.key \\e\n"
	"    \\-\\-known\\-hosts /etc/git\\-gate/known_hosts\n"
	"git\\-gate reload\n"
	"git\\-gate doctor app.git\n"
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
	if (o->value && o->maybe)
		printf(" Ns Op Ns = Ns Ar %s", o->value);
	else if (o->value)
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
		char letter[] = { o.letter, '\0' }, mem[64];
		struct gg_buf b = GG_BUF(mem);

		fputs(".It ", stdout);
		if (o.name && o.letter)
			printf("Fl %c , ", o.letter);
		put_form(&o);
		putchar('\n');
		put_sentence(o.help);
		put_more(more_on_options, GG_LEN(more_on_options), o.name ? o.name : letter);
		/* one name may be two options, with other values */
		gg_buf_add(&b, "%s %s", o.name ? o.name : letter, o.value ? o.value : "");
		put_more(more_on_options, GG_LEN(more_on_options), mem);
	}
	puts(".El");
}

void gg_man_user(const struct gg_command *commands, size_t n)
{
	gg_page_begin("git-gate", "1", "a git server that scans pushes and ends half-open sessions");
	puts(".Sh SYNOPSIS");
	for (size_t i = 0; i < n; i++) {
		puts(".Nm");
		put_synopsis(&commands[i]);
	}
	fputs(intro, stdout);
	put_commands(commands, n);
	put_options();
	gg_man_json();
	fputs(after_json, stdout);
	gg_page_exits();
	fputs(examples, stdout);
}
