/* What fuzzers share. A property that does not hold ends the program, which libFuzzer keeps the input of. */
#ifndef GG_FUZZ_H
#define GG_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static inline void must(bool ok)
{
	if (!ok)
		abort();
}

/* A copy of exactly that size and a NUL: a sanitizer sees one byte too many. For free(). */
static inline char *text_of(const uint8_t *data, size_t n)
{
	char *s = malloc(n + 1);

	must(s != NULL);
	memcpy(s, data, n);
	s[n] = '\0';
	return s;
}

/* What follows the first NUL of such a copy; its end when there is none. */
static inline char *behind(char *s, size_t n)
{
	size_t first = strlen(s);

	return s + first + (first < n);
}

/* One line of valid UTF-8 that drives no terminal. */
static inline void must_be_line(const char *s)
{
	for (size_t n = strlen(s), i = 0, len; i < n; i += len) {
		len = gg_utf8_len(s + i, n - i);
		must(len && !gg_is_control(gg_utf8_code(s + i, len)));
	}
}

#endif
