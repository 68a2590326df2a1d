/*
 * room - names of the private directories in which git-gate add makes a repository, and from which remove
 * deletes one: below gate.basePath, so that a rename is all it takes. Made by cli/mirror, removed after a
 * crash by reaper/sweep. Pure.
 */
#ifndef GG_BASE_ROOM_H
#define GG_BASE_ROOM_H

#include <stdbool.h>
#include <string.h>

#define GG_ROOM_PREFIX ".git-gate." /* and 16 hex digits */
#define GG_ROOM_WORK "repository"   /* in it: what is being made, or deleted */
#define GG_ROOM_TAKEN "taken"	    /* in it: a whole repository, whose settings are still there */

static inline bool gg_room_is(const char *name)
{
	size_t n = strlen(GG_ROOM_PREFIX);

	return !strncmp(name, GG_ROOM_PREFIX, n) && strlen(name) == n + 16 &&
	       strspn(name + n, "0123456789abcdef") == 16;
}

#endif
