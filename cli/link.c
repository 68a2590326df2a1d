/* link - see link.h. */
#include "cli/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/upstream.h"
#include "cli/sshsays.h"
#include "hooks/ssh.h"

enum { KEYGEN_MS = 10000, SSH_PORT = 22 };

static unsigned port(const struct gg_upstream *u)
{
	return u->port ? u->port : SSH_PORT;
}

/* How a known-hosts file names the host. */
static void add_known(struct gg_buf *b, const struct gg_upstream *u)
{
	if (port(u) == SSH_PORT)
		gg_buf_add(b, "%s", u->host);
	else
		gg_buf_add(b, "[%s]:%u", u->host, port(u));
}

/* "upstream ssh://git@host:22/path", without the path: that is nobody's fault. */
static void add_upstream(struct gg_buf *b, const struct gg_link *l)
{
	const char *path = strchr(l->url + strlen("ssh://"), '/');

	gg_buf_add(b, "upstream %.*s", path ? (int)(path - l->url) : (int)strlen(l->url), l->url);
}

/* ssh would say no more of a key with a passphrase than that upstream refuses it. */
static bool key_opens(const struct gg_link *l, struct gg_found *f)
{
	const char *argv[] = { "ssh-keygen", "-y", "-P", "", "-f", l->identity, NULL };
	struct gg_tool t = { .argv = argv, .limit_ms = KEYGEN_MS };
	struct gg_tool_end end;
	char why[1000];
	struct gg_buf w = GG_BUF(why);

	if (gg_tool_run(&t, &end))
		return gg_found_ok(f, "%s", l->identity);
	gg_tool_why(&w, &t, &end);
	gg_found_bad(f, "identity file %s: %s", l->identity, why);
	return gg_found_cure(f,
			     "it has to be a private key without a passphrase; ssh-keygen -p takes one away");
}

bool gg_link_identity(const struct gg_link *l, struct gg_found *f)
{
	struct stat st;

	if (stat(l->identity, &st) < 0 || access(l->identity, R_OK) < 0) {
		gg_found_bad(f, "identity file %s: %s", l->identity, strerror(errno));
		return gg_found_cure(f, "uid %u has to be able to read it", (unsigned)geteuid());
	}
	if (!S_ISREG(st.st_mode)) {
		gg_found_bad(f, "identity file %s: not a regular file", l->identity);
		return gg_found_cure(f, "it is to be a private key, as ssh-keygen writes it");
	}
	/* ssh looks at its own user's files only; another's that a group may read is how a key is shared with
	 * the gate */
	if (st.st_mode & (st.st_uid == geteuid() ? 077 : 007)) {
		gg_found_bad(f, "identity file %s: others can read it (mode %03o); ssh refuses such a key",
			     l->identity, (unsigned)st.st_mode & 0777);
		return gg_found_cure(f, "chmod 600 %s", l->identity);
	}
	return key_opens(l, f);
}

/* ssh takes a line without the port, too. */
static bool has_line(const struct gg_link *l, const char *host, struct gg_tool_end *end)
{
	const char *argv[] = { "ssh-keygen", "-F", host, "-f", l->known_hosts, NULL };
	struct gg_tool t = { .argv = argv, .limit_ms = KEYGEN_MS };

	return gg_tool_run(&t, end);
}

static bool no_line(const struct gg_link *l, const struct gg_upstream *u, const char *known,
		    struct gg_found *f)
{
	gg_found_bad(f, "known-hosts file %s: no host key for %s", l->known_hosts, known);
	return gg_found_cure(
		f,
		"'ssh-keyscan -p %u %s' prints its keys; compare their fingerprints (ssh-keygen -lf) with "
		"what upstream publishes before you add one",
		port(u), u->host);
}

bool gg_link_known_host(const struct gg_link *l, struct gg_found *f)
{
	struct gg_upstream u;
	struct gg_tool_end end;
	char known[300], why[1000];
	struct gg_buf k = GG_BUF(known), w = GG_BUF(why);
	const char *argv[] = { "ssh-keygen", NULL };
	struct gg_tool t = { .argv = argv, .limit_ms = KEYGEN_MS };

	if (gg_upstream_parse(l->url, &u, &w) < 0)
		return gg_found_bad(f, "upstream %s %s", l->url, why);
	if (access(l->known_hosts, R_OK) < 0) {
		gg_found_bad(f, "known-hosts file %s: %s", l->known_hosts, strerror(errno));
		return gg_found_cure(
			f, "it names the host keys that are trusted, and uid %u has to be able to read it",
			(unsigned)geteuid());
	}
	add_known(&k, &u);
	if (has_line(l, known, &end) || (end.code == 1 && port(&u) != SSH_PORT && has_line(l, u.host, &end)))
		return gg_found_ok(f, "%s is pinned in %s", known, l->known_hosts);
	if (end.code == 1)
		return no_line(l, &u, known, f);
	gg_tool_why(&w, &t, &end);
	return gg_found_bad(f, "known-hosts file %s: %s", l->known_hosts, why);
}

