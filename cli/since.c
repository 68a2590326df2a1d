/* since - see since.h. */
#include "cli/since.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/text.h"

/* The 31st of February is no date, though mktime(3) knows what is meant. */
static bool same_day(const struct tm *a, const struct tm *b)
{
	return a->tm_year == b->tm_year && a->tm_mon == b->tm_mon && a->tm_mday == b->tm_mday;
}

static int to_seconds(const struct tm *asked, bool has_zone, int64_t *ret_s)
{
	struct tm tm = *asked;
	time_t t;

	tm.tm_isdst = -1;
	t = has_zone ? timegm(&tm) - asked->tm_gmtoff : mktime(&tm);
	if (!same_day(asked, &tm))
		return -EINVAL;
	*ret_s = t;
	return 0;
}

int gg_since_parse(const char *s, int64_t now_s, int64_t *ret_s)
{
	static const struct {
		const char *form;
		bool has_zone;
	} forms[] = {
		{ "%Y-%m-%d", false },		 { "%Y-%m-%d %H:%M", false },
		{ "%Y-%m-%dT%H:%M", false },	 { "%Y-%m-%d %H:%M:%S", false },
		{ "%Y-%m-%dT%H:%M:%S", false },	 { "%Y-%m-%dT%H:%M%z", true },
		{ "%Y-%m-%d %H:%M:%S%z", true }, { "%Y-%m-%dT%H:%M:%S%z", true },
	};
	int64_t ms;

	if (gg_duration_parse(s, &ms) == 0) {
		if (ms == GG_NEVER)
			return -EINVAL;
		*ret_s = now_s - ms / 1000;
		return 0;
	}
	/* strptime skips spaces where it is not asked to */
	if (*s < '0' || *s > '9')
		return -EINVAL;
	for (size_t i = 0; i < GG_LEN(forms); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(s, forms[i].form, &tm);

		if (end && !*end)
			return to_seconds(&tm, forms[i].has_zone, ret_s);
	}
	return -EINVAL;
}
