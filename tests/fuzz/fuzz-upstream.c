/*
 * Fuzz base/upstream.h, and the command lines that are made of it: hooks/ssh.h, cli/insteadof.h. Whatever a
 * URL, a path or a name is, a shell reads it as the one word that was meant, and no part of it as an option.
 */
#include <ctype.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/upstream.h"
#include "cli/addname.h"
#include "cli/insteadof.h"
#include "hooks/ssh.h"
#include "tests/fuzz/fuzz.h"

/*
 * The next word as sh reads it: what is in single quotes, and what needs none. NULL: no word is left.
 * Anything else that means something to sh is a defect.
 */
static const char *next_word(const char *s, char *ret, size_t size)
{
	size_t n = 0;
	bool quoted = false;

	while (*s == ' ')
		s++;
	if (!*s)
		return NULL;
	must(*s != '~');
	for (; *s && (quoted || *s != ' '); s++) {
		if (*s == '\'') {
			quoted = !quoted;
			continue;
		}
		if (!quoted && *s == '\\') {
			s++;
			must(*s == '\'');
		} else {
			must(quoted || isalnum((unsigned char)*s) || strchr("-_./:=@%+,~", *s));
		}
		must(n + 1 < size);
		ret[n++] = *s;
	}
	must(!quoted);
	ret[n] = '\0';
	return s;
}

/* ssh's own reading of OPTION="VALUE": backslashes, then %%. */
static void must_mean(const char *word, const char *option, const char *path)
{
	size_t n = strlen(option);

	must(!strncmp(word, option, n) && word[n] == '=' && word[n + 1] == '"');
	for (word += n + 2; *path; path++, word++) {
		if (*word == '\\')
			word++;
		must(*word == *path);
		if (*path == '%')
			must(*++word == '%');
	}
	must(!strcmp(word, "\""));
}

static void ssh(const char *path)
{
	static char mem[16384], word[16384];
	struct gg_buf b = GG_BUF(mem);
	const char *at = mem;
	int paths = 0;

	if (gg_ssh_command(&b, path, path, 1500) < 0)
		return;
	came_to("a path for ssh");
	must(path[0] == '/');
	while ((at = next_word(at, word, sizeof(word)))) {
		if (!strncmp(word, "IdentityFile", 12))
			must_mean(word, "IdentityFile", path);
		else if (!strncmp(word, "UserKnownHostsFile", 18))
			must_mean(word, "UserKnownHostsFile", path);
		else
			continue;
		paths++;
	}
	must(paths == 2);
}

static void url(const char *s)
{
	char why_text[1024], again[2048];
	struct gg_buf why = GG_BUF(why_text), b = GG_BUF(again);
	struct gg_upstream u, v;

	if (gg_upstream_parse(s, &u, &why) < 0) {
		must(why.len > 0);
		must_be_line(why_text);
		return;
	}
	if (u.port && u.user[0])
		came_to("a URL with user and port");
	else if (strchr(u.host, ':'))
		came_to("a URL with an IPv6 address");
	must(u.host[0] && u.host[0] != '-' && u.user[0] != '-' && u.path[0] == '/' && u.path[1]);
	must(!strpbrk(u.host, "%@/ '\"$`\\") && !strpbrk(u.user, "%@/: '\"$`\\"));
	gg_buf_add(&b, "ssh://%s%s%s%s%s", u.user, u.user[0] ? "@" : "", strchr(u.host, ':') ? "[" : "",
		   u.host, strchr(u.host, ':') ? "]" : "");
	if (u.port)
		gg_buf_add(&b, ":%u", u.port);
	gg_buf_add(&b, "%s", u.path);
	if (b.cut)
		return;
	must(gg_upstream_parse(again, &v, &why) == 0);
	must(!strcmp(u.user, v.user) && !strcmp(u.host, v.host) && u.port == v.port &&
	     !strcmp(u.path, v.path));
}

static unsigned hex(const char *s)
{
	char digits[3] = { s[0], s[1], '\0' };

	must(isxdigit((unsigned char)s[0]) && isxdigit((unsigned char)s[1]));
	return (unsigned)strtoul(digits, NULL, 16);
}

static void lines(const char *name, const char *upstream)
{
	static char mem[65536], word[65536], at_gate[8192];
	struct gg_buf w = GG_BUF(mem), g = GG_BUF(at_gate);
	const char *at;

	gg_sh_word(&w, name);
	if (!w.cut && *name) {
		at = next_word(mem, word, sizeof(word));
		must(at && !*at && !strcmp(word, name));
	}
	gg_gate_url(&g, "git://h:1", name);
	must(!strncmp(at_gate, "git://h:1/", 10));
	for (at = at_gate + 10; !g.cut && *at; at++, name++) {
		must(*at > ' ' && *at < 0x7f && *at != '#' && *at != '?' && *at != '\'' && *at != '"');
		must((unsigned char)*name == (*at == '%' ? hex(at + 1) : (unsigned char)*at));
		at += *at == '%' ? 2 : 0;
	}
	must(g.cut || !*name);
	w = GG_BUF(mem);
	gg_insteadof_add(&w, at_gate, upstream);
	if (strstr(mem, "insteadOf"))
		came_to("a line for a client");
	if (w.cut)
		return;
	for (char *line = mem, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		must(end != NULL);
		*end = '\0';
		for (at = line; (at = next_word(at, word, sizeof(word)));)
			;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *s = text_of(data, n);
	const char *wrong = gg_add_name_wrong(s);

	must(wrong || (*s && *s != '-' && *s != '/' && !strstr(s, "..") == !strstr(s, "/../")) ||
	     strstr(s, ".."));
	url(s);
	ssh(s);
	if (!wrong)
		lines(s, behind(s, n));
	return 0;
}
