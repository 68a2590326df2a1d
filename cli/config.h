/* config - read the configuration that a command line names. */
#ifndef GG_CLI_CONFIG_H
#define GG_CLI_CONFIG_H

#include "base/conf.h"
#include "cli/command.h"

/* Every error is said on stderr. Returns 0, GG_EXIT_USAGE or GG_EXIT_FAILED; r is to be freed in any case. */
int gg_config_load(const struct gg_args *a, struct gg_reader *r);
/* The same without a word: r->error has what is wrong. 0 or -errno, as gg_conf_load. */
int gg_config_try(const struct gg_args *a, struct gg_reader *r);
/* As gg_config_load, and what the rules of access need (base/accessload.h): for who serves by them, or checks
 * them. */
int gg_config_load_access(const struct gg_args *a, struct gg_reader *r);

#endif
