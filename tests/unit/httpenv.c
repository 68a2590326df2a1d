/* Tests of daemon-wrap/httpenv.h and gg_env_http: what git http-backend gets, and what a client cannot give
 * it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon-wrap/httpenv.h"

static bool has(const struct gg_strv *s, const char *want)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i], want))
			return true;
	return false;
}

static struct gg_http p;
static struct gg_route route;
static struct gg_http_error err;

static char *const base[] = { (char *)"PATH=/bin", (char *)"REMOTE_ADDR=10.0.0.1", NULL };

/* The environment of a request, in full, joined by spaces; "415" when it is refused. */
static void join(char *out, size_t size, char *const *with, const char *line, const char *headers)
{
	struct gg_buf b = { .s = out, .size = size };
	struct gg_strv env = { 0 };
	char bytes[1000];
	const char *body;
	size_t used, nbody;
	int r;

	snprintf(bytes, sizeof(bytes), "%s\r\nHost: h\r\n%s\r\n", line, headers);
	gg_http_init(&p);
	cr_assert_eq(gg_http_next(&p, bytes, strlen(bytes), &used, &body, &nbody), GG_HTTP_HEAD, "%s: %s",
		     bytes, p.error.reason);
	cr_assert_eq(gg_route_parse(p.head.method, p.head.target, &route, &err), 0, "%s", line);
	r = gg_httpenv_request(&env, with, &route, &p.head, &err);
	out[0] = 0;
	if (r) {
		cr_expect_eq(r, err.status);
		gg_buf_add(&b, "%d", r);
	}
	for (size_t i = 0; !r && i < env.n; i++)
		gg_buf_add(&b, "%s%s", i ? " " : "", env.v[i]);
	gg_strv_free(&env);
}

#define B "PATH=/bin REMOTE_ADDR=10.0.0.1 "
#define PUSH "POST /r/git-receive-pack HTTP/1.1"
#define PUSH_ENV B "REQUEST_METHOD=POST PATH_INFO=/r/git-receive-pack QUERY_STRING= SERVER_PROTOCOL=HTTP/1.1"
#define PUSH_TYPE " CONTENT_TYPE=application/x-git-receive-pack-request"
#define FETCH "POST /r/git-upload-pack HTTP/1.1"
#define FETCH_ENV B "REQUEST_METHOD=POST PATH_INFO=/r/git-upload-pack QUERY_STRING= SERVER_PROTOCOL=HTTP/1.1"
#define FETCH_TYPE " CONTENT_TYPE=application/x-git-upload-pack-request"
#define GET "GET /r/HEAD HTTP/1.1"
#define GET_ENV B "REQUEST_METHOD=GET PATH_INFO=/r/HEAD QUERY_STRING= SERVER_PROTOCOL=HTTP/1.1"
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

