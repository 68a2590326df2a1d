/* controlreq - a request on the control socket as values. See controlreq.h. */
#include "supervisor/controlreq.h"

#include <errno.h>
#include <string.h>

#include "hooks/pushconf.h"

static const char *text(const json_t *j, const char *name)
{
	return json_string_value(json_object_get(j, name));
}

static int64_t number(const json_t *j, const char *name)
{
	const json_t *v = json_object_get(j, name);

	return json_is_integer(v) && json_integer_value(v) >= 0 ? (int64_t)json_integer_value(v) : -1;
}

void gg_controlreq_parse(const char *line, size_t n, struct gg_controlreq *ret)
{
	json_t *j = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);

	*ret = (struct gg_controlreq){ .json = j };
#define TEXT(name) ret->name = text(j, #name);
#define NUMBER(name) ret->name = number(j, #name);
#define FLAG(name) ret->name = json_is_true(json_object_get(j, #name));
	GG_CONTROLREQ_TEXTS(TEXT)
	GG_CONTROLREQ_NUMBERS(NUMBER)
	GG_CONTROLREQ_FLAGS(FLAG)
#undef TEXT
#undef NUMBER
#undef FLAG
}

void gg_controlreq_free(struct gg_controlreq *r)
{
	json_decref(r->json);
	*r = (struct gg_controlreq){ .json = NULL };
}

bool gg_controlreq_is_step(const char *step)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	size_t n = strlen(step);

	return n <= GG_STEP_WORD_MAX && strspn(step, letters) == n;
}

int gg_controlreq_event(const struct gg_controlreq *r)
{
	bool theirs = r->event && (!strncmp(r->event, "push.", strlen("push.")) ||
				   !strncmp(r->event, "refresh.", strlen("refresh.")));

	return theirs ? gg_event_find(r->event) : -ENOENT;
}

/* Long enough for every reason and key of ours; outside text is escaped where it is written. */
static const char *at_most(const char *s, size_t max)
{
	return s && strlen(s) <= max ? s : NULL;
}

void gg_controlreq_fields(const struct gg_controlreq *r, struct gg_fields *f)
{
	f->reason = at_most(r->reason, GG_HOOK_REASON_MAX);
	f->key = at_most(r->key, GG_RULE_KEY_MAX - 1);
	f->upstream = r->upstream;
	f->duration_ms = r->duration_ms;
	f->commits = r->commits;
	f->objects = r->objects;
	f->refs = r->refs;
	f->bytes = r->bytes;
}
