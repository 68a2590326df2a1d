/*
 * token - git-gate token: who has a token, and a new one. The file (base/tokenfile.h) is replaced as a whole,
 * under a lock as git has them, FILE.lock; mode and owner stay.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/accessload.h"
#include "base/cleanup.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/owner.h"
#include "cli/say.h"

#define PREFIX "ggt_" /* so that a scanner of secrets can know one */

enum { RANDOM = 32, TEXT = (RANDOM * 8 + 5) / 6, NEW_MODE = 0600 };

struct edit {
	const char *name;
	struct gg_reader r;
	char file[PATH_MAX], lock[PATH_MAX + 8];
	char *text; /* owned, of n bytes */
	size_t n;
	bool made; /* there was no file */
	struct gg_tokens tokens;
	int fd; /* of the lock; -1: it is not ours */
};

static int say_line(void *arg, size_t line, const char *what)
{
	const struct edit *e = arg;

	gg_say("%s line %zu: %s", e->file, line, what);
	return -EINVAL;
}

/* Where the file is: what a link leads to is replaced, not the link. */
static int find_file(struct edit *e)
{
	const char *set = e->r.conf.token_file;

	if (!*set) {
		gg_say("access.tokenFile is not set: write the path of the file of tokens into the "
		       "configuration");
		return GG_EXIT_USAGE;
	}
	if (!realpath(set, e->file))
		snprintf(e->file, sizeof(e->file), "%s", set);
	snprintf(e->lock, sizeof(e->lock), "%s.lock", e->file);
	return 0;
}

/* may_lack: then there are none yet. */
static int read_tokens(struct edit *e, bool may_lack)
{
	char mem[300];
	struct gg_buf why = GG_BUF(mem);
	int r = gg_tokenfile_read(e->file, e->r.conf.base_path, &e->text, &e->n, &why);

	e->made = r == -ENOENT;
	if (r == -ENOENT && may_lack)
		return 0;
	if (r < 0) {
		gg_say("%s %s", e->file, r == -ENOMEM ? strerror(ENOMEM) : mem);
		return GG_EXIT_FAILED;
	}
	return gg_tokenfile_parse(e->text, e->n, &e->tokens, say_line, e) < 0 ? GG_EXIT_FAILED : 0;
}

static int cannot(const char *file, const char *what)
{
	gg_say("cannot %s %s: %s", what, file, strerror(errno));
	return GG_EXIT_FAILED;
}

static int lock(struct edit *e)
{
	e->fd = open(e->lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, NEW_MODE);
	if (e->fd >= 0)
		return 0;
	if (errno == EEXIST)
		gg_say("%s is there: somebody else changes the tokens now, or was killed and left it",
		       e->lock);
	else
		cannot(e->lock, "make");
	return GG_EXIT_FAILED;
}

/* As the file was; a new one is the gate's user's. */
static int give_mode(const struct edit *e)
{
	struct gg_owner owner;
	struct stat was;
	int r = 0;

	if (!e->made && stat(e->file, &was) == 0) {
		struct stat is;

		if (fstat(e->fd, &is) == 0 && (is.st_uid != was.st_uid || is.st_gid != was.st_gid))
			r = fchown(e->fd, was.st_uid, was.st_gid);
		r = r ? r : fchmod(e->fd, was.st_mode & 07777);
	} else if (gg_owner_of(e->r.conf.base_path, &owner) == 0 && owner.other && geteuid() == 0) {
		r = fchown(e->fd, owner.uid, owner.gid);
	}
	return r;
}

static bool put(int fd, const char *s, size_t n)
{
	while (n) {
		ssize_t k = write(fd, s, n);

		if (k < 0)
			return false;
		s += k;
		n -= (size_t)k;
	}
	return true;
}

static void sync_dir(const char *file)
{
	char dir[PATH_MAX];
	AUTO_CLOSE int fd = -1;
	char *slash;

	snprintf(dir, sizeof(dir), "%s", file);
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = 0;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd);
}

/* The pieces become the file, at once. */
static int replace(struct edit *e, const char *const *piece, const size_t *len, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!put(e->fd, piece[i], len[i]))
			return cannot(e->lock, "write");
	if (give_mode(e) < 0)
		return cannot(e->lock, "give its owner and mode to");
	if (fsync(e->fd) < 0)
		return cannot(e->lock, "write");
	if (rename(e->lock, e->file) < 0)
		return cannot(e->file, "replace");
	gg_close_fd(&e->fd);
	sync_dir(e->file);
	return 0;
}

/* --- the three of them -----------------------------------------------------------------------------------
 */

static int make_token(char ret[sizeof(PREFIX) + TEXT])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char raw[RANDOM + 1] = { 0 };
	char *to = ret + strlen(PREFIX);

	if (getrandom(raw, RANDOM, 0) != RANDOM)
		return cannot("a token", "make");
	strcpy(ret, PREFIX);
	for (size_t i = 0; i < TEXT; i++) {
		size_t at = i * 6, byte = at / 8, shift = at % 8;

		*to++ = digits[((unsigned)raw[byte] << 8 | raw[byte + 1]) >> (10 - shift) & 63];
	}
	*to = 0;
	explicit_bzero(raw, sizeof(raw));
	return 0;
}

