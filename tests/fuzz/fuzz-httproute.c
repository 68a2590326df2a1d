/* Fuzz daemon-wrap/httproute.h: whatever the target, what is routed stays below the base path and is
 * canonical. */
#include "base/cleanup.h"
#include "daemon-wrap/httproute.h"
#include "tests/fuzz/fuzz.h"

static void look(const struct gg_route *r)
{
	size_t n = strlen(r->repo);

	must(n >= 2 && r->repo[0] == '/' && !strncmp(r->path_info, r->repo, n) && r->path_info[n] == '/');
	for (const char *s = r->path_info; *s; s++) {
		must((unsigned char)*s >= 0x20 && *s != 0x7f);
		must(strncmp(s, "//", 2) && strncmp(s, "/./", 3) && strncmp(s, "/../", 4));
		must(strcmp(s, "/.") && strcmp(s, "/.."));
	}
	if (r->kind == GG_ROUTE_INFO_REFS)
		came_to("references");
	else if (r->kind == GG_ROUTE_DUMB)
		came_to("a file");
	else
		came_to("a request with a body");
	if (r->kind == GG_ROUTE_INFO_REFS)
		must(!strcmp(r->query, "service=git-upload-pack") ||
		     !strcmp(r->query, "service=git-receive-pack"));
	else
		must(!r->query[0]);
	must((r->kind == GG_ROUTE_DUMB) == !r->service[0]);
	must(!r->service[0] || !strcmp(r->service, "upload-pack") || !strcmp(r->service, "receive-pack"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT" };
	static struct gg_route r;
	AUTO_FREE char *target = malloc(n + 1);
	struct gg_http_error e = { 0 };

	memcpy(target, data, n);
	target[n] = 0;
	for (size_t i = 0; i < GG_LEN(methods); i++) {
		int status = gg_route_parse(methods[i], target, &r, &e);

		if (status)
			must(status == e.status && status >= 400 && e.reason && (status == 405) == !!e.allow);
		else
			look(&r);
	}
	return 0;
}
