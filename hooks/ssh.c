/* ssh - see ssh.h. */
#include "hooks/ssh.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * Never asks; no agent, no other key; no host key but the pinned ones, and no new one learnt; nothing
 * shared with another ssh, nothing forwarded, no program started for it.
 */
static const char *const fixed[] = {
	"BatchMode=yes",
	"IdentitiesOnly=yes",
	"IdentityAgent=none",
	"GlobalKnownHostsFile=/dev/null",
	"StrictHostKeyChecking=yes",
	"UpdateHostKeys=no",
	"VerifyHostKeyDNS=no",
	"PasswordAuthentication=no",
	"KbdInteractiveAuthentication=no",
	"HostbasedAuthentication=no",
	"GSSAPIAuthentication=no",
	"PreferredAuthentications=publickey",
	"AddKeysToAgent=no",
	"ControlMaster=no",
	"ControlPath=none",
	"ProxyCommand=none",
	"ForwardAgent=no",
	"ForwardX11=no",
	"ClearAllForwardings=yes",
	"PermitLocalCommand=no",
	"EscapeChar=none",
	"ServerAliveInterval=10",
	"ServerAliveCountMax=3",
	"LogLevel=ERROR", /* what went wrong, without the server's banner */
};

/* One word for sh. */
static void add_word(struct gg_buf *b, const char *word)
{
	gg_buf_put(b, " '", 2);
	for (const char *s = word; *s; s++) {
		if (*s == '\'')
			gg_buf_put(b, "'\\''", 4);
		else
			gg_buf_put(b, s, 1);
	}
	gg_buf_put(b, "'", 1);
}

static int check_path(const char *path)
{
	if (*path != '/' || strstr(path, "${"))
		return -EINVAL;
	for (const char *s = path; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return -EINVAL;
	return 0;
}

/*
 * An option whose value is a path. ssh splits the value into words (so: double quotes, with a backslash
 * before '"' and '\'), then expands %h and the like (so: "%%"). -i FILE would look for the file before it
 * expands.
 */
static int add_path(struct gg_buf *b, const char *option, const char *path)
{
	char mem[3 * 1024];
	struct gg_buf v = GG_BUF(mem);
	int r = check_path(path);

	if (r < 0)
		return r;
	gg_buf_add(&v, "%s=\"", option);
	for (const char *s = path; *s; s++) {
		if (*s == '"' || *s == '\\')
			gg_buf_put(&v, "\\", 1);
		if (*s == '%')
			gg_buf_put(&v, "%", 1);
		gg_buf_put(&v, s, 1);
	}
	gg_buf_put(&v, "\"", 1);
	gg_buf_add(b, " -o");
	add_word(b, mem);
	return v.cut ? -ENAMETOOLONG : 0;
}

int gg_ssh_command(struct gg_buf *b, const char *identity_file, const char *known_hosts_file,
		   int64_t connect_ms)
{
	int r;

	gg_buf_add(b, "ssh -F none -T");
	r = add_path(b, "IdentityFile", identity_file);
	r = r ? r : add_path(b, "UserKnownHostsFile", known_hosts_file);
	if (r < 0)
		return r;
	for (size_t i = 0; i < GG_LEN(fixed); i++) {
		gg_buf_add(b, " -o");
		add_word(b, fixed[i]);
	}
	if (connect_ms != GG_NEVER)
		gg_buf_add(b, " -o 'ConnectTimeout=%lld'",
			   (long long)(connect_ms > 1000 ? (connect_ms + 999) / 1000 : 1));
	return b->cut ? -ENAMETOOLONG : 0;
}
