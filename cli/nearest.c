/* nearest - see nearest.h. */
#include "cli/nearest.h"

#include <string.h>

#include "base/text.h"

enum { FURTHEST = 3, LONG = 6 };

void gg_nearest_try(struct gg_nearest *n, const char *word)
{
	int d = gg_distance(n->meant, word);

	if (d > (int)strnlen(n->meant, LONG) / 2 || d > FURTHEST || (n->best && d >= n->distance))
		return;
	n->best = word;
	n->distance = d;
}
