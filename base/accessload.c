/* accessload - see accessload.h. */
#include "base/accessload.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confkey.h"
#include "base/headroom.h"
#include "base/who.h"

#define PASSWD "/etc/passwd"

enum { MAX_SHOWN = 200 };

/* --- the file of tokens ----------------------------------------------------------------------------------
 */

/* Only whom the gate trusts anyway may have written it. */
static int check_owner(const struct stat *st, const char *base, struct gg_buf *why)
{
	struct stat dir;
	bool ours = st->st_uid == 0 || st->st_uid == geteuid() ||
		    (stat(base, &dir) == 0 && st->st_uid == dir.st_uid);

	if (!ours)
		gg_buf_add(why, "belongs to uid %u, who is neither root nor the gate's user: chown it",
			   (unsigned)st->st_uid);
	else if (st->st_mode & (S_IWGRP | S_IWOTH))
		gg_buf_add(why, "may be written by others (mode %04o): chmod go-w", st->st_mode & 07777);
	return why->len ? -EPERM : 0;
}

static int look(int fd, const char *base, struct gg_buf *why)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		gg_buf_add(why, "cannot be read: %s", strerror(errno));
		return -errno;
	}
	if (!S_ISREG(st.st_mode)) {
		gg_buf_add(why, "is no regular file");
		return -EINVAL;
	}
	if (st.st_size > GG_TOKENFILE_MAX) {
		gg_buf_add(why, "is larger than %d KiB", GG_TOKENFILE_MAX >> 10);
		return -EFBIG;
	}
	return check_owner(&st, base, why);
}

