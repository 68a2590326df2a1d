/*
 * controlreq - a request on the control socket as values (supervisor/protocol.md): a line that anybody in the
 * socket's group may write. Looks at nothing but the line. Called by supervisor/commands.c, which answers it;
 * the commands have it as what is here, and no JSON. Fuzzed by tests/fuzz/fuzz-control.c.
 */
#ifndef GG_SUPERVISOR_CONTROLREQ_H
#define GG_SUPERVISOR_CONTROLREQ_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/event.h"

/* The only list of members; who needs which is the commands' business. */
#define GG_CONTROLREQ_TEXTS(X) X(cmd) X(id) X(reason) X(step) X(event) X(message) X(key) X(upstream)
#define GG_CONTROLREQ_NUMBERS(X) X(after) X(last) X(duration_ms) X(commits) X(objects) X(refs) X(bytes)
#define GG_CONTROLREQ_FLAGS(X) X(all)

struct gg_controlreq {
#define TEXT(name) const char *name; /* UTF-8 without a NUL; NULL: it is not there, or is no text */
#define NUMBER(name) int64_t name;   /* -1: it is not there, or is no integer, or negative */
#define FLAG(name) bool name;	     /* false also when it is no truth value */
	GG_CONTROLREQ_TEXTS(TEXT)
	GG_CONTROLREQ_NUMBERS(NUMBER)
	GG_CONTROLREQ_FLAGS(FLAG)
#undef TEXT
#undef NUMBER
#undef FLAG
	json_t *json; /* owned: has the texts. NULL: the line was no JSON */
};

#define GG_STEP_WORD_MAX 31   /* bytes of a step */
#define GG_HOOK_REASON_MAX 64 /* and of a hook's reason */

/* n bytes without the newline. Never fails: what is no request has no cmd, nor anything else. */
void gg_controlreq_parse(const char *line, size_t n, struct gg_controlreq *ret);
void gg_controlreq_free(struct gg_controlreq *r);

/* May a hook say that it does this? "": nothing any more. */
bool gg_controlreq_is_step(const char *step);
/* The event that a hook wants to have recorded; a negative number: it may not, or there is none. */
int gg_controlreq_event(const struct gg_controlreq *r);
/* What a hook says of what it did, in place of what f has; reason and key only when they have a good size. */
void gg_controlreq_fields(const struct gg_controlreq *r, struct gg_fields *f);

#endif
