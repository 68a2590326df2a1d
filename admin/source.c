/* source - see source.h. */
#include "admin/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ask.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/jsonmem.h"

enum { FRESH_MS = 1000, ANSWER_MAX = 16 << 20 };

struct gg_source {
	char *control;
	struct known {
		int64_t asked_ms; /* 0: never */
		json_t *data;	  /* NULL: why says why not */
		char why[200];
	} known[GG_NTOPICS];
};

struct gg_source *gg_source_new(const char *control)
{
	struct gg_source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->control = strdup(control);
	if (s->control)
		return s;
	free(s);
	return NULL;
}

void gg_source_free(struct gg_source *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < GG_NTOPICS; i++)
		json_decref(s->known[i].data);
	free(s->control);
	free(s);
}

static const char *explain(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
	case -ECONNREFUSED:
		return "no gate is running";
	case -ETIMEDOUT:
	case -EAGAIN:
		return "the gate does not answer";
	case -ENODATA:
		return "the gate closed the connection without an answer";
	default:
		return strerror(-err);
	}
}

static void ask(const struct gg_source *s, struct known *k, const char *line)
{
	AUTO_FREE char *answer = NULL;
	size_t n = 0;
	int e = gg_ask(s->control, line, strlen(line), GG_SOURCE_MS, ANSWER_MAX, &answer, &n);
	uint64_t lacks = gg_jsonmem_lacks();
	const char *error;
	json_t *all;

	all = e < 0 ? NULL : json_loadb(answer, n, 0, NULL);
	if (gg_jsonmem_lacks() != lacks) {
		json_decref(all);
		all = NULL;
		e = e ? e : -ENOMEM;
	}
	error = json_string_value(json_object_get(all, "error"));

	json_decref(k->data);
	k->data = json_incref(json_object_get(all, "data"));
	if (!k->data)
		snprintf(k->why, sizeof(k->why), "%s",
			 e < 0	 ? explain(e)
			 : error ? error
				 : "what answers is no gate");
	json_decref(all);
}

const json_t *gg_source_get(struct gg_source *s, enum gg_topic topic, const char **ret_why)
{
	static const char *const lines[GG_NTOPICS] = {
		[GG_TOPIC_HEALTH] = "{\"cmd\":\"health\"}\n",
		[GG_TOPIC_READY] = "{\"cmd\":\"ready\"}\n",
		[GG_TOPIC_METRICS] = "{\"cmd\":\"metrics\"}\n",
		[GG_TOPIC_OVERVIEW] = "{\"cmd\":\"overview\"}\n",
		[GG_TOPIC_ACCESS] = "{\"cmd\":\"access\"}\n",
	};
	struct known *k = &s->known[topic];

	if (!k->asked_ms || gg_now_ms() - k->asked_ms >= FRESH_MS) {
		ask(s, k, lines[topic]);
		k->asked_ms = gg_now_ms(); /* a gate that hangs is given a rest too */
	}
	*ret_why = k->why;
	return k->data;
}
