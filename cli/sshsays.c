/* sshsays - see sshsays.h. */
#include "cli/sshsays.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

#define QUOTE_MAX 300
#define LOOK_AT_UPSTREAM "look at the host and port of its URL, and whether this machine may connect there"

/*
 * In this order: the first that is found decides. What ssh says before it ends ("Connection closed") and what
 * git adds ("Could not read from remote repository") is no reason while another is there.
 */
static const struct {
	const char *words;
	struct gg_says says;
} rows[] = {
	{ "REMOTE HOST IDENTIFICATION HAS CHANGED",
	  { "has another host key than the pinned one",
	    "have it confirmed by who runs upstream before the new key is put in the place of the old one in",
	    GG_SAYS_KNOWN_HOSTS } },
	{ "REVOKED HOST KEY DETECTED",
	  { "has a host key that is marked as revoked",
	    "have it confirmed by who runs upstream what its key is; see", GG_SAYS_KNOWN_HOSTS } },
	{ "Host key verification failed",
	  { "has a host key that is not pinned",
	    "get its keys with ssh-keyscan, compare their fingerprints (ssh-keygen -lf) with what upstream "
	    "publishes, and add them to",
	    GG_SAYS_KNOWN_HOSTS } },
	{ "No user exists for uid",
	  { "cannot be asked: ssh needs an entry in /etc/passwd for the gate's user", "add one",
	    GG_SAYS_NO_FILE } },
	{ "UNPROTECTED PRIVATE KEY FILE",
	  { "is not asked: ssh refuses a key that others can read", "chmod 600", GG_SAYS_IDENTITY } },
	{ "Could not resolve hostname",
	  { "is a name that cannot be looked up", "look at the host of its URL, and at this machine's DNS",
	    GG_SAYS_NO_FILE } },
	{ "Connection refused", { "does not listen on that port", LOOK_AT_UPSTREAM, GG_SAYS_NO_FILE } },
	{ "No route to host", { "cannot be reached", LOOK_AT_UPSTREAM, GG_SAYS_NO_FILE } },
	{ "Network is unreachable", { "cannot be reached", LOOK_AT_UPSTREAM, GG_SAYS_NO_FILE } },
	{ "timed out", { "does not answer in time (deadline.connect)", LOOK_AT_UPSTREAM, GG_SAYS_NO_FILE } },
	{ "not responding", { "does not answer any more", LOOK_AT_UPSTREAM, GG_SAYS_NO_FILE } },
	{ "invalid format",
	  { "is not asked: the key cannot be read",
	    "it has to be a private key of OpenSSH without a passphrase:", GG_SAYS_IDENTITY } },
	{ "error in libcrypto",
	  { "is not asked: the key cannot be read",
	    "it has to be a private key of OpenSSH without a passphrase:", GG_SAYS_IDENTITY } },
	{ "Permission denied (",
	  { "refuses the key", "have upstream accept its public half; the key is", GG_SAYS_IDENTITY } },
	{ "Too many authentication failures",
	  { "refuses the key", "have upstream accept its public half; the key is", GG_SAYS_IDENTITY } },
	{ "not appear to be a git repository",
	  { "has no such repository", "look at the path of its URL", GG_SAYS_NO_FILE } },
	{ "epository not found",
	  { "has no such repository, or does not show it to this key",
	    "look at the path of its URL, and at what this key may read", GG_SAYS_IDENTITY } },
	{ "could not be found",
	  { "has no such repository, or does not show it to this key",
	    "look at the path of its URL, and at what this key may read", GG_SAYS_IDENTITY } },
	{ "marked as read only",
	  { "lets this key read only", "allow it to push; the key is", GG_SAYS_IDENTITY } },
	{ "read-only", { "lets this key read only", "allow it to push; the key is", GG_SAYS_IDENTITY } },
	{ "not allowed to push",
	  { "lets this key read only", "allow it to push; the key is", GG_SAYS_IDENTITY } },
	{ "denied to", { "lets this key read only", "allow it to push; the key is", GG_SAYS_IDENTITY } },
	{ "not permitted",
	  { "does not let this key do it", "look at what it may do; the key is", GG_SAYS_IDENTITY } },
	{ "Connection closed", { "ended the connection", "look at the log of its sshd", GG_SAYS_NO_FILE } },
	{ "Connection reset", { "ended the connection", "look at the log of its sshd", GG_SAYS_NO_FILE } },
	{ "hung up unexpectedly",
	  { "ended the connection", "look at the log of its sshd", GG_SAYS_NO_FILE } },
};

/* Where the words of the row that decides stand; NULL: no row does. */
static const char *find(const char *err, size_t *ret_row)
{
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		const char *at = strstr(err, rows[i].words);

		if (at) {
			*ret_row = i;
			return at;
		}
	}
	return NULL;
}

const struct gg_says *gg_ssh_says(const char *err)
{
	size_t i;

	return find(err, &i) ? &rows[i].says : NULL;
}

/* ssh's banners have a line for it: "SHA256:" and base64, a full stop. */
static bool quote_fingerprint(struct gg_buf *b, const char *err)
{
	static const char before[] = " key sent by the remote host is\n";
	const char *at = strstr(err, before);
	size_t n;

	if (!at)
		return false;
	at += strlen(before);
	n = strcspn(at, " \t\r\n");
	while (n && at[n - 1] == '.')
		n--;
	if (!n || n > QUOTE_MAX)
		return false;
	gg_buf_add(b, "offered %.*s", (int)n, at);
	return true;
}

void gg_ssh_quote(struct gg_buf *b, const char *err)
{
	static const char frame[] = "@ \t\r";
	size_t i, n;
	const char *at = find(err, &i);

	if (!at || quote_fingerprint(b, err))
		return;
	while (at > err && at[-1] != '\n')
		at--;
	at += strspn(at, frame);
	n = strcspn(at, "\n");
	while (n && strchr(frame, at[n - 1]))
		n--;
	gg_buf_add(b, "%.*s%s", (int)(n > QUOTE_MAX ? QUOTE_MAX : n), at, n > QUOTE_MAX ? "..." : "");
}
