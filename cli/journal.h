/*
 * journal - sessions that ended, from the journal: those of gates that do not run any more, and what a gate
 * has forgotten. Effect: reads the journal's files.
 */
#ifndef GG_CLI_JOURNAL_H
#define GG_CLI_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct gg_journal_ask {
	const char
		*dir; /* the files of this directory, as with journalctl --directory; NULL: this machine's */
	int64_t gate_uid; /* whose entries count, besides root's, our own and those of git-gate.service; -1:
			     not known */
	int64_t since_s;  /* not older than this; INT64_MIN: however old */
	bool all;	  /* those too that ended by themselves */
	size_t most;	  /* so many, the newest */
};

/*
 * An array of objects as `reaped` has them, newest first, with source "journal", and with instance, that of
 * their gate. What the journal does not have is null. ret_others: how many
 * entries were left out because someone else wrote them. 0; -ENOENT: there is no journal, or none that we may
 * read; -ELIBACC: nothing here reads one, as ret_err says; -errno.
 */
int gg_journal_ended(const struct gg_journal_ask *ask, json_t **ret, size_t *ret_others,
		     struct gg_buf *ret_err);

#endif
