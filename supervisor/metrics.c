/* metrics - see metrics.h. */
#include "supervisor/metrics.h"

#include <string.h>

#include "base/cleanup.h"

#define COUNTER(ID, ...)
#define GAUGE(ID, ...)
#define HISTOGRAM(ID, name, labels, help, ...) \
	static const double bounds_##ID[] = { __VA_ARGS__ }; \
	_Static_assert(GG_LEN(bounds_##ID) <= GG_HIST_BOUNDS, name " has too many bounds");
#include "supervisor/metrics.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM

static const struct {
	const char *name, *type, *labels, *help;
	const double *bounds; /* seconds */
	size_t nbounds;
} metrics[GG_NMETRICS] = {
#define COUNTER(ID, name, labels, help) [GG_METRIC_##ID] = { name, "counter", labels, help, NULL, 0 },
#define GAUGE(ID, name, labels, help) [GG_METRIC_##ID] = { name, "gauge", labels, help, NULL, 0 },
#define HISTOGRAM(ID, name, labels, help, ...) \
	[GG_METRIC_##ID] = { name, "histogram", labels, help, bounds_##ID, GG_LEN(bounds_##ID) },
#include "supervisor/metrics.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
};

const char *gg_metric_name(enum gg_metric id)
{
	return metrics[id].name;
}

const char *gg_metric_type(enum gg_metric id)
{
	return metrics[id].type;
}

const char *gg_metric_labels(enum gg_metric id)
{
	return metrics[id].labels;
}

const char *gg_metric_help(enum gg_metric id)
{
	return metrics[id].help;
}

/* --- labels --- */

static const char *const services[GG_BY_SERVICES] = { "receive-pack", "upload-pack", "upload-archive",
						      "other" };
static const char *const steps[GG_BY_STEPS] = { "lock", "scan", "forward", "refresh", "step", "other" };
static const char *const transports[GG_BY_TRANSPORTS] = { "git", "http", "ssh", "pipe" };

/* The index of s; n if it is not there. */
static size_t index_of(const char *const *v, size_t n, const char *s)
{
	size_t i = 0;

	while (i < n && strcmp(v[i], s) != 0)
		i++;
	return i;
}

const char *gg_metrics_service(size_t i)
{
	return services[i];
}

const char *gg_metrics_step(size_t i)
{
	return steps[i];
}

const char *gg_metrics_transport(size_t i)
{
	return transports[i];
}

size_t gg_metrics_service_index(const char *s)
{
	return index_of(services, GG_BY_SERVICES - 1, s);
}

size_t gg_metrics_step_index(const char *s)
{
	return index_of(steps, GG_BY_STEPS - 1, s);
}

size_t gg_metrics_transport_index(const char *s)
{
	return index_of(transports, GG_BY_TRANSPORTS - 1, s);
}

/* --- counting --- */

void gg_hist_add(struct gg_hist *h, enum gg_metric id, int64_t us)
{
	size_t i = 0;

	us = us > 0 ? us : 0;
	while (i < metrics[id].nbounds && (double)us > metrics[id].bounds[i] * 1e6)
		i++;
	h->n[i]++;
	h->sum_us += (uint64_t)us;
}

static void count_rejected(struct gg_metrics *m, const char *reason)
{
	if (strcmp(reason, "finding") == 0) {
		m->rejected[GG_REJECTED_FINDING]++;
		m->scans[GG_SCAN_FINDING]++;
	} else {
		m->rejected[strcmp(reason, "limit") == 0 ? GG_REJECTED_LIMIT : GG_REJECTED_RULE]++;
	}
}

static void add(uint64_t *to, int64_t n)
{
	*to += n > 0 ? (uint64_t)n : 0;
}

void gg_metrics_hook(struct gg_metrics *m, const char *event, const struct gg_fields *f)
{
	static const struct {
		const char *event;
		size_t at; /* the counter */
	} plain[] = {
		{ "push.scanned", offsetof(struct gg_metrics, scans[GG_SCAN_CLEAN]) },
		{ "push.forwarded", offsetof(struct gg_metrics, forwards[GG_FORWARDED]) },
		{ "push.forward-failed", offsetof(struct gg_metrics, forwards[GG_FORWARD_FAILED]) },
		{ "push.diverged", offsetof(struct gg_metrics, forwards[GG_FORWARD_DIVERGED]) },
		{ "refresh.done", offsetof(struct gg_metrics, refreshes[GG_REFRESHED]) },
		{ "refresh.failed", offsetof(struct gg_metrics, refreshes[GG_REFRESH_FAILED]) },
	};

	for (size_t i = 0; i < GG_LEN(plain); i++)
		if (strcmp(plain[i].event, event) == 0)
			++*(uint64_t *)(void *)((char *)m + plain[i].at);
	if (strcmp(event, "push.rejected") == 0)
		count_rejected(m, f->reason ? f->reason : "");
	else if (strcmp(event, "push.step-failed") == 0 && f->reason && strcmp(f->reason, "scan") == 0)
		m->scans[GG_SCAN_FAILED]++;
	if (strcmp(event, "push.scanned") == 0) {
		add(&m->scanned_objects, f->objects);
		add(&m->scanned_commits, f->commits);
		add(&m->scanned_bytes, f->bytes);
	}
	/* other steps are announced, and timed by that */
	if (strncmp(event, "refresh.", strlen("refresh.")) == 0 && f->duration_ms >= 0)
		gg_hist_add(&m->step[gg_metrics_step_index("refresh")], GG_METRIC_STEP,
			    f->duration_ms * 1000);
}

/* --- the text --- */

/* In HELP a quote stands for itself, in the value of a label it is escaped. */
static void add_escaped(struct gg_buf *b, const char *s, bool quotes)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t left = strlen(s);

	while (left) {
		size_t n = gg_utf8_len(s, left);

		if (!n)
			gg_buf_put(b, replacement, strlen(replacement));
		else if (*s == '\n')
			gg_buf_put(b, "\\n", 2);
		else if (*s == '\\' || (quotes && *s == '"'))
			gg_buf_add(b, "\\%c", *s);
		else
			gg_buf_put(b, s, n);
		n = n ? n : 1;
		s += n;
		left -= n;
	}
}

void gg_metrics_head(struct gg_buf *b, enum gg_metric id)
{
	gg_buf_add(b, "# HELP %s ", metrics[id].name);
	add_escaped(b, metrics[id].help, false);
	gg_buf_add(b, "\n# TYPE %s %s\n", metrics[id].name, metrics[id].type);
}

/* name="value",name="value" for the names of the table; how many there were. */
static size_t add_labels(struct gg_buf *b, enum gg_metric id, const char *const *labels)
{
	const char *name = metrics[id].labels;
	size_t i = 0;

	for (; *name && labels && labels[i]; i++) {
		size_t n = strcspn(name, " ");

		gg_buf_add(b, "%s%.*s=\"", i ? "," : "", (int)n, name);
		add_escaped(b, labels[i], true);
		gg_buf_add(b, "\"");
		name += n + (name[n] == ' ');
	}
	return i;
}

static void add_series(struct gg_buf *b, enum gg_metric id, const char *const *labels)
{
	gg_buf_add(b, "%s", metrics[id].name);
	if (!*metrics[id].labels)
		return;
	gg_buf_add(b, "{");
	add_labels(b, id, labels);
	gg_buf_add(b, "}");
}

void gg_metrics_sample(struct gg_buf *b, enum gg_metric id, const char *const *labels, uint64_t v)
{
	add_series(b, id, labels);
	gg_buf_add(b, " %llu\n", (unsigned long long)v);
}

void gg_metrics_milli(struct gg_buf *b, enum gg_metric id, const char *const *labels, int64_t ms)
{
	add_series(b, id, labels);
	if (ms == GG_NEVER)
		gg_buf_add(b, " +Inf\n");
	else
		gg_buf_add(b, " %lld.%03d\n", (long long)(ms / 1000), (int)(ms % 1000));
}

static void add_bucket(struct gg_buf *b, enum gg_metric id, const char *const *labels, const char *le,
		       uint64_t n)
{
	gg_buf_add(b, "%s_bucket{", metrics[id].name);
	gg_buf_add(b, "%sle=\"%s\"} %llu\n", add_labels(b, id, labels) ? "," : "", le, (unsigned long long)n);
}

static void add_part(struct gg_buf *b, enum gg_metric id, const char *const *labels, const char *part)
{
	gg_buf_add(b, "%s_%s", metrics[id].name, part);
	if (!labels[0])
		return;
	gg_buf_add(b, "{");
	add_labels(b, id, labels);
	gg_buf_add(b, "}");
}

void gg_metrics_hist(struct gg_buf *b, enum gg_metric id, const char *label, const struct gg_hist *h)
{
	const char *const labels[] = { label, NULL };
	uint64_t n = 0;

	for (size_t i = 0; i < metrics[id].nbounds; i++) {
		char le[32];
		struct gg_buf t = GG_BUF(le);

		gg_buf_add(&t, "%g", metrics[id].bounds[i]);
		n += h->n[i];
		add_bucket(b, id, labels, le, n);
	}
	n += h->n[metrics[id].nbounds];
	add_bucket(b, id, labels, "+Inf", n);
	add_part(b, id, labels, "sum");
	gg_buf_add(b, " %llu.%06d\n", (unsigned long long)(h->sum_us / 1000000), (int)(h->sum_us % 1000000));
	add_part(b, id, labels, "count");
	gg_buf_add(b, " %llu\n", (unsigned long long)n);
}
