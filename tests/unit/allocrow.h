/*
 * allocrow - one operation for want of memory: its 1st, 2nd, ... allocation fails, one at a time, until none
 * is reached. It fails with -ENOMEM, or does with less where its header says so; nothing leaks; and the
 * object does the same afterwards as if nothing had been. For alloc.c and its like.
 */
#ifndef GG_TESTS_ALLOCROW_H
#define GG_TESTS_ALLOCROW_H

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/jsonmem.h"
#include "tests/faults/alloc.h"

struct row {
	const char *what;
	int (*run)(void *o, uint64_t *sum); /* sum: of what came of it */
	void *(*make)(void);
	void (*drop)(void *o);
	/* of its allocations, at the beginning and at the end; 0: each. It has one for each process of the
	 * machine */
	uint64_t most;
	bool strict; /* no allocation of it may fail and it succeed */
};

/* What supervisor/commands.c does with every answer; sum: how many parts it has. */
static inline int whole_answer(json_t *j, uint64_t lacks, uint64_t *sum)
{
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	int r = text && gg_jsonmem_lacks() == lacks ? 0 : -ENOMEM;

	json_decref(j);
	*sum = 0;
	for (const char *s = text; s && *s; s++)
		*sum += *s == ':' || *s == ',';
	free(text);
	return r;
}

static inline uint64_t disarm(struct gg_alloc_faults *f)
{
	f->armed = 0;
	return f->failed;
}

static inline void arm(struct gg_alloc_faults *f, uint64_t at)
{
	f->count = f->failed = 0;
	f->fail_at = f->fail_last = at;
	f->armed = 1;
}

/* Who asked for it, for tests/faults/callers: a line of addresses in the program. */
static inline void note_site(const struct gg_alloc_faults *f)
{
	const char *file = getenv("ALLOC_SITES");
	int fd = file ? open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;

	for (uint64_t i = 0; fd >= 0 && i < f->nframes; i++)
		dprintf(fd, "%lx%s", (unsigned long)(f->frame[i] - f->base - 1),
			i + 1 < f->nframes ? " " : "\n");
	if (fd >= 0)
		close(fd);
}

/* The at-th allocation fails. False: so many were not asked for. */
static inline bool fail_one(struct gg_alloc_faults *f, const struct row *w, uint64_t at, uint64_t want)
{
	int64_t live = f->live;
	void *o = w->make ? w->make() : NULL;
	uint64_t sum = 0, failed;
	int r;

	arm(f, at);
	r = w->run(o, &sum);
	failed = disarm(f);
	if (failed)
		note_site(f);
	cr_assert((failed && r == -ENOMEM) || (r == 0 && sum == want && !(failed && w->strict)),
		  "%s, %u: %d, %u", w->what, (unsigned)at, r, (unsigned)sum);
	r = w->run(o, &sum);
	cr_assert(r == 0 && sum == want, "%s, after %u: %d, %u", w->what, (unsigned)at, r, (unsigned)sum);
	if (w->drop)
		w->drop(o);
	cr_assert_eq(f->live, live, "%s, %u: %d are not freed", w->what, (unsigned)at, (int)(f->live - live));
	return failed;
}

static inline void fail_each(struct gg_alloc_faults *f, const struct row *w)
{
	void *o = w->make ? w->make() : NULL;
	uint64_t want = 0, at = 1, total;

	arm(f, 0);
	cr_assert_eq(w->run(o, &want), 0, "%s", w->what);
	disarm(f);
	total = f->count;
	if (w->drop)
		w->drop(o);
	while ((!w->most || at <= w->most) && fail_one(f, w, at, want))
		at++;
	cr_assert_gt(at, 1, "%s allocates nothing", w->what);
	for (at = w->most && total > 2 * w->most ? total - w->most : total + 1; at <= total; at++)
		fail_one(f, w, at, want);
}

#endif