Test(httpenv, request)
{
	static const struct {
		const char *line, *headers, *want;
	} rows[] = {
		{ "GET /a%20b/info/refs?x=y&service=git-upload-pack HTTP/1.0", "Git-Protocol: version=2\r\n",
		  B "REQUEST_METHOD=GET PATH_INFO=/a b/info/refs QUERY_STRING=service=git-upload-pack "
		    "SERVER_PROTOCOL=HTTP/1.0 HTTP_GIT_PROTOCOL=version=2" },
		{ "HEAD /r/HEAD HTTP/1.1", "",
		  B "REQUEST_METHOD=HEAD PATH_INFO=/r/HEAD QUERY_STRING= SERVER_PROTOCOL=HTTP/1.1" },
		/* a length: only for fetches, only as it is on the pipe */
		{ PUSH, "Content-Length: 4\r\n", PUSH_ENV PUSH_TYPE },
		{ PUSH, "Transfer-Encoding: chunked\r\n", PUSH_ENV PUSH_TYPE },
		{ PUSH, "Content-Length: 4\r\nContent-Encoding: gzip\r\n",
		  PUSH_ENV PUSH_TYPE " HTTP_CONTENT_ENCODING=gzip" },
		{ FETCH, "Content-Length: 4\r\n", FETCH_ENV FETCH_TYPE " CONTENT_LENGTH=4" },
		{ FETCH, "Content-Length: 4\r\nContent-Encoding: identity\r\n",
		  FETCH_ENV FETCH_TYPE " CONTENT_LENGTH=4" },
		{ FETCH, "Transfer-Encoding: chunked\r\n", FETCH_ENV FETCH_TYPE },
		{ FETCH, "Content-Length: 4\r\nContent-Encoding: GZip\r\n",
		  FETCH_ENV FETCH_TYPE " HTTP_CONTENT_ENCODING=gzip" },
		{ FETCH, "Content-Length: 4\r\ncontent-encoding: X-GZIP\r\n",
		  FETCH_ENV FETCH_TYPE " HTTP_CONTENT_ENCODING=gzip" },
		{ FETCH, "Content-Encoding: deflate\r\n", "415" },
		{ FETCH, "Content-Encoding: br\r\n", "415" },
		{ FETCH, "Content-Encoding: gzip, gzip\r\n", "415" },
		{ FETCH, "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", "415" },
		{ FETCH, "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n", "415" },
		{ GET, "Content-Encoding: br\r\n", GET_ENV }, /* of a body that is not looked at */
		/* what a client says of itself */
		{ GET,
		  "Proxy: http://x\r\nRemote-User: root\r\nREMOTE_USER: root\r\nRemote_User: "
		  "root\r\nGit-Dir: /etc\r\n",
		  GET_ENV },
		{ GET,
		  "Git-Project-Root: /\r\nGit_Protocol: version=2\r\nHttp-Git-Protocol: "
		  "version=2\r\nAuthorization: x\r\n",
		  GET_ENV },
		{ GET,
		  "X-Forwarded-For: 1.2.3.4\r\nContent-Type: a/b\r\nAccept: */*\r\nUser-Agent: git/2\r\n",
		  GET_ENV },
		{ PUSH, "Content-Type: text/plain\r\n", PUSH_ENV PUSH_TYPE }, /* checked before */
		/* the protocol */
		{ GET, "GIT-PROTOCOL: version=1:object-format_x.y-z\r\n",
		  GET_ENV " HTTP_GIT_PROTOCOL=version=1:object-format_x.y-z" },
		{ GET, "Git-Protocol: version=2\r\nGit-Protocol: version=2\r\n", GET_ENV },
		{ GET, "Git-Protocol: version=2 x\r\n", GET_ENV },
		{ GET, "Git-Protocol: version=2;x\r\n", GET_ENV },
		{ GET, "Git-Protocol:\r\n", GET_ENV },
		{ GET, "Git-Protocol: " X50 X50 X50 X50 "\r\n",
		  GET_ENV " HTTP_GIT_PROTOCOL=" X50 X50 X50 X50 },
		{ GET, "Git-Protocol: " X50 X50 X50 X50 "x\r\n", GET_ENV },
	};
	char out[2000];

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		join(out, sizeof(out), base, rows[i].line, rows[i].headers);
		cr_expect_str_eq(out, rows[i].want, "%s %s", rows[i].line, rows[i].headers);
	}
}

/* However it came there: a name of the request's is the request's. */
Test(httpenv, base_gives_no_name_of_the_request)
{
	static char *const with[] = { (char *)"PATH=/bin",
				      (char *)"HTTP_PROXY=x",
				      (char *)"CONTENT_LENGTH=7",
				      (char *)"PATH_TRANSLATED=/etc",
				      (char *)"GIT_PROTOCOL=version=1",
				      (char *)"QUERY_STRING=x",
				      (char *)"REQUEST_METHOD=POST",
				      (char *)"PATH_INFO=/x",
				      (char *)"CONTENT_TYPE=x",
				      (char *)"SERVER_PROTOCOL=x",
				      (char *)"GIT_PROJECT_ROOT=/srv",
				      NULL };
	char out[2000];

	join(out, sizeof(out), with, GET, "");
	cr_expect_str_eq(out,
			 "PATH=/bin GIT_PROJECT_ROOT=/srv REQUEST_METHOD=GET PATH_INFO=/r/HEAD QUERY_STRING= "
			 "SERVER_PROTOCOL=HTTP/1.1");
}

