/*
 * jsonmem - did jansson have the memory that it wanted? Effect.
 *
 * json_object_set_new() and json_array_append_new() leave out what cannot be allocated, and json_dumps() may
 * cut its text short: without memory the result looks like an answer, and is another. So whoever makes one
 * compares the number of lacks before and after, and gives it away whole or not at all. json_loadb() is no
 * different: it does not tell whether it was given no JSON or had no memory for it, and may leave out a part.
 * Tested by tests/process/t0170.
 */
#ifndef GG_BASE_JSONMEM_H
#define GG_BASE_JSONMEM_H

#include <stdint.h>

/* Once, before jansson is used. */
void gg_jsonmem_open(void);

/* How often there was none, so far. */
uint64_t gg_jsonmem_lacks(void);

/* There was none for a part of what is being made, which jansson has not been asked for. */
void gg_jsonmem_lack(void);

#endif
