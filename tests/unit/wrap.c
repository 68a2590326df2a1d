/* Tests of daemon-wrap/: the request packet, the status record, argv and environment; and of reaper/tell.h.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon-wrap/argv.h"
#include "daemon-wrap/request.h"
#include "daemon-wrap/status.h"
#include "reaper/tell.h"
#include "supervisor/askgit.h"

Test(request, length)
{
	static const struct {
		const char *bytes;
		int want;
	} rows[] = {
		{ "", 0 },	     { "0", 0 },	  { "003", 0 },	       { "0032", 50 },
		{ "003Fgit", 63 },   { "0000", -EINVAL }, { "0004", -EINVAL }, { "0003", -EINVAL },
		{ "fff1", -EINVAL }, { "fff0", 65520 },	  { "GET ", -EINVAL }, { "\x16\x03", -EINVAL },
		{ "SSH-", -EINVAL }, { "00 5", -EINVAL },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++)
		cr_expect_eq(gg_request_length(rows[i].bytes, strlen(rows[i].bytes)), rows[i].want, "'%s'",
			     rows[i].bytes);
}

Test(request, parse)
{
	static const struct {
		const char *body;
		size_t n; /* 0: strlen */
		int want;
		const char *service, *path;
	} rows[] = {
		{ "git-receive-pack /r.git\0host=h\0", 31, 0, "receive-pack", "/r.git" },
		{ "git-upload-pack /a b.git\0host=h\0\0version=2\0", 43, 0, "upload-pack", "/a b.git" },
		{ "git-upload-archive /r\n", 0, 0, "upload-archive", "/r" },
		{ "git-upload-pack /r", 0, 0, "upload-pack", "/r" },
		{ "git-receive-pack -dash.git", 0, 0, "receive-pack", "-dash.git" },
		{ "git-receive-pack ", 0, 0, "receive-pack", "" },
		{ "git-foo /r", 0, -ENOENT, "foo", "/r" },
		{ "git-receive-pack", 0, -EINVAL, NULL, NULL },
		{ "git- /r", 0, -EINVAL, NULL, NULL },
		{ "upload-pack /r", 0, -EINVAL, NULL, NULL },
		{ "git-0123456789012345678901234567890123456789 /r", 0, -EINVAL, NULL, NULL },
		{ "x", 0, -EINVAL, NULL, NULL },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		static struct gg_request req;
		size_t n = rows[i].n ? rows[i].n : strlen(rows[i].body);
		char packet[200];
		int r;

		snprintf(packet, sizeof(packet), "%04zx", n + 4);
		memcpy(packet + 4, rows[i].body, n);
		r = gg_request_parse(packet, n + 4, &req);
		cr_expect_eq(r, rows[i].want, "'%s': %d", rows[i].body, r);
		if (rows[i].service) {
			cr_expect_str_eq(req.service, rows[i].service);
			cr_expect_str_eq(req.path, rows[i].path);
		}
	}
}

/* More came than the packet is long, less, or no packet. */
Test(request, not_one_packet)
{
	static struct gg_request req;

	cr_expect_eq(gg_request_parse("0013git-foo /r.gitXX", 21, &req), -EINVAL);
	cr_expect_eq(gg_request_parse("0013git", 7, &req), -EINVAL);
	cr_expect_eq(gg_request_parse("0004", 4, &req), -EINVAL);
	cr_expect_eq(gg_request_parse("zzzzgit", 7, &req), -EINVAL);
}

#define FORTY "0123456789012345678901234567890123456789"
#define WITH(line) line, sizeof(line) - 1

