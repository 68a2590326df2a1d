/*
 * Fuzz admin/page.h, and the Host header of admin/reply.h: whatever the gate is made to say of a client, the
 * page is well-formed, has no script, no style but its own, and no link elsewhere.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>

#include "admin/page.h"
#include "admin/reply.h"
#include "base/cleanup.h"
#include "tests/fuzz/fuzz.h"

enum { DEPTH_MAX = 64, NAME_MAX_ = 32 };

static const char *entity(const char *s)
{
	static const char *const known[] = { "&lt;", "&gt;", "&amp;", "&quot;", "&#39;" };

	for (size_t i = 0; i < GG_LEN(known); i++)
		if (!strncmp(s, known[i], strlen(known[i])))
			return s + strlen(known[i]);
	abort();
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '-';
}

/* NAME="VALUE", any number of them. */
static const char *attributes(const char *s)
{
	while (*s == ' ' || *s == '\n') {
		const char *name = ++s;

		while (is_name(*s))
			s++;
		must(s > name && s[0] == '=' && s[1] == '"');
		must(strncmp(name, "on", 2) != 0 && strncmp(name, "src", 3) != 0);
		if (!strncmp(name, "href", 4))
			must(s[2] == '/' || s[2] == '?' || s[2] == '#' || s[2] == '.');
		for (s += 2; *s != '"';) {
			must(*s && *s != '<' && *s != '>');
			s = *s == '&' ? entity(s) : s + 1;
		}
		s++;
	}
	return s;
}

/* Elements are closed in the order of their opening, as in XML. */
static void well_formed(const char *s)
{
	char open[DEPTH_MAX][NAME_MAX_];
	size_t depth = 0;
	static const char doctype[] = "<!DOCTYPE html>\n";

	must(!strncmp(s, doctype, sizeof(doctype) - 1));
	for (s += sizeof(doctype) - 1; *s;) {
		bool closes = s[0] == '<' && s[1] == '/';
		size_t n = 0;

		if (*s != '<') {
			must(*s != '>' || (depth && !strcmp(open[depth - 1], "style")));
			s = *s == '&' ? entity(s) : s + 1;
			continue;
		}
		for (s += 1 + closes; is_name(s[n]); n++)
			;
		must(n && n < NAME_MAX_ && strncmp(s, "script", 6) != 0);
		if (closes) {
			must(depth && strlen(open[depth - 1]) == n && !strncmp(open[depth - 1], s, n) &&
			     s[n] == '>');
			depth--;
			s += n + 1;
			continue;
		}
		must(depth < DEPTH_MAX);
		memcpy(open[depth], s, n);
		open[depth++][n] = '\0';
		s = attributes(s + n);
		depth -= *s == '/';
		s += *s == '/';
		must(*s++ == '>');
	}
	must(depth == 0);
}

static void page(const json_t *overview, const char *why)
{
	for (int i = 0; i < 3; i++) {
		AUTO_FREE char *html = NULL;
		size_t n = 0;
		FILE *to = open_memstream(&html, &n);

		must(to != NULL);
		if (i < 2)
			gg_page_write(to, overview, "0123", i);
		else
			gg_page_write_error(to, why, "0123");
		must(fclose(to) == 0 && strlen(html) == n);
		well_formed(html);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *s = text_of(data, n);
	json_t *j = json_loadb(s, n, JSON_ALLOW_NUL, NULL);

	if (gg_reply_host_ok(s)) {
		if (n)
			came_to("a host");
		must(!s[strspn(s, "0123456789abcdefABCDEF.:[]localhstLOCALHST")] || strchr(s, ':'));
	}
	if (json_array_size(json_object_get(j, "sessions")))
		came_to("sessions");
	page(j, s);
	json_decref(j);
	return 0;
}
