/* reportstory - values from outside, and what a session has been through, as JSON. See report.h. */
#include <string.h>

#include "base/text.h"
#include "supervisor/report.h"

json_t *gg_report_text(const char *s)
{
	char mem[2 * GG_REPO_MAX];
	struct gg_buf b = GG_BUF(mem);
	json_t *j = json_string(s);

	if (j)
		return j;
	gg_escape(&b, s, strlen(s), GG_REPO_MAX);
	return json_string(b.s);
}

json_t *gg_report_number(int64_t n)
{
	return n < 0 || n == GG_NEVER ? json_null() : json_integer(n);
}

json_t *gg_report_split(const char *s, char by)
{
	const char end[] = { by, '\0' };
	json_t *a = json_array();

	while (s && *s) {
		size_t n = strcspn(s, end);

		json_array_append_new(a, json_stringn(s, n));
		s += n + (s[n] == by);
	}
	return a;
}

static json_t *timeline(const struct gg_story *st)
{
	json_t *a = json_array();

	for (size_t i = 0; i < st->nspan; i++)
		json_array_append_new(
			a, json_pack("{s:I, s:s, s:s}", "from_ms", (json_int_t)st->span[i].from_ms, "phase",
				     gg_phase_name(st->span[i].phase), "step", st->span[i].step));
	return a;
}

static json_t *log_lines(const struct gg_story *st)
{
	json_t *a = json_array();
	const char *line;

	for (size_t i = 0; (line = gg_story_line_at(st, i)); i++)
		json_array_append_new(a, gg_report_text(line));
	return a;
}

static json_t *silences(const struct gg_story *st)
{
	json_t *j = json_object();

	for (int i = 0; i < GG_NREASONS; i++)
		if (st->silence_ms[i])
			json_object_set_new(j, gg_reason_name((enum gg_reason)i),
					    json_integer((json_int_t)st->silence_ms[i]));
	return j;
}

void gg_report_story(json_t *to, const struct gg_story *st)
{
	json_object_set_new(to, "timeline", timeline(st));
	json_object_set_new(to, "timeline_left_out", json_integer((json_int_t)st->left_out));
	json_object_set_new(to, "log", log_lines(st));
	json_object_set_new(to, "evidence", gg_report_split(st->evidence, '\n'));
	json_object_set_new(to, "silences", silences(st));
}

json_t *gg_report_ended_whole(const struct gg_ended *e)
{
	json_t *j = gg_report_ended(e);

	gg_report_story(j, &e->story);
	return j;
}
