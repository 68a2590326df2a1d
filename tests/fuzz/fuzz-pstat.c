/* Fuzz base/pstat.h: whatever a process may call itself. */
#include "base/cleanup.h"
#include "base/pstat.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *text = malloc(n + 1);
	struct gg_pstat st;

	memcpy(text, data, n);
	text[n] = '\0';
	if (gg_pstat_parse(text, &st) < 0)
		return 0;
	came_to("a process");
	if (st.pid <= 0 || st.nlwp < -1 || st.pgrp < -1 || st.sid < -1 ||
	    !memchr(st.comm, '\0', sizeof(st.comm)) || st.state <= ' ')
		abort();
	return 0;
}
