/* value - one JSON value of the control protocol as text for people. The key tells the unit. */
#ifndef GG_CLI_VALUE_H
#define GG_CLI_VALUE_H

#include <jansson.h>

#include "base/text.h"

enum { GG_VALUE_MAX = 8192 }; /* bytes that are enough for every value: longer ones are cut */

/* Append v (borrowed; NULL: absent). Absent, null and "" are "-"; lists are joined by commas. */
void gg_value_add(struct gg_buf *b, const char *key, const json_t *v);

/* "idle 5, hook 2", of an object of numbers; "-" when it has none. */
void gg_value_add_counts(struct gg_buf *b, json_t *v);

/* Seconds since the epoch, in local time. */
void gg_value_add_time(struct gg_buf *b, int64_t epoch);

/* The key without its unit, as words: "recv_age_ms" is "recv age". */
void gg_value_label(struct gg_buf *b, const char *key);

#endif
