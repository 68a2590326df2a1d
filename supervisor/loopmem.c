/* loopmem - see loopmem.h. */
#include "supervisor/loopmem.h"

#include <errno.h>
#include <ev.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RESERVE ((size_t)GG_LOOPMEM_PER_FD * GG_LOOPMEM_FDS)

/* Before each block that is in the reserve. */
struct head {
	size_t size;
	size_t padding; /* what follows is aligned as malloc's blocks are */
};

/* File scope: libev's allocator has no argument of ours. */
static char *reserve;
static size_t used; /* bytes from the beginning on */
static size_t blocks;

static bool in_reserve(const void *p)
{
	uintptr_t at = (uintptr_t)p, from = (uintptr_t)reserve;

	return reserve && at >= from && at < from + RESERVE;
}

static size_t size_of(void *p)
{
	return in_reserve(p) ? ((struct head *)p - 1)->size : malloc_usable_size(p);
}

static void *from_reserve(size_t size)
{
	size_t whole = sizeof(struct head) + (size + 15) / 16 * 16;
	struct head *h;

	if (!reserve || size > RESERVE || whole > RESERVE - used)
		return NULL;
	h = (struct head *)(void *)(reserve + used);
	h->size = size;
	used += whole;
	blocks++;
	return h + 1;
}

static void give_back(void *p)
{
	if (!in_reserve(p))
		return free(p);
	if (--blocks == 0)
		used = 0;
}

void *gg_loopmem_resize(void *p, long size)
{
	size_t want = (size_t)size, had;
	void *q;

	if (!size) {
		if (p)
			give_back(p);
		return NULL;
	}
	q = in_reserve(p) ? malloc(want) : realloc(p, want);
	if (q && !in_reserve(p))
		return q;
	if (!q)
		q = from_reserve(want);
	if (!q || !p)
		return q;
	had = size_of(p);
	memcpy(q, p, had < want ? had : want);
	give_back(p);
	return q;
}

int gg_loopmem_open(void)
{
	void *p = mmap(NULL, RESERVE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	reserve = p;
	ev_set_allocator(gg_loopmem_resize);
	return 0;
}
