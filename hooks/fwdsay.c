/* fwdsay - see fwdsay.h. */
#include "hooks/fwdsay.h"

#include <string.h>

#include "hooks/say.h"

void gg_fwdsay_still(int64_t elapsed_ms)
{
	char mem[32];
	struct gg_buf b = GG_BUF(mem);

	gg_human_ms(&b, elapsed_ms);
	gg_say_client("still forwarding (%s)…", mem);
}

void gg_fwdsay_upstream(const char *line)
{
	char mem[600];
	struct gg_buf b = GG_BUF(mem);

	gg_escape(&b, line, strlen(line), 500);
	gg_say_client("upstream: %s", mem);
}

/* "main", "tags/v1", "refs/notes/x": a reference for people, escaped. */
static void add_name(struct gg_buf *b, const char *ref)
{
	const char *s = !strncmp(ref, "refs/heads/", 11)  ? ref + 11
			: !strncmp(ref, "refs/tags/", 10) ? ref + 5
							  : ref;

	gg_escape(b, s, strlen(s), 200);
}

static void say_one(const struct gg_update *u)
{
	char mem[400];
	struct gg_buf name = GG_BUF(mem);

	add_name(&name, u->ref);
	if (gg_update_deletes(u))
		gg_say_client("forwarded %s (deleted, was %.7s)", mem, u->old);
	else if (gg_update_creates(u))
		gg_say_client("forwarded %s (new) %.7s", mem, u->new);
	else
		gg_say_client("forwarded %s %.7s..%.7s", mem, u->old, u->new);
}

struct kinds {
	size_t created, deleted, moved;
};

static struct kinds count(const struct gg_push *p)
{
	struct kinds k = { 0 };

	for (size_t i = 0; i < p->n; i++) {
		k.created += gg_update_creates(&p->v[i]);
		k.deleted += gg_update_deletes(&p->v[i]);
	}
	k.moved = p->n - k.created - k.deleted;
	return k;
}

static void add_kinds(struct gg_buf *b, const struct gg_push *p)
{
	struct kinds k = count(p);

	gg_buf_add(b, "%zu %s (%zu new, %zu moved, %zu deleted)", p->n,
		   p->n == 1 ? "reference" : "references", k.created, k.moved, k.deleted);
}

static struct gg_told told(const struct gg_push_conf *c, const struct gg_push *p, const char *event,
			   int64_t took_ms)
{
	struct gg_told what = { GG_TOLD, .event = event, .upstream = c->upstream };

	what.duration_ms = took_ms;
	what.refs = (int64_t)p->n;
	return what;
}

void gg_fwdsay_done(const struct gg_push_conf *c, const struct gg_gate_link *l, const struct gg_push *p,
		    int64_t took_ms)
{
	const struct gg_told what = told(c, p, "push.forwarded", took_ms);
	char kinds[128], took[32];
	struct gg_buf k = GG_BUF(kinds), t = GG_BUF(took);

	add_kinds(&k, p);
	gg_human_ms(&t, took_ms);
	for (size_t i = 0; i < p->n && p->n <= GG_FWDSAY_REFS; i++)
		say_one(&p->v[i]);
	if (p->n > GG_FWDSAY_REFS)
		gg_say_client("forwarded %s", kinds);
	gg_gate_tell(l, &what, "%s has taken %s in %s", c->upstream, kinds, took);
}

/* What upstream has of it, for people. */
static void add_tally(struct gg_buf *b, const struct gg_push *p, const struct gg_tally *t)
{
	if (!t)
		gg_buf_add(b, "nothing was sent");
	else if (t->n[GG_SEEN_OTHER])
		gg_buf_add(b, "upstream has other values for %zu of %zu references", t->n[GG_SEEN_OTHER],
			   p->n);
	else if (t->n[GG_SEEN_OLD] == p->n)
		gg_buf_add(b, "upstream is unchanged");
	else
		gg_buf_add(b, "upstream has %zu of %zu references", p->n - t->n[GG_SEEN_OLD], p->n);
}

/* The reference that is blamed, escaped. */
static void add_blamed(struct gg_buf *b, const struct gg_push *p, const char *ref)
{
	const char *s = *ref || !p->n ? ref : p->v[0].ref;

	gg_escape(b, s, strlen(s), 200);
	if (!*ref && p->n > 1)
		gg_buf_add(b, " and %zu more", p->n - 1);
}

void gg_fwdsay_failed(const struct gg_push_conf *c, const struct gg_gate_link *l, const struct gg_push *p,
		      const struct gg_fwd_failure *f)
{
	const struct gg_told what = told(c, p, "push.forward-failed", f->took_ms);
	char kinds[128], state[128], blamed[300], words[400] = "";
	struct gg_buf k = GG_BUF(kinds), s = GG_BUF(state), b = GG_BUF(blamed), w = GG_BUF(words);

	add_kinds(&k, p);
	add_tally(&s, p, f->t);
	add_blamed(&b, p, f->ref);
	if (*f->words) {
		gg_buf_add(&w, " (");
		gg_escape(&w, f->words, strlen(f->words), 350);
		gg_buf_add(&w, ")");
	}
	gg_say_client("upstream push failed for %s: %s", blamed, f->why);
	if (f->t && f->t->n[GG_SEEN_OLD] != p->n)
		gg_say_client("%s: fetch, then push again what is missing", state);
	else
		gg_say_client("%s", state);
	gg_gate_tell(l, &what, "%s: %s: %s%s; %s; %s", c->upstream, blamed, f->why, words, state, kinds);
}

void gg_fwdsay_unknown(const struct gg_push_conf *c, const struct gg_gate_link *l, const struct gg_push *p,
		       const struct gg_fwd_failure *f, const char *that)
{
	const struct gg_told what = told(c, p, "push.forward-failed", f->took_ms);
	char blamed[300];
	struct gg_buf b = GG_BUF(blamed);

	add_blamed(&b, p, f->ref);
	gg_say_client("upstream push failed for %s: %s", blamed, f->why);
	gg_say_client("upstream may have taken it or not, it cannot be asked: %s", that);
	gg_say_client("fetch before you push again");
	gg_gate_tell(l, &what, "%s: %s: %s; what upstream has is not known: %s", c->upstream, blamed, f->why,
		     that);
}
