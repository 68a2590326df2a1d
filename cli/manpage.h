/*
 * manpage - the pages, and what they are put together from. Everything goes to stdout. Prose stands in the
 * files of the pages as mdoc(7) itself; text of the tables goes through gg_page_text. Only cli/man*.c include
 * this.
 */
#ifndef GG_CLI_MANPAGE_H
#define GG_CLI_MANPAGE_H

#include "cli/command.h"

void gg_man_user(const struct gg_command *commands, size_t n); /* git-gate(1) */
void gg_man_json(void);					       /* OUTPUT of git-gate(1) */
void gg_man_json_ledger(void);				       /* of it: report, tune */
void gg_man_operator(void);				       /* git-gate(8) */
void gg_man_machine(void);				       /* THE MACHINE of it */
void gg_man_settings(void);				       /* git-gate.conf(5) */
void gg_man_events(void);				       /* git-gate-events(7) */

/* From the date to the one-line description. */
void gg_page_begin(const char *name, const char *section, const char *what);

/* Plain text as filled lines: a sentence begins a line, and nothing of it is taken for a macro or an escape.
 * NULL shows as "undocumented", which a test looks for. */
void gg_page_text(const char *text);
/* One word as an argument of a macro. */
void gg_page_word(const char *word);

struct gg_page_item {
	const char *word, *text; /* text: as for gg_page_text */
};
/* A list of items; macro ("Ic", "Pa") is how the words are set. */
void gg_page_list(const char *macro, const struct gg_page_item *v, size_t n);
/*
 * A member of what is printed with --json: tests/process/t0107-json.py compares these tables with real
 * answers. The name is a path: "tcp.queued_in" is in an object, "processes[].pid" in each object of an array,
 * and a word in capitals stands for any. The type is string, integer, boolean, object or array, with "or
 * null" where nothing may be known.
 */
struct gg_page_member {
	const char *name, *type, *text;
};
void gg_page_members(const struct gg_page_member *v, size_t n);
/* The part about a command's answer begins, with a text. */
void gg_page_answer(const char *command, const char *text);

/* EXIT STATUS, from the table. */
void gg_page_exits(void);

#endif
