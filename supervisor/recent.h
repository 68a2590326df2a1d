/*
 * recent - the last events, as JSON lines, for `git-gate tail` and for the last error in `status`: also when
 * the log is a file that one may not read, or took none of them. Bounded in number and in bytes. Filled
 * through gg_event_listen; asked by supervisor/commands.c.
 */
#ifndef GG_SUPERVISOR_RECENT_H
#define GG_SUPERVISOR_RECENT_H

#include <jansson.h>
#include <stdint.h>

#include "supervisor/state.h"

#define GG_RECENT_MAX 500	     /* events that are kept */
#define GG_RECENT_BYTES (512 * 1024) /* and their bytes */
#define GG_RECENT_ANSWER 100	     /* events of one answer at most */

/* From here on events are kept. One at a time. 0 or -ENOMEM. */
int gg_recent_open(struct gg_recent **ret);
/* NULL is taken. */
void gg_recent_free(struct gg_recent *r);

struct gg_recent_ask {
	uint64_t after; /* the events that followed this one */
	int64_t last;	/* instead the last so many of those that are kept; -1: not asked for */
	const char *id; /* only those of this session; NULL: of all */
};

/*
 * { events, next, lost, more }: events as objects, oldest first; next is what to ask for after; lost, how
 * many there were between the one asked for and the first that is kept (of all sessions); more, whether an
 * answer to the next question has something already. NULL without memory.
 */
json_t *gg_recent_answer(const struct gg_recent *r, const struct gg_recent_ask *ask);

/* The last event of priority err or worse, however long ago; null when there was none. */
json_t *gg_recent_error(const struct gg_recent *r);

#endif
