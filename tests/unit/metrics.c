/* Tests of supervisor/metrics.h. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "supervisor/metrics.h"

static void ok_name(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";

	cr_assert_eq(strspn(s, letters), strlen(s), "%s", s);
}

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

/* The conventions of Prometheus: prefix, unit, _total; a help that is a sentence. */
Test(metrics, names)
{
	for (enum gg_metric i = 0; i < GG_NMETRICS; i++) {
		const char *name = gg_metric_name(i), *type = gg_metric_type(i), *help = gg_metric_help(i);

		ok_name(name);
		cr_assert_eq(strncmp(name, "git_gate_", 9), 0, "%s", name);
		cr_assert_eq(ends_in(name, "_total"), strcmp(type, "counter") == 0, "%s is a %s", name, type);
		if (strcmp(type, "histogram") == 0)
			cr_assert(ends_in(name, "_seconds"), "%s has no unit", name);
		cr_assert(!strstr(name, "_ms") && !strstr(name, "milli"), "%s is in a base unit", name);
		cr_assert(ends_in(help, "."), "the help of %s is no sentence", name);
		for (enum gg_metric j = 0; j < i; j++)
			cr_assert_str_neq(name, gg_metric_name(j));
	}
}

/* What names a client chose would have no bound. */
Test(metrics, labels)
{
	static const char *const allowed[] = { "version", "reason",  "phase", "transport", "service", "key",
					       "step",	  "outcome", "event", "kind",	   "name" };

	for (enum gg_metric i = 0; i < GG_NMETRICS; i++)
		for (const char *l = gg_metric_labels(i); *l; l += strcspn(l, " "), l += *l == ' ') {
			bool found = false;

			for (size_t k = 0; k < GG_LEN(allowed); k++)
				found |= strncmp(l, allowed[k], strcspn(l, " ")) == 0 &&
					 strlen(allowed[k]) == strcspn(l, " ");
			cr_assert(found, "%s has the label %s", gg_metric_name(i), l);
		}
	cr_assert_str_eq(gg_metrics_service(gg_metrics_service_index("receive-pack")), "receive-pack");
	cr_assert_str_eq(gg_metrics_service(gg_metrics_service_index("x\"y\n")), "other");
	cr_assert_str_eq(gg_metrics_step(gg_metrics_step_index("evil-step")), "other");
	cr_assert_str_eq(gg_metrics_transport(gg_metrics_transport_index("?")), "pipe");
}

Test(metrics, head)
{
	char mem[400];
	struct gg_buf b = GG_BUF(mem);

	gg_metrics_head(&b, GG_METRIC_WAITING);
	cr_assert_str_eq(mem, "# HELP git_gate_waiting_clients Clients that wait for a session.\n"
			      "# TYPE git_gate_waiting_clients gauge\n");
}

static const struct {
	const char *value, *shown;
} values[] = {
	{ "plain", "plain" },
	{ "", "" },
	{ "a\"b", "a\\\"b" },
	{ "a\\b", "a\\\\b" },
	{ "a\nb", "a\\nb" },
	{ "r\xc3\xa9p", "r\xc3\xa9p" },
	{ "a\xff"
	  "b",
	  "a\xef\xbf\xbd"
	  "b" },
	{ "cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd" },
	{ "\"} 1\nforged 2", "\\\"} 1\\nforged 2" },
};

Test(metrics, escaping)
{
	for (size_t i = 0; i < GG_LEN(values); i++) {
		char mem[200], want[200];
		struct gg_buf b = GG_BUF(mem), w = GG_BUF(want);

		gg_metrics_sample(&b, GG_METRIC_SERVICE_UP, (const char *const[]){ values[i].value, NULL },
				  1);
		gg_buf_add(&w, "git_gate_service_up{name=\"%s\"} 1\n", values[i].shown);
		cr_assert_str_eq(mem, want);
	}
}

Test(metrics, samples)
{
	char mem[600];
	struct gg_buf b = GG_BUF(mem);

	gg_metrics_sample(&b, GG_METRIC_WAITING, NULL, UINT64_MAX);
	gg_metrics_sample(&b, GG_METRIC_SESSIONS, (const char *const[]){ "pack", "git", NULL }, 2);
	gg_metrics_milli(&b, GG_METRIC_DEADLINE, (const char *const[]){ "deadline.idle", NULL }, 15050);
	gg_metrics_milli(&b, GG_METRIC_DEADLINE, (const char *const[]){ "deadline.work", NULL }, GG_NEVER);
	cr_assert_str_eq(mem, "git_gate_waiting_clients 18446744073709551615\n"
			      "git_gate_sessions{phase=\"pack\",transport=\"git\"} 2\n"
			      "git_gate_deadline_seconds{key=\"deadline.idle\"} 15.050\n"
			      "git_gate_deadline_seconds{key=\"deadline.work\"} +Inf\n");
}

