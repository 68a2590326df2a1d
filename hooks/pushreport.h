/*
 * pushreport - what `git push --porcelain` and ssh say, read as it comes. Pure. Used by hooks/forward.c.
 * Tested by tests/unit/pushreport.c.
 *
 * It keeps little, however much is said: the numbers, the first reference that was refused for a reason of
 * its own, and the last words of what failed.
 */
#ifndef GG_HOOKS_PUSHREPORT_H
#define GG_HOOKS_PUSHREPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum {
	GG_REPORT_LINE = 1024, /* bytes of a line that are looked at */
	GG_REPORT_REMOTE = 40, /* lines of upstream's own words that are passed on */
};

struct gg_report_lines { /* bytes to lines: LF and CR end one, what is too long is cut */
	char line[GG_REPORT_LINE + 1];
	size_t len;
};

struct gg_push_report {
	struct gg_report_lines out, err;
	size_t done, same, refused; /* references: changed, already so, refused */
	char ref[256];	  /* the first that was refused for a reason that is not another's refusal */
	char reason[256]; /* in brackets of git's: "non-fast-forward"; raw */
	bool weak;	  /* reason is another's refusal: the rest of an atomic push */
	char said[256];	  /* git's or ssh's last words that were no hint; raw */
	size_t nremote;
	char words[160]; /* the first line of upstream's own that has a letter in it; raw */
	/* Upstream's own words, line by line, raw; NULL: not wanted */
	void (*remote)(void *arg, const char *line);
	void *arg;
};

void gg_push_report_out(struct gg_push_report *r, const char *bytes, size_t n);
void gg_push_report_err(struct gg_push_report *r, const char *bytes, size_t n);

/*
 * Why nothing came of it, for people: what a known text of ssh's means, or said itself, escaped, with each of
 * hide[] (paths that are none of the client's business, NULL at the end) left out. Nothing when nothing was
 * said.
 */
void gg_push_report_why(struct gg_buf *b, const struct gg_push_report *r, const char *const *hide);

#endif
