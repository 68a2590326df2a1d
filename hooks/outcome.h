/*
 * outcome - what has become of a push upstream, from what upstream lists now. Pure but for allocation. Used
 * by hooks/forward.c (git ls-remote) and hooks/lock.c (git for-each-ref, which is made to write the same
 * lines). Tested by tests/unit/outcome.c.
 */
#ifndef GG_HOOKS_OUTCOME_H
#define GG_HOOKS_OUTCOME_H

#include <stddef.h>

#include "hooks/update.h"

struct gg_listed {
	const char *id, *ref; /* into the text that was listed */
};

struct gg_listing {	     /* sorted by ref */
	struct gg_listed *v; /* owned */
	size_t n;
};

/*
 * Lines "ID TAB REF". Those of peeled tags (REF^{}), of HEAD and the like, which are below no refs/, and of
 * symbolic references ("ref: …") are left out.
 *   text  of n bytes, and one more that is ours too; changed, and referred to by ret
 * 0; -EPROTO: a line is none of these; -ENOMEM.
 */
int gg_listing_parse(char *text, size_t n, struct gg_listing *ret);
/* The id that is listed for ref; NULL: none. */
const char *gg_listing_find(const struct gg_listing *l, const char *ref);
void gg_listing_free(struct gg_listing *l);

enum gg_seen {
	GG_SEEN_NEW,   /* it is as the push wants it */
	GG_SEEN_OLD,   /* it is as it was before; a reference to be deleted that is not there counts as new */
	GG_SEEN_OTHER, /* neither */
};

enum gg_outcome {
	GG_OUTCOME_NEW,	  /* all of it is done */
	GG_OUTCOME_OLD,	  /* nothing is */
	GG_OUTCOME_PART,  /* some is done, the rest as before */
	GG_OUTCOME_OTHER, /* somebody else has changed one of them at least */
};

struct gg_tally {
	size_t n[3];  /* by enum gg_seen */
	size_t at[3]; /* the first update of each kind */
};

/* seen: p->n of them, filled. */
enum gg_outcome gg_outcome(const struct gg_push *p, const struct gg_listing *l, unsigned char *seen,
			   struct gg_tally *ret);

#endif
