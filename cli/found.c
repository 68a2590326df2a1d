/* found - see found.h. */
#include "cli/found.h"

#include <stdarg.h>

#include "base/text.h"
#include "cli/format.h"
#include "cli/say.h"

/* Control characters are made visible once all is put together. */
static void put(char *to, size_t size, const char *fmt, va_list ap)
{
	char raw[4096];
	struct gg_buf r = GG_BUF(raw), shown = { .s = to, .size = size };

	gg_buf_vadd(&r, fmt, ap);
	gg_visible(&shown, raw);
}

static void fill(struct gg_found *f, enum gg_result result, const char *fmt, va_list ap)
{
	f->result = result;
	f->cure[0] = '\0';
	put(f->text, sizeof(f->text), fmt, ap);
}

bool gg_found_ok(struct gg_found *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(f, GG_RESULT_OK, fmt, ap);
	va_end(ap);
	return true;
}

bool gg_found_bad(struct gg_found *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(f, GG_RESULT_FAILED, fmt, ap);
	va_end(ap);
	return false;
}

bool gg_found_warn(struct gg_found *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(f, GG_RESULT_WARN, fmt, ap);
	va_end(ap);
	return true;
}

bool gg_found_skip(struct gg_found *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(f, GG_RESULT_SKIPPED, fmt, ap);
	va_end(ap);
	return true;
}

bool gg_found_cure(struct gg_found *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(f->cure, sizeof(f->cure), fmt, ap);
	va_end(ap);
	return false;
}

const char *gg_result_word(enum gg_result r)
{
	static const char *const words[] = { "ok", "warn", "failed", "skipped" };

	return words[r];
}

void gg_found_say(const struct gg_found *f)
{
	gg_say("%s", f->text);
	if (*f->cure)
		gg_say("%s", f->cure);
}
