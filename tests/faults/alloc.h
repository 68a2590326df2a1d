/* alloc - make the N-th allocation fail. For tests: linked into the unit tests, and a shared object for
 * LD_PRELOAD. */
#ifndef GG_TESTS_FAULTS_ALLOC_H
#define GG_TESTS_FAULTS_ALLOC_H

#include <stdint.h>

#define GG_ALLOC_FRAMES 32

/*
 * What is counted and what fails. In a program that was started with LD_PRELOAD it is the file that
 * $ALLOC_FAULTS names, mapped shared, so that a test sets it while the program runs; alloc.py knows this
 * layout. Counted is what happens while armed, by malloc, calloc, realloc and the aligned ones, whoever calls
 * them: libc (strdup, asprintf, open_memstream, getline, opendir), libev, jansson and all others.
 */
struct gg_alloc_faults {
	char program[32];   /* only in the program of this name; "": in any */
	uint64_t armed;	    /* 0: nothing is counted, nothing fails */
	uint64_t fail_at;   /* the number of the first that fails, from 1 on; 0: none does */
	uint64_t fail_last; /* and of the last */
	uint64_t one_in;    /* instead: one of so many fails, by chance; 0: none */
	uint64_t seed;	    /* of that chance; changes with each */
	uint64_t count;	    /* so many were asked for */
	uint64_t failed;    /* so many failed */
	uint64_t ready;	    /* pid of the process that looks at this, set when it does */
	int64_t live;	    /* allocated and not freed, from the beginning of the process on */
	uint64_t base;	    /* where the program was loaded */
	uint64_t nframes;   /* of the last that failed: who called, innermost first */
	uint64_t frame[GG_ALLOC_FRAMES];
};

/* NULL: nothing fails here: a sanitizer has an allocator of its own, or $ALLOC_FAULTS is not set. */
struct gg_alloc_faults *gg_alloc_faults(void);

#endif
