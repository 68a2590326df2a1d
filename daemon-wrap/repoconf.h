/*
 * repoconf - what a repository's own configuration says about being served. Effect: reads it,
 * and runs git config when it may say something.
 */
#ifndef GG_WRAP_REPOCONF_H
#define GG_WRAP_REPOCONF_H

#include <stdbool.h>

#include "base/text.h"

/*
 * git http-backend takes pushes only where http.receivepack is set, so the gate sets it, over whatever the
 * repository has. That one says no is found here: http.receivepack, or daemon.receivepack when there is no
 * such.
 *   dir      its git directory
 *   ret_err  for the client and the log, when it does, or when that cannot be told
 * 0 or -EPERM.
 */
int gg_repoconf_pushable(const char *dir, struct gg_buf *ret_err);

/*
 * Could git http-backend refuse to advertise this service, "upload-pack" or "receive-pack", because of any
 * setting that it would read, or git-daemon to serve "upload-pack"? If so they have to be asked; else what
 * they say themselves is known.
 *   exec_path   where git's commands are
 *   nconfig     how many settings the environment has
 */
bool gg_repoconf_may_refuse(const char *dir, const char *exec_path, int nconfig, const char *service);

#endif
