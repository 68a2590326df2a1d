/*
 * page - the page for people: what lives, what the gate ended last and on what evidence, and when. HTML
 * without scripts or outside resources, that is well-formed XML too. Pure but for memory and the stream.
 * Tested by tests/unit/adminpage.c.
 */
#ifndef GG_ADMIN_PAGE_H
#define GG_ADMIN_PAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/*
 *   overview  the gate's answer to "overview" (supervisor/protocol.md); what is missing in it is left out
 *   nonce     of the Content-Security-Policy, for the style
 *   hold      the page does not refresh itself
 */
void gg_page_write(FILE *to, const json_t *overview, const char *nonce, bool hold);
/* When the gate does not answer. why: any text. */
void gg_page_write_error(FILE *to, const char *why, const char *nonce);

#endif
