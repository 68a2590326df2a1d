/*
 * found - what the check of one thing came to: for git-gate doctor's lines, and for the commands that
 * refuse to go on. Outside text is escaped when it is put in.
 */
#ifndef GG_CLI_FOUND_H
#define GG_CLI_FOUND_H

#include <stdbool.h>

enum gg_result { GG_RESULT_OK, GG_RESULT_WARN, GG_RESULT_FAILED, GG_RESULT_SKIPPED };

struct gg_found {
	enum gg_result result;
	char text[1500]; /* what was found; when it is not well, why */
	char cure[800];	 /* what to do about it; "": nothing to say */
};

/* Fill f in. The first and the last return true, so that a check can end with them: what follows may go on.
 */
bool gg_found_ok(struct gg_found *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool gg_found_bad(struct gg_found *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* It works, but not as well as it might. Returns true. */
bool gg_found_warn(struct gg_found *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool gg_found_skip(struct gg_found *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* After gg_found_bad or gg_found_warn: what to do. Returns false. */
bool gg_found_cure(struct gg_found *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const char *gg_result_word(enum gg_result r); /* "ok", "warn", "failed", "skipped" */

/* Complain of it on stderr as a command that cannot go on: the text, and the cure in a line of its own. */
void gg_found_say(const struct gg_found *f);

#endif
