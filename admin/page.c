/* page - see page.h. */
#include "admin/page.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/html.h"
#include "admin/timeline.h"
#include "base/cleanup.h"
#include "base/text.h"

enum { LONGEST_S = 366 * 86400, TEXT_MAX = 300, LINE_MAX_SHOWN = 1000, REFRESH_S = 10, TITLE_SIZE = 1024 };

static const char style[] =
	":root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--soft:#59636e;--line:#d1d9e0;"
	"--live:#0969da;--done:#8c959f;--reaped:#cf222e;--ok:#1a7f37}\n"
	"@media(prefers-color-scheme:dark){:root{--fg:#e6edf3;--bg:#0d1117;--soft:#9198a1;--line:#3d444d;"
	"--live:#4493f8;--done:#656c76;--reaped:#f85149;--ok:#3fb950}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0 auto;padding:1rem;max-width:75rem;font:15px/1.45 system-ui,sans-serif;"
	"color:var(--fg);background:var(--bg);overflow-wrap:anywhere}\n"
	"h1{font-size:1.3rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 .5rem}p{margin:.3rem 0}\n"
	"a{color:var(--live)}\n"
	".quiet,dt,th{color:var(--soft)}\n"
	".ok{color:var(--ok)}.bad{color:var(--reaped);font-weight:600}\n"
	"dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(8rem,1fr));gap:.5rem;margin:1rem 0}\n"
	"dl div{border:1px solid var(--line);border-radius:6px;padding:.4rem .6rem}\n"
	"dt{font-size:.8rem}dd{margin:0;font-size:1.1rem}\n"
	"svg{display:block;width:100%;border:1px solid var(--line);border-radius:6px}\n"
	".live rect{fill:var(--live)}.done rect{fill:var(--done)}\n"
	".reaped rect{fill:var(--reaped);opacity:.6}.reaped rect.mark{opacity:1}rect.tick{fill:var(--line)}\n"
	".scale{display:flex;justify-content:space-between;color:var(--soft);font-size:.8rem;margin:.2rem "
	"0}\n"
	".key span{margin-right:1rem;white-space:nowrap}\n"
	".key span::before{content:\"\";display:inline-block;width:.7em;height:.7em;margin-right:.35em;"
	"background:var(--done)}\n"
	".key .l::before{background:var(--live)}.key .r::before{background:var(--reaped)}\n"
	"table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:500}\n"
	"th,td{padding:.3rem 1rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top;"
	"white-space:nowrap}\n"
	"td.wide{white-space:normal;min-width:7.5rem}\n"
	"code,pre{font:13px/1.4 ui-monospace,monospace}pre{white-space:pre-wrap;margin:.4rem 0}\n"
	"article{border:1px solid var(--line);border-left:4px solid var(--reaped);border-radius:6px;"
	"padding:.5rem .8rem;margin:.5rem 0}\n"
	"summary{cursor:pointer;color:var(--soft);padding:.3rem 0}\n"
	/* on a phone a row is a few short lines, each value behind its name */
	"@media(max-width:45rem){thead{display:none}"
	"tr{display:flex;flex-wrap:wrap;gap:.1rem 1rem;border-bottom:1px solid var(--line);padding:.5rem 0}"
	"td,td.wide{border:0;padding:0;min-width:0}td:first-child{flex-basis:100%;font-weight:600}"
	"td::before{content:attr(data-is) \" \";color:var(--soft);font-weight:400}}\n";

/* --- out of the answer; what is not there is "", or -1 --- */

static const char *text(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	return s ? s : "";
}

static int64_t number(const json_t *j, const char *name)
{
	const json_t *n = json_object_get(j, name);

	return json_is_integer(n) ? (int64_t)json_integer_value(n) : -1;
}

/* Text from outside: isolated, so that it cannot turn what stands around it. */
static void put(FILE *to, const char *s)
{
	fputs("<bdi>", to);
	gg_html_text(to, *s ? s : "-", TEXT_MAX);
	fputs("</bdi>", to);
}

static void put_time(FILE *to, int64_t t)
{
	char mem[64] = "-";
	time_t at = (time_t)t;
	struct tm tm;

	if (t >= 0 && gmtime_r(&at, &tm))
		strftime(mem, sizeof(mem), "%Y-%m-%d %H:%M:%S UTC", &tm);
	fputs(mem, to);
}

