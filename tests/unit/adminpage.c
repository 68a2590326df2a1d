/* Tests of admin/: text in a page, the time line, who may ask. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/html.h"
#include "admin/page.h"
#include "admin/reply.h"
#include "admin/timeline.h"
#include "base/cleanup.h"

static const struct {
	const char *text;
	size_t max;
	const char *html;
} texts[] = {
	{ "plain", 99, "plain" },
	{ "", 99, "" },
	{ "<b a=\"1\" c='2'>&amp;", 99, "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;" },
	{ "a\tb\nc\x1b[31m\x7f", 99, "a\\x09b\\x0ac\\x1b[31m\\x7f" },
	{ "r\xc3\xa9p \xe6\xbc\xa2 \xf0\x9f\x90\x8e", 99, "r\xc3\xa9p \xe6\xbc\xa2 \xf0\x9f\x90\x8e" },
	{ "\xc2\x85\xe2\x80\xae\xe2\x81\xa6\xef\xbb\xbf", 99, "\\x85\\u202e\\u2066\\ufeff" },
	{ "\xef\xbf\xbe\xef\xbf\xbf\xf0\x9f\xbf\xbf", 99, "\\ufffe\\uffff\\u1ffff" },
	{ "\xff\xc0\xaf\xed\xa0\x80", 99, "\\xff\\xc0\\xaf\\xed\\xa0\\x80" },
	{ "cut \xe2\x82", 99, "cut \\xe2\\x82" },
	{ "0123456789", 4, "0123..." },
	{ "012\xc3\xa9", 4, "012..." },
	{ "0123", 4, "0123" },
};

Test(adminpage, text)
{
	for (size_t i = 0; i < GG_LEN(texts); i++) {
		char *html = NULL;
		size_t n;
		FILE *to = open_memstream(&html, &n);

		cr_assert(to);
		gg_html_text(to, texts[i].text, texts[i].max);
		fclose(to);
		cr_assert_str_eq(html, texts[i].html);
		free(html);
	}
}

static const struct {
	const char *host;
	bool ok;
} hosts[] = {
	{ NULL, true },
	{ "127.0.0.1", true },
	{ "127.0.0.1:9421", true },
	{ "10.1.2.3:80", true },
	{ "[::1]", true },
	{ "[::1]:9421", true },
	{ "localhost", true },
	{ "LocalHost:9421", true },
	{ "", false },
	{ ":80", false },
	{ "[", false },
	{ "[]", false },
	{ "evil.example", false },
	{ "localhost.evil.example", false },
	{ "127.0.0.1.evil.example:9421", false },
	{ "127.1", false },
	{ "0x7f000001", false },
	{ "[evil.example]", false },
	{ "[::1].evil.example", false },
};

Test(adminpage, hosts)
{
	for (size_t i = 0; i < GG_LEN(hosts); i++)
		cr_assert_eq(gg_reply_host_ok(hosts[i].host), hosts[i].ok, "%s", hosts[i].host);
}

Test(adminpage, span)
{
	struct gg_bar bar = { .from_ms = 0 };

	cr_assert_eq(gg_timeline_span(NULL, 0), 60000);
	bar.from_ms = 60001;
	cr_assert_eq(gg_timeline_span(&bar, 1), 300000);
	bar.from_ms = 400000000;
	cr_assert_eq(gg_timeline_span(&bar, 1), 86400000);
}

Test(adminpage, lanes)
{
	struct gg_bar v[] = {
		{ .from_ms = 10, .to_ms = 0, .live = true }, /* after all others, which leaves lane 0 free */
		{ .from_ms = 100, .to_ms = 50 },
		{ .from_ms = 90, .to_ms = 20 },	    /* overlaps the one before */
		{ .from_ms = 45, .to_ms = 30 },	    /* comes after the first */
		{ .from_ms = 5000, .to_ms = 2000 }, /* is over before the picture begins */
	};

	cr_assert_eq(gg_timeline_place(v, GG_LEN(v), 1000, 5), 2);
	cr_assert_eq(v[0].lane, -1);
	cr_assert_eq(v[1].lane, 0);
	cr_assert_eq(v[2].lane, 1);
	cr_assert_eq(v[3].lane, 0);
	cr_assert_eq(v[4].lane, 0);
	cr_assert(v[4].live);
}

static void expect_in_timeline(struct gg_bar *v, size_t nbar, const char *want)
{
	char *html = NULL;
	size_t n;
	FILE *to = open_memstream(&html, &n);

	cr_assert(to);
	gg_timeline_write(to, v, nbar);
	fclose(to);
	cr_expect(strstr(html, want), "%s", html);
	free(html);
}

