/*
 * stale - tell a client that what it is served may not be what upstream has. git-gate-session and
 * git-gate-http know (daemon-wrap/refresh.h), and say it in $GIT_GATE_STALE. Effect. Called by hooks/hook.c
 * and hooks/prereceive.c. Tested by tests/process/t0092-upstream-trouble.py.
 *
 * A push reads it from pre-receive. upload-pack runs no hook but uploadpack.packObjectsHook, in place of git
 * pack-objects, whose stderr it passes on to the client as it comes: in every version of the protocol, to
 * every client that can read such lines; to another it goes to the log. A client that needs no pack cannot be
 * told.
 */
#ifndef GG_HOOKS_STALE_H
#define GG_HOOKS_STALE_H

/* One line, if there is anything to say. */
void gg_stale_say(void);

/*
 * Say it, then become the program that upload-pack would have run: argv, as it is, found in PATH. Returns
 * only when that cannot be run: the exit status. SIGPIPE has to be as it was.
 */
int gg_stale_pack(char **argv);

#endif
