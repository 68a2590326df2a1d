/*
 * headroom - whether the machine gives more than the next step takes. Effect: takes it for a moment, and
 * gives it back.
 */
#ifndef GG_BASE_HEADROOM_H
#define GG_BASE_HEADROOM_H

#include <stdbool.h>
#include <stddef.h>

/* An errno of what passes when others give back what they hold: descriptors, processes, memory. */
bool gg_is_shortage(int err);

/*
 * Descriptors that sessions must leave: a reaper that can open neither /proc nor a pidfd could not end the
 * stuck ones that hold all the others.
 */
#define GG_SPARE_FDS 6

/* So many descriptors, 32 at most, can be had besides those in use. A few microseconds. */
bool gg_headroom_fds(size_t n);

/*
 * So many processes, 32 at most, can be had besides those that run. A fork each: only where one was refused
 * lately. Waits for them, by pid.
 */
bool gg_headroom_processes(size_t n);

#endif
