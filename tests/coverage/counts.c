/*
 * counts - for `make coverage` only, linked into each program: what gcc counts is kept in a file that all
 * processes of the program map. So nothing is lost when one is killed, executes another program, or has given
 * up writing files.
 *
 * The file is GG_COUNTS_DIR/BUILD-ID; counts.ld puts the counters on pages of their own. GG_COUNTS=write in
 * the environment: the program writes them as gcc's own files, and ends.
 */
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef GG_COUNTS_DIR /* tests/static looks at it too */
#define GG_COUNTS_DIR "."
#endif
#define HIDDEN __attribute__((visibility("hidden")))

/* of counts.ld, and of ld */
extern char gg_counts_begin[] HIDDEN, gg_counts_end[] HIDDEN;
extern const ElfW(Ehdr) __ehdr_start HIDDEN;

void __gcov_dump(void);
void __real___gcov_exit(void);
void __wrap___gcov_exit(void);

static bool shared;

/* Whoever maps the file leaves it to write(), or everyone would add what all have counted. Where that cannot
 * be, as in a container whose root is read-only, a program says no more on stderr than it says without. */
void __wrap___gcov_exit(void)
{
	if (!shared && access(GG_COUNTS_DIR, W_OK) == 0)
		__real___gcov_exit();
}

static const unsigned char *build_id(size_t *ret_n)
{
	const char *base = (const char *)&__ehdr_start;
	const ElfW(Phdr) *ph = (const ElfW(Phdr) *)(base + __ehdr_start.e_phoff);

	for (int i = 0; i < __ehdr_start.e_phnum; i++) {
		const char *p = base + ph[i].p_vaddr, *end = p + ph[i].p_memsz;

		while (ph[i].p_type == PT_NOTE && p < end) {
			const ElfW(Nhdr) *n = (const ElfW(Nhdr) *)p;
			const char *name = p + sizeof(*n), *desc = name + (n->n_namesz + 3) / 4 * 4;

			if (n->n_type == NT_GNU_BUILD_ID && n->n_namesz == 4 && memcmp(name, "GNU", 4) == 0) {
				*ret_n = n->n_descsz;
				return (const unsigned char *)desc;
			}
			p = desc + (n->n_descsz + 3) / 4 * 4;
		}
	}
	return NULL;
}

static bool share(void)
{
	size_t size = (uintptr_t)gg_counts_end - (uintptr_t)gg_counts_begin, n = 0;
	const unsigned char *id = build_id(&n);
	char path[4096];
	int at, fd;
	void *p;

	if (!id || !size)
		return false;
	at = snprintf(path, sizeof(path), "%s/", GG_COUNTS_DIR);
	for (size_t i = 0; i < n; i++)
		at += snprintf(path + at, sizeof(path) - (size_t)at, "%02x", id[i]);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return false;
	(void)!fchmod(fd, 0666); /* whoever runs it as another user counts too */
	p = ftruncate(fd, (off_t)size) < 0
		    ? MAP_FAILED
		    : mmap(gg_counts_begin, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	close(fd);
	return p != MAP_FAILED;
}

/* after gcc's own, which have 100, and before all others */
__attribute__((constructor(101))) static void begin(void)
{
	const char *what = getenv("GG_COUNTS");

	shared = share();
	if (!what || strcmp(what, "write") != 0)
		return;
	if (shared)
		__gcov_dump();
	_exit(shared ? 0 : 1);
}
