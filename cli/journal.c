/* journal - see journal.h. */
#include "cli/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "base/eventsink.h"
#include "base/libsystemd.h"
#include "base/text.h"

enum { FIELD_MAX = 2048 };

struct journal {
	struct gg_libsystemd sd;
	sd_journal *at; /* NULL: not open */
};

static void close_journal(struct journal *j)
{
	if (j->at)
		j->sd.sd_journal_close(j->at);
}

/* A field of the entry at hand, cut to what ret has room for. False: it has none. */
static bool field(const struct journal *j, const char *name, char *ret, size_t size)
{
	size_t skip = strlen(name) + 1, n;
	const void *data;

	if (j->sd.sd_journal_get_data(j->at, name, &data, &n) < 0 || n < skip)
		return false;
	n -= skip;
	if (n >= size)
		n = size - 1;
	memcpy(ret, (const char *)data + skip, n);
	ret[n] = '\0';
	return true;
}

/* Whoever can write to the journal wrote it: it may be no UTF-8. */
static json_t *text(const char *s)
{
	char mem[2 * FIELD_MAX];
	struct gg_buf b = GG_BUF(mem);
	json_t *j = json_string(s);

	if (j)
		return j;
	gg_escape(&b, s, strlen(s), FIELD_MAX);
	return json_string(mem);
}

static json_t *text_of(const struct journal *j, const char *name, json_t *otherwise)
{
	char s[FIELD_MAX];

	if (!field(j, name, s, sizeof(s)))
		return otherwise;
	json_decref(otherwise);
	return text(s);
}

/* divide: 1000 for microseconds that are shown in ms. */
static json_t *number_of(const struct journal *j, const char *name, int64_t divide)
{
	char s[32];
	int64_t v;

	if (!field(j, name, s, sizeof(s)) || gg_int_parse(s, 0, INT64_MAX, &v) < 0)
		return json_null();
	return json_integer(v / divide);
}

static json_t *steps_of(const struct journal *j)
{
	char s[FIELD_MAX];
	json_t *a = json_array();

	if (!field(j, "GIT_GATE_STEPS", s, sizeof(s)))
		return a;
	for (const char *at = s; *at;) {
		size_t n = strcspn(at, ",");
		char one[FIELD_MAX];

		memcpy(one, at, n);
		one[n] = '\0';
		json_array_append_new(a, text(one));
		at += n + (at[n] == ',');
	}
	return a;
}

