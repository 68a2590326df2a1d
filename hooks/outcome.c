/* outcome - see outcome.h. */
#include "hooks/outcome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_ref(const void *a, const void *b)
{
	return strcmp(((const struct gg_listed *)a)->ref, ((const struct gg_listed *)b)->ref);
}

static bool is_id(const char *s)
{
	size_t n = strspn(s, "0123456789abcdef");

	return !s[n] && (n == 40 || n == 64);
}

/* True when the line is one to keep. */
static int parse_line(char *line, struct gg_listed *ret)
{
	char *tab = strchr(line, '\t');

	if (!tab)
		return -EPROTO;
	*tab = '\0';
	if (!strncmp(line, "ref: ", 5))
		return 0;
	if (!is_id(line))
		return -EPROTO;
	*ret = (struct gg_listed){ .id = line, .ref = tab + 1 };
	return !strncmp(ret->ref, "refs/", 5) && !strchr(ret->ref, '^');
}

static size_t count_lines(const char *text, size_t n)
{
	size_t lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	return lines;
}

int gg_listing_parse(char *text, size_t n, struct gg_listing *ret)
{
	struct gg_listing l = { .v = calloc(count_lines(text, n) + 1, sizeof(*l.v)) };
	bool sorted = true;

	if (!l.v)
		return -ENOMEM;
	text[n] = '\0';
	for (char *s = text, *end; *s; s = end + 1) {
		int r;

		end = strchr(s, '\n');
		if (end)
			*end = '\0';
		r = end ? parse_line(s, &l.v[l.n]) : -EPROTO;
		if (r < 0) {
			gg_listing_free(&l);
			return r;
		}
		sorted = sorted && (r == 0 || l.n == 0 || by_ref(&l.v[l.n - 1], &l.v[l.n]) < 0);
		l.n += (size_t)r;
	}
	if (!sorted)
		qsort(l.v, l.n, sizeof(*l.v), by_ref);
	*ret = l;
	return 0;
}

const char *gg_listing_find(const struct gg_listing *l, const char *ref)
{
	struct gg_listed key = { .ref = ref }, *found = NULL;

	if (l->n)
		found = bsearch(&key, l->v, l->n, sizeof(*l->v), by_ref);
	return found ? found->id : NULL;
}

void gg_listing_free(struct gg_listing *l)
{
	free(l->v);
	*l = (struct gg_listing){ 0 };
}

/* have: NULL when it is not there. */
static enum gg_seen look(const struct gg_update *u, const char *have)
{
	if (have ? !strcmp(have, u->new) : gg_update_deletes(u))
		return GG_SEEN_NEW;
	if (have ? !strcmp(have, u->old) : gg_update_creates(u))
		return GG_SEEN_OLD;
	return GG_SEEN_OTHER;
}

enum gg_outcome gg_outcome(const struct gg_push *p, const struct gg_listing *l, unsigned char *seen,
			   struct gg_tally *ret)
{
	*ret = (struct gg_tally){ 0 };
	for (size_t i = 0; i < p->n; i++) {
		enum gg_seen s = look(&p->v[i], gg_listing_find(l, p->v[i].ref));

		seen[i] = (unsigned char)s;
		if (!ret->n[s]++)
			ret->at[s] = i;
	}
	if (ret->n[GG_SEEN_OTHER])
		return GG_OUTCOME_OTHER;
	if (!ret->n[GG_SEEN_OLD])
		return GG_OUTCOME_NEW;
	return ret->n[GG_SEEN_NEW] ? GG_OUTCOME_PART : GG_OUTCOME_OLD;
}
