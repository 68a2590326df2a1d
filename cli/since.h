/* since - a point in time as people write it. Looks at nothing but the time zone. Tested by
 * tests/unit/since.c. */
#ifndef GG_CLI_SINCE_H
#define GG_CLI_SINCE_H

#include <stdint.h>

/*
 * "2h", "30m", "3d": so long before now. "2026-11-26", "2026-11-26 17:00", "2026-11-26T17:00:05": local time,
 * or with a Z or +01:00 at the end of that one. Seconds since 1970. 0 or -EINVAL.
 */
int gg_since_parse(const char *s, int64_t now_s, int64_t *ret_s);

#endif
