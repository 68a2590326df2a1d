/* story - what a session has been through. See story.h. */
#include "reaper/story.h"

#include <stdlib.h>
#include <string.h>

/* The oldest that is none of the first makes room. */
static struct gg_span *next_span(struct gg_story *st)
{
	if (st->span && st->nspan == GG_STORY_SPANS) {
		memmove(st->span + GG_STORY_FIRST, st->span + GG_STORY_FIRST + 1,
			(GG_STORY_SPANS - GG_STORY_FIRST - 1) * sizeof(*st->span));
		st->left_out++;
		return &st->span[GG_STORY_SPANS - 1];
	}
	if (st->nspan == st->room) {
		size_t want = st->room ? st->room * 2 : 3;
		struct gg_span *v;

		want = want < GG_STORY_SPANS ? want : GG_STORY_SPANS;
		v = realloc(st->span, want * sizeof(*v));
		if (!v)
			return NULL;
		st->span = v;
		st->room = want;
	}
	return &st->span[st->nspan++];
}

bool gg_story_phase(struct gg_story *st, enum gg_phase phase, const char *step, int64_t from_ms)
{
	struct gg_span *last = st->nspan ? &st->span[st->nspan - 1] : NULL, *s;
	size_t n = strnlen(step, GG_STORY_STEP_SIZE - 1);

	if (last && last->phase == phase && !strcmp(last->step, step))
		return false;
	s = next_span(st);
	if (!s)
		return true;
	*s = (struct gg_span){ .from_ms = from_ms, .phase = phase };
	memcpy(s->step, step, n);
	return true;
}

void gg_story_line(struct gg_story *st, const char *line)
{
	char **slot = &st->line[st->nline % GG_STORY_LINES];
	char *copy = strndup(line, GG_STORY_LINE_MAX);

	if (!copy)
		return;
	free(*slot);
	*slot = copy;
	st->nline++;
}

const char *gg_story_line_at(const struct gg_story *st, size_t i)
{
	uint64_t kept = st->nline < GG_STORY_LINES ? st->nline : GG_STORY_LINES;

	return i < kept ? st->line[(st->nline - kept + i) % GG_STORY_LINES] : NULL;
}

void gg_story_silence(struct gg_story *st, enum gg_reason reason, int64_t ms)
{
	if (ms > st->silence_ms[reason])
		st->silence_ms[reason] = ms;
}

void gg_story_free(struct gg_story *st)
{
	free(st->span);
	for (size_t i = 0; i < GG_STORY_LINES; i++)
		free(st->line[i]);
	free(st->evidence);
	*st = (struct gg_story){ 0 };
}
