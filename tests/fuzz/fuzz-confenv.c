/* Fuzz gg_reader_feed_env: variables, one after each NUL. Errors stay printable, and name a variable; nothing
 * is taken from anything but a variable of ours. */
#include "base/cleanup.h"
#include "base/conf.h"
#include "base/confkey.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_VARIABLES = 64 };

static void check_error(const char *s)
{
	if (strncmp(s, "GIT_GATE_", strlen("GIT_GATE_")) != 0 &&
	    strcmp(s, "too many errors; the rest is not shown"))
		abort();
	for (size_t size = strlen(s), i = 0, len; i < size; i += len) {
		len = gg_utf8_len(s + i, size - i);
		if (!len || (unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			abort();
	}
}

static void check_origin(const char *s)
{
	if (strcmp(s, "default") && strncmp(s, "environment GIT_GATE_", strlen("environment GIT_GATE_")))
		abort();
}

static void section(const char *origin)
{
	check_origin(origin);
	if (strcmp(origin, "default"))
		came_to("a setting of a section");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *text = malloc(n + 1);
	char *env[MAX_VARIABLES + 1];
	size_t count = 0;
	struct gg_reader r;

	if (!text)
		abort();
	memcpy(text, data, n);
	text[n] = '\0';
	for (size_t at = 0; at < n && count < MAX_VARIABLES; at += strlen(text + at) + 1)
		env[count++] = text + at;
	env[count] = NULL;
	if (gg_reader_init(&r) < 0 || gg_reader_feed_env(&r, env) < 0)
		abort();
	for (size_t i = 0; i < r.nerror; i++) {
		came_to("an error");
		check_error(r.error[i]);
	}
	for (enum gg_key k = 0; k < GG_NKEYS; k++) {
		check_origin(r.origin[k]);
		if (strcmp(r.origin[k], "default"))
			came_to("a setting");
	}
	for (enum gg_section s = 0; s < GG_NSECTIONS; s++)
		for (size_t i = 0; i < gg_section_count(&r.conf, s); i++)
			for (size_t k = 0; k < gg_section_kind(s)->nkeys; k++)
				section(*gg_section_origin(&r, s, i, k));
	gg_reader_free(&r);
	return 0;
}
