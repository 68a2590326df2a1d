/* cleanup - resources that release themselves at the end of their scope. */
#ifndef GG_BASE_CLEANUP_H
#define GG_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void gg_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void gg_free_ptr(void *p)
{
	free(*(void **)p);
}

static inline void gg_close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static inline void gg_close_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

/* Hand a descriptor out of a scope that would close it: returns it and leaves -1 behind. */
static inline int gg_take_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

/* The same for memory: returns the pointer and leaves NULL behind. */
static inline void *gg_take_ptr(void *p)
{
	void *r = *(void **)p;

	*(void **)p = NULL;
	return r;
}

#define AUTO_CLOSE __attribute__((cleanup(gg_close_fd)))
#define AUTO_FREE __attribute__((cleanup(gg_free_ptr)))
#define AUTO_DIR __attribute__((cleanup(gg_close_dir)))
#define AUTO_FILE __attribute__((cleanup(gg_close_file)))

#define GG_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
