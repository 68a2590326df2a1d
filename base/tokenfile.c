/* tokenfile - see tokenfile.h. */
#include "base/tokenfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char kind[] = "sha256:";

void gg_hash_hex(const uint8_t hash[GG_HASH_SIZE], char ret[2 * GG_HASH_SIZE + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < GG_HASH_SIZE; i++) {
		ret[2 * i] = digits[hash[i] >> 4];
		ret[2 * i + 1] = digits[hash[i] & 15];
	}
	ret[2 * GG_HASH_SIZE] = 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int gg_hash_parse(const char *s, size_t n, uint8_t ret[GG_HASH_SIZE])
{
	if (n != 2 * GG_HASH_SIZE)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (hex(s[i]) < 0)
			return -EINVAL;
	for (size_t i = 0; i < GG_HASH_SIZE; i++)
		ret[i] = (uint8_t)(hex(s[2 * i]) * 16 + hex(s[2 * i + 1]));
	return 0;
}

void gg_tokens_free(struct gg_tokens *t)
{
	free(t->v);
	*t = (struct gg_tokens){ 0 };
}

const struct gg_token *gg_tokens_named(const struct gg_tokens *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i].name, name) == 0)
			return &t->v[i];
	return NULL;
}

/* A line that says something, of n bytes. NULL: ret is filled; else what is wrong. */
static const char *read_line(const char *s, size_t n, struct gg_token *ret)
{
	const char *colon = memchr(s, ':', n);
	size_t name = colon ? (size_t)(colon - s) : 0, prefix = strlen(kind);

	if (!colon)
		return "is no NAME:sha256:HEX; make it with git-gate token add NAME";
	if (!gg_who_is_name(s, name))
		return "has no name that a token may have: 1 to 64 letters, digits and any of -_.+@ behind "
		       "the "
		       "first; give it another";
	s = colon + 1;
	n -= name + 1;
	if (n < prefix || memcmp(s, kind, prefix) != 0)
		return "has no sha256: behind the name; make it with git-gate token add NAME";
	if (gg_hash_parse(s + prefix, n - prefix, ret->hash) < 0)
		return "has no 64 hexadecimal digits, in lower case, at its end; make it with git-gate token "
		       "add NAME";
	memcpy(ret->name, colon - name, name);
	ret->name[name] = 0;
	return NULL;
}

/* Room for all lines at once. */
static int make_room(const char *text, size_t n, struct gg_tokens *ret)
{
	size_t lines = 1;

	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	ret->v = calloc(lines < GG_TOKENS_MAX ? lines : GG_TOKENS_MAX, sizeof(*ret->v));
	return ret->v ? 0 : -ENOMEM;
}

static const char *take_line(const char *s, size_t n, struct gg_tokens *ret)
{
	struct gg_token one;
	const char *what = read_line(s, n, &one);

	if (what)
		return what;
	if (gg_tokens_named(ret, one.name))
		return "has a name that an earlier line has; remove one, or give it another name";
	if (ret->n == GG_TOKENS_MAX)
		return "is one too many: 1000 tokens are the most; remove some";
	ret->v[ret->n++] = one;
	return NULL;
}

int gg_tokenfile_parse(const char *text, size_t n, struct gg_tokens *ret, gg_tokenfile_bad *bad, void *arg)
{
	int e;

	*ret = (struct gg_tokens){ 0 };
	e = make_room(text, n, ret);
	for (size_t at = 0, line = 1, len; at < n && e == 0; at += len + 1, line++) {
		const char *lf = memchr(text + at, '\n', n - at), *what;

		len = lf ? (size_t)(lf - text) - at : n - at;
		what = !len || text[at] == '#' ? NULL : take_line(text + at, len, ret);
		if (what)
			e = bad(arg, line, what);
	}
	return e;
}
