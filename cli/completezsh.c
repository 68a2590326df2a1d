/* completezsh - completion for zsh. See completewords.h. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/completewords.h"
#include "cli/options.h"

static const char intro[] =
	"#compdef git-gate\n"
	"# made by: git-gate completion zsh\n"
	"\n"
	"_git_gate_sessions() {\n"
	"	local -a where ids\n"
	"	local i\n"
	"	for ((i = 2; i < CURRENT; i++)); do\n"
	"		case ${words[i]} in\n"
	"		--control | --config | --gate | -g) where+=(${words[i]} ${words[i + 1]}) ;;\n"
	"		--control=* | --config=* | --gate=*) where+=(${words[i]}) ;;\n"
	"		esac\n"
	"	done\n"
	"	ids=(${(f)\"$(command git-gate sessions --json ${where} 2>/dev/null |\n"
	"		sed -n 's/^ *\"id\": \"\\([0-9a-f]*\\)\".*/\\1/p')\"})\n"
	"	compadd -a ids\n"
	"}\n"
	"\n";

static const char *const functions[] = {
	[GG_WORDS_NONE] = " ",
	[GG_WORDS_FILE] = "_files",
	[GG_WORDS_DIR] = "_files -/",
	[GG_WORDS_REASON] = "_git_gate_reasons",
	[GG_WORDS_KEY] = "_git_gate_keys",
	[GG_WORDS_SESSION] = "_git_gate_sessions",
	[GG_WORDS_COMMAND] = "_git_gate_commands",
	[GG_WORDS_SHELL] = "_git_gate_shells",
	[GG_WORDS_ACTION] = "_git_gate_actions",
	[GG_WORDS_ANY] = "_git_gate_any",
};

/* Inside of single quotes; what _arguments takes for itself has a backslash. */
static void put_quoted(const char *s, const char *special)
{
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\'", stdout);
		else if (strchr(special, *s))
			putchar('\\');
		putchar(*s);
	}
}

static void put_words(const struct gg_command *commands, size_t n)
{
	for (enum gg_words w = GG_WORDS_REASON; w <= GG_WORDS_ANY; w++) {
		if (w == GG_WORDS_SESSION || w == GG_WORDS_COMMAND)
			continue;
		printf("%s() {\n\tlocal -a w=(\n", functions[w]);
		gg_words_put(w, commands, n);
		printf("\t)\n\tcompadd %s-a w\n}\n\n", w == GG_WORDS_KEY ? "-S '' " : "");
	}
	puts("_git_gate_commands() {\n\tlocal -a commands\n\tcommands=(");
	for (size_t i = 0; i < n; i++) {
		printf("\t\t'%s:", commands[i].name);
		put_quoted(commands[i].help, ":\\");
		puts("'");
	}
	puts("\t)\n\t_describe command commands\n}\n");
}

static void put_option(const struct gg_option *o)
{
	static const char special[] = "[]:\\";

	fputs(" \\\n\t\t\t", stdout);
	if (o->repeat)
		fputs("'*'", stdout);
	if (o->name && o->letter)
		printf("{-%c,--%s%s}", o->letter, o->name, o->value ? "=" : "");
	else if (o->name)
		printf("--%s%s", o->name, o->maybe ? "=-" : o->value ? "=" : "");
	else
		printf("-%c", o->letter);
	fputs("'[", stdout);
	put_quoted(o->help, special);
	putchar(']');
	if (o->value) {
		fputs(o->maybe ? "::" : ":", stdout);
		put_quoted(o->value, special);
		printf(":%s", functions[gg_words_of(o->value)]);
	}
	putchar('\'');
}

static void put_command(const struct gg_command *c)
{
	struct gg_option o;

	printf("\t%s)\n\t\t_arguments", c->name);
	for (size_t i = 0; gg_options_at(c, i, &o); i++)
		put_option(&o);
	if (*c->operands) {
		printf(" \\\n\t\t\t'%s:", c->most > 1 ? "*" : c->least ? "" : ":");
		put_quoted(c->operands, "[]:\\");
		printf(":%s'", functions[gg_words_of(c->operands)]);
	}
	puts(" ;;");
}

void gg_completion_zsh(const struct gg_command *commands, size_t n)
{
	fputs(intro, stdout);
	put_words(commands, n);
	puts("_git_gate() {\n"
	     "\tif ((CURRENT == 2)); then\n"
	     "\t\t_git_gate_commands\n"
	     "\t\treturn\n"
	     "\tfi\n"
	     "\tshift words\n"
	     "\t((CURRENT--))\n"
	     "\tcase ${words[1]} in");
	for (size_t i = 0; i < n; i++)
		put_command(&commands[i]);
	puts("\tesac\n}\n\n"
	     "# as an autoloaded function, and when it is sourced\n"
	     "if [[ $funcstack[1] == _git-gate ]]; then\n"
	     "\t_git_gate \"$@\"\n"
	     "else\n"
	     "\tcompdef _git_gate git-gate\n"
	     "fi");
}
