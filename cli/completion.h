/* completion - what bash, zsh and fish need to complete a command line of git-gate, from the tables of
 * commands, options, reasons, settings and events. Installed by make install. */
#ifndef GG_CLI_COMPLETION_H
#define GG_CLI_COMPLETION_H

#include <stddef.h>

#include "cli/command.h"

/* Print it to stdout. Returns an exit code; an unknown shell is said on stderr. */
int gg_completion(const char *shell, const struct gg_command *commands, size_t n);

#endif
