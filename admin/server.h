/*
 * server - HTTP on the addresses of listen.admin: libmicrohttpd in one thread, and what it does not do by
 * itself: a deadline for the whole of a connection, and room for who asks when silent ones hold every place.
 */
#ifndef GG_ADMIN_SERVER_H
#define GG_ADMIN_SERVER_H

#include <stdbool.h>

#include "admin/source.h"
#include "base/text.h"

struct gg_server;

/* NULL without memory. source is borrowed. */
struct gg_server *gg_server_new(struct gg_source *source);
void gg_server_free(struct gg_server *s);
/* Who may ask, n nets, as long as the gate does not say what access.allow is now; none: everybody. Borrowed.
 */
void gg_server_allow(struct gg_server *s, char *const *net, size_t n);

/* Listen on one more address. 0 or -errno, and err says what is wrong. ret_where: the address, as it is. */
int gg_server_listen(struct gg_server *s, const char *address, struct gg_buf *ret_where, struct gg_buf *err);
/* Serve. Returns -errno, when that cannot go on. */
int gg_server_run(struct gg_server *s);

#endif
