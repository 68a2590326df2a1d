/* Fuzz supervisor/metrics.h: labels of any bytes, and events as hooks tell them. Each sample is one line that
 * Prometheus' text format takes. */
#include <ctype.h>

#include "base/cleanup.h"
#include "supervisor/metrics.h"
#include "tests/fuzz/fuzz.h"

/* NAME{LABEL="VALUE",...} NUMBER */
static void must_be_sample(const char *s)
{
	size_t n = strlen(s);

	must(n && s[n - 1] == '\n' && isalpha((unsigned char)*s));
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	for (char before = '{'; *s == before; before = ',') {
		for (s++; isalnum((unsigned char)*s) || *s == '_'; s++)
			;
		must(s[0] == '=' && s[1] == '"');
		for (s += 2; *s != '"'; s++) {
			must(*s && *s != '\n');
			if (*s == '\\')
				must(*++s == '\\' || *s == '"' || *s == 'n');
		}
		s++;
		if (*s == '}') {
			s++;
			break;
		}
	}
	must(*s++ == ' ');
	while (isdigit((unsigned char)*s) || strchr("+-.Infe", *s))
		s++;
	must(*s == '\n' && !s[1]);
}

static void sample(enum gg_metric id, const char *a, const char *b)
{
	static char mem[65536];
	struct gg_buf out = GG_BUF(mem);
	const char *labels[4] = { NULL };
	const char *names = gg_metric_labels(id);
	size_t n = *names != '\0';

	for (const char *s = names; *s; s++)
		n += *s == ' ';
	must(n <= 3);
	for (size_t i = 0; i < n; i++)
		labels[i] = i ? b : a;
	gg_metrics_sample(&out, id, labels, 7);
	if (out.cut)
		return;
	for (size_t i = 0, len; i < out.len; i += len)
		must((len = gg_utf8_len(mem + i, out.len - i)) > 0);
	if (n > 1 && *b)
		came_to("a sample with two labels");
	must_be_sample(mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *a = text_of(data, n);
	static struct gg_metrics m, before;
	const char *b = behind(a, n);
	struct gg_fields f = { .reason = b, GG_NO_FIELDS };

	if (n)
		sample((enum gg_metric)(data[0] % GG_NMETRICS), a + 1, b);
	f.duration_ms = f.objects = f.bytes = f.commits = n ? data[0] : 0;
	before = m;
	gg_metrics_hook(&m, a, &f);
	if (memcmp(&before, &m, sizeof(m)))
		came_to("an event of a hook that counts");
	must(gg_metrics_service_index(a) < GG_BY_SERVICES && gg_metrics_step_index(a) < GG_BY_STEPS &&
	     gg_metrics_transport_index(a) < GG_BY_TRANSPORTS);
	return 0;
}
