/* timeline - see timeline.h. */
#include "admin/timeline.h"

#include <inttypes.h>
#include <stdlib.h>

#include "admin/html.h"
#include "base/cleanup.h"

/* Of the picture, which is stretched to the width of the page: nothing in it may depend on being square. */
enum { WIDTH = 1000, LANE = 12, BAR = 8, LEAST = 3, MARK = 4, TITLE_MAX = 400, TICKS = 4 };

int64_t gg_timeline_span(const struct gg_bar *v, size_t n)
{
	static const int64_t spans[] = { 60000, 5 * 60000, 15 * 60000, 3600000, 6 * 3600000, 24 * 3600000 };
	int64_t oldest = 0;
	size_t i = 0;

	for (size_t k = 0; k < n; k++)
		oldest = v[k].from_ms > oldest ? v[k].from_ms : oldest;
	while (i + 1 < GG_LEN(spans) && spans[i] < oldest)
		i++;
	return spans[i];
}

static int compare(const void *a, const void *b)
{
	const struct gg_bar *x = a, *y = b;

	return x->from_ms == y->from_ms ? (y->to_ms > x->to_ms) - (y->to_ms < x->to_ms)
					: (y->from_ms > x->from_ms) - (y->from_ms < x->from_ms);
}

int gg_timeline_place(struct gg_bar *v, size_t n, int64_t span_ms, int64_t gap_ms)
{
	int64_t free_ms[GG_TIMELINE_LANES]; /* until when before now the lane is taken */
	int used = 0;

	if (n)
		qsort(v, n, sizeof(*v), compare);
	for (size_t i = 0; i < n; i++) {
		int64_t end = v[i].to_ms - gap_ms;

		v[i].lane = -1;
		if (v[i].to_ms > span_ms)
			continue;
		for (int l = 0; l < GG_TIMELINE_LANES && v[i].lane < 0; l++)
			if (l == used || free_ms[l] >= v[i].from_ms) {
				v[i].lane = l;
				free_ms[l] = end < v[i].from_ms - gap_ms ? end : v[i].from_ms - gap_ms;
				used = l == used ? used + 1 : used;
			}
	}
	return used;
}

static void write_bar(FILE *to, const struct gg_bar *v, int64_t span_ms)
{
	int64_t from = v->from_ms < span_ms ? v->from_ms : span_ms;
	double x = WIDTH * (1 - (double)from / (double)span_ms);
	double w = WIDTH * (double)(from - v->to_ms) / (double)span_ms;
	int y = v->lane * LANE;

	w = w < LEAST ? LEAST : w;
	x = x + w > WIDTH ? WIDTH - w : x;
	fprintf(to, "<g class=\"%s\"><title>", v->live ? "live" : v->reaped ? "reaped" : "done");
	gg_html_text(to, v->title, TITLE_MAX);
	fprintf(to, "</title><rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>", x, y + 2, w, BAR);
	if (v->reaped) /* where the gate ended it */
		fprintf(to, "<rect class=\"mark\" x=\"%.1f\" y=\"%d\" width=\"%d\" height=\"%d\"/>",
			x + w - MARK > 0 ? x + w - MARK : 0, y, MARK, LANE);
	fputs("</g>\n", to);
}

static void write_scale(FILE *to, int64_t span_ms)
{
	fputs("<p class=\"scale\">", to);
	for (int i = TICKS; i > 0; i--) {
		fputs("<span>-", to);
		gg_html_ms(to, span_ms * i / TICKS);
		fputs("</span>", to);
	}
	fputs("<span>now</span></p>\n", to);
}

void gg_timeline_write(FILE *to, struct gg_bar *v, size_t n)
{
	int64_t span = gg_timeline_span(v, n);
	int lanes = gg_timeline_place(v, n, span, span * LEAST / WIDTH);
	size_t left_out = 0;

	lanes = lanes ? lanes : 1;
	fprintf(to,
		"<svg role=\"img\" aria-label=\"sessions over time\" viewBox=\"0 0 %d %d\" height=\"%d\" "
		"preserveAspectRatio=\"none\">\n",
		WIDTH, lanes * LANE, lanes * LANE);
	for (int i = 1; i < TICKS; i++)
		fprintf(to, "<rect class=\"tick\" x=\"%d\" y=\"0\" width=\"1\" height=\"%d\"/>\n",
			WIDTH * i / TICKS, lanes * LANE);
	for (size_t i = 0; i < n; i++) {
		if (v[i].lane >= 0)
			write_bar(to, &v[i], span);
		left_out += v[i].lane < 0 && v[i].to_ms <= span;
	}
	fputs("</svg>\n", to);
	write_scale(to, span);
	if (left_out)
		fprintf(to, "<p class=\"quiet\">%zu more at the same time are not shown.</p>\n", left_out);
}
