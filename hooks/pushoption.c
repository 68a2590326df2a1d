/* pushoption - the push options of a push. See pushoption.h. */
#include "hooks/pushoption.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fill(struct gg_push_options *o, size_t n, struct gg_buf *why)
{
	size_t bytes = 0;

	for (; o->n < n; o->n++) {
		char name[48];

		snprintf(name, sizeof(name), "GIT_PUSH_OPTION_%zu", o->n);
		o->v[o->n] = getenv(name);
		if (!o->v[o->n]) {
			gg_buf_add(why, "git did not say what push option %zu is", o->n + 1);
			return -EPROTO;
		}
		bytes += strlen(o->v[o->n]) + 1;
		if (bytes > GG_PUSH_OPTIONS_BYTES) {
			gg_buf_add(why, "more than %d bytes of push options", GG_PUSH_OPTIONS_BYTES);
			return -E2BIG;
		}
	}
	return 0;
}

int gg_push_options_find(struct gg_push_options *ret, struct gg_buf *ret_why)
{
	const char *count = getenv("GIT_PUSH_OPTION_COUNT");
	struct gg_push_options o = { 0 };
	int64_t n = 0;
	int r;

	if (count && gg_int_parse(count, 0, GG_PUSH_OPTIONS_MAX, &n) < 0) {
		gg_buf_add(ret_why, "more than %d push options", GG_PUSH_OPTIONS_MAX);
		return -E2BIG;
	}
	o.v = calloc((size_t)n + 1, sizeof(*o.v));
	if (!o.v) {
		gg_buf_add(ret_why, "not enough memory for %lld push options", (long long)n);
		return -ENOMEM;
	}
	r = fill(&o, (size_t)n, ret_why);
	if (r < 0)
		gg_push_options_free(&o);
	else
		*ret = o;
	return r;
}

void gg_push_options_free(struct gg_push_options *o)
{
	free(o->v);
	*o = (struct gg_push_options){ 0 };
}
