/* access - who may connect at all. See access.h. */
#include "supervisor/access.h"

#include "base/cidr.h"
#include "supervisor/admit.h"

static bool may_connect(const struct gg_conf *c, const struct gg_addr *peer)
{
	const struct gg_list *l = &c->access_allow;

	return !l->n || peer->ss.ss_family == AF_UNIX || gg_cidr_any(l->v, l->n, peer);
}

void gg_access_take(struct gg_gate *g, int fd, const struct gg_addr *peer, enum gg_transport transport)
{
	char mem[128];
	struct gg_buf why = GG_BUF(mem);

	if (may_connect(g->conf, peer))
		return gg_admit(g, fd, peer, transport);
	gg_addr_host(&why, peer);
	gg_buf_add(&why, " may not connect here (access.allow)");
	gg_admit_refuse(g, fd, peer, transport, GG_FORBIDDEN, why.s);
}
