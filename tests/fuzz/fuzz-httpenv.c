/* Fuzz daemon-wrap/httpenv.h with whole requests: only names of the fixed list, once each, none of them of
 * the client's. */
#include "base/cleanup.h"
#include "daemon-wrap/httpenv.h"
#include "tests/fuzz/fuzz.h"

static void look(const struct gg_strv *env)
{
	static const char *const names[] = { "PATH=",
					     "REMOTE_USER=",
					     "REQUEST_METHOD=",
					     "PATH_INFO=",
					     "QUERY_STRING=",
					     "CONTENT_TYPE=",
					     "CONTENT_LENGTH=",
					     "SERVER_PROTOCOL=",
					     "HTTP_GIT_PROTOCOL=",
					     "HTTP_CONTENT_ENCODING=" };
	size_t count[GG_LEN(names)] = { 0 };

	must(!strcmp(env->v[0], "PATH=/bin") && !strcmp(env->v[1], "REMOTE_USER=gate"));
	for (size_t i = 0; i < env->n; i++) {
		size_t k = 0;

		while (k < GG_LEN(names) && strncmp(env->v[i], names[k], strlen(names[k])))
			k++;
		must(k < GG_LEN(names) && count[k]++ == 0);
		for (const char *c = env->v[i]; *c; c++)
			must((unsigned char)*c >= 0x20 && *c != 0x7f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char *const base[] = { (char *)"PATH=/bin", (char *)"REMOTE_USER=gate",
				      (char *)"CONTENT_LENGTH=1", (char *)"HTTP_PROXY=x", NULL };
	static struct gg_http p;
	static struct gg_route route;
	struct gg_strv env = { 0 };
	struct gg_http_error e = { 0 };
	const char *body;
	size_t used, nbody;
	int r;

	gg_http_init(&p);
	if (gg_http_next(&p, (const char *)data, n, &used, &body, &nbody) != GG_HTTP_HEAD ||
	    gg_route_parse(p.head.method, p.head.target, &route, &e))
		return 0;
	gg_route_check(&route, &p.head, &e);
	r = gg_httpenv_request(&env, base, &route, &p.head, &e);
	if (r)
		came_to("an encoding that is refused");
	else if (env.n > 6)
		came_to("the environment of a request with a body");
	must(r == 0 || (r == 415 && e.status == 415));
	if (r == 0)
		look(&env);
	gg_strv_free(&env);
	return 0;
}
