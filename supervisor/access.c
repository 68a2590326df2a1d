/* access - who may connect at all. See access.h. */
#include "supervisor/access.h"

#include "base/cidr.h"
#include "supervisor/admit.h"
#include "supervisor/proxied.h"

/* A unix socket has no address, and is none of these. */
static bool is_in(const struct gg_list *l, const struct gg_addr *peer)
{
	return gg_cidr_any(l->v, l->n, peer);
}

void gg_access_admit(struct gg_gate *g, const struct gg_waiter *w)
{
	const struct gg_addr *peer = &w->peer;
	const struct gg_list *allow = &g->conf->access_allow;
	char mem[128];
	struct gg_buf why = GG_BUF(mem);

	if (!allow->n || peer->ss.ss_family == AF_UNIX || is_in(allow, peer))
		return gg_admit(g, w);
	gg_addr_host(&why, peer);
	gg_buf_add(&why, " may not connect here (access.allow)");
	gg_admit_refuse(g, w->fd, peer, w->transport, GG_FORBIDDEN, why.s);
}

void gg_access_take(struct gg_gate *g, int fd, const struct gg_addr *peer, enum gg_transport transport)
{
	if (is_in(&g->conf->access_proxy_from, peer))
		return gg_proxied_take(g, fd, peer, transport);
	gg_access_admit(g, &(struct gg_waiter){ .fd = fd, .transport = transport, .peer = *peer });
}
