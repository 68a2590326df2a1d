/* update - what a push asks for. See update.h. */
#include "hooks/update.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static size_t hex_len(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && ((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
		i++;
	return i;
}

static bool all_zeros(const char *id)
{
	return id[strspn(id, "0")] == '\0';
}

bool gg_update_names_new(const struct gg_update *u)
{
	return all_zeros(u->old);
}

bool gg_update_creates(const struct gg_update *u)
{
	return all_zeros(u->old) && !all_zeros(u->new);
}

bool gg_update_deletes(const struct gg_update *u)
{
	return all_zeros(u->new);
}

static bool plain_ref(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f)
			return false;
	return n > 0 && n <= GG_REF_MAX;
}

/* One line without its LF; hash is the length of ids, once it is known. 0, -EPROTO or -ENOMEM. */
static int parse_line(const char *s, size_t n, size_t *hash, struct gg_update *ret)
{
	size_t h = hex_len(s, n), head = 2 * h + 2;

	if ((h != 40 && h != GG_HASH_MAX) || (*hash && h != *hash) || n <= head)
		return -EPROTO;
	if (s[h] != ' ' || hex_len(s + h + 1, n - h - 1) != h || s[head - 1] != ' ')
		return -EPROTO;
	if (!plain_ref(s + head, n - head))
		return -EPROTO;
	*ret = (struct gg_update){ 0 };
	memcpy(ret->old, s, h);
	memcpy(ret->new, s + h + 1, h);
	ret->ref = strndup(s + head, n - head);
	*hash = h;
	return ret->ref ? 0 : -ENOMEM;
}

void gg_push_free(struct gg_push *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].ref);
	free(p->v);
	*p = (struct gg_push){ 0 };
}

static size_t count_lines(const char *bytes, size_t n)
{
	size_t lines = 0;

	for (const char *s = bytes; n && (s = memchr(s, '\n', n - (size_t)(s - bytes))); s++)
		lines++;
	return lines;
}

static int parse_lines(const char *bytes, size_t n, struct gg_push *p)
{
	const char *end = bytes + n;
	int r = 0;

	for (const char *s = bytes, *lf; r == 0 && s < end; s = lf + 1) {
		lf = memchr(s, '\n', (size_t)(end - s));
		if (!lf)
			return -EPROTO;
		r = parse_line(s, (size_t)(lf - s), &p->hash, &p->v[p->n]);
		p->n += r == 0;
	}
	return r;
}

int gg_push_parse(const char *bytes, size_t n, int64_t limit_refs, struct gg_push *ret,
		  struct gg_buf *ret_err)
{
	size_t lines = count_lines(bytes, n);
	struct gg_push p = { .v = calloc(lines + 1, sizeof(*p.v)) };
	int r = p.v ? 0 : -ENOMEM;

	if (r == 0 && limit_refs > 0 && lines > (size_t)limit_refs) {
		gg_buf_add(ret_err, "%zu references in one push, %lld are allowed (limit.refs)", lines,
			   (long long)limit_refs);
		r = -E2BIG;
	}
	if (r == 0) {
		r = parse_lines(bytes, n, &p);
		if (r == -EPROTO)
			gg_buf_add(ret_err, "line %zu of what git told the hook is malformed", p.n + 1);
	}
	if (r == -ENOMEM)
		gg_buf_add(ret_err, "not enough memory for %zu references", lines);
	if (r < 0) {
		gg_push_free(&p);
		return r;
	}
	*ret = p;
	return 0;
}

/* All of fd, at most GG_PUSH_INPUT_MAX bytes; the rest is read and thrown away. */
static int read_all(int fd, char **ret, size_t *ret_n)
{
	AUTO_FREE char *buf = NULL;
	size_t n = 0, room = 0;
	bool over = false;

	for (;;) {
		if (n == room) {
			char *more;

			over = over || room >= GG_PUSH_INPUT_MAX;
			if (over)
				n = 0;
			else if (!(more = realloc(buf, room = room ? 2 * room : 65536)))
				return -ENOMEM;
			else
				buf = more;
		}
		ssize_t got = read(fd, buf + n, room - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	if (over)
		return -E2BIG;
	*ret = gg_take_ptr(&buf);
	*ret_n = n;
	return 0;
}

int gg_push_read(int fd, int64_t limit_refs, struct gg_push *ret, struct gg_buf *ret_err)
{
	AUTO_FREE char *bytes = NULL;
	pid_t parent = getppid(); /* before all else: it may end while we read */
	/* or it had ended before: then we were left to the session's root, which is never receive-pack */
	bool left = parent == getsid(0) && getenv("GIT_GATE_SESSION");
	size_t n = 0;
	int r = read_all(fd, &bytes, &n);

	if (r == -E2BIG)
		gg_buf_add(ret_err, "the list of references is longer than %d MiB", GG_PUSH_INPUT_MAX >> 20);
	else if (r < 0)
		gg_buf_add(ret_err, "cannot read the list of references: %s", strerror(-r));
	if (r == 0)
		r = gg_push_parse(bytes, n, limit_refs, ret, ret_err);
	if (r == 0)
		ret->receive_pack = left ? 0 : parent;
	return r;
}
