/*
 * who - the words of a rule of access, WHO in the manual, and whether a client is one of them. Pure. Used for
 * access.allowPush and the like. Tested by tests/unit/who.c.
 *
 *   10.0.0.0/8   whose address is in the net (base/cidr.h)
 *   user:NAME    who has shown the token of that name; user:* of any name
 *   uid:NUMBER   on a unix socket, whose processes run as that user
 *   any          everybody
 */
#ifndef GG_BASE_WHO_H
#define GG_BASE_WHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct gg_buf;

enum { GG_USER_MAX = 64 }; /* bytes of a token's name */

/* A client, as its connection and its request show it. */
struct gg_identity {
	const struct gg_addr *addr;
	int64_t uid;	  /* of the process at the other end of a unix socket; -1: there is none */
	const char *user; /* whose token was shown; "": none was */
};

/* Whether a token may have this name: 1 to 64 letters, digits, '-', '_', '.', '+' and '@'; the first is a
 * letter or digit. */
bool gg_who_is_name(const char *s, size_t n);

/* What is wrong with a word, to stand behind it: "is no address; write ...". 0 or -EINVAL. "uid:" may have
 * the name of a user, see gg_who_uid_name. */
int gg_who_check(const char *word, struct gg_buf *why);

/* Of "uid:git" what stands behind the colon; NULL: the word is none of these. Such a word is nobody until its
 * number is known (base/accessload.h). */
const char *gg_who_uid_name(const char *word);

/* Whether a client is in the list. */
bool gg_who_any(const struct gg_identity *w, char *const *v, size_t n);

/* Whether some token, if it were shown, could make a client one of the list. */
bool gg_who_names_users(char *const *v, size_t n);

#endif
