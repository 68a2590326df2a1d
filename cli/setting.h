/* setting - what a setting takes, in words. In cli/mansettings.c, which prints git-gate.conf(5). */
#ifndef GG_CLI_SETTING_H
#define GG_CLI_SETTING_H

#include "base/confkey.h"
#include "base/text.h"

/* "Duration from 100ms to 1d or never; default 15s." */
void gg_setting_kind(struct gg_buf *b, const struct gg_conf_key *key);

#endif
