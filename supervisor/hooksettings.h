/*
 * hooksettings - what a hook is told of the settings. Pure but for allocation. Called by
 * supervisor/hookcommands.c. Tested by tests/unit/pushconf.c.
 */
#ifndef GG_SUPERVISOR_HOOKSETTINGS_H
#define GG_SUPERVISOR_HOOKSETTINGS_H

#include <jansson.h>

#include "base/conf.h"

/*
 * The settings that apply to the pushes of one repository, as JSON: conf's with those of its section in their
 * place. repo  its git directory below gate.basePath NULL without memory.
 */
json_t *gg_hook_settings(const struct gg_conf *conf, const char *repo, const char *peer,
			 const char *transport);

#endif
