/* confaccess - who may connect, as far as settings can be wrong about it. See conf.h. Pure. */
#include "base/addr.h"
#include "base/cidr.h"
#include "base/cleanup.h"
#include "base/conf.h"
#include "base/confkey.h"

bool gg_conf_may_listen(const struct gg_conf *c, const struct gg_addr *a)
{
	return c->access_allow.n || c->is_public || gg_addr_is_loopback(a);
}

static int check_public(struct gg_reader *r, enum gg_key k)
{
	const struct gg_list *l = gg_conf_list(&r->conf, k);
	int e = 0;

	for (size_t i = 0; i < l->n && e == 0; i++) {
		struct gg_addr a;
		const char *why;

		if (gg_addr_parse(l->v[i], &a, &why) == 0 && !gg_conf_may_listen(&r->conf, &a))
			e = gg_reader_wrong(r, gg_conf_keys[k].name, r->origin[k], l->v[i], GG_IS_PUBLIC);
	}
	return e;
}

int gg_access_check(struct gg_reader *r)
{
	int e = 0;

	if (r->watches) /* nothing is listened on */
		return 0;
	for (enum gg_key k = 0; k < GG_NKEYS && e == 0; k++)
		if (gg_conf_keys[k].kind == GG_KIND_LIST_ADDR)
			e = check_public(r, k);
	return e;
}
