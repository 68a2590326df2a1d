/* value - see value.h. */
#include "cli/value.h"

#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "cli/format.h"

enum { MAX_TEXT = 1024 }; /* bytes of outside text in one place */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

void gg_value_add_time(struct gg_buf *b, int64_t epoch)
{
	time_t t = (time_t)epoch;
	struct tm tm;
	char s[64];

	if (localtime_r(&t, &tm) && strftime(s, sizeof(s), "%Y-%m-%d %H:%M:%S", &tm))
		gg_buf_add(b, "%s", s);
	else
		gg_buf_add(b, "%lld", (long long)epoch);
}

/* As waitpid gives it. */
static void add_status(struct gg_buf *b, int64_t v)
{
	int status = (int)v;

	if (WIFSIGNALED(status))
		gg_buf_add(b, "signal %d", WTERMSIG(status));
	else
		gg_buf_add(b, "exit %d", WEXITSTATUS(status));
}

static void add_int(struct gg_buf *b, const char *key, int64_t v)
{
	if (strncmp(key, "rate_", strlen("rate_")) == 0)
		gg_human_size(b, v);
	else if (ends_with(key, "_ms"))
		gg_human_ms(b, v);
	else if (strncmp(key, "bytes_", strlen("bytes_")) == 0 || ends_with(key, "_bytes"))
		gg_human_size(b, v);
	else if (strcmp(key, "time") == 0)
		gg_value_add_time(b, v);
	else if (strcmp(key, "status") == 0)
		add_status(b, v);
	else
		gg_buf_add(b, "%lld", (long long)v);
}

static void add_real(struct gg_buf *b, const char *key, double v)
{
	if (v > -9e18 && v < 9e18 && strcmp(key, "time") == 0)
		add_int(b, key, (int64_t)v);
	else
		gg_buf_add(b, "%g", v);
}

static void add_array(struct gg_buf *b, const char *key, const json_t *v)
{
	for (size_t i = 0; i < json_array_size(v); i++) {
		if (i)
			gg_buf_add(b, ",");
		gg_value_add(b, key, json_array_get(v, i));
	}
	if (!json_array_size(v))
		gg_buf_add(b, "-");
}

static void add_object(struct gg_buf *b, json_t *v)
{
	const char *key, *gap = "";
	json_t *member;

	json_object_foreach(v, key, member)
	{
		gg_buf_add(b, "%s", gap);
		gg_value_label(b, key);
		gg_buf_add(b, "=");
		gg_value_add(b, key, member);
		gap = ", ";
	}
	if (!json_object_size(v))
		gg_buf_add(b, "-");
}

void gg_value_add(struct gg_buf *b, const char *key, const json_t *v)
{
	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_STRING:
		if (json_string_length(v))
			gg_escape(b, json_string_value(v), json_string_length(v), MAX_TEXT);
		else
			gg_buf_add(b, "-");
		return;
	case JSON_INTEGER:
		add_int(b, key, json_integer_value(v));
		return;
	case JSON_REAL:
		add_real(b, key, json_real_value(v));
		return;
	case JSON_TRUE:
		gg_buf_add(b, "yes");
		return;
	case JSON_FALSE:
		gg_buf_add(b, "no");
		return;
	case JSON_ARRAY:
		add_array(b, key, v);
		return;
	case JSON_OBJECT:
		add_object(b, (json_t *)v); /* iterating takes no const */
		return;
	case JSON_NULL:
		gg_buf_add(b, "-");
		return;
	}
}

void gg_value_add_counts(struct gg_buf *b, json_t *v)
{
	const char *key, *gap = "";
	json_t *n;

	json_object_foreach(v, key, n)
	{
		gg_buf_add(b, "%s", gap);
		gg_visible(b, key);
		gg_buf_add(b, " %lld", (long long)json_integer_value(n));
		gap = ", ";
	}
	if (!json_object_size(v))
		gg_buf_add(b, "-");
}

void gg_value_label(struct gg_buf *b, const char *key)
{
	size_t n = strlen(key);
	const char *unit[] = { "_ms", "_bytes" };

	gg_buf_put(b, "", 0); /* the buffer may be new, and the key empty */
	for (size_t i = 0; i < sizeof(unit) / sizeof(*unit); i++)
		if (ends_with(key, unit[i]) && n == strlen(key))
			n -= strlen(unit[i]);
	for (size_t i = 0, step; i < n; i += step) {
		step = gg_utf8_len(key + i, n - i);
		if (!step)
			step = 1;
		if (key[i] == '_')
			gg_buf_add(b, " ");
		else
			gg_escape(b, key + i, step, step);
	}
}
