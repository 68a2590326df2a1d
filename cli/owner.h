/*
 * owner - whose the repositories are. The gate's user owns gate.basePath; root may work in his place, and
 * then does so as that user: what lies there is his, and so is what comes to lie there. Effect.
 */
#ifndef GG_CLI_OWNER_H
#define GG_CLI_OWNER_H

#include <stdbool.h>
#include <sys/types.h>

struct gg_owner {
	uid_t uid;
	gid_t gid;
	char name[64]; /* of another; "" when that has none */
	bool other;    /* not who we are: to work for him, we become him */
};

/* Of a directory. 0 or -errno. */
int gg_owner_of(const char *dir, struct gg_owner *ret);

/* Whether we are he, or can become him. */
bool gg_owner_can(const struct gg_owner *o);

/* Become him for good, if we are not, with an entry that ssh works for (base/userentry.h). 0 or -errno. */
int gg_owner_become(const struct gg_owner *o);

/*
 * Run fn as him, in a process of its own when that is somebody else; what fn changes in memory is lost then.
 * Returns fn's exit code.
 */
int gg_owner_do(const struct gg_owner *o, int (*fn)(void *arg), void *arg);

#endif
