/* hooks/foundname.h: which names are hidden in paths, and hooks/scanner.h: texts that are no objects. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hooks/foundname.h"
#include "hooks/scratch.h"

#define TREE "1111111111111111111111111111111111111111"
#define BLOB "2222222222222222222222222222222222222222"

static struct gg_scratch s;
static char base[64];
static struct gg_objects o = { .hash = 40 };

static void set_up(void)
{
	strcpy(base, "/tmp/git-gate-test.XXXXXX");
	cr_assert(mkdtemp(base));
	cr_assert_eq(gg_scratch_make(&s, base, "i", "s", 0), 0);
	cr_assert_eq(gg_objects_add(&o, TREE, "d", 1, GG_NO_COMMIT), 0);
	cr_assert_eq(gg_objects_add(&o, BLOB, "d/secret", 8, GG_NO_COMMIT), 0);
	cr_assert_eq(gg_objects_sort(&o), 0);
	o.v[0].type = GG_OBJECT_TREE;
	o.v[1].type = GG_OBJECT_BLOB;
	cr_assert_eq(gg_scratch_begin(&s, TREE), 0);
	cr_assert_eq(gg_scratch_put(&s, "clean\nsecret\nsub id\nother\n", 26), 0);
	cr_assert_eq(gg_scratch_end(&s), 0);
}

static void tear_down(void)
{
	gg_objects_free(&o);
	cr_expect_eq(gg_scratch_remove(&s), 0);
	cr_expect_eq(rmdir(base), 0);
}

/* The path as it is shown when these lines of these objects were found. */
static const char *shown(const char *path, size_t n, const struct gg_finding *v, struct gg_list allow)
{
	static char text[3000];
	struct gg_buf b = GG_BUF(text);
	struct gg_push_conf c = { .allow_finding = allow };
	struct gg_findings f = { .v = (struct gg_finding *)v, .n = n };
	struct gg_found_names names;

	gg_found_names_read(&c, &o, &f, s.objects_fd, &names);
	gg_found_names_quote(&names, path, 2000, &b);
	gg_found_names_free(&names);
	return text;
}

#define FOUND(id, line) \
	{ \
		id, line, (char *)"r" \
	}

Test(foundname, paths, .init = set_up, .fini = tear_down)
{
	static const struct gg_finding secret[] = { FOUND(BLOB, 1), FOUND(TREE, 2), FOUND(TREE, 2) };
	static const struct gg_finding two[] = { FOUND(TREE, 4), FOUND(TREE, 2) };
	static const struct gg_finding blob[] = { FOUND(BLOB, 2) };
	static const struct gg_finding unknown[] = { FOUND(TREE, 0) }, beyond[] = { FOUND(TREE, 9) };
	static const struct {
		const char *path, *shown;
		size_t n;
		const struct gg_finding *v;
	} rows[] = {
		{ "d/secret", "\"d/secret\"", 1, blob },
		{ "d/secret", "\"d/***\"", 3, secret },
		{ "secret", "\"***\"", 3, secret },
		{ "d/secret/e/f", "\"d/***/e/f\"", 3, secret },
		{ "secret/secret/x", "\"***/***/x\"", 3, secret },
		{ "d/secrets/my secret/sec", "\"d/secrets/my secret/sec\"", 3, secret },
		{ "a/\tb", "\"a/\\tb\"", 3, secret },
		{ "d/secret/other/clean", "\"d/***/***/clean\"", 2, two },
		{ "d/x", "\"***\"", 1, unknown },
		{ "d/x", "\"***\"", 1, beyond },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++)
		cr_expect_str_eq(shown(rows[i].path, rows[i].n, rows[i].v, (struct gg_list){ 0 }),
				 rows[i].shown, "row %zu", i);
}

Test(foundname, allowed, .init = set_up, .fini = tear_down)
{
	static const struct gg_finding v[] = { FOUND(TREE, 2) };
	char *allow[] = { (char *)TREE ":r:2" };

	cr_expect_str_eq(shown("d/secret", 1, v, (struct gg_list){ allow, 1 }), "\"d/secret\"");
}