/* A value on a bound is in its bucket; each bucket has those below; +Inf is the count. */
Test(metrics, histogram)
{
	char mem[2000];
	struct gg_buf b = GG_BUF(mem);
	struct gg_hist h = { 0 };
	static const int64_t us[] = { -5, 99999, 100000, 100001, 4000000, 3600000000, 3600000001 };

	for (size_t i = 0; i < GG_LEN(us); i++)
		gg_hist_add(&h, GG_METRIC_DURATION, us[i]);
	gg_metrics_hist(&b, GG_METRIC_DURATION, "upload-pack", &h);
	cr_assert_str_eq(mem,
			 "git_gate_session_duration_seconds_bucket{service=\"upload-pack\",le=\"0.1\"} 3\n"
			 "git_gate_session_duration_seconds_bucket{service=\"upload-pack\",le=\"0.5\"} 4\n"
			 "git_gate_session_duration_seconds_bucket{service=\"upload-pack\",le=\"1\"} 4\n"
			 "git_gate_session_duration_seconds_bucket{service=\"upload-pack\",le=\"5\"} 5\n"
			 "git_gate_session_duration_seconds_bucket{service=\"upload-pack\",le=\"15\"} 5\n"
			 "git_gate_session_duration_seconds_bucket{service=\"upload-pack\",le=\"30\"} 5\n"
			 "git_gate_session_duration_seconds_bucket{service=\"upload-pack\",le=\"60\"} 5\n"
			 "git_gate_session_duration_seconds_bucket{service=\"upload-pack\",le=\"120\"} 5\n"
			 "git_gate_session_duration_seconds_bucket{service=\"upload-pack\",le=\"300\"} 5\n"
			 "git_gate_session_duration_seconds_bucket{service=\"upload-pack\",le=\"900\"} 5\n"
			 "git_gate_session_duration_seconds_bucket{service=\"upload-pack\",le=\"3600\"} 6\n"
			 "git_gate_session_duration_seconds_bucket{service=\"upload-pack\",le=\"+Inf\"} 7\n"
			 "git_gate_session_duration_seconds_sum{service=\"upload-pack\"} 7204.300001\n"
			 "git_gate_session_duration_seconds_count{service=\"upload-pack\"} 7\n");
	b = GG_BUF(mem);
	h = (struct gg_hist){ 0 };
	gg_hist_add(&h, GG_METRIC_PASS, 150);
	gg_metrics_hist(&b, GG_METRIC_PASS, NULL, &h);
	cr_assert(strstr(mem, "git_gate_reaper_pass_duration_seconds_bucket{le=\"0.0001\"} 0\n"));
	cr_assert(strstr(mem, "git_gate_reaper_pass_duration_seconds_bucket{le=\"0.001\"} 1\n"));
	cr_assert(strstr(mem, "git_gate_reaper_pass_duration_seconds_sum 0.000150\n"));
}

Test(metrics, hooks)
{
	static const struct {
		const char *event, *reason;
		int64_t objects, commits, bytes, duration_ms;
	} told[] = {
		{ "push.scanned", NULL, 40, 3, 5000, 12 },
		{ "push.scanned", NULL, -1, -1, -1, -1 },
		{ "push.rejected", "finding", 7, 1, 9, 5 },
		{ "push.rejected", "limit", -1, -1, -1, -1 },
		{ "push.rejected", NULL, -1, -1, -1, -1 },
		{ "push.step-failed", "scan", -1, -1, -1, -1 },
		{ "push.step-failed", NULL, -1, -1, -1, -1 },
		{ "push.forwarded", NULL, -1, -1, -1, 900 },
		{ "push.forward-failed", NULL, -1, -1, -1, -1 },
		{ "push.diverged", NULL, -1, -1, -1, -1 },
		{ "refresh.done", NULL, -1, -1, -1, 200 },
		{ "refresh.failed", NULL, -1, -1, -1, -1 },
	};
	struct gg_metrics m = { 0 };

	for (size_t i = 0; i < GG_LEN(told); i++)
		gg_metrics_hook(&m, told[i].event,
				&(struct gg_fields){ .reason = told[i].reason,
						     .objects = told[i].objects,
						     .commits = told[i].commits,
						     .bytes = told[i].bytes,
						     .duration_ms = told[i].duration_ms });
	cr_assert_eq(m.scans[GG_SCAN_CLEAN], 2);
	cr_assert_eq(m.scans[GG_SCAN_FINDING], 1);
	cr_assert_eq(m.scans[GG_SCAN_FAILED], 1);
	cr_assert_eq(m.scanned_objects, 40);
	cr_assert_eq(m.scanned_commits, 3);
	cr_assert_eq(m.scanned_bytes, 5000);
	cr_assert_eq(m.rejected[GG_REJECTED_FINDING], 1);
	cr_assert_eq(m.rejected[GG_REJECTED_LIMIT], 1);
	cr_assert_eq(m.rejected[GG_REJECTED_RULE], 1);
	cr_assert_eq(m.forwards[GG_FORWARDED], 1);
	cr_assert_eq(m.forwards[GG_FORWARD_FAILED], 1);
	cr_assert_eq(m.forwards[GG_FORWARD_DIVERGED], 1);
	cr_assert_eq(m.refreshes[GG_REFRESHED], 1);
	cr_assert_eq(m.refreshes[GG_REFRESH_FAILED], 1);
	cr_assert_eq(m.step[gg_metrics_step_index("refresh")].sum_us, 200000);
}