/* --- the parts --- */

static void write_head(FILE *to, const char *nonce, bool refresh)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>git-gate</title>\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n",
	      to);
	if (refresh)
		fprintf(to, "<meta http-equiv=\"refresh\" content=\"%d\"/>\n", REFRESH_S);
	fprintf(to, "<style nonce=\"%s\">\n%s</style></head>\n<body>\n", nonce, style);
}

static void write_state(FILE *to, const json_t *all)
{
	const json_t *status = json_object_get(all, "status"), *ready = json_object_get(all, "ready");
	const json_t *reasons = json_object_get(ready, "reasons");

	fputs("<header><h1>git-gate</h1>\n", to);
	if (json_is_true(json_object_get(ready, "ready")))
		fputs("<p class=\"ok\">ready: new clients are served</p>\n", to);
	for (size_t i = 0; i < json_array_size(reasons); i++) {
		fputs("<p class=\"bad\">not ready: ", to);
		put(to, json_string_value(json_array_get(reasons, i)));
		fputs("</p>\n", to);
	}
	if (strcmp(text(status, "mode"), "observe") == 0)
		fputs("<p class=\"bad\">observe mode: nothing is ended</p>\n", to);
	if (json_is_true(json_object_get(status, "reduced_evidence")))
		fputs("<p class=\"bad\">reduced evidence: /proc shows less than usual</p>\n", to);
	fputs("<p class=\"quiet\">", to);
	put_time(to, number(all, "time"));
	fputs("; version ", to);
	put(to, text(status, "version"));
	fputs(", up ", to);
	gg_html_ms(to, number(status, "uptime_ms"));
	fputs("</p></header>\n", to);
}

static void write_counts(FILE *to, const json_t *status)
{
	static const struct {
		const char *name, *key, *of;
	} counts[] = {
		{ "sessions", "sessions", "limit_sessions" },
		{ "waiting", "waiting", NULL },
		{ "ended", "ended", NULL },
		{ "ended by the gate", "reaped", NULL },
		{ "observed", "observed", NULL },
		{ "turned away", "refused", NULL },
		{ "lost events", "dropped_events", NULL },
	};
	const char *reason;
	json_t *n;

	fputs("<dl>\n", to);
	for (size_t i = 0; i < GG_LEN(counts); i++) {
		fprintf(to, "<div><dt>%s</dt><dd>%lld", counts[i].name,
			(long long)number(status, counts[i].key));
		if (counts[i].of)
			fprintf(to, " of %lld", (long long)number(status, counts[i].of));
		fputs("</dd></div>\n", to);
	}
	json_object_foreach(json_object_get(status, "by_reason"), reason, n)
	{
		fputs("<div><dt>", to);
		put(to, reason);
		fprintf(to, "</dt><dd class=\"bad\">%lld</dd></div>\n", (long long)json_integer_value(n));
	}
	fputs("</dl>\n", to);
}

/* --- the time line --- */

struct picture {
	struct gg_bar *bar;
	char (*title)[TITLE_SIZE];
	size_t n;
};

/* How long ago it ended, in ms. */
static int64_t ended_ago(const json_t *s, int64_t now)
{
	int64_t t = number(s, "time");

	if (t < 0 || t > now)
		return 0;
	return now - t < LONGEST_S ? (now - t) * 1000 : LONGEST_S * 1000LL;
}

static void add_bar(struct picture *p, const json_t *s, int64_t ended, bool live)
{
	int64_t age = number(s, "age_ms");
	const char *reason = text(s, "reason");
	struct gg_buf b = { .s = p->title[p->n], .size = TITLE_SIZE };

	gg_buf_add(&b, "%s: %s %s from %s, ", text(s, "id"), text(s, "service"), text(s, "repo"),
		   text(s, "peer"));
	gg_human_ms(&b, age);
	gg_buf_add(&b, "%s%s",
		   live	     ? ", now in "
		   : *reason ? ", ended: "
			     : "",
		   live ? text(s, "phase") : reason);
	p->bar[p->n] = (struct gg_bar){ .from_ms = ended + (age < 0		       ? 0
							    : age < LONGEST_S * 1000LL ? age
										       : LONGEST_S * 1000LL),
					.to_ms = ended,
					.live = live,
					.reaped = *reason != 0,
					.title = p->title[p->n] };
	p->n++;
}

