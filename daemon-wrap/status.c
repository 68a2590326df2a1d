/* status - what git-gate-session tells the gate, and is answered. See status.h. */
#include "daemon-wrap/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* "BYTES\0SERVICE\0REPO\0REFUSED\0FOUND\0ASKED\0HOW\0NAME\0HASH\0" */
size_t gg_status_pack(const struct gg_status *s, char *buf)
{
	int n = snprintf(buf, GG_STATUS_MAX, "%u%c%s%c%s%c%s%c%s%c%s%c%s%c%s%c%s", s->request_bytes, 0,
			 s->service, 0, s->repo, 0, s->refused, 0, s->found, 0, s->asked, 0, s->claim.how, 0,
			 s->claim.name, 0, s->claim.hash);

	return n < 0 ? 0 : (size_t)n + 1;
}

static int field(const char **p, const char *end, char *to, size_t size)
{
	size_t n = strnlen(*p, (size_t)(end - *p));

	if (*p + n == end || n >= size)
		return -EINVAL;
	memcpy(to, *p, n + 1);
	*p += n + 1;
	return 0;
}

int gg_status_unpack(const char *buf, size_t n, struct gg_status *ret)
{
	const char *p = buf, *end = buf + n;
	char bytes[12];
	int r = field(&p, end, bytes, sizeof(bytes));

	r = r ? r : field(&p, end, ret->service, sizeof(ret->service));
	r = r ? r : field(&p, end, ret->repo, sizeof(ret->repo));
	r = r ? r : field(&p, end, ret->refused, sizeof(ret->refused));
	r = r ? r : field(&p, end, ret->found, sizeof(ret->found));
	r = r ? r : field(&p, end, ret->asked, sizeof(ret->asked));
	r = r ? r : field(&p, end, ret->claim.how, sizeof(ret->claim.how));
	r = r ? r : field(&p, end, ret->claim.name, sizeof(ret->claim.name));
	r = r ? r : field(&p, end, ret->claim.hash, sizeof(ret->claim.hash));
	if (r < 0 || p != end)
		return -EINVAL;
	ret->request_bytes = (uint32_t)strtoul(bytes, NULL, 10);
	return 0;
}

/* "PUSH_MAX\0STATUS\0LAST\0USER\0REFUSED\0" */
size_t gg_answer_pack(const struct gg_answer *a, char *buf)
{
	int n = snprintf(buf, GG_STATUS_MAX, "%lld%c%lld%c%lld%c%s%c%s", (long long)a->push_max, 0,
			 (long long)a->status, 0, (long long)a->last, 0, a->user, 0, a->refused);

	return n < 0 ? 0 : (size_t)n + 1;
}

int gg_answer_unpack(const char *buf, size_t n, struct gg_answer *ret)
{
	const char *p = buf, *end = buf + n;
	char bytes[24], status[24], last[24];
	int r = field(&p, end, bytes, sizeof(bytes));

	r = r ? r : field(&p, end, status, sizeof(status));
	r = r ? r : field(&p, end, last, sizeof(last));
	r = r ? r : field(&p, end, ret->user, sizeof(ret->user));
	r = r ? r : field(&p, end, ret->refused, sizeof(ret->refused));
	if (r < 0 || p != end)
		return -EINVAL;
	r = gg_int_parse(status, 0, 599, &ret->status);
	r = r ? r : gg_int_parse(last, 0, 1, &ret->last);
	return r ? r : gg_int_parse(bytes, -1, INT64_MAX, &ret->push_max);
}
