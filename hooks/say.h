/*
 * say - lines for the client: the stderr of the hook, before which git puts "remote: ". Effect: writes to
 * stderr. The filter for what programs print is in hooks/sayfilter.h. Tested by tests/unit/hooksay.c.
 *
 * When the client does not read: a line waits 2 s for room in the pipe to git (64 KiB, and behind it git's
 * buffers and the socket's). It is then dropped, and so is every further line for which there is no room at
 * once, until there is room again. So gg_run's limits are late by 2 s at most, once; a client that is merely
 * slow loses nothing; one that stays stuck is the reaper's (deadline.idle, deadline.hook). Each line is one
 * write of at most PIPE_BUF bytes, whole or not at all. stderr itself stays blocking: others have it too.
 *
 * The program has to ignore SIGPIPE (hook.c does): what nobody will read is dropped, and is no reason to die.
 */
#ifndef GG_HOOKS_SAY_H
#define GG_HOOKS_SAY_H

#include "hooks/sayfilter.h"

/*
 * "git-gate: TEXT". Lower case, no full stop. Outside text in it is quoted by the caller (gg_quote,
 * gg_escape); what could forge a line is escaped all the same. Cut at 1000 bytes.
 */
void gg_say_client(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One line as it is: an emit for gg_say_begin. arg is not used. */
void gg_say_emit(void *arg, const char *line);

#endif
