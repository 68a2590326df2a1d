/*
 * loopmem - memory for libev, which ends the process when it gets none. Effect. Called by supervisor/gate.c,
 * once, before the loop is made.
 *
 * What libev allocates are arrays that grow with the descriptors and timers it watches, in the middle of
 * ev_io_start(), which cannot fail: there is no way to refuse the one client that was too many. So address
 * space is set aside at the start, which costs no memory until it is written to, and the arrays grow into it
 * when there is no other. Tested by tests/unit/loopmem.c.
 */
#ifndef GG_SUPERVISOR_LOOPMEM_H
#define GG_SUPERVISOR_LOOPMEM_H

#include <stddef.h>

/*
 * An array takes at most 20 bytes a descriptor, there are five, each is up to twice as large as it need be,
 * and what it was before it grew may be in the reserve, too.
 */
#define GG_LOOPMEM_PER_FD 256
#define GG_LOOPMEM_FDS 65536

/* Set it aside, and have libev use it. 0 or -errno. */
int gg_loopmem_open(void);

/* libev's allocator (ev_set_allocator). NULL: the reserve is used up as well. */
void *gg_loopmem_resize(void *p, long size);

#endif
