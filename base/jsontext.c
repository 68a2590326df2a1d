/* jsontext - see jsontext.h. */
#include "base/jsontext.h"

#include <string.h>

size_t gg_json_unit(const char *s, size_t len, char ret[GG_JSON_UNIT_MAX])
{
	struct gg_buf b = { .s = ret, .size = GG_JSON_UNIT_MAX };

	if (!len)
		gg_buf_add(&b, "\\ufffd");
	else if (*s == '"' || *s == '\\')
		gg_buf_add(&b, "\\%c", *s);
	else if (*s == '\n')
		gg_buf_add(&b, "\\n");
	else if (gg_is_control(gg_utf8_code(s, len)))
		gg_buf_add(&b, "\\u%04x", gg_utf8_code(s, len));
	else
		gg_buf_put(&b, s, len);
	return b.len;
}

void gg_json_string(struct gg_buf *b, const char *s)
{
	gg_buf_put(b, "\"", 1);
	for (size_t n = strlen(s), i = 0; i < n;) {
		size_t len = gg_utf8_len(s + i, n - i);
		char unit[GG_JSON_UNIT_MAX];

		gg_buf_put(b, unit, gg_json_unit(s + i, len, unit));
		i += len ? len : 1;
	}
	gg_buf_put(b, "\"", 1);
}
