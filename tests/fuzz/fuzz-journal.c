/*
 * Fuzz cli/journal.h: entries read back by `git-gate reaped`. Whoever may write to the journal may write one
 * that looks like ours; libsystemd is ours here. Whatever the fields are, rows are JSON with the
 * members of the gate's own, and what another user wrote is no row.
 *
 * Input: fields "NAME=VALUE", apart by NULs; an empty one ends an entry.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "base/libsystemd.h"
#include "cli/journal.h"
#include "tests/fuzz/fuzz.h"

static struct {
	const char *begin, *at, *end; /* at: the entry at hand */
	size_t entries;
} journal;

static int fake_open(sd_journal **ret, int flags)
{
	(void)flags;
	*ret = (sd_journal *)&journal;
	return 0;
}

static int fake_open_directory(sd_journal **ret, const char *path, int flags)
{
	(void)path;
	return fake_open(ret, flags);
}

static void fake_close(sd_journal *j)
{
	(void)j;
}

static int fake_has_runtime_files(sd_journal *j)
{
	(void)j;
	return 1;
}

static int fake_has_persistent_files(sd_journal *j)
{
	(void)j;
	return 1;
}

static int fake_seek_tail(sd_journal *j)
{
	(void)j;
	journal.at = NULL;
	return 0;
}

static int fake_add_match(sd_journal *j, const void *data, size_t size)
{
	(void)j;
	must(size == strlen(data) && !strncmp(data, "MESSAGE_ID=", 11));
	return 0;
}

static int fake_previous(sd_journal *j)
{
	(void)j;
	if (!journal.at) {
		journal.at = journal.begin;
	} else {
		while (journal.at < journal.end && *journal.at)
			journal.at += strlen(journal.at) + 1;
		journal.at++;
	}
	if (journal.at >= journal.end)
		return 0;
	journal.entries++;
	return 1;
}

static int fake_get_realtime_usec(sd_journal *j, uint64_t *ret)
{
	(void)j;
	*ret = 1700000000000000;
	return 0;
}

static int fake_get_data(sd_journal *j, const char *field, const void **data, size_t *n)
{
	size_t len = strlen(field);

	(void)j;
	for (const char *s = journal.at; s < journal.end && *s; s += strlen(s) + 1)
		if (!strncmp(s, field, len) && s[len] == '=') {
			*data = s;
			*n = strlen(s);
			return 0;
		}
	return -ENOENT;
}

int gg_libsystemd_load(struct gg_libsystemd *ret, struct gg_buf *ret_err)
{
	(void)ret_err;
	*ret = (struct gg_libsystemd){
		.sd_journal_open = fake_open,
		.sd_journal_open_directory = fake_open_directory,
		.sd_journal_close = fake_close,
		.sd_journal_has_runtime_files = fake_has_runtime_files,
		.sd_journal_has_persistent_files = fake_has_persistent_files,
		.sd_journal_add_match = fake_add_match,
		.sd_journal_seek_tail = fake_seek_tail,
		.sd_journal_previous = fake_previous,
		.sd_journal_get_data = fake_get_data,
		.sd_journal_get_realtime_usec = fake_get_realtime_usec,
	};
	return 0;
}

static void look(json_t *rows)
{
	size_t i;
	json_t *row;
	AUTO_FREE char *text = json_dumps(rows, 0);

	must(text != NULL);
	json_array_foreach(rows, i, row)
	{
		static const char *const texts[] = { "id", "repo", "peer", "instance", "source" };
		static const char *const numbers[] = { "age_ms", "quiet_ms", "bytes_in", "limit_ms" };

		for (size_t k = 0; k < GG_LEN(texts); k++)
			must(json_is_string(json_object_get(row, texts[k])));
		for (size_t k = 0; k < GG_LEN(numbers); k++) {
			json_t *v = json_object_get(row, numbers[k]);

			must(json_is_null(v) || (json_is_integer(v) && json_integer_value(v) >= 0));
		}
		must(json_is_array(json_object_get(row, "steps")));
		if (json_array_size(json_object_get(row, "steps")) > 1)
			came_to("a session that was ended, with its steps");
		else if (json_is_null(json_object_get(row, "reason")))
			came_to("a session that ended by itself");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *s = text_of(data, n);
	struct gg_journal_ask ask = {
		.dir = "/", .gate_uid = 4000000000, .since_s = INT64_MIN, .all = true, .most = 50
	};
	json_t *rows = NULL;
	size_t others = 0;

	journal.begin = s;
	journal.end = s + n;
	journal.entries = 0;
	must(gg_journal_ended(&ask, &rows, &others, NULL) == 0);
	must(json_array_size(rows) + others <= journal.entries && json_array_size(rows) <= ask.most);
	if (others)
		came_to("an entry of another user");
	look(rows);
	json_decref(rows);
	return 0;
}