/* Of a longer path the beginning is kept, which may end inside of a name. */
Test(foundname, cut_path, .init = set_up, .fini = tear_down)
{
	static const struct gg_finding v[] = { FOUND(TREE, 2) };
	char path[GG_PATH_KEPT + 1];
	const char *text;

	memset(path, 'x', sizeof(path));
	memcpy(path + GG_PATH_KEPT - 4, "/sec", 5);
	text = shown(path, 1, v, (struct gg_list){ 0 });
	cr_expect(strlen(text) > 5 && !strcmp(text + strlen(text) - 5, "/***\""), "%s", text);
}

/* More names than are kept, and a tree that cannot be read: then no name is shown. */
Test(foundname, too_many, .init = set_up, .fini = tear_down)
{
	static struct gg_finding v[GG_FOUND_NAMES_MAX + 1];

	cr_assert_eq(unlinkat(s.objects_fd, TREE, 0), 0);
	v[0] = (struct gg_finding)FOUND(TREE, 1);
	cr_expect_str_eq(shown("d/x", 1, v, (struct gg_list){ 0 }), "\"***\"");
	cr_assert_eq(gg_scratch_begin(&s, TREE), 0);
	for (size_t i = 0; i < GG_LEN(v); i++) {
		v[i] = (struct gg_finding)FOUND(TREE, (int64_t)i + 1);
		cr_assert_eq(gg_scratch_put(&s, "y\n", 2), 0);
	}
	cr_assert_eq(gg_scratch_end(&s), 0);
	cr_expect_str_eq(shown("d/x", GG_LEN(v) - 1, v, (struct gg_list){ 0 }), "\"d/x\"");
	cr_expect_str_eq(shown("d/x", GG_LEN(v), v, (struct gg_list){ 0 }), "\"***\"");
}

/* A scanner may count other line ends than LF. */
Test(foundname, odd_line_ends, .init = set_up, .fini = tear_down)
{
	static const struct gg_finding v[] = { FOUND(TREE, 2) };
	static const char *const texts[] = { "a\rb\nx\n", "a\xe2\x80\xa8 b\nx\n", "a\xc2\x85\nx\n" };

	for (size_t i = 0; i < GG_LEN(texts); i++) {
		cr_assert_eq(unlinkat(s.objects_fd, TREE, 0), 0);
		cr_assert_eq(gg_scratch_begin(&s, TREE), 0);
		cr_assert_eq(gg_scratch_put(&s, texts[i], strlen(texts[i])), 0);
		cr_assert_eq(gg_scratch_end(&s), 0);
		cr_expect_str_eq(shown("d/y", 1, v, (struct gg_list){ 0 }), "\"***\"", "%zu", i);
	}
}

Test(scanner, texts)
{
	static const struct {
		const char *id;
		enum gg_push_text text;
	} rows[] = {
		{ "0000000000000000000000000000000000000000", GG_TEXT_REFS },
		{ "0000000000000000000000000000000000000001", GG_TEXT_OPTIONS },
		{ "0000000000000000000000000000000000000002", GG_TEXT_NONE },
		{ "1000000000000000000000000000000000000000", GG_TEXT_NONE },
		{ "0000000000000000000000000000000000000000000000000000000000000001", GG_TEXT_OPTIONS },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_finding f = { .rule = (char *)"r" };
		char fingerprint[GG_FINGERPRINT_MAX], *allow[] = { fingerprint };
		struct gg_buf b = GG_BUF(fingerprint);
		struct gg_push_conf c = { .allow_finding = { allow, 1 } };

		strcpy(f.id, rows[i].id);
		cr_expect_eq(gg_finding_text(&f), rows[i].text, "%s", rows[i].id);
		gg_finding_fingerprint(&f, &b);
		cr_expect_eq(gg_finding_allowed(&c, &f), rows[i].text == GG_TEXT_NONE, "%s", rows[i].id);
	}
}
