/* main - git-gate: one table of commands; help, dispatch and the hint for a misspelt one come from it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/conf.h"
#include "base/event.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/completion.h"
#include "cli/man.h"
#include "cli/options.h"
#include "cli/say.h"
#include "base/jsonmem.h"

static int cmd_help(const struct gg_args *a);
static int cmd_completion(const struct gg_args *a);

#define BIT(opt) (1u << GG_OPT_##opt)
#define CONF (BIT(CONFIG) | BIT(SET) | BIT(GATE))
#define ASK (BIT(JSON) | BIT(CONTROL) | CONF)

static const struct gg_command commands[] = {
	{ "run", "", 0, 0, "Serve until told to stop", CONF, true, gg_cmd_run },
	{ "watch", "", 0, 0, "Watch the git sessions of a server that someone else runs",
	  CONF | BIT(PID) | BIT(OBSERVE), true, gg_cmd_watch },
	{ "check-config", "", 0, 0, "Print every setting and its origin, or what is wrong", CONF, true,
	  gg_cmd_check_config },
	{ "sessions", "", 0, 0, "List the sessions being served", ASK | BIT(WATCH), false, gg_cmd_sessions },
	{ "reaped", "", 0, 0, "List sessions that the gate ended, newest first",
	  ASK | BIT(ALL) | BIT(SINCE_WHEN) | BIT(REPO) | BIT(REASON_IS) | BIT(JOURNAL), false,
	  gg_cmd_reaped },
	{ "show", "ID", 1, 1, "Show one session: what it did and does, and its processes", ASK, false,
	  gg_cmd_show },
	{ "kill", "ID", 1, 1, "End a session", ASK | BIT(REASON), false, gg_cmd_kill },
	{ "status", "", 0, 0, "Show what the gate does and has done", ASK, false, gg_cmd_status },
	{ "tail", "[ID]", 0, 1, "Follow the events of the gate, or of one session", ASK | BIT(LINES), false,
	  gg_cmd_tail },
	{ "explain", "[WORD]", 0, 1, "Explain a reason, a setting or an event", 0, false, gg_cmd_explain },
	{ "health", "", 0, 0, "Tell whether the gate answers, or is ready", ASK | BIT(READY), false,
	  gg_cmd_health },
	{ "report", "", 0, 0, "Tell which verdicts of observe mode were false alarms", ASK, false,
	  gg_cmd_report },
	{ "tune", "", 0, 0, "Propose deadlines from the silences of healthy sessions", ASK, false,
	  gg_cmd_tune },
	{ "metrics", "", 0, 0, "Print the metrics in the text format of Prometheus", BIT(CONTROL) | CONF,
	  false, gg_cmd_metrics },
	{ "reload", "", 0, 0, "Have the gate read its configuration again", ASK, false, gg_cmd_reload },
	{ "drain", "", 0, 0, "Serve no new client; sessions that run may finish", ASK, false, gg_cmd_drain },
	{ "resume", "", 0, 0, "Serve clients again after drain", ASK, false, gg_cmd_resume },
	{ "add", "[NAME]", 0, 1, "Make a repository, and the way to its upstream",
	  BIT(UPSTREAM) | BIT(IDENTITY) | BIT(KNOWN_HOSTS) | BIT(LOCAL) | BIT(MISSING) | BIT(HOST) |
		  BIT(CONTROL) | CONF,
	  false, gg_cmd_add },
	{ "client", "NAME", 1, 1, "Print what a client runs to reach a repository through the gate",
	  BIT(HOST) | BIT(CONTROL) | CONF, false, gg_cmd_client },
	{ "remove", "NAME", 1, 1, "Forget a repository that no session uses",
	  BIT(DELETE) | BIT(CONTROL) | CONF, false, gg_cmd_remove },
	{ "token", "add|remove|list [NAME]", 1, 2, "Make, take away or list the tokens that clients show",
	  CONF, false, gg_cmd_token },
	{ "doctor", "[NAME]", 0, 1, "Prove each link from the gate to scanner and upstream", ASK, false,
	  gg_cmd_doctor },
	{ "cleanup", "[REPO]...", 0, SIZE_MAX, "Remove what dead pushes left in repositories",
	  BIT(BASE) | BIT(SINCE) | BIT(STRICT) | BIT(SCRATCH) | BIT(INSTANCE), false, gg_cmd_cleanup },
	{ "version", "", 0, 0, "Print the version", BIT(JSON), false, gg_cmd_version },
	{ "completion", "SHELL", 1, 1, "Print what a shell needs to complete: bash, zsh or fish", 0, false,
	  cmd_completion },
	{ "help", "[COMMAND]", 0, 1, "Explain a command", 0, false, cmd_help },
};

static const char *const exits[] = {
#define EXIT(ID, word, doc) [GG_EXIT_##ID] = word,
#include "cli/exit.def"
#undef EXIT
};

static const struct gg_command *find(const char *name)
{
	for (size_t i = 0; i < GG_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int unknown(const char *name)
{
	size_t best = 0;

	for (size_t i = 1; i < GG_LEN(commands); i++)
		if (gg_distance(name, commands[i].name) < gg_distance(name, commands[best].name))
			best = i;
	if (gg_distance(name, commands[best].name) <= (int)strnlen(name, 6) / 2)
		gg_say("unknown command '%s'; did you mean '%s'?", name, commands[best].name);
	else
		gg_say("unknown command '%s'; 'git-gate --help' lists them", name);
	return GG_EXIT_USAGE;
}

static void help(FILE *to)
{
	fputs("Usage: git-gate COMMAND [OPTION]...\n\n"
	      "A git server that ends half-open sessions and leaves the repository clean.\n\n",
	      to);
	for (size_t i = 0; i < GG_LEN(commands); i++) {
		char mem[64];
		struct gg_buf b = GG_BUF(mem);

		gg_buf_add(&b, "%s %s", commands[i].name, commands[i].operands);
		fprintf(to, "  %-18s  %s\n", mem, commands[i].help);
	}
	fputs("\n'git-gate COMMAND --help' lists its options.\nExit status: ", to);
	for (size_t i = 0; i < GG_LEN(exits); i++)
		fprintf(to, "%s%zu %s", i ? ", " : "", i, exits[i]);
	fputs(".\n", to);
}

static int help_on(const struct gg_command *c)
{
	gg_options_help(c);
	if (c->settings) {
		puts("\nSettings, in the configuration or after -c:\n");
		gg_conf_help(stdout);
	}
	return GG_EXIT_DONE;
}

static int cmd_help(const struct gg_args *a)
{
	const struct gg_command *c;

	if (!a->noperand) {
		help(stdout);
		return GG_EXIT_DONE;
	}
	c = find(a->operand[0]);
	return c ? help_on(c) : unknown(a->operand[0]);
}

static int cmd_completion(const struct gg_args *a)
{
	return gg_completion(a->operand[0], commands, GG_LEN(commands));
}

static int dump_catalog(void)
{
	gg_event_catalog(stdout);
	return GG_EXIT_DONE;
}

static int dispatch(int argc, char **argv)
{
	const struct gg_command *c = find(argv[0]);
	struct gg_args a;
	int code;

	if (strcmp(argv[0], "--dump-catalog") == 0)
		return dump_catalog();
	if (strcmp(argv[0], "--dump-man") == 0)
		return gg_man_dump(argc > 1 ? argv[1] : "", commands, GG_LEN(commands));
	if (strcmp(argv[0], "--version") == 0)
		c = find("version");
	if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)
		c = find("help");
	if (!c)
		return unknown(argv[0]);
	code = gg_options_parse(c, argc, argv, &a);
	if (code == 0)
		code = a.help ? help_on(c) : c->run(&a);
	/* a gate has dealt with it */
	if (code == 0 && gg_jsonmem_lacks() && c->run != gg_cmd_run && c->run != gg_cmd_watch) {
		gg_say("out of memory: a part of what was to be printed is missing");
		code = GG_EXIT_FAILED;
	}
	gg_options_free(&a);
	return code;
}

/* A closed descriptor 0 to 2 would become the number of some socket, and what is printed would go there. */
static bool fill_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		/* NOLINTNEXTLINE(android-cloexec-open): whoever is started has them too */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}

/* What was ignored or blocked before the exec still is: without SIGCHLD no end of a child is known. */
static void forget_inherited_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int main(int argc, char **argv)
{
	int code = GG_EXIT_USAGE;

	if (!fill_standard_fds())
		return GG_EXIT_FAILED;
	forget_inherited_signals();
	gg_jsonmem_open();
	if (argc < 2)
		help(stderr);
	else
		code = dispatch(argc - 1, argv + 1);
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (errno != EPIPE) /* who closed the pipe knows */
		gg_say("cannot write: %s", errno ? strerror(errno) : "an earlier write failed");
	return code ? code : GG_EXIT_FAILED;
}
