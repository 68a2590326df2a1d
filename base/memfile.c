/* memfile - see memfile.h. */
#include "base/memfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

enum { FIRST_ROOM = 4096 };

/* One byte is kept for a NUL. */
static int make_room(struct gg_memfile *m, size_t n)
{
	size_t room = 2 * (m->n + n) + 1;
	char *more;

	if (m->n + n < m->room)
		return 0;
	more = realloc(m->text, room);
	if (!more)
		return -ENOMEM;
	m->text = more;
	m->room = room;
	return 0;
}

/* Once a part is missing nothing more is taken. 0 is an error to the FILE. */
static ssize_t put(void *cookie, const char *bytes, size_t n)
{
	struct gg_memfile *m = cookie;

	m->lacks = m->lacks || make_room(m, n) < 0;
	if (m->lacks)
		return 0;
	memcpy(m->text + m->n, bytes, n);
	m->n += n;
	return (ssize_t)n;
}

FILE *gg_memfile_open(struct gg_memfile *m)
{
	FILE *f;

	*m = (struct gg_memfile){ .text = malloc(FIRST_ROOM), .room = FIRST_ROOM };
	f = m->text ? fopencookie(m, "w", (cookie_io_functions_t){ .write = put }) : NULL;
	if (!f) {
		free(m->text);
		m->text = NULL;
	}
	return f;
}

int gg_memfile_close(FILE *f, struct gg_memfile *m, char **ret, size_t *ret_n)
{
	bool bad = fclose(f) != 0;

	if (bad || m->lacks) {
		free(m->text);
		m->text = NULL;
		return -ENOMEM;
	}
	m->text[m->n] = '\0';
	*ret = m->text;
	*ret_n = m->n;
	m->text = NULL;
	return 0;
}
