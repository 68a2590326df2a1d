/* completewords - what an option's value or an operand may be, told by its placeholder in the tables: "FILE",
 * "REASON". For cli/completion.c and the shells' files. */
#ifndef GG_CLI_COMPLETEWORDS_H
#define GG_CLI_COMPLETEWORDS_H

#include <stddef.h>

#include "cli/command.h"

enum gg_words {
	GG_WORDS_NONE, /* nobody knows */
	GG_WORDS_FILE,
	GG_WORDS_DIR,
	GG_WORDS_REASON,
	GG_WORDS_KEY,	  /* settings, before their '=' */
	GG_WORDS_SESSION, /* ids of live sessions: the gate is asked */
	GG_WORDS_COMMAND,
	GG_WORDS_SHELL,
	GG_WORDS_ACTION, /* what git-gate token does */
	GG_WORDS_ANY,	 /* reasons, settings and events: what git-gate explain takes */
};

/* placeholder: "ID", "[REPO]...", "KEY=VALUE"; NULL or "": none. */
enum gg_words gg_words_of(const char *placeholder);

/* Print the words, one a line; of settings each with a '=' behind it if so. Nothing for NONE, FILE, DIR and
 * SESSION. */
void gg_words_put(enum gg_words w, const struct gg_command *commands, size_t n);

/* One shell's file, each. */
void gg_completion_bash(const struct gg_command *commands, size_t n);
void gg_completion_zsh(const struct gg_command *commands, size_t n);
void gg_completion_fish(const struct gg_command *commands, size_t n);

#endif
