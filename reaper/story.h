/*
 * story - what a session has been through, kept for people: the phases it was seen in, what its hook said
 * that it does, its last log lines, and the evidence of a verdict. Filled by reaper/reaper.c and supervisor/;
 * shown by supervisor/report.c. Nothing is decided by it: without memory a part is missing, and nothing else
 * happens.
 */
#ifndef GG_REAPER_STORY_H
#define GG_REAPER_STORY_H

#include <stddef.h>
#include <stdint.h>

#include "reaper/policy.h"

#define GG_STORY_SPANS 24     /* that are kept: the first ones, and the last */
#define GG_STORY_FIRST 8      /* so many of the first */
#define GG_STORY_LINES 6      /* last lines of its log */
#define GG_STORY_LINE_MAX 240 /* bytes of a line that are kept */
#define GG_STORY_STEP_SIZE 32

/* From when on it was seen in a phase. A phase that passes between two looks is not there. */
struct gg_span {
	int64_t from_ms; /* since accept */
	enum gg_phase phase;
	char step[GG_STORY_STEP_SIZE]; /* of its hook; "" none */
};

struct gg_story {
	struct gg_span *span; /* owned; oldest first */
	size_t nspan, room;
	uint64_t left_out;	    /* spans between the first GG_STORY_FIRST and the rest that are gone */
	char *line[GG_STORY_LINES]; /* owned; the oldest that is kept is at nline % GG_STORY_LINES */
	uint64_t nline;		    /* all there were */
	char *evidence;		    /* owned; lines of text, see evidence.h; NULL: none */
	/*
	 * The longest silence, in ms, that counted against each reason's limit so far, by reason: INIT,
	 * COMMANDS, PACK_START, IDLE, NOT_READING, HOOK, WORK. 0: none was seen.
	 */
	int64_t silence_ms[GG_NREASONS];
};

/* It is seen in this phase, with this step. False: that says nothing new, and nothing is kept. */
bool gg_story_phase(struct gg_story *st, enum gg_phase phase, const char *step, int64_t from_ms);
void gg_story_line(struct gg_story *st, const char *line);
/* In the order they came; i from 0. NULL past the end. */
const char *gg_story_line_at(const struct gg_story *st, size_t i);
/* For so long has nothing happened that this reason's limit counts. */
void gg_story_silence(struct gg_story *st, enum gg_reason reason, int64_t ms);
/* Frees what is owned, and leaves it empty. */
void gg_story_free(struct gg_story *st);

#endif
