/* Tests of cli/since.h. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "cli/since.h"

#define NOW 1800000000 /* 2027-01-15 08:00:00 UTC */

Test(since, times)
{
	static const struct {
		const char *text;
		int64_t want; /* 0: not a time */
	} rows[] = {
		{ "2h", NOW - 7200 },
		{ "90s", NOW - 90 },
		{ "500ms", NOW },
		{ "0", NOW },
		{ "30d", NOW - 30 * 86400 },
		{ "2027-01-15", 1799967600 },
		{ "2027-01-15 08:30", 1799998200 },
		{ "2027-01-15T08:30", 1799998200 },
		{ "2027-01-15 08:30:01", 1799998201 },
		{ "2027-01-15T08:30:01", 1799998201 },
		{ "2027-01-15T08:30:01Z", 1800001801 },
		{ "2027-01-15 08:30:01Z", 1800001801 },
		{ "2027-01-15T08:30Z", 1800001800 },
		{ "2027-01-15T08:30:01+02:00", 1799994601 },
		{ "2027-01-15T08:30:01-0200", 1800009001 },
		{ "2028-02-29", 1835391600 },
		{ "2027-07-01", 1814392800 }, /* summer time */
		{ "2027-02-29", 0 },
		{ "2027-02-31", 0 },
		{ "2027-13-01", 0 },
		{ "2027-01-15 25:00", 0 },
		{ "2027-01-15x", 0 },
		{ " 2027-01-15", 0 },
		{ "2027-01-15 08:30 ", 0 },
		{ "never", 0 },
		{ "", 0 },
		{ "yesterday", 0 },
		{ "2", 0 },
		{ "-2h", 0 },
		{ "2027", 0 },
	};

	setenv("TZ", "Europe/Berlin", 1);
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		int64_t got = 0;
		int e = gg_since_parse(rows[i].text, NOW, &got);

		cr_expect(rows[i].want ? e == 0 && got == rows[i].want : e < 0, "'%s': %d, %lld",
			  rows[i].text, e, (long long)got);
	}
}
