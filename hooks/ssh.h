/*
 * ssh - the command that git reaches an upstream with ($GIT_SSH_COMMAND). Pure. Used by hooks/remote.c and
 * cli/link.c. Tested by tests/unit/ssh.c, and with a real sshd by tests/process/t0085-forward.py.
 */
#ifndef GG_HOOKS_SSH_H
#define GG_HOOKS_SSH_H

#include <stdint.h>

#include "base/text.h"

/*
 * Append the command, every word quoted for sh. ssh then reads no configuration but what stands here, asks
 * nobody, uses one key and trusts one file of host keys.
 *   identity_file, known_hosts_file   absolute paths; any character but control characters and "${", which
 *                                     ssh expands and cannot be told not to
 *   connect_ms                        GG_NEVER: the kernel's own limit. ssh knows whole seconds: rounded up
 * 0; -EINVAL: such a path; -ENAMETOOLONG: it does not fit into b, which then holds a part of it.
 */
int gg_ssh_command(struct gg_buf *b, const char *identity_file, const char *known_hosts_file,
		   int64_t connect_ms);

#endif