/* Each row: one setting, and a variable that must, or must not, be there with it. */
Test(httpenv, connection)
{
	static const struct {
		const char *key, *value, *var;
		bool there;
	} rows[] = {
		{ NULL, NULL, "PATH=/bin", true },
		{ NULL, NULL, "GIT_GATE_SESSION=ab12cd34", true },
		{ NULL, NULL, "GIT_GATE_INSTANCE=0f", true },
		{ NULL, NULL, "REMOTE_ADDR=[::1]", true },
		{ NULL, NULL, "REMOTE_PORT=4711", true },
		{ NULL, NULL, "SERVER_ADDR=[::2]", true },
		{ NULL, NULL, "SERVER_PORT=9420", true },
		{ NULL, NULL, "REMOTE_USER=ann", true },
		{ NULL, NULL, "GIT_PROJECT_ROOT=/srv/git", true },
		{ "gate.basePath", "/x y", "GIT_PROJECT_ROOT=/x y", true },
		{ NULL, NULL, "GIT_HTTP_EXPORT_ALL=1", false },
		{ "gate.exportAll", "true", "GIT_HTTP_EXPORT_ALL=1", true },
		{ NULL, NULL, "GIT_CONFIG_KEY_0=core.hooksPath", true },
		{ "hook.path", "/h", "GIT_CONFIG_VALUE_0=/h", true },
		{ NULL, NULL, "GIT_CONFIG_KEY_2=http.receivepack", true },
		{ NULL, NULL, "GIT_CONFIG_VALUE_2=true", true },
		{ "gate.receivePack", "false", "GIT_CONFIG_VALUE_2=false", true },
		{ NULL, NULL, "GIT_CONFIG_COUNT=3", true },
		{ "gate.uploadPack", "false", "GIT_CONFIG_KEY_3=http.uploadpack", true },
		{ "gate.uploadPack", "false", "GIT_CONFIG_VALUE_3=false", true },
		{ "gate.uploadPack", "false", "GIT_CONFIG_KEY_4=http.getanyfile", true },
		{ "gate.uploadPack", "false", "GIT_CONFIG_VALUE_4=false", true },
		{ "gate.uploadPack", "false", "GIT_CONFIG_COUNT=5", true },
		{ "gate.safeDirectory", "*", "GIT_CONFIG_KEY_3=safe.directory", true },
		{ "gate.safeDirectory", "*", "GIT_CONFIG_KEY_4=http.receivepack", true },
		{ "gate.safeDirectory", "*", "GIT_CONFIG_COUNT=5", true },
		{ "gate.control", "/r/c", "GIT_GATE_CONTROL=/r/c", true },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_env e = { "/bin", "ab12cd34", "0f", "[::1]", 4711, "ann", NULL };
		struct gg_strv env = { 0 };
		struct gg_reader r;

		cr_assert_eq(gg_reader_init(&r), 0);
		if (rows[i].key)
			gg_reader_feed(&r, "command line", rows[i].key, rows[i].value);
		cr_assert_eq(gg_env_http(&env, &r.conf, &e, "[::2]", 9420), 0);
		cr_expect_eq(has(&env, rows[i].var), rows[i].there, "%s", rows[i].var);
		gg_strv_free(&env);
		e.host = e.user = NULL;
		cr_assert_eq(gg_env_http(&env, &r.conf, &e, NULL, 0), 0);
		for (size_t k = 0; k < env.n; k++)
			cr_expect(strncmp(env.v[k], "REMOTE_", 7) && strncmp(env.v[k], "SERVER_", 7) &&
				  strncmp(env.v[k], "GIT_GATE_USER", 13));
		gg_strv_free(&env);
		gg_reader_free(&r);
	}
}
