/* completebash - completion for bash, with or without the package bash-completion. See completewords.h. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/completewords.h"
#include "cli/options.h"

static const char intro[] =
	"# bash completion of git-gate; made by: git-gate completion bash\n"
	"# shellcheck shell=bash disable=SC2207\n"
	"\n"
	"# Where the gate is, if the line says so.\n"
	"_git_gate_where() {\n"
	"	local i\n"
	"	for ((i = 1; i < COMP_CWORD; i++)); do\n"
	"		case ${COMP_WORDS[i]} in\n"
	"		--control | --config | --gate | -g)\n"
	"			if [ \"${COMP_WORDS[i + 1]}\" = '=' ]; then\n"
	"				printf '%s\\n%s\\n' \"${COMP_WORDS[i]}\" \"${COMP_WORDS[i + 2]}\"\n"
	"			else\n"
	"				printf '%s\\n%s\\n' \"${COMP_WORDS[i]}\" \"${COMP_WORDS[i + 1]}\"\n"
	"			fi ;;\n"
	"		esac\n"
	"	done\n"
	"}\n"
	"\n"
	"_git_gate_sessions() {\n"
	"	local where\n"
	"	mapfile -t where < <(_git_gate_where)\n"
	"	command git-gate sessions --json \"${where[@]}\" 2>/dev/null |\n"
	"		sed -n 's/^ *\"id\": \"\\([0-9a-f]*\\)\".*/\\1/p'\n"
	"}\n"
	"\n";

static const char middle[] =
	"_git_gate() {\n"
	"	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} first=1 command "
	"words\n"
	"	COMPREPLY=()\n"
	"	# as git's command, \"git gate sessions\"\n"
	"	[ \"${COMP_WORDS[0]##*/}\" = git ] && [ \"${COMP_WORDS[1]}\" = gate ] && first=2\n"
	"	if ((COMP_CWORD == first)); then\n"
	"		words=$(_git_gate_words command)\n"
	"		[ \"${cur#-}\" = \"$cur\" ] || words='--help --version'\n"
	"		COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	"		return\n"
	"	fi\n"
	"	command=${COMP_WORDS[first]}\n"
	"	# \"--control=PATH\" comes in three words\n"
	"	if [ \"$cur\" = '=' ]; then\n"
	"		cur=''\n"
	"	elif [ \"$prev\" = '=' ]; then\n"
	"		prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	"	fi\n"
	"	words=$(_git_gate_kind \"$command\" \"$prev\")\n"
	"	if [ -z \"$words\" ] && [ \"${cur#-}\" != \"$cur\" ]; then\n"
	"		COMPREPLY=($(compgen -W \"$(_git_gate_options \"$command\")\" -- \"$cur\"))\n"
	"		return\n"
	"	fi\n"
	"	[ -n \"$words\" ] || words=$(_git_gate_operands \"$command\")\n"
	"	case $words in\n"
	"	file) COMPREPLY=($(compgen -f -- \"$cur\")); compopt -o filenames 2>/dev/null ;;\n"
	"	dir) COMPREPLY=($(compgen -d -- \"$cur\")); compopt -o filenames 2>/dev/null ;;\n"
	"	session) COMPREPLY=($(compgen -W \"$(_git_gate_sessions)\" -- \"$cur\")) ;;\n"
	"	key) COMPREPLY=($(compgen -W \"$(_git_gate_words key)\" -- \"$cur\")); compopt -o nospace "
	"2>/dev/null ;;\n"
	"	'' | none) ;;\n"
	"	*) COMPREPLY=($(compgen -W \"$(_git_gate_words \"$words\")\" -- \"$cur\")) ;;\n"
	"	esac\n"
	"}\n"
	"\n"
	"complete -F _git_gate git-gate\n";

static const char *const names[] = {
	[GG_WORDS_NONE] = "none",	[GG_WORDS_FILE] = "file",   [GG_WORDS_DIR] = "dir",
	[GG_WORDS_REASON] = "reason",	[GG_WORDS_KEY] = "key",	    [GG_WORDS_SESSION] = "session",
	[GG_WORDS_COMMAND] = "command", [GG_WORDS_SHELL] = "shell", [GG_WORDS_ACTION] = "action",
	[GG_WORDS_ANY] = "any",
};

/* _git_gate_words KIND: the words that do not depend on anything. */
static void put_words(const struct gg_command *commands, size_t n)
{
	puts("_git_gate_words() {\n\tcase $1 in");
	for (enum gg_words w = GG_WORDS_REASON; w <= GG_WORDS_ANY; w++) {
		if (w == GG_WORDS_SESSION)
			continue;
		printf("\t%s) echo '", names[w]);
		gg_words_put(w, commands, n);
		puts("' ;;");
	}
	puts("\tesac\n}\n");
}

static void put_options(const struct gg_command *c)
{
	struct gg_option o;

	printf("\t%s) echo '", c->name);
	for (size_t i = 0; gg_options_at(c, i, &o); i++)
		if (o.name)
			printf("%s--%s", i ? " " : "", o.name);
		else
			printf("%s-%c", i ? " " : "", o.letter);
	puts("' ;;");
}

/* What follows each option that takes a value. */
static void put_values(const struct gg_command *c)
{
	struct gg_option o;

	for (size_t i = 0; gg_options_at(c, i, &o); i++) {
		if (!o.value || o.maybe)
			continue;
		putchar('\t');
		if (o.name)
			printf("%s:--%s%s", c->name, o.name, o.letter ? " | " : "");
		if (o.letter)
			printf("%s:-%c", c->name, o.letter);
		printf(") echo %s ;;\n", names[gg_words_of(o.value)]);
	}
}

void gg_completion_bash(const struct gg_command *commands, size_t n)
{
	fputs(intro, stdout);
	put_words(commands, n);
	puts("_git_gate_options() {\n\tcase $1 in");
	for (size_t i = 0; i < n; i++)
		put_options(&commands[i]);
	puts("\tesac\n}\n\n_git_gate_kind() {\n\tcase $1:$2 in");
	for (size_t i = 0; i < n; i++)
		put_values(&commands[i]);
	puts("\tesac\n}\n\n_git_gate_operands() {\n\tcase $1 in");
	for (size_t i = 0; i < n; i++)
		if (gg_words_of(commands[i].operands) != GG_WORDS_NONE)
			printf("\t%s) echo %s ;;\n", commands[i].name,
			       names[gg_words_of(commands[i].operands)]);
	puts("\tesac\n}\n");
	fputs(middle, stdout);
}
