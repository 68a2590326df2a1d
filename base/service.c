/* service - see service.h. */
#include "base/service.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/confkey.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Take one word of *at into mem, which has room for all of it; *at moves behind it. */
static int take_word(const char **at, char *mem, const char **ret_why)
{
	const char *s = *at;
	char quote = 0;

	for (; *s && (quote || !is_space(*s)); s++) {
		if (*s == '\\' && quote != '\'') {
			if (!*++s) {
				*ret_why = "ends in a backslash";
				return -EINVAL;
			}
			*mem++ = *s;
		} else if (quote ? *s == quote : *s == '\'' || *s == '"') {
			quote = quote ? 0 : *s;
		} else {
			*mem++ = *s;
		}
	}
	*mem = '\0';
	*at = s;
	if (quote)
		*ret_why = "has an unclosed quote";
	return quote ? -EINVAL : 0;
}

int gg_split_words(const char *s, struct gg_list *ret, const char **ret_why)
{
	AUTO_FREE char *mem = malloc(strlen(s) + 1);
	int e = 0;

	if (!mem)
		return -ENOMEM;
	while (e == 0) {
		while (is_space(*s))
			s++;
		if (!*s)
			break;
		e = take_word(&s, mem, ret_why);
		e = e ? e : gg_list_add(ret, mem);
	}
	return e;
}

int gg_ready_parse(const char *s, struct gg_addr *ret_addr, const char **ret_why)
{
	static const char port[] = "port:";

	if (strcmp(s, "none") == 0)
		return GG_READY_NONE;
	if (strcmp(s, "fd") == 0)
		return GG_READY_FD;
	if (strncmp(s, port, strlen(port)) != 0) {
		*ret_why = "write none, fd or port:HOST:PORT";
		return -EINVAL;
	}
	if (gg_addr_parse(s + strlen(port), ret_addr, ret_why) < 0)
		return -EINVAL;
	if (gg_addr_port(ret_addr) == 0) {
		*ret_why = "there is no port 0";
		return -EINVAL;
	}
	return GG_READY_PORT;
}

bool gg_service_name_ok(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '-' || c == '_' || c == '.'))
			return false;
	}
	return n > 0 && n <= GG_SERVICE_NAME_MAX;
}

size_t gg_service_find(const struct gg_conf *c, const char *name)
{
	return gg_section_find(c, GG_SECTION_SERVICE, name);
}

int gg_service_signal(const struct gg_service_conf *s)
{
	/* in the order of the choices in service.def */
	static const int signals[] = {
		SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGKILL
	};

	return s->stop_signal >= 0 && (size_t)s->stop_signal < GG_LEN(signals) ? signals[s->stop_signal]
									       : SIGTERM;
}
