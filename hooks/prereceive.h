/*
 * prereceive - what happens to a push before git accepts it, in order: rules, scan, the operator's steps, and
 * when the repository has an upstream, its lock and the forward. Whatever fails on the way refuses the push
 * (fail closed). Called by hooks/hook.c. Effect.
 */
#ifndef GG_HOOKS_PRERECEIVE_H
#define GG_HOOKS_PRERECEIVE_H

/* fd 0: what git tells pre-receive. The exit status: 0 accepts. The client and the gate have been told. */
int gg_prereceive(void);

/* The same for post-receive: the references have moved, and nothing can be refused any more. */
int gg_postreceive(void);

#endif
