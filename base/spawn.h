/*
 * spawn - the one way a process is started. posix_spawn underneath: the errno of a failed exec comes back to
 * the caller at once, and no code of ours runs between fork and exec. The child gets fds 0-2 as given and
 * nothing else (every descriptor of ours is CLOEXEC), default signal dispositions, an empty signal mask, and
 * its own session when asked.
 */
#ifndef GG_BASE_SPAWN_H
#define GG_BASE_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct gg_spawn {
	const char *path; /* absolute: PATH is not searched */
	char *const *argv, *const *envp;
	int in, out, err; /* become 0, 1, 2; -1: /dev/null */
	int extra;	  /* becomes 3; -1: none */
	bool new_session; /* setsid() */
	const char *cwd;  /* NULL: as ours; its failure looks like one of the exec */
};

/*
 * ret_pid     the child; it stays ours to wait for (in the gate libev does). Set with an error: it had begun
 *             and there was no pidfd for it, so it was killed and waited for.
 * ret_pidfd   CLOEXEC, owned by the caller; may be NULL
 * Returns 0 or -errno (-ENOENT, -EACCES, -ENOEXEC: the exec failed; -EAGAIN, -ENOMEM: no process could be
 * made).
 */
int gg_spawn(const struct gg_spawn *sp, pid_t *ret_pid, int *ret_pidfd);

/*
 * Run to the end, collect stdout and stderr together (at most size - 1 bytes, NUL-terminated, the rest is
 * read and thrown away), bounded by timeout_ms, after which the child is killed. It blocks, and waits for its
 * child itself, by pid. For start-up, and for a callback of libev's default loop, which stands still
 * meanwhile: that loop reaps children only in its own callback for SIGCHLD (childcb in ev.c; the handler only
 * notes that the signal came), so nobody takes the child from us, and of the others every status is left for
 * it. Never from another thread. ret_status: as from waitpid. Returns 0, -ETIMEDOUT, -EINTR (a stop is
 * pending and blocked, which in the loop it is not), or -errno of the spawn.
 */
int gg_spawn_capture(const struct gg_spawn *sp, int timeout_ms, char *out, size_t size, size_t *ret_len,
		     int *ret_status);

/*
 * The same in two steps, so that several can run at once: what has begun (0; else there is no child) must be
 * brought to its end, with arguments and result as above; for one that is not wanted any more a timeout_ms of
 * 0 kills it.
 */
struct gg_capture {
	pid_t pid;
	int pidfd, fd;
};
int gg_capture_begin(struct gg_capture *c, const struct gg_spawn *sp);
int gg_capture_end(struct gg_capture *c, int timeout_ms, char *out, size_t size, size_t *ret_len,
		   int *ret_status);

/* A SIGTERM, SIGINT or SIGPWR is blocked and pending: someone wants us to stop before we have begun. */
bool gg_stop_pending(void);

/* Find an executable in a PATH-like list. ret: absolute path. 0 or -ENOENT. */
int gg_path_search(const char *name, const char *path, char *ret, size_t size);

#endif
