/* Fuzz base/cidr.h and base/who.h: nets, who is in them, and the words of a rule of access. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "base/cidr.h"
#include "base/cleanup.h"
#include "base/who.h"
#include "tests/fuzz/fuzz.h"

static size_t bytes_of(int family)
{
	return family == AF_INET ? 4 : 16;
}

/* The net's own address, with one bit behind or in the prefix turned over (bit < 0: none). */
static struct gg_addr one_of(const struct gg_cidr *c, int bit)
{
	struct gg_addr a = { .len = c->family == AF_INET ? sizeof(struct sockaddr_in)
							 : sizeof(struct sockaddr_in6) };
	uint8_t host[16];

	memcpy(host, c->net, sizeof(host));
	if (bit >= 0)
		host[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	a.ss.ss_family = (sa_family_t)c->family;
	if (c->family == AF_INET)
		memcpy(&((struct sockaddr_in *)&a.ss)->sin_addr, host, 4);
	else
		memcpy(&((struct sockaddr_in6 *)&a.ss)->sin6_addr, host, 16);
	return a;
}

/* It has its own addresses, and not those that differ within the prefix. What is mapped counts as IPv4. */
static void look(const struct gg_cidr *c)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	size_t n = bytes_of(c->family);
	struct gg_addr own = one_of(c, -1);

	if (c->family == AF_INET)
		came_to("a net of IPv4");
	else
		came_to("a net of IPv6");
	must((c->family == AF_INET || c->family == AF_INET6) && c->bits <= 8 * n);
	for (size_t i = 0; i < 8 * n; i++)
		must(i < c->bits || !(c->net[i / 8] & 0x80 >> i % 8));
	if (c->family == AF_INET6 && !memcmp(c->net, mapped, 12)) {
		must(!gg_cidr_match(c, &own));
		return;
	}
	must(gg_cidr_match(c, &own));
	for (int i = 0; i < (int)(8 * n); i++) {
		struct gg_addr other = one_of(c, i);
		const uint8_t *host = (const uint8_t *)&((struct sockaddr_in6 *)&other.ss)->sin6_addr;

		if (c->family == AF_INET || memcmp(host, mapped, 12) != 0)
			must(gg_cidr_match(c, &other) == (i >= c->bits));
	}
}

/* What is taken reads the same when it is written from what was understood. */
static void write_again(const struct gg_cidr *c)
{
	char host[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 8], why_text[300];
	struct gg_buf why = GG_BUF(why_text);
	struct gg_cidr again;

	must(inet_ntop(c->family, c->net, host, sizeof(host)) != NULL);
	snprintf(text, sizeof(text), "%s/%u", host, c->bits);
	if (gg_cidr_parse(text, &again, &why) < 0)
		return; /* an IPv6 net that could be a mapped one is refused, or is IPv4 */
	must(again.family != c->family || (again.bits == c->bits && !memcmp(again.net, c->net, 16)));
}

static void word(char *s)
{
	struct gg_addr v4 = { .ss.ss_family = AF_INET, .len = sizeof(struct sockaddr_in) };
	struct gg_identity nobody = { .addr = &v4, .uid = -1, .user = "" };
	char text[600];
	struct gg_buf why = GG_BUF(text);
	bool ok = gg_who_check(s, &why) == 0;

	must(ok == (why.len == 0));
	must_be_line(text);
	must(!gg_who_uid_name(s) || !strncmp(s, "uid:", 4));
	/* who has shown nothing is nobody by name */
	if (!strncmp(s, "user:", 5) || !strncmp(s, "uid:", 4))
		must(!gg_who_any(&nobody, &s, 1));
	if (ok && !strncmp(s, "user:", 5)) {
		came_to("a user");
		must(gg_who_names_users(&s, 1));
	} else if (ok && !strncmp(s, "uid:", 4)) {
		came_to("a uid");
	} else if (ok) {
		came_to("a net or everybody");
	}
	if (!ok)
		must(!gg_who_any(&nobody, &s, 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *s = text_of(data, n);
	char text[600];
	struct gg_buf why = GG_BUF(text);
	struct gg_cidr c;

	if (gg_cidr_parse(s, &c, &why) == 0) {
		must(why.len == 0);
		look(&c);
		write_again(&c);
	} else {
		must(why.len > 0);
		must_be_line(text);
	}
	word(s);
	return 0;
}
