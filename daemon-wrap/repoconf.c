/* repoconf - what a repository's own configuration says about being served. See repoconf.h. */
#include "daemon-wrap/repoconf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/spawn.h"

#define GIT_MS 10000
#define CONFIG_MAX (64 << 10)

/* " = true" and the end of the line, as git config writes it; git is asked about all else. */
static bool is_true(const char *s)
{
	static const char value[] = "true";

	s += strspn(s, " \t");
	if (*s++ != '=')
		return false;
	s += strspn(s, " \t");
	if (strncmp(s, value, sizeof(value) - 1) != 0)
		return false;
	s += sizeof(value) - 1;
	s += strspn(s, " \t");
	return !*s || *s == '\n' || (*s == '\r' && s[1] == '\n');
}

/* As a key that may be false, in whatever section: [uploadpack] is none. */
static bool has_key(const char *text, const char *word)
{
	for (const char *s = text; (s = strcasestr(s, word)); s++)
		if ((s == text || s[-1] != '[') && !is_true(s + strlen(word)))
			return true;
	return false;
}

/*
 * May DIR/NAME say no to word? Most say nothing, or true because another server wanted that, and need no
 * process to tell. A file that is too large, or cannot be read, may; and one that names other files.
 */
static bool may_say_no(const char *dir, const char *name, const char *word)
{
	static char text[CONFIG_MAX + 1];
	char path[PATH_MAX];
	AUTO_CLOSE int fd = -1;
	ssize_t n;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno != ENOENT;
	n = read(fd, text, CONFIG_MAX);
	if (n < 0 || n == CONFIG_MAX)
		return true;
	text[n] = 0;
	if (strlen(text) != (size_t)n)
		return true;
	return has_key(text, word) || strcasestr(text, "include") || strcasestr(text, "worktreeconfig");
}

/* Lines of "http.receivepack false"; of each key the last one counts. */
static bool says_no(char *out)
{
	const char *http = NULL, *daemon = NULL;
	char *save = NULL;

	for (char *line = strtok_r(out, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ' ');

		if (!value)
			continue;
		*value++ = 0;
		if (!strcmp(line, "http.receivepack"))
			http = value;
		else if (!strcmp(line, "daemon.receivepack"))
			daemon = value;
	}
	http = http ? http : daemon;
	return http && !strcmp(http, "false");
}

int gg_repoconf_pushable(const char *dir, struct gg_buf *ret_err)
{
	char git_dir[PATH_MAX + 16], git[PATH_MAX], out[4096];
	char *argv[] = { (char *)"git",
			 git_dir,
			 (char *)"config",
			 (char *)"--local",
			 (char *)"--includes",
			 (char *)"--type=bool",
			 (char *)"--get-regexp",
			 (char *)"^(http|daemon)\\.receivepack$",
			 NULL };
	struct gg_spawn sp = {
		.path = git, .argv = argv, .envp = environ, .in = -1, .out = -1, .err = -1, .extra = -1
	};
	const char *path = getenv("PATH");
	size_t n;
	int status, r;

	if (!may_say_no(dir, "config", "receivepack"))
		return 0;
	snprintf(git_dir, sizeof(git_dir), "--git-dir=%s", dir);
	r = gg_path_search("git", path ? path : "", git, sizeof(git));
	r = r ? r : gg_spawn_capture(&sp, GIT_MS, out, sizeof(out), &n, &status);
	if (r == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 1 && !n)
		return 0; /* it says nothing */
	if (r == 0 && status == 0 && !says_no(out))
		return 0;
	if (r == 0 && status == 0)
		gg_buf_add(ret_err, "pushes are not enabled for this repository: its http.receivepack, or "
				    "daemon.receivepack, is false");
	else
		gg_buf_add(ret_err, "it cannot be read from the repository's configuration whether it may be "
				    "pushed to: git config fails there");
	return -EPERM;
}

/* What the gate said to all; git's own word for a service has no dash. */
static bool gate_says_no(int nconfig, const char *word)
{
	char name[40];

	for (int i = 0; i < nconfig; i++) {
		const char *key, *value;

		snprintf(name, sizeof(name), "GIT_CONFIG_KEY_%d", i);
		key = getenv(name);
		snprintf(name, sizeof(name), "GIT_CONFIG_VALUE_%d", i);
		value = getenv(name);
		if (key && value && !strncmp(key, "http.", 5) && !strcmp(key + 5, word) &&
		    !strcmp(value, "false"))
			return true;
	}
	return false;
}

bool gg_repoconf_may_refuse(const char *dir, const char *exec_path, int nconfig, const char *service)
{
	char word[32], installed[PATH_MAX], common[PATH_MAX];

	snprintf(word, sizeof(word), "%.*spack", (int)strcspn(service, "-"), service);
	if (!strcmp(service, "receive-pack"))
		return gate_says_no(nconfig, word); /* it overrides all files, see gg_repoconf_pushable */
	/* git's own file for the machine is below its prefix, or in /etc when that is /usr */
	if (snprintf(installed, sizeof(installed), "%s/../../etc", exec_path) >= (int)sizeof(installed) ||
	    snprintf(common, sizeof(common), "%s/commondir", dir) >= (int)sizeof(common))
		return true;
	return gate_says_no(nconfig, word) || access(common, F_OK) == 0 || may_say_no(dir, "config", word) ||
	       may_say_no("/etc", "gitconfig", word) || may_say_no(installed, "gitconfig", word);
}
