/* nearest - the word that somebody may have meant. Pure. Used by cli/explain.c and cli/reaped.c. */
#ifndef GG_CLI_NEAREST_H
#define GG_CLI_NEAREST_H

struct gg_nearest {
	const char *meant; /* the word that is looked for */
	const char *best;  /* NULL: none is like it */
	int distance;
};

/* How like is this one? Called with each word there is. Further than half of the word, or than 3, is no
 * likeness. */
void gg_nearest_try(struct gg_nearest *n, const char *word);

#endif
