/* html - text from outside as part of a page that stays well-formed, as HTML and as XML. Pure but for the
 * stream. */
#ifndef GG_ADMIN_HTML_H
#define GG_ADMIN_HTML_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Any bytes: what means something to HTML becomes an entity; control characters, what turns the direction of
 * writing, and bytes that are no UTF-8 become visible (\x1b, \u202e). At most max bytes of s are taken, a cut
 * shows as "...".
 */
void gg_html_text(FILE *to, const char *s, size_t max);

/* For people, as the command line has them: "1m05s", "1.5M"; "-" for unknown. */
void gg_html_ms(FILE *to, int64_t ms);
void gg_html_bytes(FILE *to, int64_t n);

#endif
