/*
 * metrics - what the gate counts of itself for Prometheus, and its text format. Pure: who calls it knows what
 * happened. supervisor/metrics.def is the list; supervisor/metricsreport.c fills it from the gate. Tested by
 * tests/unit/metrics.c.
 */
#ifndef GG_SUPERVISOR_METRICS_H
#define GG_SUPERVISOR_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/event.h"
#include "base/text.h"
#include "reaper/tune.h"

enum gg_metric {
#define COUNTER(ID, ...) GG_METRIC_##ID,
#define GAUGE COUNTER
#define HISTOGRAM COUNTER
#include "supervisor/metrics.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
	GG_NMETRICS
};

#define GG_HIST_BOUNDS 11

/* Of one metric, whose bounds it counts by. All zero is a new one. */
struct gg_hist {
	uint64_t n[GG_HIST_BOUNDS + 1]; /* not cumulative; beyond the last bound at its index */
	uint64_t sum_us;
};

void gg_hist_add(struct gg_hist *h, enum gg_metric id, int64_t us);

/* What a label may be, by its index in the arrays below. The last one stands for any other. */
enum { GG_BY_SERVICES = 4, GG_BY_STEPS = 6, GG_BY_TRANSPORTS = 4 };
const char *gg_metrics_service(size_t i);
const char *gg_metrics_step(size_t i);
const char *gg_metrics_transport(size_t i);
size_t gg_metrics_service_index(const char *s);
size_t gg_metrics_step_index(const char *s);
size_t gg_metrics_transport_index(const char *s);

enum gg_scan_outcome { GG_SCAN_CLEAN, GG_SCAN_FINDING, GG_SCAN_FAILED, GG_NSCANS };
enum gg_rejected { GG_REJECTED_FINDING, GG_REJECTED_LIMIT, GG_REJECTED_RULE, GG_NREJECTED };
enum gg_forwarded { GG_FORWARDED, GG_FORWARD_FAILED, GG_FORWARD_DIVERGED, GG_NFORWARDS };
enum gg_refreshed { GG_REFRESHED, GG_REFRESH_FAILED, GG_NREFRESHES };

/* What happened since the start. What the gate knows anyway is not in it. */
struct gg_metrics {
	struct gg_hist duration[GG_BY_SERVICES], quiet[GG_NCLOCKS], step[GG_BY_STEPS];
	struct gg_hist wait[GG_BY_TRANSPORTS], pass;
	uint64_t received[GG_BY_TRANSPORTS], sent[GG_BY_TRANSPORTS]; /* of sessions that have ended */
	uint64_t scans[GG_NSCANS], rejected[GG_NREJECTED], forwards[GG_NFORWARDS], refreshes[GG_NREFRESHES];
	uint64_t scanned_objects, scanned_commits, scanned_bytes;
	uint64_t dropped_lines, dropped_hook_events;
};

/* A hook has told of an event. Of the fields reason and what was done count: objects, commits, bytes,
 * duration. */
void gg_metrics_hook(struct gg_metrics *m, const char *event, const struct gg_fields *f);

/* --- the text --- */

const char *gg_metric_name(enum gg_metric id);
/* "counter", "gauge", "histogram" */
const char *gg_metric_type(enum gg_metric id);
const char *gg_metric_labels(enum gg_metric id);
const char *gg_metric_help(enum gg_metric id);

/* HELP and TYPE, before all samples of a metric. */
void gg_metrics_head(struct gg_buf *b, enum gg_metric id);
/*
 * One sample: v is a whole number, or one of thousandths. Labels: a value for each name of the table, NULL
 * behind the last; any text, which is made valid UTF-8 and escaped.
 */
void gg_metrics_sample(struct gg_buf *b, enum gg_metric id, const char *const *labels, uint64_t v);
void gg_metrics_milli(struct gg_buf *b, enum gg_metric id, const char *const *labels, int64_t ms);
/* The samples of a histogram, with one label or none (NULL). */
void gg_metrics_hist(struct gg_buf *b, enum gg_metric id, const char *label, const struct gg_hist *h);

#endif
