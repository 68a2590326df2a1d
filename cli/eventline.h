/* eventline - an event that is JSON as a line of the text log. Pure but for JSON. Used by cli/tail.c and
 * git-gate status. */
#ifndef GG_CLI_EVENTLINE_H
#define GG_CLI_EVENTLINE_H

#include <jansson.h>

#include "base/text.h"

enum { GG_EVENT_LINE_MAX = 16384 };

/* As gate.log = text writes it, without the newline. */
void gg_event_line(struct gg_buf *b, json_t *event);

#endif
