/* stamp - see stamp.h. */
#include "base/stamp.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* "ok AT HEAD", "failed AT HEAD GOOD WHY"; before 0.1 GOOD was not there. */
static void parse(const char *text, struct gg_stamp *ret)
{
	char word[16];
	long long at, head, good;
	int end = 0, rest = 0;

	if (sscanf(text, "%15s %lld %lld %n%lld %n", word, &at, &head, &end, &good, &rest) < 3)
		return;
	ret->ok = !strcmp(word, "ok");
	ret->at_ms = at;
	ret->head_ms = head;
	if (ret->ok)
		ret->good_ms = at;
	else if (rest)
		ret->good_ms = good;
	end = rest ? rest : end;
	if (!ret->ok && end)
		snprintf(ret->why, sizeof(ret->why), "%.*s", (int)strcspn(text + end, "\n"), text + end);
}

void gg_stamp_read(int dirfd, struct gg_stamp *ret)
{
	AUTO_CLOSE int fd = openat(dirfd, GG_STAMP_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[512];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	*ret = (struct gg_stamp){ .at_ms = INT64_MIN, .head_ms = INT64_MIN, .good_ms = INT64_MIN };
	text[n > 0 ? n : 0] = '\0';
	parse(text, ret);
}

void gg_stamp_write(int dirfd, const struct gg_stamp *s)
{
	AUTO_CLOSE int fd = openat(dirfd, GG_STAMP_FILE ".new",
				   O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	char text[512];
	struct gg_buf b = GG_BUF(text);

	gg_buf_add(&b, "%s %lld %lld", s->ok ? "ok" : "failed", (long long)s->at_ms, (long long)s->head_ms);
	if (!s->ok)
		gg_buf_add(&b, " %lld %s", (long long)s->good_ms, s->why);
	gg_buf_add(&b, "\n");
	if (fd >= 0 && write(fd, b.s, b.len) == (ssize_t)b.len)
		renameat(dirfd, GG_STAMP_FILE ".new", dirfd, GG_STAMP_FILE);
}

void gg_stamp_stale(struct gg_buf *b, const struct gg_stamp *s, const char *why, int64_t now_ms)
{
	gg_buf_add(b, "upstream could not be asked (%s), what is here ", why);
	if (s->good_ms < 0 || s->good_ms > now_ms) {
		gg_buf_add(b, "may be old");
		return;
	}
	gg_buf_add(b, "is as of ");
	gg_human_ms(b, now_ms - s->good_ms);
	gg_buf_add(b, " ago");
}