Test(request, protocol)
{
	static const struct {
		const char *body;
		size_t n;
		const char *want; /* NULL: git-daemon has to be asked */
	} rows[] = {
		{ WITH("git-upload-pack /r"), "" },
		{ WITH("git-upload-pack /r\n"), "" },
		{ WITH("git-upload-pack /r\0"), "" },
		{ WITH("git-upload-pack /r\0host=h\0"), "" },
		{ WITH("git-upload-pack /r\0host=\0"), "" },
		{ WITH("git-upload-pack /r\0host=h:1\0\0version=2\0"), "version=2" },
		{ WITH("git-upload-pack /r\0\0version=2\0"), "version=2" },
		{ WITH("git-upload-pack /r\0\0\0\0a\0\0b=c\0\0"), "a:b=c" },
		{ WITH("git-upload-pack /r\0host=h\0\0"), "" },
		{ WITH("git-upload-pack /r\0host=h"), NULL }, /* its end is not in the packet */
		{ WITH("git-upload-pack /r\0host=h\0\0version=2"), NULL },
		{ WITH("git-upload-pack /r\0host=[::1]\0"), NULL },
		{ WITH("git-upload-pack /r\0host=[::1\0"), NULL },
		{ WITH("git-upload-pack /r\0Host=h\0"), NULL },
		{ WITH("git-upload-pack /r\0host=h\0version=2\0"), NULL },
		{ WITH("git-upload-pack /r\0version=2\0"), NULL },
		{ WITH("git-upload-pack /r\0\0" FORTY FORTY FORTY "\0" FORTY FORTY "4567890\0"),
		  FORTY FORTY FORTY ":" FORTY FORTY "4567890" },
		{ WITH("git-upload-pack /r\0\0" FORTY FORTY FORTY "\0" FORTY FORTY "45678901\0"), NULL },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char *packet = malloc(rows[i].n + 4), got[209] = "x"; /* to the byte, for the sanitizers */
		int r;

		memcpy(packet, "0000", 4);
		memcpy(packet + 4, rows[i].body, rows[i].n);
		r = gg_request_protocol(packet, rows[i].n + 4, got, sizeof(got));
		cr_expect_eq(r, rows[i].want ? 0 : -EINVAL, "%zu: %d", i, r);
		if (rows[i].want)
			cr_expect_str_eq(got, rows[i].want, "%zu: %s", i, got);
		free(packet);
	}
}

Test(status, round_trip_and_refusals)
{
	struct gg_status in = { .service = "receive-pack",
				.repo = "a\nb.git",
				.refused = "why \"not\"",
				.found = "1",
				.asked = "/a",
				.claim = { "B", "ann", "00ff" },
				.request_bytes = 51 },
			 out;
	char buf[GG_STATUS_MAX];
	size_t n = gg_status_pack(&in, buf);

	cr_assert_eq(gg_status_unpack(buf, n, &out), 0);
	cr_expect_str_eq(out.service, in.service);
	cr_expect_str_eq(out.repo, in.repo);
	cr_expect_str_eq(out.refused, in.refused);
	cr_expect_str_eq(out.found, "1");
	cr_expect_str_eq(out.asked, "/a");
	cr_expect_str_eq(out.claim.how, "B");
	cr_expect_str_eq(out.claim.name, "ann");
	cr_expect_str_eq(out.claim.hash, "00ff");
	cr_expect_eq(out.request_bytes, 51);
	for (size_t i = 0; i < n; i++)
		cr_expect_eq(gg_status_unpack(buf, i, &out), -EINVAL, "cut at %zu", i);
	memset(in.repo, 'x', sizeof(in.repo) - 1);
	memset(in.refused, 'y', sizeof(in.refused) - 1);
	memset(in.asked, 'z', sizeof(in.asked) - 1);
	memset(in.claim.name, 'n', sizeof(in.claim.name) - 1);
	memset(in.claim.hash, 'h', sizeof(in.claim.hash) - 1);
	n = gg_status_pack(&in, buf);
	cr_expect_leq(n, (size_t)GG_STATUS_MAX);
	cr_expect_eq(gg_status_unpack(buf, n, &out), 0);
}

Test(status, answers)
{
	static const struct {
		const char *refused;
		int64_t push_max;
	} rows[] = { { "", -1 }, { "", 0 }, { "", 1099511627776 }, { "why \"not\"\n", -1 }, { "no", 7 } };
	static const char *const wrong[] = { "", "-2", "x", "7x", "9223372036854775808" };
	char buf[GG_STATUS_MAX];

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_answer in = { .push_max = rows[i].push_max }, out = { .push_max = 3 };
		size_t n;

		strcpy(in.refused, rows[i].refused);
		strcpy(in.user, "uid:7");
		in.status = 401;
		in.last = i % 2;
		n = gg_answer_pack(&in, buf);
		for (size_t k = 0; k < n; k++)
			cr_expect_eq(gg_answer_unpack(buf, k, &out), -EINVAL, "row %zu, cut at %zu", i, k);
		cr_expect_eq(gg_answer_unpack(buf, n, &out), 0, "row %zu", i);
		cr_expect_eq(out.push_max, rows[i].push_max, "row %zu", i);
		cr_expect_str_eq(out.refused, rows[i].refused);
		cr_expect_str_eq(out.user, "uid:7");
		cr_expect_eq(out.status, 401);
		cr_expect_eq(out.last, i % 2);
	}
	for (size_t i = 0; i < GG_LEN(wrong); i++) {
		struct gg_answer out;

		for (size_t k = 0; k < 3; k++) {
			const char *f[3] = { "0", "0", "0" };
			int n;

			f[k] = wrong[i];
			n = snprintf(buf, sizeof(buf), "%s%c%s%c%s%cu%cno", f[0], 0, f[1], 0, f[2], 0, 0);
			cr_expect_lt(gg_answer_unpack(buf, (size_t)n + 1, &out), 0, "field %zu: %s", k,
				     wrong[i]);
		}
	}
}

