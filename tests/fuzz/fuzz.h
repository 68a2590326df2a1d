/* What fuzzers share. A property that does not hold ends the program, which libFuzzer keeps the input of. */
#ifndef GG_FUZZ_H
#define GG_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static inline void must(bool ok)
{
	if (!ok)
		abort();
}

/*
 * A place that some input of a run has to come to, since a fuzzer that is turned away at the first check
 * looks at nothing. With FUZZ_PLACES in the environment (tests/fuzz/run sets it; one input alone comes to a
 * few) the fuzzer fails at its end for those that none came to.
 */
struct fuzz_place {
	const char *what;
	bool come;
};

#define came_to(text) \
	do { \
		static struct fuzz_place place __attribute__((section("places"), used)) = { text, false }; \
		place.come = true; \
	} while (0)

/* The linker's own, around all that is in the section; none at all without a place. */
extern struct fuzz_place __start_places[] __attribute__((weak)), __stop_places[] __attribute__((weak));

static void look_at_places(void)
{
	bool all = true;

	for (struct fuzz_place *p = __start_places; p < __stop_places; p++)
		if (!p->come) {
			fprintf(stderr, "no input came to: %s\n", p->what);
			all = false;
		}
	if (!all)
		_exit(1);
}

__attribute__((constructor)) static void watch_places(void)
{
	if (getenv("FUZZ_PLACES"))
		must(atexit(look_at_places) == 0);
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
