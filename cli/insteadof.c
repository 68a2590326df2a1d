/* insteadof - see insteadof.h. */
#include "cli/insteadof.h"

#include <stdbool.h>
#include <string.h>

#include "base/upstream.h"

enum { SSH_PORT = 22 };

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static bool is_letter(char c)
{
	return c && strchr(letters, c);
}

/* '~' is plain only behind the first character: a shell expands it there. */
static bool is_plain(const char *s)
{
	if (!*s || *s == '~')
		return false;
	for (; *s; s++)
		if (!is_letter(*s) && !strchr("_-./:@%+,~", *s))
			return false;
	return true;
}

void gg_sh_word(struct gg_buf *b, const char *s)
{
	if (is_plain(s)) {
		gg_buf_add(b, "%s", s);
		return;
	}
	gg_buf_add(b, "'");
	for (; *s; s++)
		if (*s == '\'')
			gg_buf_add(b, "'\\''");
		else
			gg_buf_put(b, s, 1);
	gg_buf_add(b, "'");
}

void gg_gate_url(struct gg_buf *b, const char *where, const char *name)
{
	gg_buf_add(b, "%s/", where);
	for (; *name; name++)
		if (is_letter(*name) || strchr("_-./~", *name))
			gg_buf_put(b, name, 1);
		else
			gg_buf_add(b, "%%%02X", (unsigned char)*name);
}

static void add_line(struct gg_buf *b, const char *url, const char *how, const char *form)
{
	char mem[4096];
	struct gg_buf key = GG_BUF(mem);

	gg_buf_add(&key, "url.%s.insteadOf", url);
	gg_buf_add(b, "git config --global %s ", how);
	gg_sh_word(b, mem);
	gg_buf_add(b, " ");
	gg_sh_word(b, form);
	gg_buf_add(b, "\n");
}

/* "[user@]host", an IPv6 address in brackets. */
static void add_account(struct gg_buf *b, const struct gg_upstream *u)
{
	bool v6 = strchr(u->host, ':');

	gg_buf_add(b, "%s%s%s%s%s", u->user, *u->user ? "@" : "", v6 ? "[" : "", u->host, v6 ? "]" : "");
}

static int digit(char c)
{
	static const char hex[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(hex, c) : NULL;

	return at ? (int)(at - hex) % 16 : -1;
}

/* As git does it with a URL, and not with the scp form. */
static void add_decoded(struct gg_buf *b, const char *s)
{
	for (; *s; s++) {
		int high = *s == '%' ? digit(s[1]) : -1, low = high >= 0 ? digit(s[2]) : -1;
		char c = (char)(high * 16 + low);

		if (low >= 0 && c)
			s += 2;
		else
			c = *s;
		gg_buf_put(b, &c, 1);
	}
}

static void add_scp(struct gg_buf *b, const char *url, const struct gg_upstream *u, const char *path)
{
	char mem[4096];
	struct gg_buf form = GG_BUF(mem);

	add_account(&form, u);
	gg_buf_add(&form, ":");
	add_decoded(&form, path);
	for (const char *c = mem; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return; /* nobody writes it so, and a terminal would obey it */
	add_line(b, url, "--add", mem);
}

void gg_insteadof_add(struct gg_buf *b, const char *url, const char *upstream)
{
	struct gg_upstream u;
	char mem[4096];
	struct gg_buf form = GG_BUF(mem);

	if (gg_upstream_parse(upstream, &u, &form) < 0)
		return;
	add_line(b, url, "--replace-all", upstream);
	if (u.port && u.port != SSH_PORT)
		return; /* the scp form has no port */
	form = GG_BUF(mem);
	gg_buf_add(&form, "ssh://");
	add_account(&form, &u);
	gg_buf_add(&form, "%s%s", u.port ? "" : ":22", u.path);
	add_line(b, url, "--add", mem);
	add_scp(b, url, &u, strncmp(u.path, "/~/", 3) == 0 ? u.path + 3 : u.path + 1);
	if (u.path[1] != '~')
		add_scp(b, url, &u, u.path);
}
