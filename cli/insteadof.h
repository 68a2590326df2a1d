/*
 * insteadof - the commands that lead a client's git to the gate. Pure. Called by cli/clientlines.c. Tested by
 * tests/unit/clientlines.c, and with git in tests/process/t0082-add.py.
 */
#ifndef GG_CLI_INSTEADOF_H
#define GG_CLI_INSTEADOF_H

#include "base/text.h"

/* Append s as one word of a shell's command line: as it is, or in single quotes. */
void gg_sh_word(struct gg_buf *b, const char *s);

/* "git://HOST:PORT/NAME", with what a URL does not carry as %XX. where: "git://HOST:PORT". */
void gg_gate_url(struct gg_buf *b, const char *where, const char *name);

/*
 * Lines for sh, one for each form in which people write the same upstream: its URL, with and without port 22,
 * and, when the port is 22, the scp form with the path from the root and from the home directory (which are
 * one on forges). The first line replaces what was set for this gate, so that they can be run again.
 *   url        of the repository at the gate
 *   upstream   ssh://…; nothing is added when it cannot be parsed
 */
void gg_insteadof_add(struct gg_buf *b, const char *url, const char *upstream);

#endif
