/*
 * service - what the texts of a [service "NAME"] section mean. Pure but for allocation. Used by
 * base/confservice.c to check them and by supervisor/ to act on them. Tested by tests/unit/serviceconf.c.
 */
#ifndef GG_BASE_SERVICE_H
#define GG_BASE_SERVICE_H

#include "base/addr.h"
#include "base/conf.h"

/*
 * Split a command line into words, as git splits an alias: at spaces, tabs and newlines; what stands in
 * quotes of either kind is kept together; a backslash takes the next character as it is, except in single
 * quotes.
 *   ret      appended to; the caller's to clear, also after an error
 *   ret_why  on -EINVAL a static text: "has an unclosed quote", …
 * 0, -EINVAL, -ENOMEM.
 */
int gg_split_words(const char *s, struct gg_list *ret, const char **ret_why);

enum gg_ready { GG_READY_NONE, GG_READY_FD, GG_READY_PORT };

/* "none", "fd", "port:127.0.0.1:80". ret_addr is filled for GG_READY_PORT. A gg_ready, or -EINVAL and a
 * static text. */
int gg_ready_parse(const char *s, struct gg_addr *ret_addr, const char **ret_why);

/* A name that needs no quotes anywhere: 1 to 32 letters, digits, '-', '_' and '.'. */
#define GG_SERVICE_NAME_MAX 32
bool gg_service_name_ok(const char *s, size_t n);

/* The service that listen.admin asks for, and its program. */
#define GG_ADMIN_SERVICE "git-gate-admin"

/* The index of the service with the name; c->nservice if there is none. */
size_t gg_service_find(const struct gg_conf *c, const char *name);

/* The signal that .stopSignal means. */
int gg_service_signal(const struct gg_service_conf *s);

#endif