static bool has_id(const json_t *list, const char *id)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(text(json_array_get(list, i), "id"), id) == 0)
			return true;
	return false;
}

static void write_timeline(FILE *to, const json_t *all)
{
	const json_t *live = json_object_get(all, "sessions"), *ended = json_object_get(all, "ended");
	const json_t *reaped = json_object_get(all, "reaped");
	size_t n = json_array_size(live) + json_array_size(ended) + json_array_size(reaped) + 1;
	AUTO_FREE struct gg_bar *bar = calloc(n, sizeof(*bar));
	AUTO_FREE char(*title)[TITLE_SIZE] = calloc(n, TITLE_SIZE);
	struct picture p = { .bar = bar, .title = title };
	int64_t now = number(all, "time");

	if (!bar || !title) {
		fputs("<p class=\"bad\">There is not enough memory for the time line.</p>\n", to);
		return;
	}
	for (size_t i = 0; i < json_array_size(live); i++)
		add_bar(&p, json_array_get(live, i), 0, true);
	for (size_t i = 0; i < json_array_size(ended); i++) {
		const json_t *e = json_array_get(ended, i);

		add_bar(&p, e, ended_ago(e, now), false);
	}
	/* a flood of others may have pushed these out of the list of all */
	for (size_t i = 0; i < json_array_size(reaped); i++) {
		const json_t *e = json_array_get(reaped, i);

		if (!has_id(ended, text(e, "id")))
			add_bar(&p, e, ended_ago(e, now), false);
	}
	fputs("<h2>Time line</h2>\n", to);
	gg_timeline_write(to, p.bar, p.n);
	fputs("<p class=\"key quiet\"><span class=\"l\">live</span><span>ended by itself</span><span "
	      "class=\"r\">ended by the gate</span></p>\n",
	      to);
}

/* --- sessions --- */

/* Of any length. */
static void cell(FILE *to, const char *is, const char *s)
{
	fprintf(to, "<td class=\"wide\" data-is=\"%s\">", is);
	put(to, s);
	fputs("</td>", to);
}

static void cell_ms(FILE *to, const char *is, int64_t ms)
{
	fprintf(to, "<td data-is=\"%s\">", is);
	gg_html_ms(to, ms);
	fputs("</td>", to);
}

static void write_row(FILE *to, const json_t *s)
{
	const char *ending = text(s, "ending"), *step = text(s, "step");

	fputs("<tr>", to);
	fputs("<td data-is=\"session\">", to);
	put(to, text(s, "id"));
	fputs("</td><td data-is=\"phase\">", to);
	put(to, text(s, "phase"));
	if (*step) {
		fputs(": ", to);
		put(to, step);
	}
	if (*ending) {
		fputs(", <span class=\"bad\">ending: ", to);
		put(to, ending);
		fputs("</span>", to);
	}
	fputs("</td>", to);
	cell_ms(to, "age", number(s, "age_ms"));
	cell_ms(to, "quiet", number(s, "quiet_ms"));
	cell(to, "service", text(s, "service"));
	cell(to, "repository", text(s, "repo"));
	fputs("<td data-is=\"client\">", to);
	put(to, text(s, "peer"));
	fputs("</td>", to);
	fputs("<td data-is=\"in, out\">", to);
	gg_html_bytes(to, number(s, "bytes_in"));
	fputs(", ", to);
	gg_html_bytes(to, number(s, "bytes_out"));
	fputs("</td></tr>\n", to);
}

static void write_live(FILE *to, const json_t *all)
{
	const json_t *v = json_object_get(all, "sessions");
	size_t n = json_array_size(v);
	int64_t live = number(all, "live");

	fputs("<h2>Live sessions</h2>\n", to);
	if (!n) {
		fputs("<p class=\"quiet\">none</p>\n", to);
		return;
	}
	fputs("<table><thead><tr><th>session</th><th>phase</th><th>age</th><th>quiet</th><th>service</th>"
	      "<th>repository</th><th>client</th><th>in, out</th></tr></thead><tbody>\n",
	      to);
	for (size_t i = 0; i < n; i++)
		write_row(to, json_array_get(v, i));
	fputs("</tbody></table>\n", to);
	if (live > (int64_t)n)
		fprintf(to, "<p class=\"quiet\">%lld more: git-gate sessions</p>\n",
			(long long)live - (long long)n);
}