static bool has(const struct gg_strv *s, const char *want)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i], want))
			return true;
	return false;
}

/* Each row: one setting, and an argument that must, or must not, be there with it. */
Test(argv, rows)
{
	static const struct {
		const char *key, *value, *arg;
		bool there;
	} rows[] = {
		{ NULL, NULL, "--inetd", true },
		{ NULL, NULL, "--log-destination=stderr", true },
		{ NULL, NULL, "--informative-errors", true },
		{ NULL, NULL, "--timeout=0", true },
		{ NULL, NULL, "--base-path=/srv/git", true },
		{ NULL, NULL, "--init-timeout=25", true }, /* 15 s and 10 */
		{ "deadline.init", "100ms", "--init-timeout=11",
		  true }, /* rounded up: behind the reaper, never before it */
		{ "deadline.init", "never", "--init-timeout=0", true },
		{ "deadline.grace", "5s", "--init-timeout=35", true },
		{ "reaper.mode", "observe", "--init-timeout=0", true },
		{ NULL, NULL, "--export-all", false },
		{ "gate.exportAll", "true", "--export-all", true },
		{ NULL, NULL, "--enable=receive-pack", true },
		{ NULL, NULL, "--forbid-override=receive-pack", false },
		{ "gate.receivePack", "false", "--disable=receive-pack", true },
		{ "gate.receivePack", "false", "--forbid-override=receive-pack", true },
		{ "gate.receivePack", "false", "--enable=receive-pack", false },
		{ NULL, NULL, "--enable=upload-pack", true },
		{ "gate.uploadPack", "false", "--disable=upload-pack", true },
		{ NULL, NULL, "--disable=upload-archive", true },
		{ "gate.uploadArchive", "true", "--enable=upload-archive", true },
		{ "gate.basePath", "/x y", "--base-path=/x y", true },
		{ "gate.safeDirectory", "/srv/git/a.git", "--safe-directory=/srv/git/a.git", true },
		{ "hook.path", "/h", "--hook-path=/h", true },
		/* with either, git-daemon asks the name server for a name that the client chose */
		{ NULL, NULL, "--access-hook", false },
		{ NULL, NULL, "--interpolated-path", false },
		{ NULL, NULL, "--nofile=1024", true },
		{ NULL, NULL, "--status-fd=3", true },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_strv argv = { 0 };
		struct gg_reader r;

		cr_assert_eq(gg_reader_init(&r), 0);
		if (rows[i].key)
			gg_reader_feed(&r, "command line", rows[i].key, rows[i].value);
		cr_assert_eq(r.nerror, 0, "%s", rows[i].key);
		cr_assert_eq(gg_argv_git(&argv, &r.conf, "/x/git-gate-session", "/y/git-daemon", 1024), 0);
		cr_expect_eq(has(&argv, rows[i].arg), rows[i].there, "%s=%s: %s",
			     rows[i].key ? rows[i].key : "-", rows[i].value ? rows[i].value : "-",
			     rows[i].arg);
		cr_expect_str_eq(argv.v[0], "/x/git-gate-session");
		cr_expect(has(&argv, "/y/git-daemon"));
		gg_strv_free(&argv);
		gg_reader_free(&r);
	}
}

