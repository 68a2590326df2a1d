/* say - see say.h. */
#include "cli/say.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/format.h"

void gg_say(const char *fmt, ...)
{
	char raw[4096], shown[2 * sizeof(raw)];
	struct gg_buf r = GG_BUF(raw), s = GG_BUF(shown);
	va_list ap;

	va_start(ap, fmt);
	gg_buf_vadd(&r, fmt, ap);
	va_end(ap);
	gg_visible(&s, raw);
	fprintf(stderr, "git-gate: %s%s\n", shown, r.cut ? "..." : "");
}
