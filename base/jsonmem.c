/* jsonmem - see jsonmem.h. */
#include "base/jsonmem.h"

#include <jansson.h>
#include <stdlib.h>

/* File scope: jansson's allocator has no argument of ours. */
static uint64_t lacks;

static void *allocate(size_t size)
{
	void *p = malloc(size);

	lacks += !p && size;
	return p;
}

void gg_jsonmem_open(void)
{
	json_set_alloc_funcs(allocate, free);
}

uint64_t gg_jsonmem_lacks(void)
{
	return lacks;
}

void gg_jsonmem_lack(void)
{
	lacks++;
}
