/* confaccess - who may connect, as far as settings can be wrong about it. See conf.h. Pure. */
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/cidr.h"
#include "base/cleanup.h"
#include "base/conf.h"
#include "base/confkey.h"

bool gg_conf_may_listen(const struct gg_conf *c, const struct gg_addr *a)
{
	return c->access_allow.n || c->is_public || gg_addr_is_loopback(a) || a->ss.ss_family == AF_UNIX;
}

static int check_public(struct gg_reader *r, enum gg_key k)
{
	const struct gg_list *l = gg_conf_list(&r->conf, k);
	int e = 0;

	for (size_t i = 0; i < l->n && e == 0; i++) {
		struct gg_addr a;
		const char *why;

		if (gg_addr_parse(l->v[i], &a, &why) < 0)
			continue;
		if (k == GG_KEY_listen_admin && a.ss.ss_family == AF_UNIX)
			e = gg_reader_wrong(r, gg_conf_keys[k].name, r->origin[k], l->v[i],
					    "is a unix socket, which only listen.git and listen.http can be; "
					    "write HOST:PORT");
		else if (!gg_conf_may_listen(&r->conf, &a))
			e = gg_reader_wrong(r, gg_conf_keys[k].name, r->origin[k], l->v[i], GG_IS_PUBLIC);
	}
	return e;
}

static int check_mode(struct gg_reader *r)
{
	const char *s = r->conf.listen_mode;
	size_t n = strlen(s);

	if (n >= 3 && n <= 4 && strspn(s, "01234567") == n && (n == 3 || *s == '0'))
		return 0;
	return gg_reader_wrong(r, gg_conf_keys[GG_KEY_listen_mode].name, r->origin[GG_KEY_listen_mode], s,
			       "is no mode; write 0660, or 0666 for everybody on this machine");
}

int gg_access_check(struct gg_reader *r)
{
	int e = check_mode(r);

	if (r->watches) /* nothing is listened on */
		return 0;
	for (enum gg_key k = 0; k < GG_NKEYS && e == 0; k++)
		if (gg_conf_keys[k].kind == GG_KIND_LIST_ADDR)
			e = check_public(r, k);
	return e;
}
