/*
 * jsontext - JSON strings in the caller's memory: for who may have no memory to ask for. Pure. Tested by
 * tests/unit/text.c.
 */
#ifndef GG_BASE_JSONTEXT_H
#define GG_BASE_JSONTEXT_H

#include "base/text.h"

enum { GG_JSON_UNIT_MAX = 16 };

/*
 * The character of len bytes that s begins with as it stands inside a JSON string; len 0: a byte that is no
 * UTF-8, for which the replacement character stands. Returns the bytes of it.
 */
size_t gg_json_unit(const char *s, size_t len, char ret[GG_JSON_UNIT_MAX]);

/* Append s as a JSON string, in its quotes. */
void gg_json_string(struct gg_buf *b, const char *s);

#endif
