/*
 * Fuzz what stands between a session and the gate: the request packet (daemon-wrap/request.h), the status
 * that a session tells and the answer (daemon-wrap/status.h), the text of a .keep file and the names of
 * leftovers (reaper/leftover.h). What is taken is what was sent, and the same when it is written again.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "daemon-wrap/request.h"
#include "daemon-wrap/status.h"
#include "reaper/leftover.h"
#include "tests/fuzz/fuzz.h"

/* What stands behind the host and an empty string, with colons between. */
static void protocol(const char *packet, size_t n)
{
	char got[GG_PROTOCOL_MAX], want[GG_PROTOCOL_MAX];
	struct gg_buf b = GG_BUF(want);
	const char *end = packet + n, *at = memchr(packet + 4, 0, n - 4);

	if (gg_request_protocol(packet, n, got, sizeof(got)) < 0)
		return;
	if (!at || at + 1 == end) {
		must(!*got);
		return;
	}
	must(!end[-1]);
	if (!strncmp(++at, "host=", 5))
		at += strlen(at) + 1;
	must(at == end || !*at);
	for (; at < end; at += strlen(at) + 1)
		gg_buf_add(&b, "%s%s", *at && b.len ? ":" : "", at);
	must(!b.cut && !strcmp(got, b.s));
	if (!strcmp(got, "version=2"))
		came_to("version 2");
	else if (strchr(got, ':'))
		came_to("more words than one");
}

/* A packet: as it is, then with the length that it has, which no change by chance keeps right. */
static void request(const char *s, size_t n, bool whole)
{
	static struct gg_request r;
	AUTO_FREE char *packet = text_of((const uint8_t *)s, n);
	char length[5];
	int len, e;

	if (whole && n >= 5 && n <= GG_REQUEST_MAX) {
		snprintf(length, sizeof(length), "%04zx", n);
		memcpy(packet, length, 4);
	}
	len = gg_request_length(packet, n);
	must(len == -EINVAL || len == 0 || (len >= 5 && len <= GG_REQUEST_MAX));
	must(len != 0 || n < 4);
	e = gg_request_parse(packet, n, &r);
	must(e == 0 || e == -EINVAL || e == -ENOENT);
	must(e == -EINVAL || len == (int)n);
	if (e == -EINVAL)
		return;
	/* up to the first NUL, without a line end */
	must(!strncmp(packet + 4, "git-", 4) && !strncmp(packet + 8, r.service, strlen(r.service)));
	must(!strchr(r.service, ' ') && packet[8 + strlen(r.service)] == ' ');
	must(!strncmp(packet + 9 + strlen(r.service), r.path, strlen(r.path)));
	len = (int)strnlen(packet + 4, n - 4) - (int)(5 + strlen(r.service) + strlen(r.path));
	must(len == 0 || (len == 1 && packet[9 + strlen(r.service) + strlen(r.path)] == '\n'));
	if (e == 0) {
		came_to("a request of a service that there is");
		protocol(packet, n);
	} else
		came_to("a request of another service");
}

static void status(const char *s, size_t n)
{
	char once[GG_STATUS_MAX], twice[GG_STATUS_MAX];
	struct gg_status st, again;
	size_t size;

	if (gg_status_unpack(s, n, &st) < 0)
		return;
	came_to("a status");
	size = gg_status_pack(&st, once);
	must(size <= sizeof(once) && gg_status_unpack(once, size, &again) == 0);
	must(gg_status_pack(&again, twice) == size && !memcmp(once, twice, size));
}

static void answer(const char *s, size_t n)
{
	char once[GG_STATUS_MAX], twice[GG_STATUS_MAX];
	struct gg_answer a, again;
	size_t size;

	if (gg_answer_unpack(s, n, &a) < 0)
		return;
	came_to("an answer");
	must(a.status >= 0 && a.status <= 599 && a.push_max >= -1 && (a.last == 0 || a.last == 1));
	size = gg_answer_pack(&a, once);
	must(size <= sizeof(once) && gg_answer_unpack(once, size, &again) == 0);
	must(gg_answer_pack(&again, twice) == size && !memcmp(once, twice, size));
}

static void leftover(const char *s)
{
	char host[64], text[128], other[64];
	pid_t pid, p;

	if (gg_leftover_parse_keep(s, &pid, host, sizeof(host)) == 0) {
		came_to("the text of a .keep file");
		must(pid > 0 && host[0]);
		snprintf(text, sizeof(text), "receive-pack %d on %s\n", (int)pid, host);
		must(gg_leftover_parse_keep(text, &p, other, sizeof(other)) == 0 && p == pid &&
		     !strcmp(host, other));
	}
	switch (gg_leftover_kind(s)) {
	case GG_LEFT_NONE:
		break;
	case GG_LEFT_QUARANTINE:
		came_to("a quarantine");
		must(!strncmp(s, "objects/", 8) && !strchr(s + 8, '/'));
		break;
	case GG_LEFT_TEMPORARY:
		came_to("a temporary file");
		must(!strncmp(s, "objects/", 8) && strstr(s, "/tmp_"));
		break;
	case GG_LEFT_KEEP:
		came_to("a .keep file");
		must(!strncmp(s, "objects/pack/", 13) && strstr(s, ".keep"));
		break;
	case GG_LEFT_LOCK:
		came_to("a lock");
		must(strlen(s) > 5 && !strcmp(s + strlen(s) - 5, ".lock") && strncmp(s, "config", 6) != 0);
		break;
	case GG_LEFT_FORWARD:
		came_to("what a forward has left");
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *s = text_of(data, n);

	request(s, n, false);
	request(s, n, true);
	status(s, n);
	answer(s, n);
	leftover(s);
	return 0;
}
