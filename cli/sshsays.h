/*
 * sshsays - what a failed `git ls-remote` or `git push` over ssh has to say, and what to do about it. Pure.
 * Tested by tests/unit/clientlines.c, and with real ssh by tests/process/t0082-add.py.
 */
#ifndef GG_CLI_SSHSAYS_H
#define GG_CLI_SSHSAYS_H

#include "base/text.h"

enum gg_says_file { GG_SAYS_NO_FILE, GG_SAYS_IDENTITY, GG_SAYS_KNOWN_HOSTS };

struct gg_says {
	const char *what;	/* continues "upstream HOST " */
	const char *cure;	/* a command or an advice */
	enum gg_says_file file; /* which file the cure is about; it is named behind it */
};

/* err: what git and ssh wrote, in English. NULL: nothing that is known. */
const struct gg_says *gg_ssh_says(const char *err);
/*
 * What of it is worth reading behind that, in one line of at most 300 bytes, not escaped: the line that it is
 * known by, out of its frame; of a host key that has changed its fingerprint ("offered SHA256:…"). Nothing
 * when nothing is known.
 */
void gg_ssh_quote(struct gg_buf *b, const char *err);

#endif
