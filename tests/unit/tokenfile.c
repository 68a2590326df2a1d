/* Tests of base/tokenfile.h and base/accessload.h. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/accessload.h"
#include "base/cleanup.h"
#include "base/tokenfile.h"

#define HASH "aa0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"

static int take_bad(void *arg, size_t line, const char *what)
{
	gg_buf_add(arg, "%zu: %s\n", line, what);
	return 0;
}

Test(tokenfile, lines)
{
	static const struct {
		const char *text;
		size_t n;
		const char *bad; /* NULL: nothing is */
	} rows[] = {
		{ "", 0, NULL },
		{ "\n\n# a:b\n#\n", 0, NULL },
		{ "a:sha256:" HASH "\n", 1, NULL },
		{ "a:sha256:" HASH, 1, NULL },
		{ "a:sha256:" HASH "\n\n# x\nb@c:sha256:" HASH "\n", 2, NULL },
		{ "a:sha256:" HASH "\na:sha256:" HASH "\n", 1, "2: has a name that an earlier line has" },
		{ "a:sha256:" HASH "0\n", 0, "1: has no 64 hexadecimal digits" },
		{ "\na:sha256:" HASH "\r\n", 0, "2: has no 64 hexadecimal digits" },
		{ "a:sha256:" HASH " \n", 0, "1: has no 64" },
		{ "a:sha256:AA0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd", 0,
		  "1: has no 64" },
		{ "a:sha256:\n", 0, "1: has no 64" },
		{ "a:sha512:" HASH "\n", 0, "1: has no sha256: behind" },
		{ "a:" HASH "\n", 0, "1: has no sha256: behind" },
		{ "a\n", 0, "1: is no NAME:sha256:HEX" },
		{ " # a\n", 0, "1: is no NAME:sha256:HEX" },
		{ ":sha256:" HASH "\n", 0, "1: has no name" },
		{ " a:sha256:" HASH "\n", 0, "1: has no name" },
		{ "-a:sha256:" HASH "\n", 0, "1: has no name" },
		{ "x\na:sha256:" HASH "\ny\n", 1,
		  "1: is no NAME:sha256:HEX; make it with git-gate token add "
		  "NAME\n3: is no" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[1000];
		struct gg_buf bad = GG_BUF(mem);
		struct gg_tokens t;

		cr_assert_eq(gg_tokenfile_parse(rows[i].text, strlen(rows[i].text), &t, take_bad, &bad), 0);
		cr_expect_eq(t.n, rows[i].n, "%zu: %zu %s", i, t.n, mem);
		cr_expect_eq(strncmp(mem, rows[i].bad ? rows[i].bad : "",
				     rows[i].bad ? strlen(rows[i].bad) : sizeof(mem)),
			     0, "%zu: %s", i, mem);
		gg_tokens_free(&t);
	}
}

Test(tokenfile, what_is_taken)
{
	static const char text[] = "ci:sha256:" HASH "\nx:sha256:" HASH "\n";
	char hex[2 * GG_HASH_SIZE + 1];
	struct gg_tokens t;

	cr_assert_eq(gg_tokenfile_parse(text, strlen(text), &t, NULL, NULL), 0);
	cr_expect_str_eq(t.v[0].name, "ci");
	cr_expect_eq(t.v[0].hash[0], 0xaa);
	gg_hash_hex(t.v[0].hash, hex);
	cr_expect_str_eq(hex, HASH);
	cr_expect_eq(gg_tokens_named(&t, "x"), &t.v[1]);
	cr_expect_null(gg_tokens_named(&t, "c"));
	gg_tokens_free(&t);
}

Test(tokenfile, most)
{
	AUTO_FREE char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	char mem[200];
	struct gg_buf bad = GG_BUF(mem);
	struct gg_tokens t;

	for (int i = 0; i <= GG_TOKENS_MAX; i++)
		fprintf(f, "n%d:sha256:%s\n", i, HASH);
	fclose(f);
	cr_assert_eq(gg_tokenfile_parse(text, size, &t, take_bad, &bad), 0);
	cr_expect_eq(t.n, GG_TOKENS_MAX);
	cr_expect(!strncmp(mem, "1001: is one too many", 20), "%s", mem);
	gg_tokens_free(&t);
}

/* A file of tokens with this mode is read, or why not is told. */
Test(tokenfile, who_may_write_it)
{
	static const struct {
		mode_t mode;
		const char *why;
	} rows[] = { { 0600, NULL },
		     { 0644, NULL },
		     { 0620, "may be written by others (mode 0620)" },
		     { 0602, "may be written by others" },
		     { 0664, "chmod go-w" } };
	char dir[] = "/tmp/gg-tokens-XXXXXX", file[64];

	cr_assert_not_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/tokens", dir);
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		AUTO_FREE char *text = NULL;
		char mem[300];
		struct gg_buf why = GG_BUF(mem);
		size_t n;
		FILE *f = fopen(file, "w");
		int r;

		fputs("# x\n", f);
		fclose(f);
		cr_assert_eq(chmod(file, rows[i].mode), 0);
		r = gg_tokenfile_read(file, "/", &text, &n, &why);
		cr_expect_eq(r, rows[i].why ? -EPERM : 0, "%o: %s", rows[i].mode, mem);
		cr_expect(!rows[i].why || strstr(mem, rows[i].why), "%o: %s", rows[i].mode, mem);
		cr_expect(rows[i].why || (n == 4 && !memcmp(text, "# x\n", 4)));
	}
	unlink(file);
	rmdir(dir);
}
