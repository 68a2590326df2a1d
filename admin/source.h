/*
 * source - what the gate answers over its control socket, remembered for a second: however many ask us, the
 * gate is asked for each thing once a second. Effect; blocks for GG_SOURCE_MS at most.
 */
#ifndef GG_ADMIN_SOURCE_H
#define GG_ADMIN_SOURCE_H

#include <jansson.h>

#define GG_SOURCE_MS 2000

enum gg_topic {
	GG_TOPIC_HEALTH,
	GG_TOPIC_READY,
	GG_TOPIC_METRICS,
	GG_TOPIC_OVERVIEW,
	GG_TOPIC_ACCESS,
	GG_NTOPICS
};

struct gg_source;

/* control: path of the socket, copied. NULL without memory. */
struct gg_source *gg_source_new(const char *control);
void gg_source_free(struct gg_source *s);

/*
 * The data of the answer, borrowed until the next call. NULL: there is none, and *ret_why says why not, also
 * borrowed.
 */
const json_t *gg_source_get(struct gg_source *s, enum gg_topic topic, const char **ret_why);

#endif