Test(adminpage, too_many)
{
	struct gg_bar v[GG_TIMELINE_LANES + 5] = { 0 };
	int left_out = 0;

	for (size_t i = 0; i < GG_LEN(v); i++)
		v[i] = (struct gg_bar){ .from_ms = 100, .live = true, .title = "x" };
	cr_assert_eq(gg_timeline_place(v, GG_LEN(v), 1000, 1), GG_TIMELINE_LANES);
	for (size_t i = 0; i < GG_LEN(v); i++)
		left_out += v[i].lane < 0;
	cr_assert_eq(left_out, 5);
	expect_in_timeline(v, GG_LEN(v), "<p class=\"quiet\">5 more at the same time are not shown.</p>");
}

static void expect_in_page(const json_t *answer, const char *const wanted[], size_t n)
{
	char *html = NULL;
	size_t size;
	FILE *to = open_memstream(&html, &size);

	cr_assert(answer && to);
	gg_page_write(to, answer, "nonce", false);
	fclose(to);
	for (size_t i = 0; i < n; i++)
		cr_expect(strstr(html, wanted[i]), "%s is missing", wanted[i]);
	free(html);
}

/* Evidence and log stand in the page line by line, as text; so does why a session was ended. */
Test(adminpage, evidence)
{
	json_t *j = json_loads("{\"time\":100,\"ready\":{\"ready\":false,\"reasons\":[\"drained: "
			       "<i>\"]},\"reaped\":[{\"id\":"
			       "\"ab12\",\"reason\":\"idle\",\"key\":\"deadline.idle\",\"time\":90,\"age_"
			       "ms\":5000,\"repo\":\"<b>\","
			       "\"service\":\"receive-pack\",\"evidence\":[\"first "
			       "<script>\",\"second\"],\"log\":[\"a\\u001b[0m\"]}]}",
			       0, NULL);
	static const char *const wanted[] = {
		"<pre>first &lt;script&gt;\nsecond\n</pre>",
		"<summary>evidence</summary>",
		"<pre>a\\x1b[0m\n</pre>",
		"<bdi>deadline.idle</bdi>",
		"<bdi>&lt;b&gt;</bdi>",
		"not ready: <bdi>drained: &lt;i&gt;</bdi>",
		"<g class=\"reaped\"><title>ab12: receive-pack &lt;b&gt; from , 5.0s, ended: idle</title>",
	};

	expect_in_page(j, wanted, GG_LEN(wanted));
	json_decref(j);
}

/* What stands in a page, and seldom does. */
Test(adminpage, seldom)
{
	static const char answer[] =
		"{\"time\": 1, \"status\": {\"mode\": \"observe\", \"reduced_evidence\": true}, \"live\": 5,"
		" \"sessions\": [{\"id\": \"ab\", \"phase\": \"hook\", \"step\": \"scan<\", \"ending\": "
		"\"idle\"}]}";
	static const char *const want[] = { "observe mode: nothing is ended",
					    "reduced evidence: /proc shows less than usual",
					    ": <bdi>scan&lt;",
					    ", <span class=\"bad\">ending: <bdi>idle</bdi></span>",
					    "4 more: git-gate sessions" };
	json_t *j = json_loads(answer, 0, NULL);

	expect_in_page(j, want, GG_LEN(want));
	json_decref(j);
}

/* Whatever the gate answers, or leaves out, there is a page. */
Test(adminpage, odd_answers)
{
	static const char *const answers[] = {
		"{}",
		"[]",
		"null",
		"{\"status\":7,\"sessions\":{},\"reaped\":\"x\",\"ended\":[1,null,{}],\"time\":\"now\"}",
		"{\"sessions\":[{\"age_ms\":-5}],\"reaped\":[{\"time\":-1,\"evidence\":[7],\"log\":[\"<x>\"]}"
		"]}",
		"{\"time\":9000000000000000,\"reaped\":[{\"time\":9000000000000000000,\"age_ms\":"
		"9000000000000000000}]}",
	};

	for (size_t i = 0; i < GG_LEN(answers); i++) {
		json_t *j = json_loads(answers[i], JSON_DECODE_ANY, NULL);
		char *html = NULL;
		size_t n;
		FILE *to = open_memstream(&html, &n);

		cr_assert(j && to);
		gg_page_write(to, j, "nonce", false);
		fclose(to);
		cr_assert(strstr(html, "</html>"));
		cr_assert(!strstr(html, "<x>"));
		free(html);
		json_decref(j);
	}
}
