/* scratch - the private directory into which what a push adds is laid. See scratch.h. */
#include "hooks/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/scratchdir.h"

/* Where a disk image (ISO 9660) says what it is; everything else that scanners know says it in the filler. */
#define IMAGE_AT 32769
#define IMAGE_MAGIC "CD001"

enum { TRIES = 5 }; /* to make a directory that nobody else holds */

static const struct gg_scratch none = { .dir_fd = -1, .objects_fd = -1, .fd = -1, .second_fd = -1 };

static int make_below(struct gg_scratch *s)
{
	static const char *const dirs[] = { "objects", "cwd", "home", "tmp" };
	int r;

	s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->dir_fd < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	r = gg_scratchdir_hold(s->dir_fd);
	if (r < 0)
		return r;
	for (size_t i = 0; i < GG_LEN(dirs); i++)
		if (mkdirat(s->dir_fd, dirs[i], 0700) < 0)
			return -errno;
	s->objects_fd = openat(s->dir_fd, "objects", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return s->objects_fd < 0 ? -errno : 0;
}

static int try_make(struct gg_scratch *s, const char *base, const char *instance, const char *session,
		    int64_t limit)
{
	int r;

	*s = none;
	s->limit = limit;
	r = gg_scratchdir_make(base, instance, session, s->dir, sizeof(s->dir));
	if (r == 0)
		r = make_below(s);
	if (r < 0)
		gg_scratch_remove(s);
	return r;
}

/* A cleanup may come upon it before it is held. It knows then that this session lives, but another gate's
 * may not. */
int gg_scratch_make(struct gg_scratch *s, const char *base, const char *instance, const char *session,
		    int64_t limit)
{
	int r = -EAGAIN;

	for (int i = 0; i < TRIES && r == -EAGAIN; i++)
		r = try_make(s, base, instance, session, limit);
	return r;
}

int gg_scratch_remove(struct gg_scratch *s)
{
	int r = s->dir[0] ? gg_scratchdir_remove(s->dir) : 0;

	if (r < 0) /* what the machine lacked it may have again */
		r = gg_scratchdir_remove(s->dir);
	s->dir[0] = '\0';
	gg_close_fd(&s->dir_fd);
	gg_close_fd(&s->objects_fd);
	gg_close_fd(&s->fd);
	gg_close_fd(&s->second_fd);
	return r;
}

static int64_t pages(int64_t bytes)
{
	return (bytes + GG_LAY_PAGE - 1) / GG_LAY_PAGE * GG_LAY_PAGE;
}

int64_t gg_scratch_space(int64_t size)
{
	return pages(size + GG_LAY_FILLER + 1);
}

static int write_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t w = write(fd, bytes, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0) /* EFBIG is RLIMIT_FSIZE; here that means the push's own limit */
			return errno == EFBIG ? -EDQUOT : -errno;
		bytes += w;
		n -= (size_t)w;
	}
	return 0;
}

static int over_limit(const struct gg_scratch *s, int64_t more)
{
	return s->limit && (more > s->limit || s->used > s->limit - more) ? -EFBIG : 0;
}

/* Into the file; its pages count when it is complete, but it may not grow beyond the limit before. */
static int emit(struct gg_scratch *s, const char *bytes, size_t n)
{
	int r = over_limit(s, s->file + (int64_t)n);

	if (r == 0)
		r = write_all(s->fd, bytes, n);
	if (r == 0)
		s->file += (int64_t)n;
	return r;
}

static int close_file(struct gg_scratch *s)
{
	int r = over_limit(s, pages(s->file));

	if (close(s->fd) < 0 && r == 0)
		r = -errno;
	s->fd = -1;
	s->used += pages(s->file);
	return r;
}

static int open_file(struct gg_scratch *s, int dirfd, const char *name)
{
	s->file = 0;
	s->nbuf = 0;
	s->begun = false;
	s->fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return s->fd < 0 ? -errno : 0;
}

static int write_filler(struct gg_scratch *s)
{
	char filler[GG_LAY_FILLER + 2];
	size_t n = GG_LAY_FILLER, at = IMAGE_AT - n - 1;

	if (s->nbuf >= at + strlen(IMAGE_MAGIC) && !memcmp(s->buf + at, IMAGE_MAGIC, strlen(IMAGE_MAGIC)))
		n++;
	memset(filler, ' ', n);
	filler[n] = '\n';
	s->begun = true;
	return emit(s, filler, n + 1);
}

/* It counts already: it will be part of the file. */
static int emit_second(struct gg_scratch *s, const char *bytes, size_t n)
{
	s->second += (int64_t)n;
	return over_limit(s, s->file + s->second) ? -EFBIG : write_all(s->second_fd, bytes, n);
}

