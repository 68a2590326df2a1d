/*
 * userentry - an entry in the list of users for a uid that has none.
 *
 * Some container platforms choose the uid (OpenShift: 1000680000 and the like), and ssh does not work for one
 * without an entry ("No user exists for uid"). The image therefore asks libnss-extrausers too, whose file is
 * a link to a place that can be written to. Elsewhere there is no such file, or it is root's, and nothing is
 * done. Effect. Called by supervisor/gate.c before anything is
 * served, and by cli/ (add, doctor) before upstream is asked. Tested by tests/unit/userentry.c and
 * tests/realm/r0007.
 */
#ifndef GG_BASE_USERENTRY_H
#define GG_BASE_USERENTRY_H

#include <sys/types.h>

#define GG_USERS "/etc/passwd"
#define GG_MORE_USERS "/var/lib/extrausers/passwd"

/*
 * Write an entry for uid into the file that the link more leads to, unless either file has one.
 *   home  its directory
 * 0: it has one now; 1: none, and more is no link, so nothing was done; -errno: none could be made.
 */
int gg_user_entry(const char *users, const char *more, uid_t uid, const char *home);

#endif