bool gg_link_git(const struct gg_link *l, const struct gg_tool *t, struct gg_tool_end *ret)
{
	char mem[8192];
	struct gg_buf env = GG_BUF(mem);
	struct gg_tool with_ssh = *t;
	int e;

	gg_buf_add(&env, "GIT_SSH_COMMAND=");
	e = gg_ssh_command(&env, l->identity, l->known_hosts, l->connect_ms);
	if (e < 0) {
		memset(ret, 0, sizeof(*ret));
		ret->code = e;
		return false;
	}
	with_ssh.env = mem;
	return gg_tool_run(&with_ssh, ret);
}

bool gg_link_bad(const struct gg_link *l, const struct gg_tool *t, const struct gg_tool_end *end,
		 struct gg_found *f)
{

	const char *const file[] = { [GG_SAYS_NO_FILE] = "",
				     [GG_SAYS_IDENTITY] = l->identity,
				     [GG_SAYS_KNOWN_HOSTS] = l->known_hosts };
	const struct gg_says *says = end->stopped ? NULL : gg_ssh_says(end->err);
	char who[600], why[1000];
	struct gg_buf b = GG_BUF(who), w = GG_BUF(why);

	add_upstream(&b, l);
	if (says && !end->timed_out)
		gg_ssh_quote(&w, end->err);
	else
		gg_tool_why(&w, t, end);
	if (end->timed_out) {
		gg_found_bad(f, "%s takes too long (%s)", who, why);
		return gg_found_cure(f, "ask who runs it; deadline.refresh is the limit");
	}
	if (!says)
		return gg_found_bad(f, "%s: %s", who, why);
	gg_found_bad(f, "%s %s (%s)", who, says->what, why);
	return gg_found_cure(f, "%s%s%s", says->cure, *file[says->file] ? " " : "", file[says->file]);
}

/* Whether line is "OID\tREF" or "ref: REF\tHEAD", and not a word of ssh's in between. */
static void take_line(const char *line, size_t n, struct gg_link_remote *ret)
{
	static const char symref[] = "ref: ";
	size_t hex = strspn(line, "0123456789abcdef");
	const char *tab = memchr(line, '\t', n);

	if ((hex == 40 || hex == 64) && line[hex] == '\t') {
		ret->empty = false;
		ret->sha256 = hex == 64;
	} else if (tab && n - (size_t)(tab - line) == strlen("\tHEAD") &&
		   strncmp(line, symref, strlen(symref)) == 0 &&
		   strncmp(tab, "\tHEAD", strlen("\tHEAD")) == 0) {
		struct gg_buf head = GG_BUF(ret->head);

		gg_buf_put(&head, line + strlen(symref), (size_t)(tab - line) - strlen(symref));
		if (head.cut)
			ret->head[0] = '\0';
	}
}

/* An empty repository lists nothing, so its object format is only seen in what git and upstream say to each
 * other. */
static bool empty_is_sha256(const struct gg_link *l)
{
	const char *argv[] = { "env", "GIT_TRACE_PACKET=1", "git", "ls-remote", l->url, NULL };
	struct gg_tool t = { .argv = argv, .limit_ms = l->limit_ms };
	struct gg_tool_end end;

	return gg_link_git(l, &t, &end) && strstr(end.err, "object-format=sha256");
}

bool gg_link_reach(const struct gg_link *l, struct gg_link_remote *ret, struct gg_found *f)
{
	const char *argv[] = { "git", "ls-remote", "--symref", l->url, NULL };
	struct gg_tool t = { .argv = argv, .limit_ms = l->limit_ms };
	struct gg_tool_end end;
	struct gg_link_remote remote = { .empty = true };

	if (!gg_link_git(l, &t, &end))
		return gg_link_bad(l, &t, &end, f);
	for (const char *line = end.out, *next; *line; line = next) {
		next = strchrnul(line, '\n');
		take_line(line, (size_t)(next - line), &remote);
		next += *next == '\n';
	}
	if (remote.empty)
		remote.sha256 = empty_is_sha256(l);
	*ret = remote;
	return gg_found_ok(f, "%s answers%s", l->url, remote.empty ? "; it has no references yet" : "");
}

bool gg_link_push(const struct gg_link *l, const char *dir, struct gg_found *f)
{
	const char *argv[] = { "git", "-C", dir, "push", "--dry-run", "--porcelain", l->url, "HEAD", NULL };
	struct gg_tool t = { .argv = argv, .limit_ms = l->limit_ms };
	const char *head[] = { "git", "-C", dir, "rev-parse", "--quiet", "--verify", "HEAD", NULL };
	struct gg_tool has_head = { .argv = head, .limit_ms = l->limit_ms };
	struct gg_tool_end end;

	/* without a branch nothing is sent: git connects, and that is what is asked for */
	if (!gg_tool_run(&has_head, &end))
		argv[7] = "refs/heads/*:refs/heads/*";
	if (gg_link_git(l, &t, &end))
		return gg_found_ok(f, "the key may push");
	if (strstr(end.err, "No refs in common")) /* said once upstream has let us in */
		return gg_found_ok(f, "the key may push, and there is nothing yet");
	if (strstr(end.out, "[rejected]")) /* by git here, which upstream has told its references */
		return gg_found_ok(f, "the key may push; upstream is ahead, which the next fetch sees");
	return gg_link_bad(l, &t, &end, f);
}
