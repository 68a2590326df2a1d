/*
 * pushoption - the push options of a push (`git push -o`), which git gives to pre-receive in its environment:
 * GIT_PUSH_OPTION_COUNT, GIT_PUSH_OPTION_0, … Effect: reads the environment. Used by hooks/scan and
 * hooks/forward, tested by tests/unit/pushoption.c.
 */
#ifndef GG_HOOKS_PUSHOPTION_H
#define GG_HOOKS_PUSHOPTION_H

#include <stddef.h>

#include "base/text.h"

enum {
	GG_PUSH_OPTIONS_MAX = 10000,
	GG_PUSH_OPTIONS_BYTES = 1 << 20, /* of all together, a line end each; execve takes some 2 MB */
};

struct gg_push_options { /* gg_push_options_free */
	char **v;	 /* owned, NULL at the end; the texts are the environment's */
	size_t n;
};

/*
 * None at all is no error.
 *   ret_why  one line for the client, on failure
 * 0; -E2BIG: beyond one of the bounds; -EPROTO: one is missing; -ENOMEM.
 */
int gg_push_options_find(struct gg_push_options *ret, struct gg_buf *ret_why);
void gg_push_options_free(struct gg_push_options *o);

#endif
