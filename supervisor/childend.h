/*
 * childend - the end of a child of ours, also where its SIGCHLD never came: a debugger that lets go of the
 * gate in the moment in which it has one takes it away (strace 6.1 does). libev waits for children when it
 * hears of that signal and at no other time. Used by whoever starts one; of sessions the gate asks with each
 * pass.
 */
#ifndef GG_SUPERVISOR_CHILDEND_H
#define GG_SUPERVISOR_CHILDEND_H

#include <ev.h>

/* Ask for those that have ended, as SIGCHLD would: their ev_child watchers are called before the loop waits.
 */
void gg_childend_ask(struct ev_loop *loop);
/* Ask when the process of a pidfd has ended. w is the caller's, who stops it before the pidfd is closed. */
void gg_childend_watch(struct ev_loop *loop, ev_io *w, int pidfd);

#endif
