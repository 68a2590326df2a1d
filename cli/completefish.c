/* completefish - completion for fish. See completewords.h. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/completewords.h"
#include "cli/options.h"

static const char intro[] = "# fish completion of git-gate; made by: git-gate completion fish\n"
			    "\n"
			    "function __git_gate_sessions\n"
			    "	set -l words (commandline -opc)\n"
			    "	set -l where\n"
			    "	for i in (seq 2 (count $words))\n"
			    "		switch $words[$i]\n"
			    "			case --control --config --gate -g\n"
			    "				set -a where $words[$i] $words[(math $i + 1)]\n"
			    "			case '--control=*' '--config=*' '--gate=*'\n"
			    "				set -a where $words[$i]\n"
			    "		end\n"
			    "	end\n"
			    "	command git-gate sessions --json $where 2>/dev/null |\n"
			    "		string match -rg '^ *\"id\": \"([0-9a-f]*)\"'\n"
			    "end\n"
			    "\n";

static const char *const functions[] = {
	[GG_WORDS_REASON] = "__git_gate_reasons",   [GG_WORDS_KEY] = "__git_gate_keys",
	[GG_WORDS_SESSION] = "__git_gate_sessions", [GG_WORDS_COMMAND] = "__git_gate_commands",
	[GG_WORDS_ACTION] = "__git_gate_actions",   [GG_WORDS_SHELL] = "__git_gate_shells",
	[GG_WORDS_ANY] = "__git_gate_any",
};

static void put_quoted(const char *s)
{
	putchar('\'');
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			putchar('\\');
		putchar(*s);
	}
	putchar('\'');
}

static void put_words(const struct gg_command *commands, size_t n)
{
	for (enum gg_words w = GG_WORDS_REASON; w <= GG_WORDS_ANY; w++) {
		if (w == GG_WORDS_SESSION)
			continue;
		printf("function %s\n\tstring split -n \\n '", functions[w]);
		gg_words_put(w, commands, n);
		puts("'\nend\n");
	}
}

static void put_begin(const char *command)
{
	printf("complete -c git-gate -n '__fish_seen_subcommand_from %s'", command);
}

static void put_option(const struct gg_command *c, const struct gg_option *o)
{
	enum gg_words w = gg_words_of(o->value);

	put_begin(c->name);
	if (o->letter)
		printf(" -s %c", o->letter);
	if (o->name)
		printf(" -l %s", o->name);
	if (w == GG_WORDS_FILE || w == GG_WORDS_DIR)
		fputs(" -r -F", stdout);
	else if (o->value && !o->maybe)
		fputs(" -x", stdout);
	if (w > GG_WORDS_DIR)
		printf(" -a '(%s)'", functions[w]);
	fputs(" -d ", stdout);
	put_quoted(o->help);
	putchar('\n');
}

static void put_command(const struct gg_command *c)
{
	enum gg_words w = gg_words_of(c->operands);
	struct gg_option o;

	printf("complete -c git-gate -n __fish_use_subcommand -a %s -d ", c->name);
	put_quoted(c->help);
	putchar('\n');
	for (size_t i = 0; gg_options_at(c, i, &o); i++)
		put_option(c, &o);
	if (w > GG_WORDS_DIR) {
		put_begin(c->name);
		printf(" -a '(%s)'\n", functions[w]);
	}
}

void gg_completion_fish(const struct gg_command *commands, size_t n)
{
	fputs(intro, stdout);
	put_words(commands, n);
	puts("complete -c git-gate -f");
	for (size_t i = 0; i < n; i++)
		put_command(&commands[i]);
}
