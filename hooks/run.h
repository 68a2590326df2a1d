/*
 * run - run one program to its end, under limits: time for its whole subtree, memory of ours, and what it may
 * leave behind. Built on base/spawn (own session, default signals, descriptors 0 to 2, and at most one more).
 * It waits in poll, on the monotonic clock. Tested by tests/unit/hookrun.c with real processes.
 *
 * What holds whatever the program does:
 *   - stdin is fed, stdout and stderr are read, all at the same time. A program that does not read its stdin
 *     is no error, one that prints without end costs 64 KiB.
 *   - At the limit, all that descends from it is killed, also what has left its session and cleared its
 *     environment, and again until a look finds nothing (3 s at most).
 *   - When the program has ended and something still holds its stdout or stderr, that has 2 s more; then it
 *     is ended the same way, and named. A daemon that holds neither is left alone: git-gate-session adopts
 *     it, and the gate ends it after deadline.hook (session.stray).
 *   - Who was below the caller before the call is never ended, nor what is below them then. Their orphans of
 *     during the call are: a child that is to be left in peace must not fork and die meanwhile.
 *
 * What it changes in the caller: PR_SET_CHILD_SUBREAPER is set and stays; during the call SIGPIPE is ignored,
 * and SIGCHLD is default if it was ignored (git's parent may have left it so; the status would be lost).
 * Orphans that end during the call are waited for (one that ends with the program may stay a zombie of the
 * caller), the caller's own children are not. Not for a program with threads, nor for one whose handler of
 * SIGCHLD waits for every child.
 */
#ifndef GG_HOOKS_RUN_H
#define GG_HOOKS_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "hooks/deadline.h"

#define GG_RUN_GRACE_MS 2000 /* after the program's end, for who holds its pipes */
#define GG_RUN_END_MS 3000   /* for a killed subtree to be gone */
#define GG_RUN_STOP_MS 100

struct gg_run {				 /* all borrowed, for the call */
	const char *name;		 /* for messages: "scanner", "git push" */
	char *const *argv, *const *envp; /* argv[0] absolute: PATH is not searched; envp NULL: empty */
	const char *cwd;		 /* NULL: as ours */
	const void *in;			 /* fed to stdin; nin 0: /dev/null */
	size_t nin;
	int pass_fd; /* becomes its descriptor 3, which what it starts inherits: a lock; 0: none */
	int in_fd;   /* stdin itself, in is ignored then; -1: none. A zeroed struct has 0, ours */
	/* Raw bytes as they come, n > 0; not to block for long, the clock is looked at only in between. */
	void (*out)(void *arg, const char *bytes, size_t n); /* stdout; NULL: /dev/null */
	void (*err)(void *arg, const char *bytes, size_t n); /* stderr; NULL: into the same pipe as stdout */
	void (*tick)(void *arg, int64_t elapsed_ms);	     /* every tick_ms; NULL or 0: never */
	/* Asked every GG_RUN_STOP_MS. True: it is ended now, as at the limit. NULL: nobody asks for that. */
	bool (*stop)(void *arg);
	void *arg;
	int64_t tick_ms;
	int64_t limit_ms; /* GG_NEVER: none */
};

struct gg_run_end {
	bool not_started;     /* nothing ran; error says why */
	int error;	      /* -errno of the start, or 0 */
	bool timed_out;	      /* ended at limit_ms */
	bool stopped;	      /* ended before, because stop() said so */
	int lost;	      /* -errno: not all of what it said could be read, or of stdin written, or how it
				 ended is not known; 0 */
	int status;	      /* as of waitpid, unless not_started; of one that was ended: how, or 0 */
	bool stray;	      /* it ended, but something held its output until that was ended too */
	char stray_text[160]; /* who was ended, at the limit too: "sleep" (4711), "sh" (4712); quoted. "" when
				 nobody was found: what holds the pipe is not below us */
	size_t left;	      /* processes that not even SIGKILL ended in time */
	int64_t took_ms;
};

/* 0: it ran, *ret says how it ended. -errno: it was not started, and *ret says so too. */
int gg_run(const struct gg_run *r, struct gg_run_end *ret);

/* It ran, in time, all of what it said was read, and its exit status is 0. */
bool gg_run_ok(const struct gg_run_end *e);

/*
 * How it ended, to be put behind its name; no outside text is in it:
 * "cannot be run: No such file or directory", "did not end within 1m (deadline.scan)", "was interrupted",
 * "was killed by signal 9 (Killed)", "exit status 3", "exit status 0". d: what the limit of its gg_run came
 * from.
 */
void gg_run_why(struct gg_buf *b, const struct gg_run_end *e, const struct gg_deadline *d);

#endif
