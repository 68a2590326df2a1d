/* Fuzz the request packet, the status record, and the text of a .keep file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon-wrap/request.h"
#include "daemon-wrap/status.h"
#include "reaper/leftover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gg_request req;
	char *text = malloc(size + 1), host[64];
	struct gg_status st;
	pid_t pid;

	memcpy(text, data, size);
	text[size] = 0;
	if (gg_request_length(text, size) > 0)
		gg_request_parse(text, size, &req);
	gg_status_unpack(text, size, &st);
	gg_leftover_parse_keep(text, &pid, host, sizeof(host));
	gg_leftover_kind(text);
	free(text);
	return 0;
}
