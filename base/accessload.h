/*
 * accessload - what the rules of access need that is not in the configuration: the file of tokens, and the
 * numbers of users. Effect: reads files. Used by cli/ for those who serve by the rules or check them (run, a
 * reload, check-config), and by nobody else: the file is not everybody's to read.
 */
#ifndef GG_BASE_ACCESSLOAD_H
#define GG_BASE_ACCESSLOAD_H

#include "base/conf.h"

/*
 * After gg_conf_load: r->conf.tokens is read from access.tokenFile, and "uid:NAME" becomes "uid:NUMBER" in
 * every rule, by /etc/passwd alone: a name service could keep the gate waiting. What is wrong goes to
 * r->error. 0, or -errno of what the machine lacks.
 */
int gg_access_load(struct gg_reader *r);

/*
 * Read the file of tokens, which has to be there: *ret_text, owned by the caller, of *ret_n bytes.
 *   base  gate.basePath, whose owner the gate's user is; the file has to be his, root's or our own, and
 * nobody else may write it why   on error what is wrong with the file, to stand behind its name 0 or -errno.
 */
int gg_tokenfile_read(const char *file, const char *base, char **ret_text, size_t *ret_n, struct gg_buf *why);

/* Rules that name the user of a token that there is not, a line each, to stand behind "KEY: ". Calls say for
 * each. */
void gg_access_warn(const struct gg_conf *c, void (*say)(const char *key, const char *what));

#endif