static void write_lines(FILE *to, const char *what, const json_t *lines)
{
	size_t n = json_array_size(lines);

	if (!n)
		return;
	fprintf(to, "<details><summary>%s</summary><pre>", what);
	for (size_t i = 0; i < n; i++) {
		const char *line = json_string_value(json_array_get(lines, i));

		gg_html_text(to, line ? line : "", LINE_MAX_SHOWN);
		fputc('\n', to);
	}
	fputs("</pre></details>", to);
}

static void write_reaped_one(FILE *to, const json_t *e)
{
	fputs("<article><p><span class=\"bad\">", to);
	put(to, text(e, "reason"));
	fputs("</span> in ", to);
	put(to, text(e, "phase"));
	fputs(", quiet for ", to);
	gg_html_ms(to, number(e, "quiet_ms"));
	if (number(e, "limit_ms") >= 0) {
		fputs(" of ", to);
		gg_html_ms(to, number(e, "limit_ms"));
	}
	if (*text(e, "key")) {
		fputs(" (<code>", to);
		put(to, text(e, "key"));
		fputs("</code>)", to);
	}
	fputs("</p><p>", to);
	if (*text(e, "service")) {
		put(to, text(e, "service"));
		fputs(" of ", to);
		put(to, text(e, "repo"));
	} else {
		fputs("no request", to);
	}
	fputs(", client ", to);
	put(to, text(e, "peer"));
	fputs("</p><p class=\"quiet\">session <code>", to);
	put(to, text(e, "id"));
	fputs("</code>, ", to);
	put_time(to, number(e, "time"));
	fputs(", after ", to);
	gg_html_ms(to, number(e, "age_ms"));
	fputs("</p>", to);
	write_lines(to, "evidence", json_object_get(e, "evidence"));
	write_lines(to, "log", json_object_get(e, "log"));
	fputs("</article>\n", to);
}

static void write_reaped(FILE *to, const json_t *all)
{
	const json_t *v = json_object_get(all, "reaped");

	fputs("<h2>Ended by the gate</h2>\n", to);
	if (!json_array_size(v))
		fputs("<p class=\"quiet\">none</p>\n", to);
	for (size_t i = 0; i < json_array_size(v); i++)
		write_reaped_one(to, json_array_get(v, i));
}

static void write_services(FILE *to, const json_t *status)
{
	const json_t *v = json_object_get(status, "services");

	if (!json_array_size(v))
		return;
	fputs("<h2>Services</h2>\n<table><thead><tr><th>service</th><th>state</th><th>up</th><th>restarts</"
	      "th>"
	      "<th>last end</th></tr></thead><tbody>\n",
	      to);
	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *s = json_array_get(v, i);

		fputs("<tr>", to);
		cell(to, "service", text(s, "name"));
		cell(to, "state", text(s, "state"));
		cell_ms(to, "up", number(s, "uptime_ms"));
		fprintf(to, "<td data-is=\"restarts\">%lld</td>", (long long)number(s, "restarts"));
		cell(to, "last end", text(s, "last"));
		fputs("</tr>\n", to);
	}
	fputs("</tbody></table>\n", to);
}

void gg_page_write(FILE *to, const json_t *overview, const char *nonce, bool hold)
{
	const json_t *status = json_object_get(overview, "status");

	write_head(to, nonce, !hold);
	write_state(to, overview);
	write_counts(to, status);
	write_timeline(to, overview);
	write_live(to, overview);
	write_reaped(to, overview);
	write_services(to, status);
	if (hold)
		fputs("<footer class=\"quiet\"><p>This page stands still. <a href=\"/\">Go on</a>. ", to);
	else
		fprintf(to, "<footer class=\"quiet\"><p>Renewed every %d s. <a href=\"/?hold\">Hold</a>. ",
			REFRESH_S);
	fputs("<a href=\"/metrics\">Metrics</a>, <a "
	      "href=\"/readyz\">readiness</a>.</p></footer>\n</body></html>\n",
	      to);
}

void gg_page_write_error(FILE *to, const char *why, const char *nonce)
{
	write_head(to, nonce, true);
	fputs("<header><h1>git-gate</h1>\n<p class=\"bad\">", to);
	put(to, why);
	fputs("</p></header>\n</body></html>\n", to);
}
