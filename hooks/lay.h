/*
 * lay - write what a push adds into the scratch directory: one `git cat-file --batch --buffer`, raw objects,
 * never through diff, attributes, textconv or a checkout. Effect. Used by hooks/scan; the renditions are
 * documented in scratch.h.
 */
#ifndef GG_HOOKS_LAY_H
#define GG_HOOKS_LAY_H

#include "hooks/gitcmd.h"
#include "hooks/newobj.h"
#include "hooks/pushoption.h"
#include "hooks/scratch.h"

/*
 * All objects, the names of p's refs, its push options, then MANIFEST. Memory does not depend on their
 * content. ret_err  one line for the client, on failure; names limit.scan and hook.scratch where they are the
 * reason 0; -EFBIG: limit.scan; -ENOSPC: hook.scratch is full; -ETIMEDOUT; other -errno.
 */
int gg_lay(const struct gg_gitcmd *g, const struct gg_push *p, const struct gg_push_options *options,
	   const struct gg_objects *o, struct gg_scratch *s, struct gg_buf *ret_err);

#endif
