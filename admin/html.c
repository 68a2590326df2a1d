/* html - see html.h. */
#include "admin/html.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

/* Has no look of its own, or changes that of others: what is a control elsewhere, and all that is invisible.
 */
static bool is_hidden(uint32_t c)
{
	return gg_is_control(c) || c == 0xad || (c >= 0x200b && c <= 0x200d) ||
	       (c >= 0x2060 && c <= 0x2065) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
	       (c & 0xfffe) == 0xfffe || (c >= 0xe0000 && c <= 0xe007f);
}

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static void put(FILE *to, const char *s, size_t n)
{
	uint32_t c = gg_utf8_code(s, n);
	const char *e = n == 1 ? entity(*s) : NULL;

	if (e)
		fputs(e, to);
	else if (is_hidden(c))
		fprintf(to, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
	else
		fwrite(s, 1, n, to);
}

void gg_html_text(FILE *to, const char *s, size_t max)
{
	size_t left = strlen(s), taken = 0;

	while (left) {
		size_t n = gg_utf8_len(s, left);

		if (taken + (n ? n : 1) > max) {
			fputs("...", to);
			return;
		}
		if (n)
			put(to, s, n);
		else
			fprintf(to, "\\x%02x", (unsigned char)*s);
		n = n ? n : 1;
		s += n;
		left -= n;
		taken += n;
	}
}

void gg_html_ms(FILE *to, int64_t ms)
{
	char mem[64];
	struct gg_buf b = GG_BUF(mem);

	gg_human_ms(&b, ms);
	fputs(mem, to);
}

void gg_html_bytes(FILE *to, int64_t n)
{
	char mem[32];
	struct gg_buf b = GG_BUF(mem);

	gg_human_size(&b, n);
	fputs(mem, to);
}