/* The first NUL: from here on there is a second rendition, which begins with what was written before. */
static int begin_second(struct gg_scratch *s)
{
	char copy[16384];
	ssize_t n;
	int r = 0;

	s->second = 0;
	s->second_fd = openat(s->dir_fd, "tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (s->second_fd < 0) /* a file system without unnamed files */
		s->second_fd = openat(s->dir_fd, "second", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (s->second_fd < 0)
		return -errno;
	for (off_t at = GG_LAY_FILLER + 1; r == 0 && (n = pread(s->fd, copy, sizeof(copy), at)) != 0;
	     at += n) {
		if (n < 0)
			return -errno;
		r = emit_second(s, copy, (size_t)n);
	}
	return r;
}

static int put_second(struct gg_scratch *s)
{
	size_t n = 0;
	char copy[GG_LAY_BUF];

	for (size_t i = 0; i < s->nbuf; i++)
		if (s->buf[i])
			copy[n++] = s->buf[i];
	return emit_second(s, copy, n);
}

static int flush(struct gg_scratch *s)
{
	int r = s->begun ? 0 : write_filler(s);
	char *nul = memchr(s->buf, '\0', s->nbuf);

	if (r == 0 && nul && s->second_fd < 0)
		r = begin_second(s);
	if (r == 0 && s->second_fd >= 0)
		r = put_second(s);
	for (; nul; nul = memchr(nul, '\0', s->nbuf - (size_t)(nul - s->buf)))
		*nul = '\n';
	if (r == 0)
		r = emit(s, s->buf, s->nbuf);
	s->nbuf = 0;
	return r;
}

int gg_scratch_begin(struct gg_scratch *s, const char *hex)
{
	return open_file(s, s->objects_fd, hex);
}

int gg_scratch_put(struct gg_scratch *s, const char *bytes, size_t n)
{
	int r = 0;

	while (n && r == 0) {
		size_t part = GG_LAY_BUF - s->nbuf;

		part = n < part ? n : part;
		memcpy(s->buf + s->nbuf, bytes, part);
		s->nbuf += part;
		bytes += part;
		n -= part;
		if (s->nbuf == GG_LAY_BUF)
			r = flush(s);
	}
	return r;
}

static int append_second(struct gg_scratch *s)
{
	ssize_t n;
	int r = emit(s, "\n", 1);

	for (off_t at = 0; r == 0 && (n = pread(s->second_fd, s->buf, sizeof(s->buf), at)) != 0; at += n) {
		if (n < 0)
			return -errno;
		r = emit(s, s->buf, (size_t)n);
	}
	gg_close_fd(&s->second_fd);
	unlinkat(s->dir_fd, "second", 0);
	return r;
}

int gg_scratch_end(struct gg_scratch *s)
{
	int r = flush(s), r2;

	if (r == 0 && s->second_fd >= 0)
		r = append_second(s);
	r2 = close_file(s);
	return r ? r : r2;
}

int gg_scratch_begin_plain(struct gg_scratch *s, const char *name)
{
	return open_file(s, s->dir_fd, name);
}

int gg_scratch_put_plain(struct gg_scratch *s, const char *text, size_t n)
{
	int r = 0;

	if (s->nbuf + n > GG_LAY_BUF) {
		r = emit(s, s->buf, s->nbuf);
		s->nbuf = 0;
	}
	if (r == 0 && n > GG_LAY_BUF)
		return emit(s, text, n);
	if (r == 0) {
		memcpy(s->buf + s->nbuf, text, n);
		s->nbuf += n;
	}
	return r;
}

int gg_scratch_end_plain(struct gg_scratch *s)
{
	int r = emit(s, s->buf, s->nbuf), r2 = close_file(s);

	s->nbuf = 0;
	return r ? r : r2;
}

void gg_scratch_quote(struct gg_buf *b, const char *path)
{
	static const char from[] = "\a\b\t\n\v\f\r\"\\", to[] = "abtnvfr\"\\";
	bool plain = true;

	for (const char *s = path; *s; s++)
		plain = plain && (unsigned char)*s >= 0x20 && (unsigned char)*s < 0x7f && !strchr("\"\\", *s);
	if (plain) {
		gg_buf_put(b, path, strlen(path));
		return;
	}
	gg_buf_put(b, "\"", 1);
	for (const char *s = path; *s; s++) {
		const char *special = strchr(from, *s);

		if (special)
			gg_buf_add(b, "\\%c", to[special - from]);
		else if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
			gg_buf_add(b, "\\%03o", (unsigned char)*s);
		else
			gg_buf_put(b, s, 1);
	}
	gg_buf_put(b, "\"", 1);
}
