/* eventline - see eventline.h. */
#include "cli/eventline.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "cli/format.h"

/* What stands before the fields, or is in no text line. */
static bool is_field(const char *key)
{
	static const char *const others[] = { "time", "event", "priority", "message", "instance" };

	for (size_t i = 0; i < GG_LEN(others); i++)
		if (strcmp(key, others[i]) == 0)
			return false;
	return true;
}

/* Words of ours, but who knows who answers. */
static void add_word(struct gg_buf *b, const json_t *event, const char *key)
{
	gg_visible(b, json_string_value(json_object_get(event, key)) ?: "-");
}

static void add_field(struct gg_buf *b, const char *key, const json_t *v)
{
	size_t n = strlen(key);
	bool is_time = n > 3 && strcmp(key + n - 3, "_ms") == 0;
	char name[64];
	struct gg_buf k = GG_BUF(name);

	gg_escape(&k, key, is_time ? n - 3 : n, 32);
	gg_buf_add(b, " %s=", name);
	if (json_is_string(v))
		gg_event_text_value(b, json_string_value(v));
	else if (json_is_integer(v) && is_time)
		gg_duration_add(b, json_integer_value(v));
	else if (json_is_integer(v))
		gg_buf_add(b, "%lld", (long long)json_integer_value(v));
	else
		gg_buf_add(b, "-");
}

void gg_event_line(struct gg_buf *b, json_t *event)
{
	const char *key;
	json_t *v;

	add_word(b, event, "time");
	gg_buf_add(b, " ");
	add_word(b, event, "event");
	gg_buf_add(b, ": ");
	gg_event_text_message(b, json_string_value(json_object_get(event, "message")) ?: "");
	json_object_foreach(event, key, v)
	{
		if (is_field(key) && !json_is_array(v))
			add_field(b, key, v);
	}
}
