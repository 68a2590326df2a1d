/* Tests of cli/value.h, cli/paint.h and cli/sshsays.h: what a gate of ours does not answer, and others might.
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/paint.h"
#include "cli/sshsays.h"
#include "cli/value.h"

Test(value, of_each_type)
{
	static const struct {
		const char *key, *json, *want;
	} rows[] = {
		{ "n", "1.5", "1.5" },
		{ "n", "-1e300", "-1e+300" },
		{ "time", "1e300", "1e+300" },
		{ "time", "0.25", "1970-01-01 00:00:00" },
		{ "time", "9223372036854775807", "9223372036854775807" }, /* in no calendar */
		{ "wait_ms", "1500", "1.5s" },
		{ "status", "9", "signal 9" },
		{ "status", "256", "exit 1" },
		{ "x", "true", "yes" },
		{ "x", "false", "no" },
		{ "x", "null", "-" },
		{ "x", "\"\"", "-" },
		{ "x", "[]", "-" },
		{ "x", "{}", "-" },
		{ "x", "[1, [], \"a\"]", "1,-,a" },
		{ "x", "{\"recv_age_ms\": 10, \"a\": {}}", "recv age=10ms, a=-" },
	};

	setenv("TZ", "UTC0", 1);
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		json_t *v = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);
		char mem[200] = "";
		struct gg_buf b = GG_BUF(mem);

		cr_assert(v, "row %zu", i);
		gg_value_add(&b, rows[i].key, v);
		cr_expect_str_eq(mem, rows[i].want, "row %zu: '%s'", i, mem);
		json_decref(v);
	}
}

Test(value, label)
{
	static const struct {
		const char *key, *want;
	} rows[] = {
		{ "recv_age_ms", "recv age" }, { "free_bytes", "free" }, { "", "" }, { "_ms", "" },
		{ "a\xff_b", "a\\xff b" },     { "\x1b", "\\x1b" },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[100] = "?";
		struct gg_buf b = GG_BUF(mem);

		gg_value_label(&b, rows[i].key);
		cr_expect_str_eq(mem, rows[i].want, "row %zu: '%s'", i, mem);
	}
}

Test(value, paint)
{
	cr_expect_eq(gg_paint_phase("ending: idle"), GG_RED);
	cr_expect_eq(gg_paint_phase("keep-alive"), GG_DIM);
	cr_expect_eq(gg_paint_phase("pack"), GG_PLAIN);
	cr_expect_eq(gg_paint_reason("idle"), GG_RED);
	cr_expect_eq(gg_paint_reason("drain"), GG_PLAIN);
}

/* A banner that is cut right behind the words before the fingerprint. */
Test(value, no_fingerprint)
{
	static const char banner[] = "@@@\nREMOTE HOST IDENTIFICATION HAS CHANGED!\n"
				     "The fingerprint for the ED25519 key sent by the remote host is\n";
	char mem[400] = "", text[sizeof(banner) + 20];
	struct gg_buf b = GG_BUF(mem);

	gg_ssh_quote(&b, banner);
	cr_expect(!strstr(mem, "offered"), "'%s'", mem);
	b = GG_BUF(mem);
	snprintf(text, sizeof(text), "%sSHA256:abc.\n", banner);
	gg_ssh_quote(&b, text);
	cr_expect(!gg_ssh_says(banner) || strstr(mem, "offered SHA256:abc"), "'%s'", mem);
}
