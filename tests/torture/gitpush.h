/* gitpush - a real `git push` of one of the scratch repository's histories, in a session of its own. */
#ifndef GG_TORTURE_GITPUSH_H
#define GG_TORTURE_GITPUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct gg_scratch;

struct gg_push {
	pid_t pid; /* git push, leader of its group; 0: not started, or reaped */
	int pidfd; /* -1: as above */
	int err;   /* its stderr: an unlinked file; -1 */
};

#define GG_PUSH_NONE \
	{ \
		.pidfd = -1, .err = -1 \
	}

/* Push a history of the scratch repository ("big") to refs/heads/TAG of url. Returns 0 or -errno. */
int gg_push_start(struct gg_push *p, const struct gg_scratch *s, const char *history, const char *url,
		  const char *tag);

/*
 * Stop the whole group, or only its pack-objects, and wait until /proc shows it stopped.
 * Returns 0, -ESRCH (there is no pack-objects), -ETIMEDOUT.
 */
int gg_push_stop(const struct gg_push *p, bool whole);
void gg_push_continue(const struct gg_push *p);
void gg_push_kill(const struct gg_push *p);

/* Reap it; it must have exited or been killed. */
void gg_push_reap(struct gg_push *p, int *ret_status);
/* The last bytes of its stderr; returns how many. */
size_t gg_push_stderr(const struct gg_push *p, char *buf, size_t size);
void gg_push_free(struct gg_push *p);

#endif