static void add_line(struct gg_buf *b, const char *name, const char *token)
{
	uint8_t hash[GG_HASH_SIZE];
	char hex[2 * GG_HASH_SIZE + 1];
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, strlen(token), (const uint8_t *)token);
	sha256_digest(&sha, sizeof(hash), hash);
	gg_hash_hex(hash, hex);
	gg_buf_add(b, "%s:sha256:%s\n", name, hex);
}

static int add(struct edit *e)
{
	char token[sizeof(PREFIX) + TEXT], line[256];
	struct gg_buf b = GG_BUF(line);
	int code = read_tokens(e, true);

	if (code)
		return code;
	if (gg_tokens_named(&e->tokens, e->name)) {
		gg_say("%s has a token already; take it away first (git-gate token remove %s), or make one "
		       "of "
		       "another name, which can be used beside it",
		       e->name, e->name);
		return GG_EXIT_FAILED;
	}
	if (e->tokens.n == GG_TOKENS_MAX) {
		gg_say("there are %d tokens already, and no more can be", GG_TOKENS_MAX);
		return GG_EXIT_FAILED;
	}
	code = make_token(token);
	if (code)
		return code;
	/* whoever wrote it by hand may have left out the last newline */
	if (e->n && e->text[e->n - 1] != '\n')
		gg_buf_add(&b, "\n");
	add_line(&b, e->name, token);
	code = replace(e, (const char *const[]){ e->text ? e->text : "", line }, (size_t[]){ e->n, b.len },
		       2);
	if (code == 0)
		printf("%s\n", token);
	explicit_bzero(token, sizeof(token));
	return code;
}

static int take_away(struct edit *e)
{
	char start[GG_USER_MAX + 3];
	size_t at = 0, len = 0, n;
	int code = read_tokens(e, false);

	if (code)
		return code;
	if (!gg_tokens_named(&e->tokens, e->name)) {
		gg_say("%s has no token in %s", e->name, e->file);
		return GG_EXIT_FAILED;
	}
	snprintf(start, sizeof(start), "%s:", e->name);
	n = strlen(start);
	for (;; at += len) {
		const char *lf = memchr(e->text + at, '\n', e->n - at);

		len = lf ? (size_t)(lf - e->text) - at + 1 : e->n - at;
		if (len > n && memcmp(e->text + at, start, n) == 0)
			break;
	}
	return replace(e, (const char *const[]){ e->text, e->text + at + len },
		       (size_t[]){ at, e->n - at - len }, 2);
}

static int list(struct edit *e)
{
	int code = read_tokens(e, true);

	for (size_t i = 0; i < e->tokens.n && code == 0; i++)
		printf("%s\n", e->tokens.v[i].name);
	return code;
}

static const struct {
	const char *word;
	bool named; /* it takes a name, and changes the file */
	int (*run)(struct edit *e);
} actions[] = { { "add", true, add }, { "remove", true, take_away }, { "list", false, list } };

static int check_name(const struct gg_args *a, size_t i)
{
	const char *name = a->noperand > 1 ? a->operand[1] : NULL;

	if (actions[i].named && !name)
		gg_say("token %s: NAME is missing", actions[i].word);
	else if (!actions[i].named && name)
		gg_say("token %s: unexpected argument '%s'", actions[i].word, name);
	else if (name && !gg_who_is_name(name, strlen(name)))
		gg_say("token %s: '%s' is no name that a token may have: 1 to 64 letters, digits and any of "
		       "-_.+@ behind the first",
		       actions[i].word, name);
	else
		return 0;
	return GG_EXIT_USAGE;
}

static int act(struct edit *e, size_t i)
{
	int code = find_file(e);

	if (code == 0 && actions[i].named)
		code = lock(e);
	code = code ? code : actions[i].run(e);
	if (e->fd >= 0) { /* it was not put in place */
		unlink(e->lock);
		close(e->fd);
	}
	if (code == 0 && actions[i].named)
		fprintf(stderr, "the gate knows of it after: git-gate reload\n");
	return code;
}

int gg_cmd_token(const struct gg_args *a)
{
	struct edit e = { .name = a->noperand > 1 ? a->operand[1] : NULL, .fd = -1 };
	size_t i = 0;
	int code;

	while (i < GG_LEN(actions) && strcmp(a->operand[0], actions[i].word) != 0)
		i++;
	if (i == GG_LEN(actions)) {
		gg_say("token: '%s' is nothing that can be done; write add NAME, remove NAME or list",
		       a->operand[0]);
		return GG_EXIT_USAGE;
	}
	code = check_name(a, i);
	code = code ? code : gg_config_load(a, &e.r);
	code = code ? code : act(&e, i);
	gg_tokens_free(&e.tokens);
	free(e.text);
	gg_reader_free(&e.r);
	return code;
}