Test(argv, environment_from_nothing)
{
	static const struct {
		const char *key, *value, *var;
		bool there;
	} rows[] = {
		{ NULL, NULL, "PATH=/bin", true },
		{ NULL, NULL, "REMOTE_ADDR=[::1]", true },
		{ NULL, NULL, "REMOTE_PORT=4711", true },
		{ NULL, NULL, "GIT_GATE_SESSION=ab12cd34", true },
		{ NULL, NULL, "GIT_GATE_INSTANCE=0f", true },
		{ NULL, NULL, "GIT_CONFIG_KEY_0=core.hooksPath", true },
		{ "hook.path", "/h", "GIT_CONFIG_VALUE_0=/h", true },
		{ NULL, NULL, "GIT_CONFIG_KEY_1=receive.fsckObjects", true },
		{ NULL, NULL, "GIT_CONFIG_VALUE_1=true", true },
		{ NULL, NULL, "GIT_CONFIG_COUNT=2", true },
		{ NULL, NULL, "GIT_CONFIG_KEY_2=safe.directory", false },
		{ "gate.safeDirectory", "*", "GIT_CONFIG_KEY_2=safe.directory", true },
		{ "gate.safeDirectory", "*", "GIT_CONFIG_VALUE_2=*", true },
		{ "gate.safeDirectory", "*", "GIT_CONFIG_VALUE_3=.", true },
		{ "gate.safeDirectory", "*", "GIT_CONFIG_COUNT=4", true },
		{ "limit.push", "1k", "GIT_CONFIG_KEY_2=receive.maxInputSize", true },
		{ "limit.push", "1k", "GIT_CONFIG_VALUE_2=1024", true },
		{ "repo.r.push", "1k", "GIT_CONFIG_COUNT=2", true }, /* that of one is not for all */
		{ "gate.control", "/r/c", "GIT_GATE_CONTROL=/r/c", true },
		{ "hook.scanner", "none", "GIT_GATE_SCANNER=none", false },
		{ NULL, NULL, "SECRET=of the gate", false },
	};

	setenv("SECRET", "of the gate", 1);
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_env e = { "/bin", "ab12cd34", "0f", "[::1]", 4711, "uid:7", NULL };
		struct gg_strv env = { 0 };
		struct gg_reader r;

		cr_assert_eq(gg_reader_init(&r), 0);
		if (rows[i].key)
			gg_reader_feed(&r, "command line", rows[i].key, rows[i].value);
		cr_assert_eq(gg_env_git(&env, &r.conf, &e), 0);
		cr_expect_eq(has(&env, rows[i].var), rows[i].there, "%s", rows[i].var);
		gg_strv_free(&env);
		gg_reader_free(&r);
	}
}

Test(tell, packet_is_what_the_phase_understands)
{
	static const struct {
		struct gg_view view;
		const char *want; /* NULL: nothing is said */
	} rows[] = {
		{ { .phase = GG_PHASE_REQUEST }, "0009ERR x" },
		{ { .phase = GG_PHASE_COMMANDS, .push = true }, "0007\003x\n" },
		{ { .phase = GG_PHASE_PACK_START, .push = true }, "0007\003x\n" },
		{ { .phase = GG_PHASE_PACK, .push = true, .sideband = true }, "0007\002x\n" },
		{ { .phase = GG_PHASE_PACK, .push = true }, NULL },
		{ { .phase = GG_PHASE_COMMANDS, .fetch = true }, "0009ERR x" },
		{ { .phase = GG_PHASE_HOOK, .push = true, .sideband = true }, NULL },
		{ { .phase = GG_PHASE_WORK, .push = true, .sideband = true }, NULL },
		{ { .phase = GG_PHASE_SENDING, .push = true, .sideband = true }, NULL },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		char mem[64];
		struct gg_buf b = GG_BUF(mem);

		gg_tell_packet(&b, &rows[i].view, "x");
		if (rows[i].want && b.len) {
			cr_expect_str_eq(b.s, rows[i].want, "%zu", i);
			cr_expect_eq(gg_request_length(b.s, 4), (int)b.len, "%zu: length", i);
		}
		cr_expect_eq(b.len != 0, rows[i].want != NULL, "%zu", i);
	}
}

Test(tell, text_names_reason_limit_key_and_session)
{
	for (enum gg_reason r = GG_REASON_INIT; r < GG_NREASONS; r++) {
		struct gg_verdict v = { .reason = r, .limit_ms = 3000, .quiet_ms = 3217 };
		char mem[256];
		struct gg_buf b = GG_BUF(mem);

		gg_tell_text(&b, &v, "ab12cd34");
		cr_expect(!strncmp(b.s, "git-gate: ", 10));
		cr_expect(strstr(b.s, "session ab12cd34"), "%s", b.s);
		if (r != GG_REASON_DRAIN && r != GG_REASON_OPERATOR && r != GG_REASON_PREDECESSOR) {
			cr_expect(strstr(b.s, "limit 3s"), "%s", b.s);
			cr_expect(strstr(b.s, "3.2s"), "%s", b.s);
			cr_expect(strstr(b.s, gg_reason_key(r)), "%s", b.s);
		}
	}
}

Test(setup, git_version)
{
	static const struct {
		const char *text;
		int major, minor; /* -1: refused */
	} rows[] = {
		{ "git version 2.39.5", 2, 39 },
		{ "git version 2.36.0.windows.1", 2, 36 },
		{ "git version 10.1", 10, 1 },
		{ "git version x", -1, 0 },
		{ "", -1, 0 },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		int major, minor, r = gg_askgit_parse_version(rows[i].text, &major, &minor);

		cr_expect_eq(r == 0, rows[i].major >= 0, "%s", rows[i].text);
		if (r == 0) {
			cr_expect_eq(major, rows[i].major);
			cr_expect_eq(minor, rows[i].minor);
		}
	}
}
