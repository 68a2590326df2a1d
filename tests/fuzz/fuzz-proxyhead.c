/* Fuzz base/proxyhead.h: a header is found at the same place however little of it comes at a time, and no
 * byte beyond it counts. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/proxyhead.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct gg_proxy_head whole = { .len = SIZE_MAX }, part;
	const char *why = NULL;
	int r = gg_proxy_parse(data, n, &whole, &why);
	size_t at = 0;
	int p = -EAGAIN;

	must(r == 0 || r == -EAGAIN || r == -EINVAL);
	must((r == -EINVAL) == (why != NULL));
	must(r != -EAGAIN || n < GG_PROXY_MAX);
	/* byte by byte, each time in a piece of memory of that size */
	while (p == -EAGAIN && at <= n) {
		AUTO_FREE uint8_t *copy = malloc(at ? at : 1);

		memcpy(copy, data, at);
		p = gg_proxy_parse(copy, at++, &part, &why);
	}
	must(p == r);
	if (r < 0)
		return 0;
	must(whole.len >= 15 && whole.len <= n && whole.len <= GG_PROXY_MAX && whole.len == part.len &&
	     at - 1 == whole.len);
	must(whole.known == part.known && !memcmp(&whole.peer, &part.peer, sizeof(part.peer)));
	if (!whole.known) {
		came_to("a header without an address");
	} else {
		char mem[64];
		struct gg_buf b = GG_BUF(mem);
		struct gg_addr again;

		if (data[0] == 'P')
			came_to("an address of version 1");
		else
			came_to("an address of version 2");
		gg_addr_add(&b, &whole.peer);
		must(!b.cut && gg_addr_parse(mem, &again, &why) == 0);
	}
	return 0;
}
