/*
 * commands - what the control socket is asked, and the answers (supervisor/protocol.md). Called by
 * supervisor/control.c, which has the socket and the clients.
 */
#ifndef GG_SUPERVISOR_COMMANDS_H
#define GG_SUPERVISOR_COMMANDS_H

#include <jansson.h>
#include <stddef.h>

#include "supervisor/state.h"

/*
 * The answer to one request, n bytes without the newline: the caller's to free. NULL when there is no memory
 * for all of it: *ret_instead is what to answer then, with its newline.
 */
char *gg_command_answer(struct gg_gate *g, const char *line, size_t n, const char **ret_instead);

/* For the files that have the commands: an error with a text for the user; data (stolen; NULL: no memory for
 * it); the error that no session has this id. */
json_t *gg_command_error(const char *text);
json_t *gg_command_data(json_t *data);
json_t *gg_command_no_session(const char *id);

#endif
