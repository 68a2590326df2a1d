/* readfile - a small file as a text. Effect: reads only. */
#ifndef GG_BASE_READFILE_H
#define GG_BASE_READFILE_H

#include <stddef.h>

/*
 * The first size - 1 bytes of a file, NUL-terminated.
 *   ret_len  how many; NULL: not wanted. size - 1: there may be more
 * 0 or -errno.
 */
int gg_read_file(const char *path, char *buf, size_t size, size_t *ret_len);

#endif
