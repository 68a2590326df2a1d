/* envsearch - see envsearch.h. */
#include "reaper/envsearch.h"

#include <errno.h>

int gg_envsearch_byte(struct gg_envsearch *e, char c)
{
	if (e->value) {
		if (e->n == e->size) {
			e->buf[0] = 0;
			return -ENODATA;
		}
		e->buf[e->n++] = c;
		return !c;
	}
	if (!c) {
		e->at = 0;
		e->other = false;
	} else if (!e->other && !e->name[e->at]) {
		e->value = c == '=';
		e->other = !e->value;
	} else if (!e->other) {
		e->other = c != e->name[e->at++];
	}
	return 0;
}
