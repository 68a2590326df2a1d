/*
 * Fuzz base/text.h, addr.h and the forms of an event. Quoted text is one line of valid UTF-8 and never
 * overflows; what a parser takes is shown in a way that it takes again.
 */
#include "base/addr.h"
#include "base/cleanup.h"
#include "base/eventsink.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

static void check_line(const char *s, size_t size)
{
	for (size_t i = 0, len; i < size; i += len) {
		len = gg_utf8_len(s + i, size - i);
		must(len && (unsigned char)s[i] >= 0x20 && s[i] != 0x7f);
		must(!(len == 2 && (unsigned char)s[i] == 0xc2 && (unsigned char)s[i + 1] < 0xa0));
	}
}

static void quote(const char *s, size_t n, size_t size, size_t max)
{
	AUTO_FREE char *mem = malloc(size); /* of exactly that size: a sanitizer sees one byte too many */
	struct gg_buf b = { .s = mem, .size = size };

	gg_buf_add(&b, "x");
	gg_quote(&b, s, n, max);
	must(b.len < size && mem[b.len] == '\0' && strlen(mem) == b.len);
	must(b.cut ? b.len == 0 || b.len == 1 || mem[b.len - 1] == '"' : mem[b.len - 1] == '"');
	check_line(mem, b.len);
	gg_escape(&b, s, n, max);
	gg_buf_put(&b, s, n < 4 ? n : 4);
	must(b.len < size && mem[b.len] == '\0');
}

static void round_trips(const char *s)
{
	char mem[128];
	struct gg_buf d = GG_BUF(mem), z = GG_BUF(mem), a = GG_BUF(mem);
	struct gg_addr addr, again;
	const char *why;
	int64_t v, w;
	bool on;

	if (gg_duration_parse(s, &v) == 0) {
		came_to("a duration");
		gg_duration_add(&d, v);
		must(!d.cut && gg_duration_parse(mem, &w) == 0 && v == w);
	}
	if (gg_size_parse(s, &v) == 0) {
		came_to("a size");
		gg_size_add(&z, v);
		must(!z.cut && v >= 0 && gg_size_parse(mem, &w) == 0 && v == w);
	}
	if (gg_int_parse(s, -5, 70000, &v) == 0)
		must(v >= -5 && v <= 70000);
	if (gg_addr_parse(s, &addr, &why) == 0) {
		if (addr.ss.ss_family == AF_INET)
			came_to("an address of IPv4");
		else if (addr.ss.ss_family == AF_INET6)
			came_to("an address of IPv6");
		else
			came_to("a unix socket");
		gg_addr_add(&a, &addr);
		must(!a.cut && gg_addr_parse(mem, &again, &why) == 0 &&
		     gg_addr_port(&addr) == gg_addr_port(&again));
		must(addr.ss.ss_family != AF_UNIX || !strcmp(mem, s));
	}
	if (gg_bool_parse(s, &on) == 0)
		came_to("a boolean");
}

static void event(const char *message, const char *field)
{
	struct gg_fields f = { .session = field, .repo = message, .reason = field, GG_NO_FIELDS };
	struct gg_record r = { .id = GG_EV_SESSION_LOG, .fields = &f, .message = message, .instance = field };
	static char out[GG_JOURNAL_MAX];
	struct gg_buf t = { .s = out, .size = GG_LINE_MAX }, j = t, d = GG_BUF(out);

	gg_record_text(&t, &r, false);
	must(!t.cut && out[t.len - 1] == '\n');
	check_line(out, t.len - 1);
	gg_record_json(&j, &r);
	must(!j.cut && out[j.len - 1] == '\n');
	check_line(out, j.len - 1);
	gg_record_journal(&d, &r);
	must(!d.cut && strlen(out) == d.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *s = malloc(n + 1);
	const char *half;

	if (n < 2)
		return 0;
	memcpy(s, data, n);
	s[n] = '\0';
	half = s + 2 + strnlen(s + 2, n - 2);
	half += half < s + n; /* behind the first NUL, if there is one */
	quote(s + 2, n - 2, 2 + data[0], data[1]);
	round_trips(s + 2);
	event(s + 2, half);
	must(gg_distance(s + 2, half) == gg_distance(half, s + 2));
	return 0;
}
