/*
 * left - what a session leaves behind: files that git would have removed, and processes.
 * Clients run side by side in one repository, so what is found must be told apart: a reference carries its
 * client's tag; a quarantine directory belongs to the client whose port is in the environment of a process
 * that uses it, which is learnt while that process lives; the rest, if made in the client's lifetime, is
 * shown with it.
 */
#ifndef GG_TORTURE_LEFT_H
#define GG_TORTURE_LEFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gg_client;

/* Paths relative to the repository. */
struct gg_names {
	char **v; /* owned */
	size_t n;
	bool cut; /* there are more than fit */
};

/* Every file in repo that only a session at work may have. Returns 0 or -errno. */
int gg_left_scan(const char *repo, struct gg_names *ret);
void gg_names_free(struct gg_names *n);

/*
 * Look once for the server's processes of this client and, if wanted, for its quarantine. True: found, or
 * there is nothing to look for (no repository, no connection).
 */
bool gg_left_learn(struct gg_client *c, bool quarantine);
/* The same again and again, until found, something arrives on fd, or the time is over. */
void gg_left_learn_wait(struct gg_client *c, bool quarantine, int fd, int timeout_ms);

/* After the client's end: fill res->left and res->procs, waiting 3 s at most for both to become empty. */
void gg_left_look(struct gg_client *c);

#endif
