/* pushreport - see pushreport.h. */
#include "hooks/pushreport.h"

#include <string.h>

#include "base/cleanup.h"

static void copy(char *ret, size_t size, const char *s, size_t n)
{
	n = n < size - 1 ? n : size - 1;
	memcpy(ret, s, n);
	ret[n] = '\0';
}

static void feed(struct gg_report_lines *l, const char *bytes, size_t n,
		 void (*take)(struct gg_push_report *, char *), struct gg_push_report *r)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != '\n' && bytes[i] != '\r') {
			if (l->len < GG_REPORT_LINE)
				l->line[l->len++] = bytes[i] ? bytes[i] : '?';
			continue;
		}
		l->line[l->len] = '\0';
		if (l->len)
			take(r, l->line);
		l->len = 0;
	}
}

/* Refused because another reference of the push was: git's words for the client's side, and a server's. */
static bool is_of_another(const char *reason)
{
	static const char *const words[] = { "atomic push fail", "atomic transaction fail",
					     "transaction aborted" };

	for (size_t i = 0; i < GG_LEN(words); i++)
		if (strstr(reason, words[i]))
			return true;
	return false;
}

/* "!" TAB FROM:TO TAB SUMMARY " (" REASON ")" */
static void take_refused(struct gg_push_report *r, char *line)
{
	char *tab = strchr(line + 2, '\t'), *to, *reason, *end;
	bool weak;

	if (!tab)
		return;
	*tab = '\0';
	to = strrchr(line + 2, ':');
	reason = strchr(tab + 1, '(');
	reason = reason ? reason + 1 : tab + 1;
	end = strrchr(reason, ')');
	if (end && !end[1])
		*end = '\0';
	weak = is_of_another(reason);
	if (r->ref[0] && (!r->weak || weak))
		return;
	copy(r->ref, sizeof(r->ref), to ? to + 1 : line + 2, strlen(to ? to + 1 : line + 2));
	copy(r->reason, sizeof(r->reason), reason, strlen(reason));
	r->weak = weak;
}

static void take_out(struct gg_push_report *r, char *line)
{
	if (!line[0] || line[1] != '\t')
		return;
	if (line[0] == '!') {
		r->refused++;
		take_refused(r, line);
	} else if (line[0] == '=') {
		r->same++;
	} else if (strchr(" +-*", line[0])) {
		r->done++;
	}
}

/* What git adds to every failure, and what tells nobody anything. */
static bool is_noise(const char *line)
{
	static const char *const begins[] = {
		"error: failed to push some refs to ",
		"hint: ",
		"fatal: Could not read from remote repos",
		"Please make sure you have the correct acc",
		"and the repository exists.",
		"fatal: the remote end hung up unexpected",
		"error: remote unpack failed",
		"send-pack: unexpected disconnect while",
		"fatal: unpack-objects failed",
		"fatal: index-pack failed",
		"fatal: fetch-pack: invalid index-pack output",
	};

	for (size_t i = 0; i < GG_LEN(begins); i++)
		if (!strncmp(line, begins[i], strlen(begins[i])))
			return true;
	return false;
}

/* The last words tell most, but advice that follows a "fatal:" does not. */
static bool is_better(const char *line, const char *said)
{
	if (!*said)
		return true;
	return !is_noise(line) &&
	       (strncmp(said, "fatal: ", 7) != 0 || !strncmp(line, "fatal: ", 7) || is_noise(said));
}

static void trim(char *s)
{
	size_t n = strlen(s);

	while (n && s[n - 1] == ' ')
		s[--n] = '\0';
}

static void take_err(struct gg_push_report *r, char *line)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	trim(line);
	if (!strncmp(line, "remote: ", 8)) {
		if (!r->words[0] && strpbrk(line + 8, letters))
			copy(r->words, sizeof(r->words), line + 8, strlen(line + 8));
		if (r->remote && r->nremote++ < GG_REPORT_REMOTE && line[8])
			r->remote(r->arg, line + 8);
	} else if (*line && strcmp(line, "remote:") && is_better(line, r->said)) {
		copy(r->said, sizeof(r->said), line, strlen(line));
	}
}

void gg_push_report_out(struct gg_push_report *r, const char *bytes, size_t n)
{
	feed(&r->out, bytes, n, take_out, r);
}

void gg_push_report_err(struct gg_push_report *r, const char *bytes, size_t n)
{
	feed(&r->err, bytes, n, take_err, r);
}

static const struct {
	const char *has, *means;
} known[] = {
	{ "Host key verification failed",
	  "upstream's host key is not the one that is pinned (repo.NAME.knownHostsFile)" },
	{ "Permission denied (", "upstream does not accept the gate's key (repo.NAME.identityFile)" },
	{ "Connection timed out during banner exchange",
	  "upstream accepted the connection and said nothing (deadline.connect)" },
	{ "Connection timed out", "no connection to upstream (deadline.connect)" },
	{ "Operation timed out", "no connection to upstream (deadline.connect)" },
	{ "Timeout, server ", "upstream stopped answering" },
	{ "Connection refused", "upstream refuses connections" },
	{ "Could not resolve hostname", "upstream's name cannot be resolved" },
	{ "No route to host", "there is no route to upstream" },
};

/* The place of the first of hide[] in s. */
static const char *find_hidden(const char *s, const char *const *hide, size_t *ret_len)
{
	const char *first = NULL;

	for (; hide && *hide; hide++) {
		const char *at = **hide ? strstr(s, *hide) : NULL;

		if (at && (!first || at < first)) {
			first = at;
			*ret_len = strlen(*hide);
		}
	}
	return first;
}

void gg_push_report_why(struct gg_buf *b, const struct gg_push_report *r, const char *const *hide)
{
	const char *s = r->said, *at;
	size_t n = 0;

	for (size_t i = 0; i < GG_LEN(known); i++)
		if (strstr(s, known[i].has)) {
			gg_buf_add(b, "%s", known[i].means);
			return;
		}
	while ((at = find_hidden(s, hide, &n))) {
		gg_escape(b, s, (size_t)(at - s), sizeof(r->said));
		gg_buf_add(b, "(path)");
		s = at + n;
	}
	gg_escape(b, s, strlen(s), sizeof(r->said));
}
