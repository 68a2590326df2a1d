/* alloc - see alloc.h. */
#include "tests/faults/alloc.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)

struct gg_alloc_faults *gg_alloc_faults(void)
{
	return NULL;
}

#else

/* glibc's own, under the names that it exports for this */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *p);

/* File scope: an allocator has no argument of ours. */
static struct gg_alloc_faults none, *faults;
static int64_t live; /* before faults is known, and where it is not */
static __thread bool inside;

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void note_callers(struct gg_alloc_faults *f)
{
	void *v[GG_ALLOC_FRAMES];
	int n;

	inside = true;
	n = backtrace(v, GG_ALLOC_FRAMES);
	inside = false;
	f->nframes = (uint64_t)n;
	for (int i = 0; i < n; i++)
		f->frame[i] = (uint64_t)(uintptr_t)v[i];
}

static bool fails(void)
{
	struct gg_alloc_faults *f = faults;
	uint64_t n;

	if (!f || !__atomic_load_n(&f->armed, __ATOMIC_ACQUIRE) || inside)
		return false;
	n = __atomic_add_fetch(&f->count, 1, __ATOMIC_RELAXED);
	if (f->one_in ? next_random(&f->seed) % f->one_in != 0
		      : !f->fail_at || n < f->fail_at || n > f->fail_last)
		return false;
	f->failed++;
	note_callers(f);
	errno = ENOMEM;
	return true;
}

static void *counted(void *p)
{
	if (p && !inside)
		__atomic_add_fetch(faults ? &faults->live : &live, 1, __ATOMIC_RELAXED);
	return p;
}

void *malloc(size_t size)
{
	return fails() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *p, size_t size)
{
	if (!p)
		return malloc(size);
	if (!size) {
		free(p);
		return NULL;
	}
	return fails() ? NULL : __libc_realloc(p, size);
}

void *memalign(size_t align, size_t size);
void *memalign(size_t align, size_t size)
{
	return fails() ? NULL : counted(__libc_memalign(align, size));
}

void *aligned_alloc(size_t align, size_t size)
{
	return memalign(align, size);
}

int posix_memalign(void **ret, size_t align, size_t size)
{
	void *p = memalign(align, size);

	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

void free(void *p)
{
	if (p && !inside)
		__atomic_sub_fetch(faults ? &faults->live : &live, 1, __ATOMIC_RELAXED);
	__libc_free(p);
}

struct gg_alloc_faults *gg_alloc_faults(void)
{
	return faults;
}

static int first(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(uint64_t *)arg = info->dlpi_addr;
	return 1; /* the program itself comes first */
}

static struct gg_alloc_faults *mapped(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *p =
		fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static struct gg_alloc_faults *found(void)
{
#ifdef GG_ALLOC_PRELOAD
	const char *path = getenv("ALLOC_FAULTS");
	struct gg_alloc_faults *f = path ? mapped(path) : NULL;

	return f && (!f->program[0] || !strcmp(f->program, program_invocation_short_name)) ? f : NULL;
#else
	(void)mapped;
	return &none;
#endif
}

__attribute__((constructor)) static void begin(void)
{
	struct gg_alloc_faults *f = found();
	void *v[1];

	(void)none;
	inside = true;
	backtrace(v, 1); /* loads what it needs, the first time */
	inside = false;
	if (!f)
		return;
	f->live = live;
	dl_iterate_phdr(first, &f->base);
	f->ready = (uint64_t)getpid();
	faults = f;
}

#endif
