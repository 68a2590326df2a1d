/* rules - see rules.h. */
#include "supervisor/rules.h"

#include <nettle/memops.h>
#include <stdio.h>
#include <string.h>

#include "base/confkey.h"
#include "base/who.h"

enum { SHOWN = 100 }; /* bytes of a repository's name in a text */

/* The token that was shown. All are compared, each whole, so that time tells nothing of any. */
static const struct gg_token *find_token(const struct gg_tokens *t, const struct gg_claim *claim)
{
	const struct gg_token *found = NULL;
	uint8_t hash[GG_HASH_SIZE];

	if (gg_hash_parse(claim->hash, strlen(claim->hash), hash) < 0)
		return NULL;
	for (size_t i = 0; i < t->n; i++) {
		bool same = memeql_sec(t->v[i].hash, hash, sizeof(hash));

		if (same && (claim->how[0] == 'T' || strcmp(t->v[i].name, claim->name) == 0))
			found = &t->v[i];
	}
	return found;
}

/* --- what a rule says ------------------------------------------------------------------------------------
 */

struct rule {
	const struct gg_list *list;
	bool own; /* of the repository */
	enum gg_repo_key k;
};

struct request {
	const struct gg_conf *c;
	const struct gg_status *st;
	struct gg_identity who;
	bool http;
	struct gg_repo_rules rules; /* of the repository, or for all when there is none by its name */
};

static struct rule rule_of(const struct gg_repo_rules *r, bool push)
{
	if (push)
		return (struct rule){ r->allow_push, r->own[GG_REPO_allow_push], GG_REPO_allow_push };
	return (struct rule){ r->allow_fetch, r->own[GG_REPO_allow_fetch], GG_REPO_allow_fetch };
}

static bool lets(const struct request *q, const struct gg_list *l)
{
	if (l->n)
		return gg_who_any(&q->who, l->v, l->n);
	return !*q->c->token_file || q->who.user[0];
}

static bool may(const struct request *q, bool push)
{
	return lets(q, rule_of(&q->rules, push).list);
}

/* Some repository may be there for some clients alone. */
static bool any_hidden(const struct gg_conf *c)
{
	for (size_t i = 0; i < c->nrepo; i++)
		if (c->repo[i].allow_fetch.n)
			return true;
	return false;
}

/* --- what is said ----------------------------------------------------------------------------------------
 */

static void add_key(const struct request *q, const struct rule *rule, struct gg_ruling *ret)
{
	char name[4 * sizeof(q->st->repo)];
	struct gg_buf key = GG_BUF(ret->key), n = GG_BUF(name);

	gg_escape(&n, q->st->repo, strlen(q->st->repo), SHOWN);
	if (rule->list->n)
		gg_rule_key(&key, name, rule->own, rule->k);
	else
		gg_buf_add(&key, "%s", gg_conf_key_name(GG_KEY_token_file));
}

/* What would help; token: one could. */
static void add_help(const struct request *q, bool token, struct gg_buf *why, struct gg_ruling *ret)
{
	bool shown = q->who.user[0];

	if (token && !shown && q->http) {
		gg_buf_add(why, "show a token, its name as the user and the token as the password");
		ret->challenge = true;
		ret->status = 401;
	} else if (token && !shown) {
		gg_buf_add(why, "over this transport no token can be shown: use http with one");
	} else {
		gg_buf_add(why, "ask whoever runs the gate");
		if (shown)
			gg_buf_add(why, ", to which you are %s", q->who.user);
	}
}

/* Of a repository that the client may fetch. */
static void deny_push(const struct request *q, struct gg_ruling *ret)
{
	struct rule rule = rule_of(&q->rules, true);
	struct gg_buf why = GG_BUF(ret->why);

	gg_buf_add(&why, "access denied: you may not push to ");
	gg_escape(&why, q->st->repo, strlen(q->st->repo), SHOWN);
	gg_buf_add(&why, "; ");
	ret->status = 403;
	add_key(q, &rule, ret);
	add_help(q, *q->c->token_file && (!rule.list->n || gg_who_names_users(rule.list->v, rule.list->n)),
		 &why, ret);
}

/*
 * Of one that is not there for the client, if it is there at all: nothing that is said rests on that, on its
 * own rules, or on its real name. denied: by a rule.
 */
static void deny(const struct request *q, bool push, bool denied, struct gg_ruling *ret)
{
	struct rule rule = rule_of(&q->rules, push);
	const struct gg_list *all = push ? &q->c->allow_push : &q->c->allow_fetch;
	const char *asked = q->st->asked + strspn(q->st->asked, "/");
	struct gg_buf why = GG_BUF(ret->why);

	gg_buf_add(&why, "access denied, or no such repository: you may not %s ", push ? "push to" : "fetch");
	gg_escape(&why, asked, strlen(asked), SHOWN);
	gg_buf_add(&why, "; ");
	ret->status = lets(q, all) ? 404 : 403;
	if (denied)
		add_key(q, &rule, ret);
	add_help(q, *q->c->token_file, &why, ret);
}

static void deny_token(const struct request *q, struct gg_ruling *ret)
{
	struct gg_buf why = GG_BUF(ret->why), key = GG_BUF(ret->key);

	gg_buf_add(&why, "access denied: the gate does not know this %s; ask whoever runs it for a token",
		   q->st->claim.how[0] == 'B'	? "name and token"
		   : q->st->claim.how[0] == 'T' ? "token"
						: "kind of authorization, or it can be no token");
	gg_buf_add(&key, "%s", gg_conf_key_name(GG_KEY_token_file));
	ret->status = 401;
}

/* ---------------------------------------------------------------------------------------------------------
 */

/* Who asks. False: a wrong token was shown. */
static bool identify(const struct gg_addr *peer, struct request *q, struct gg_ruling *ret)
{
	const struct gg_token *t = NULL;

	q->who = (struct gg_identity){ .addr = peer, .uid = -1, .user = "" };
	if (peer->ss.ss_family == AF_UNIX) {
		q->who.uid = peer->uid;
		snprintf(ret->user, sizeof(ret->user), "uid:%u", (unsigned)peer->uid);
	}
	if (!q->http || !*q->c->token_file || !q->st->claim.how[0])
		return true;
	t = find_token(&q->c->tokens, &q->st->claim);
	if (!t)
		return false;
	q->who.user = t->name;
	strcpy(ret->user, t->name);
	return true;
}

static bool is_fetch(const char *service)
{
	return !strcmp(service, "upload-pack") || !strcmp(service, "upload-archive") ||
	       !strcmp(service, "dumb");
}

void gg_rules_judge(const struct gg_conf *c, const struct gg_addr *peer, const struct gg_status *st,
		    bool http, struct gg_ruling *ret)
{
	struct request q = { .c = c, .st = st, .http = http };
	bool push = !strcmp(st->service, "receive-pack"), found = st->found[0], yes;

	*ret = (struct gg_ruling){ .status = 0 };
	if (!identify(peer, &q, ret))
		return deny_token(&q, ret);
	if (!push && !is_fetch(st->service))
		return; /* no service: others say so */
	gg_conf_rules(c, found ? st->repo : "", &q.rules);
	yes = may(&q, push);
	if (yes && (found || !any_hidden(c)))
		return;
	if (found && push && may(&q, false))
		deny_push(&q, ret);
	else
		deny(&q, push, !yes, ret);
}
