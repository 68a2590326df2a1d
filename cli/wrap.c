/* wrap - see wrap.h. */
#include "cli/wrap.h"

#include <stdbool.h>
#include <string.h>

#include "cli/charwidth.h"
#include "cli/format.h"
#include "cli/table.h"

enum { USUAL = 80, WIDEST = 100, NARROWEST = 20 };

size_t gg_wrap_width(void)
{
	size_t n = gg_table_terminal();

	if (!n)
		return USUAL;
	return n > WIDEST ? WIDEST : n < NARROWEST ? NARROWEST : n;
}

/* Columns of the first n bytes of s. */
static size_t columns(const char *s, size_t n)
{
	size_t sum = 0, len;

	for (size_t i = 0; i < n; i += len)
		sum += gg_char_columns(s + i, &len);
	return sum;
}

void gg_wrap(FILE *to, const char *text, size_t first, size_t indent, size_t width)
{
	size_t column = first;
	bool begun = false; /* a word stands on this line */

	if (!width || (first ? first : indent) + gg_columns(text) <= width) {
		fprintf(to, "%*s%s\n", first ? 0 : (int)indent, "", text);
		return;
	}
	for (const char *s = text + strspn(text, " "); *s; s += strspn(s, " ")) {
		size_t n = strcspn(s, " "), w = columns(s, n), gap;

		if ((begun || first) && column + begun + w > width && column > indent) {
			fputc('\n', to);
			column = first = 0;
			begun = false;
		}
		gap = begun ? 1 : column ? 0 : indent;
		fprintf(to, "%*s", (int)gap, "");
		fwrite(s, 1, n, to);
		column += gap + w;
		begun = true;
		s += n;
	}
	fputc('\n', to);
}
