/* options - the one table of options: getopt_long's tables, synopsis and help come from it. */
#ifndef GG_CLI_OPTIONS_H
#define GG_CLI_OPTIONS_H

#include "cli/command.h"

/*
 * Parse a command's line.
 *   argv    argv[0] is the command's name; reordered by getopt
 * Says what is wrong on stderr. Returns 0, GG_EXIT_USAGE or GG_EXIT_FAILED (no memory); free ret in any case.
 */
int gg_options_parse(const struct gg_command *c, int argc, char **argv, struct gg_args *ret);
void gg_options_free(struct gg_args *a);

/* An option for people. Texts are static. */
struct gg_option {
	const char *name;  /* long form; NULL: none */
	char letter;	   /* short form; 0: none */
	const char *value; /* what it takes; NULL: nothing */
	const char *help;
	bool required, maybe, repeat; /* maybe: its value may be left out */
};
/* The i-th option that c takes (NULL: of the whole table). False past the end. */
bool gg_options_at(const struct gg_command *c, size_t i, struct gg_option *ret);

/* "Usage: …", the one-line help, and a line for each option, to stdout. */
void gg_options_help(const struct gg_command *c);

#endif
