/*
 * man - the manual: git-gate.1, git-gate.8, git-gate.conf.5 and git-gate-events.7 as mdoc(7), from the tables
 * of commands, options, settings, events and exit codes, and fixed prose. docs/man holds what is printed here
 * (make man); tests/process/t0040-man.py fails when the two differ.
 */
#ifndef GG_CLI_MAN_H
#define GG_CLI_MAN_H

#include "cli/command.h"

/* Print the page of this name to stdout. Returns an exit code; an unknown name is said on stderr. */
int gg_man_dump(const char *name, const struct gg_command *commands, size_t n);

#endif
