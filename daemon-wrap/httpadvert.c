/* httpadvert - git http-backend's part of an advertisement. See httpadvert.h. */
#include "daemon-wrap/httpadvert.h"

#include <stdbool.h>
#include <string.h>

/* Of several versions that a client knows git takes the highest it knows itself, which is 2. */
static bool is_version_2(const char *protocol)
{
	for (const char *s = protocol; s; s = strchr(s, ':')) {
		s += *s == ':';
		if (strcspn(s, ":") == strlen("version=2") && !strncmp(s, "version=2", strlen("version=2")))
			return true;
	}
	return false;
}

static void put_head(struct gg_buf *b, const char *service, const char *what)
{
	gg_buf_add(b, "Expires: Fri, 01 Jan 1980 00:00:00 GMT\r\n"
		      "Pragma: no-cache\r\n"
		      "Cache-Control: no-cache, max-age=0, must-revalidate\r\n");
	gg_buf_add(b, "Content-Type: application/x-git-%s-%s\r\n\r\n", service, what);
}

void gg_advert_result(struct gg_buf *b, const char *service)
{
	put_head(b, service, "result");
}

void gg_advert_begin(struct gg_buf *b, const char *service, const char *protocol)
{
	put_head(b, service, "advertisement");
	if (!is_version_2(protocol))
		gg_buf_add(b, "%04zx# service=git-%s\n0000", strlen("0000# service=git-\n") + strlen(service),
			   service);
}
