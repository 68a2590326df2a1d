/* clientlines - what a client runs to reach a repository through the gate. Asks the gate where it listens. */
#ifndef GG_CLI_CLIENTLINES_H
#define GG_CLI_CLIENTLINES_H

#include "base/conf.h"
#include "cli/command.h"

/*
 * Print the lines for a repository, for sh: where the running gate listens, else where the settings say.
 *   a          --host, --control
 *   upstream   "": none; then it is what to clone
 * Says on stderr what is missing. Returns an exit code.
 */
int gg_client_lines(const struct gg_args *a, const struct gg_conf *c, const char *name, const char *upstream);

#endif
