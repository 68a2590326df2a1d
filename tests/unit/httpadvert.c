/* Tests of daemon-wrap/httpadvert.h: what git http-backend would say, as t0178 compares it. */
#include <criterion/criterion.h>

#include "base/cleanup.h"
#include "daemon-wrap/httpadvert.h"

#define HEAD(service) \
	"Expires: Fri, 01 Jan 1980 00:00:00 GMT\r\nPragma: no-cache\r\n" \
	"Cache-Control: no-cache, max-age=0, must-revalidate\r\n" \
	"Content-Type: application/x-git-" service "-advertisement\r\n\r\n"
#define FETCH HEAD("upload-pack") "001e# service=git-upload-pack\n0000"

Test(httpadvert, result)
{
	char mem[GG_ADVERT_MAX];
	struct gg_buf b = GG_BUF(mem);

	gg_advert_result(&b, "receive-pack");
	cr_expect_str_eq(b.s, "Expires: Fri, 01 Jan 1980 00:00:00 GMT\r\nPragma: no-cache\r\n"
			      "Cache-Control: no-cache, max-age=0, must-revalidate\r\n"
			      "Content-Type: application/x-git-receive-pack-result\r\n\r\n");
}

Test(httpadvert, begin)
{
	static const struct {
		const char *service, *protocol, *want;
	} rows[] = {
		{ "upload-pack", NULL, FETCH },
		{ "receive-pack", NULL, HEAD("receive-pack") "001f# service=git-receive-pack\n0000" },
		{ "upload-pack", "version=1", FETCH },
		{ "upload-pack", "version=2", HEAD("upload-pack") },
		{ "receive-pack", "version=2", HEAD("receive-pack") },
		{ "upload-pack", "version=0:version=2", HEAD("upload-pack") },
		{ "upload-pack", "version=2:version=1", HEAD("upload-pack") },
		{ "upload-pack", "x:version=2:y=z", HEAD("upload-pack") },
		{ "upload-pack", "version=20", FETCH },
		{ "upload-pack", "version=3", FETCH },
		{ "upload-pack", "xversion=2", FETCH },
		{ "upload-pack", "version=", FETCH },
		{ "upload-pack", ":", FETCH },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[GG_ADVERT_MAX];
		struct gg_buf b = GG_BUF(mem);

		gg_advert_begin(&b, rows[i].service, rows[i].protocol);
		cr_expect_str_eq(b.s, rows[i].want, "row %zu", i);
		cr_expect(!b.cut);
	}
}