/* The members stand in the order of the gate's own. */
static json_t *entry(const struct journal *j, int64_t time_s, bool reaped)
{
	json_t *o = json_object();
	static const struct {
		const char *member, *name;
		int64_t divide; /* 0: a text */
	} fields[] = {
		{ "id", "GIT_GATE_SESSION", 0 },	 { "transport", "GIT_GATE_TRANSPORT", 0 },
		{ "service", "GIT_GATE_SERVICE", 0 },	 { "repo", "GIT_GATE_REPO", 0 },
		{ "peer", "GIT_GATE_PEER", 0 },		 { "phase", "GIT_GATE_PHASE", 0 },
		{ "age_ms", "GIT_GATE_AGE_USEC", 1000 }, { "quiet_ms", "GIT_GATE_QUIET_USEC", 1000 },
		{ "bytes_in", "GIT_GATE_BYTES_IN", 1 },	 { "bytes_out", "GIT_GATE_BYTES_OUT", 1 },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		json_object_set_new(o, fields[i].member,
				    fields[i].divide ? number_of(j, fields[i].name, fields[i].divide)
						     : text_of(j, fields[i].name, json_string("")));
	json_object_set_new(o, "pid", json_null());
	json_object_set_new(o, "reason", reaped ? text_of(j, "GIT_GATE_REASON", json_null()) : json_null());
	json_object_set_new(o, "key", reaped ? text_of(j, "GIT_GATE_KEY", json_null()) : json_null());
	json_object_set_new(o, "limit_ms", number_of(j, "GIT_GATE_LIMIT_USEC", 1000));
	json_object_set_new(o, "steps", steps_of(j));
	json_object_set_new(o, "time", json_integer(time_s));
	json_object_set_new(o, "status", json_null());
	json_object_set_new(o, "watch", json_null());
	json_object_set_new(o, "user", text_of(j, "GIT_GATE_USER", json_null()));
	json_object_set_new(o, "source", json_string("journal"));
	json_object_set_new(o, "instance", text_of(j, "GIT_GATE_INSTANCE", json_string("")));
	return o;
}

/*
 * session.closed follows session.reaped, with the same reason; what ended by itself has none, or peer-gone
 * without a limit that had passed.
 */
static bool by_itself(const struct journal *j)
{
	char s[64];

	return !field(j, "GIT_GATE_REASON", s, sizeof(s)) ||
	       (!strcmp(s, "peer-gone") && !field(j, "GIT_GATE_LIMIT_USEC", s, sizeof(s)));
}

/*
 * Everybody may write to the journal, with these fields too; _UID and _SYSTEMD_UNIT are journald's own words.
 * Those of a unit's hooks are the gate's as well: its user could have written anything.
 */
static bool is_the_gates(const struct journal *j, int64_t gate_uid)
{
	char s[64];
	int64_t uid;

	if (!field(j, "_UID", s, sizeof(s)))
		return true; /* journald always has it: the file was made in another way */
	if (gg_int_parse(s, 0, UINT32_MAX, &uid) < 0)
		return false;
	return uid == 0 || uid == geteuid() || uid == gate_uid ||
	       (field(j, "_SYSTEMD_UNIT", s, sizeof(s)) && !strcmp(s, "git-gate.service"));
}

static int read_back(const struct journal *j, const struct gg_journal_ask *ask, json_t *to,
		     size_t *ret_others)
{
	int r = j->sd.sd_journal_seek_tail(j->at);

	while (r >= 0 && json_array_size(to) < ask->most && (r = j->sd.sd_journal_previous(j->at)) > 0) {
		char id[64];
		uint64_t usec;
		bool reaped;

		if (j->sd.sd_journal_get_realtime_usec(j->at, &usec) < 0)
			continue;
		if ((int64_t)(usec / 1000000) < ask->since_s)
			break;
		if (!field(j, "GIT_GATE_SESSION", id, sizeof(id)) || !field(j, "MESSAGE_ID", id, sizeof(id)))
			continue;
		if (!is_the_gates(j, ask->gate_uid)) {
			++*ret_others;
			continue;
		}
		reaped = !strcmp(id, gg_event_message_id(GG_EV_SESSION_REAPED));
		if (reaped || by_itself(j))
			json_array_append_new(to, entry(j, (int64_t)(usec / 1000000), reaped));
	}
	return r < 0 ? r : 0;
}

static int match(const struct journal *j, enum gg_event_id id)
{
	char s[64];
	struct gg_buf b = GG_BUF(s);

	gg_buf_add(&b, "MESSAGE_ID=%s", gg_event_message_id(id));
	return j->sd.sd_journal_add_match(j->at, s, b.len);
}

int gg_journal_ended(const struct gg_journal_ask *ask, json_t **ret, size_t *ret_others,
		     struct gg_buf *ret_err)
{
	__attribute__((cleanup(close_journal))) struct journal mem = { 0 };
	struct journal *j = &mem;
	json_t *rows;
	int r = gg_libsystemd_load(&j->sd, ret_err);

	if (r < 0)
		return r;
	r = ask->dir ? j->sd.sd_journal_open_directory(&j->at, ask->dir, 0)
		     : j->sd.sd_journal_open(&j->at, SD_JOURNAL_LOCAL_ONLY);
	if (r < 0)
		return r;
	/* without a file that can be read it is open all the same */
	if (!ask->dir && j->sd.sd_journal_has_runtime_files(j->at) <= 0 &&
	    j->sd.sd_journal_has_persistent_files(j->at) <= 0)
		return -ENOENT;
	r = match(j, GG_EV_SESSION_REAPED);
	if (r >= 0 && ask->all)
		r = match(j, GG_EV_SESSION_CLOSED);
	if (r < 0)
		return r;
	rows = json_array();
	*ret_others = 0;
	r = read_back(j, ask, rows, ret_others);
	if (r < 0) {
		json_decref(rows);
		return r;
	}
	*ret = rows;
	return 0;
}
