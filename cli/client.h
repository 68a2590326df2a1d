/* client - ask a running gate over its control socket (supervisor/protocol.md). Bounded in time and size. */
#ifndef GG_CLI_CLIENT_H
#define GG_CLI_CLIENT_H

#include <jansson.h>

#include "base/text.h"
#include "cli/command.h"

/*
 * One request, one answer.
 *   a         where the gate is: --control, else the configuration
 *   request   stolen; NULL (json_pack failed) is an argument that is no UTF-8
 *   type      what the data must be
 *   ret_data  owned by the caller; NULL on failure
 * Says what is wrong on stderr. Returns an exit code.
 */
int gg_client_ask(const struct gg_args *a, json_t *request, json_type type, json_t **ret_data);

/*
 * For who asks many times: a copy of a, in which the control socket is named, so that the configuration is
 * not read each time. Says what is wrong on stderr. Returns an exit code. ret_path   what ret->control points
 * at; the caller's to free
 */
int gg_client_settle(const struct gg_args *a, struct gg_args *ret, char **ret_path);

/*
 * The same, without a word on stderr (but for a configuration that cannot be read).
 *   ret_why   what is wrong, ready to be shown: a line for each complaint, with '\n' between them
 */
int gg_client_try(const struct gg_args *a, json_t *request, json_type type, json_t **ret_data,
		  struct gg_buf *ret_why);

#endif
