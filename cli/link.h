/*
 * link - the checks of what lies between a gate and an upstream: key, host key, connection, the right to
 * push. For git-gate add, which stops at the first that fails, and git-gate doctor. Effect; bounded in time.
 * They run as whoever calls them, which has to be the gate's user for their answer to be worth something.
 */
#ifndef GG_CLI_LINK_H
#define GG_CLI_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/found.h"
#include "cli/tool.h"

struct gg_link {
	const char *url, *identity, *known_hosts; /* borrowed; url: ssh://… */
	int64_t connect_ms, limit_ms;
};

/* What upstream has. */
struct gg_link_remote {
	bool empty, sha256;
	char head[512]; /* "refs/heads/main"; "": not known */
};

/* The private key: there, ours to read, nobody else's. */
bool gg_link_identity(const struct gg_link *l, struct gg_found *f);
/* The known-hosts file has a line for upstream's host and port. */
bool gg_link_known_host(const struct gg_link *l, struct gg_found *f);
/* git ls-remote. */
bool gg_link_reach(const struct gg_link *l, struct gg_link_remote *ret, struct gg_found *f);
/* git push --dry-run of dir's own HEAD. */
bool gg_link_push(const struct gg_link *l, const char *dir, struct gg_found *f);

/* Run git with ssh as this link needs it. As gg_tool_run; env is replaced. */
bool gg_link_git(const struct gg_link *l, const struct gg_tool *t, struct gg_tool_end *ret);
/* Why git failed, in f, with the cure. Returns false. */
bool gg_link_bad(const struct gg_link *l, const struct gg_tool *t, const struct gg_tool_end *end,
		 struct gg_found *f);

#endif
