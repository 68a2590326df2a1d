/* fetch - what a client says to fetch: whole messages, for raw.c. Pure. Each returns the bytes used of buf,
 * 0: too small. */
#ifndef GG_TORTURE_FETCH_H
#define GG_TORTURE_FETCH_H

#include <stddef.h>

size_t gg_fetch_v0(char *buf, size_t size, const char *oid);
size_t gg_fetch_v2(char *buf, size_t size, const char *oid);
/* Version 2: ls-refs. */
size_t gg_fetch_refs(char *buf, size_t size);
/* git archive of a branch. */
size_t gg_fetch_archive(char *buf, size_t size, const char *branch);

#endif
