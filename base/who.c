/* who - see who.h. */
#include "base/who.h"

#include <errno.h>
#include <string.h>

#include "base/cidr.h"
#include "base/text.h"

static const char user[] = "user:", uid[] = "uid:";

/* What stands behind the prefix; NULL: the word does not begin with it. */
static const char *behind(const char *word, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(word, prefix, n) == 0 ? word + n : NULL;
}

static bool is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool gg_who_is_name(const char *s, size_t n)
{
	if (!n || n > GG_USER_MAX || !is_plain(s[0]))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!is_plain(s[i]) && !(s[i] && strchr("-_.+@", s[i])))
			return false;
	return true;
}

static bool is_number(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

const char *gg_who_uid_name(const char *word)
{
	const char *s = behind(word, uid);

	return s && !is_number(s) ? s : NULL;
}

static int fail(struct gg_buf *why, const char *text)
{
	gg_buf_add(why, "%s", text);
	return -EINVAL;
}

int gg_who_check(const char *word, struct gg_buf *why)
{
	struct gg_cidr net;
	const char *s;
	int64_t n;

	if (strcmp(word, "any") == 0)
		return 0;
	s = behind(word, user);
	if (s)
		return strcmp(s, "*") == 0 || gg_who_is_name(s, strlen(s))
			       ? 0
			       : fail(why, "is no name of a token; write user:NAME, or user:* for any");
	s = behind(word, uid);
	if (s && is_number(s))
		return gg_int_parse(s, 0, UINT32_MAX - 1, &n) == 0 ? 0 : fail(why, "is no number of a user");
	if (s)
		return *s && !strpbrk(s, ":/ \t") ? 0 : fail(why, "is no user; write uid:NUMBER or uid:NAME");
	if (strpbrk(word, ".:/"))
		return gg_cidr_parse(word, &net, why);
	return fail(why, "is nobody; write a net as 10.0.0.0/8, user:NAME, user:*, uid:NUMBER or any");
}

static bool is(const struct gg_identity *w, const char *word)
{
	const char *s = behind(word, user);
	int64_t n;

	if (strcmp(word, "any") == 0)
		return true;
	if (s)
		return w->user[0] && (strcmp(s, "*") == 0 || strcmp(s, w->user) == 0);
	s = behind(word, uid);
	if (s)
		return w->uid >= 0 && gg_int_parse(s, 0, UINT32_MAX - 1, &n) == 0 && n == w->uid;
	return gg_cidr_any((char *const *)&word, 1, w->addr);
}

bool gg_who_any(const struct gg_identity *w, char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is(w, v[i]))
			return true;
	return false;
}

bool gg_who_names_users(char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (behind(v[i], user))
			return true;
	return false;
}
