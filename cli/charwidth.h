/* charwidth - how many columns of a terminal a character takes. Pure; no locale: what is shown is UTF-8
 * whatever the environment says. Tested by tests/unit/table.c. */
#ifndef GG_CLI_CHARWIDTH_H
#define GG_CLI_CHARWIDTH_H

#include <stddef.h>

/* 0, 1 or 2, of the character that s begins with; ret_len: its bytes, 1 where there is no valid one. Scripts
 * that are not in the table count 1 each. */
size_t gg_char_columns(const char *s, size_t *ret_len);

#endif