int gg_tokenfile_read(const char *file, const char *base, char **ret_text, size_t *ret_n, struct gg_buf *why)
{
	AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO_FREE char *text = malloc(GG_TOKENFILE_MAX + 1);
	size_t len = 0;
	ssize_t n = 1;
	int e;

	if (!text)
		return -ENOMEM;
	if (fd < 0) {
		e = -errno;
		gg_buf_add(why, "cannot be read: %s%s", strerror(-e),
			   e == -ENOENT	  ? "; make it with git-gate token add NAME"
			   : e == -EACCES ? "; the gate's user has to be able to"
					  : "");
		return e;
	}
	e = look(fd, base, why);
	if (e < 0)
		return e;
	while (n > 0 && len <= GG_TOKENFILE_MAX) {
		n = read(fd, text + len, GG_TOKENFILE_MAX + 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0 || len > GG_TOKENFILE_MAX) {
		gg_buf_add(why, "cannot be read: %s", n < 0 ? strerror(errno) : "it grows");
		return -EIO;
	}
	*ret_text = gg_take_ptr(&text);
	*ret_n = len;
	return 0;
}

static int bad_line(void *arg, size_t line, const char *what)
{
	struct gg_reader *r = arg;
	char name[4 * MAX_SHOWN + 16];
	struct gg_buf b = GG_BUF(name);

	gg_escape(&b, r->conf.token_file, strlen(r->conf.token_file), MAX_SHOWN);
	return gg_reader_error(r, "%s line %zu: %s", name, line, what);
}

static int load_tokens(struct gg_reader *r)
{
	AUTO_FREE char *text = NULL;
	char what[300];
	struct gg_buf why = GG_BUF(what);
	size_t n = 0;
	int e;

	if (!*r->conf.token_file)
		return 0;
	e = gg_tokenfile_read(r->conf.token_file, r->conf.base_path, &text, &n, &why);
	if (e == -ENOMEM)
		return e;
	if (e < 0)
		return gg_reader_wrong(r, gg_conf_key_name(GG_KEY_token_file), r->origin[GG_KEY_token_file],
				       r->conf.token_file, what);
	gg_tokens_free(&r->conf.tokens);
	return gg_tokenfile_parse(text, n, &r->conf.tokens, bad_line, r);
}

/* --- numbers of users ------------------------------------------------------------------------------------
 */

/* 1: found; 0: there is none; -errno of what the machine lacks, which is not the same. */
static int find_uid(const char *name, uid_t *ret)
{
	AUTO_FILE FILE *f = fopen(PASSWD, "re");
	const struct passwd *pw;

	while (f && (errno = 0, pw = fgetpwent(f))) {
		if (strcmp(pw->pw_name, name) != 0)
			continue;
		*ret = pw->pw_uid;
		return 1;
	}
	return gg_is_shortage(errno) ? -errno : 0;
}

/* Where a rule stands: k of all repositories, or of section i. */
struct rule {
	struct gg_list *list;
	bool own;
	size_t i, k;
};

static int no_such_user(struct gg_reader *r, const struct rule *rule, const char *word)
{
	static const char what[] = "is no user in " PASSWD "; write uid:NUMBER";

	if (rule->own)
		return gg_section_wrong(r, GG_SECTION_REPO, rule->i, rule->k, word, what);
	return gg_reader_wrong(r, gg_conf_keys[rule->k].name, r->origin[rule->k], word, what);
}

static int number_users(struct gg_reader *r, const struct rule *rule)
{
	int e = 0;

	for (size_t n = 0; n < rule->list->n && e == 0; n++) {
		const char *name = gg_who_uid_name(rule->list->v[n]);
		char word[24];
		uid_t uid = 0;

		if (!name)
			continue;
		e = find_uid(name, &uid);
		if (e > 0) {
			snprintf(word, sizeof(word), "uid:%u", (unsigned)uid);
			e = gg_set_string(&rule->list->v[n], word);
		} else if (e == 0) {
			e = no_such_user(r, rule, rule->list->v[n]);
		}
	}
	return e;
}

/* Every list of who; false past the last. */
static bool next_rule(const struct gg_conf *c, struct rule *at)
{
	for (; !at->own; at->k++) {
		if (at->k == GG_NKEYS) {
			*at = (struct rule){ .own = true };
			break;
		}
		if (gg_conf_keys[at->k].kind == GG_KIND_LIST_WHO) {
			at->list = GG_KEY_AT(struct gg_list, &gg_conf_keys[at->k], c);
			return true;
		}
	}
	for (; at->i < c->nrepo; at->i++, at->k = 0)
		for (; at->k < GG_NREPO_KEYS; at->k++)
			if (gg_repo_keys[at->k].kind == GG_KIND_LIST_WHO) {
				at->list = GG_KEY_AT(struct gg_list, &gg_repo_keys[at->k], &c->repo[at->i]);
				return true;
			}
	return false;
}

int gg_access_load(struct gg_reader *r)
{
	int e = 0;

	for (struct rule at = { 0 }; e == 0 && next_rule(&r->conf, &at); at.k++)
		e = number_users(r, &at);
	return e ? e : load_tokens(r);
}

/* --- what is odd, and no error ---------------------------------------------------------------------------
 */

static void warn(const struct gg_conf *c, const struct rule *at, const char *user,
		 void (*say)(const char *key, const char *what))
{
	char key[4 * MAX_SHOWN + 64], what[160];
	struct gg_buf k = GG_BUF(key), w = GG_BUF(what);

	if (at->own)
		gg_section_key(&k, c, GG_SECTION_REPO, at->i, at->k, MAX_SHOWN);
	else
		gg_buf_add(&k, "%s", gg_conf_keys[at->k].name);
	gg_buf_add(&w, "no token is named %s; make it with git-gate token add %s", user, user);
	say(key, what);
}

void gg_access_warn(const struct gg_conf *c, void (*say)(const char *key, const char *what))
{
	static const char user[] = "user:";

	for (struct rule at = { 0 }; next_rule(c, &at); at.k++)
		for (size_t n = 0; n < at.list->n; n++) {
			const char *name = at.list->v[n] + strlen(user);

			if (strncmp(at.list->v[n], user, strlen(user)) == 0 && strcmp(name, "*") != 0 &&
			    !gg_tokens_named(&c->tokens, name))
				warn(c, &at, name, say);
		}
}
