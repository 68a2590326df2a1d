/*
 * httpadvert - what git http-backend itself says in an advertisement of references, or before the report of a
 * push, before the command that it starts says the rest. Pure. Used by git-gate-http, which can so start that
 * command at once; tested by tests/unit/httpadvert.c.
 */
#ifndef GG_WRAP_HTTPADVERT_H
#define GG_WRAP_HTTPADVERT_H

#include "base/text.h"

enum { GG_ADVERT_MAX = 512 };

/*
 * Append a CGI head and, but for version 2, the packet with the service's name, and a flush.
 *   service    "upload-pack" or "receive-pack"
 *   protocol   as the client asks, "version=2:…"; NULL: it does not
 */
void gg_advert_begin(struct gg_buf *b, const char *service, const char *protocol);

/* Append the CGI head of what a request's command answers. */
void gg_advert_result(struct gg_buf *b, const char *service);

#endif
