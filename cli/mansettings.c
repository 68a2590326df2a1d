/* mansettings - git-gate.conf(5): every setting of the tables in base/, and how they are written. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/conf.h"
#include "base/confkey.h"
#include "base/text.h"
#include "cli/manpage.h"
#include "cli/setting.h"

static const char before[] =
	".Sh SYNOPSIS\n"
	".Pa " GG_CONF_FILE "\n"
	".Sh DESCRIPTION\n"
	"The settings of a gate, in the syntax of\n"
	".Xr git-config 1 :\n"
	"sections in brackets, one\n"
	".Ar name No = Ar value\n"
	"a line, comments after # or ;, and double quotes around a value that holds one\n"
	"of these or begins or ends with a space.\n"
	"The file is read by git itself.\n"
	"Git's system-wide and personal configuration files are not.\n"
	".Pp\n"
	"The key of a setting is its section and its name:\n"
	".Ic deadline.idle\n"
	"is\n"
	".Ic idle\n"
	"in section\n"
	".Ic [deadline] .\n"
	"Upper and lower case do not differ in keys.\n"
	".Pp\n"
	".Ic path\n"
	"in section\n"
	".Ic [include]\n"
	"reads another file at this place; a relative path starts where the file that\n"
	"names it is.\n"
	"On the command line\n"
	".Ic include.path\n"
	"is no key.\n"
	".Pp\n"
	"The command line\n"
	".Pq Fl c Ar KEY=VALUE\n"
	"counts before the environment, see\n"
	".Sx ENVIRONMENT ,\n"
	"that before the file, and the file before the default.\n"
	"Within the file and on the command line the last value counts.\n"
	"The file is\n"
	".Pa " GG_CONF_FILE " ,\n"
	"which need not exist, or the one given with\n"
	".Fl \\-config ,\n"
	"which must.\n"
	"A setting that is a list takes all values of one source: a value on the\n"
	"command line replaces the whole list of the file or the environment, and an\n"
	"empty value clears what its own source set before.\n"
	".Pp\n"
	".Nm git-gate Cm check-config\n"
	"prints every value and where it comes from.\n"
	"An unknown key, a value out of range, or settings that contradict each other are\n"
	"errors, all of which are said, with the file, the key and the cure; nothing\n"
	"starts then, and\n"
	".Nm git-gate\n"
	"exits with 2.\n"
	"The configuration is read once, at the start.\n"
	".Ss Kinds of values\n";

static const char environment[] =
	".Sh ENVIRONMENT\n"
	"Each setting can be given in a variable too:\n"
	".Ev GIT_GATE_DEADLINE__IDLE\n"
	"is\n"
	".Ic deadline.idle .\n"
	"Behind\n"
	".Ev GIT_GATE_\n"
	"stand the section and the key in any case, with two\n"
	".Ql _\n"
	"between them.\n"
	"The value is what would stand in the file; that of an empty variable is empty.\n"
	"A list is written in one variable, with spaces between its items; one with a space\n"
	"in it is quoted as in\n"
	".Ic service.NAME.command .\n"
	".Pp\n"
	"A repository or a service has a name that need not do for a variable.\n"
	"So it stands in one:\n"
	".Bd -literal -offset indent\n"
	"GIT_GATE_REPO__APP__NAME=team/app.git\n"
	"GIT_GATE_REPO__APP__UPSTREAM=ssh://git@git.example.org/app.git\n"
	"GIT_GATE_SERVICE__1__NAME=tunnel\n"
	"GIT_GATE_SERVICE__1__COMMAND=ssh \\-N \\-L 127.0.0.1:2222:git.example.org:22 jump.example.org\n"
	".Ed\n"
	".Pp\n"
	"The word in the middle only tells which variables belong together.\n"
	".Pp\n"
	"A variable that begins with\n"
	".Ev GIT_GATE_\n"
	"and has two\n"
	".Ql _\n"
	"behind that, but is no setting, is an error, and so are two for one setting.\n"
	"Others are left alone: Kubernetes sets\n"
	".Ev GIT_GATE_PORT\n"
	"and more for a service that is called git\\-gate.\n"
	"Sessions, hooks, steps and services get none of them.\n"
	"A process's environment does not change from outside: a reload reads the file\n"
	"again, and the variables are as they were at the start.\n";

static const struct gg_page_item kinds[] = {
	{ "duration",
	  "A whole number and its unit: 500ms, 15s, 2m, 1h or 1d. The unit is required, but 0 needs "
	  "none. Where it says so, never takes the limit away." },
	{ "size", "Bytes: a whole number, which k, m or g behind it multiplies by 1024, 1024^2 or 1024^3." },
	{ "number", "A whole number." },
	{ "boolean", "true, yes, on or 1; false, no, off or 0. A key without = is true." },
	{ "path", "A path. A relative one starts at the directory that git-gate was started in, and is made "
		  "absolute when it is read." },
	{ "choice", "One of the words given, in lower case as they stand there." },
	{ "list of addresses",
	  "HOST:PORT, with a numeric IPv4 address as HOST, or [V6]:PORT; names are not looked "
	  "up. 0.0.0.0 and [::] are all addresses. Port 0 takes a free one. off, alone, is none." },
	{ "list of who", "A net of addresses, 10.0.0.0/8 or one address; user:NAME, whoever shows the token "
			 "of that name, or "
			 "user:* of any; uid:NUMBER, or uid:NAME of /etc/passwd, a process of that user on a "
			 "unix socket; or "
			 "any." },
	{ "list of texts", "Any text." },
};

static const char services[] =
	".Ss Section service \\(dqNAME\\(dq\n"
	"Each such section is a program that the gate starts, watches, starts again and\n"
	"stops: a service.\n"
	"Its name has up to 32 letters, digits, -, _ and dots, in which case does matter.\n"
	".Pp\n"
	"Services are started when the gate starts, and it serves clients once none of\n"
	"them needs to be waited for any more: each is ready, has ended well, or has failed\n"
	"and is not\n"
	".Ic essential .\n"
	"An end that the gate did not ask for is a failure, and so is exit status 0 when\n"
	".Ic restart\n"
	"is always.\n"
	"When the gate stops, its services are stopped once all sessions have ended; at\n"
	"the end of\n"
	".Ic deadline.drain\n"
	"all that is left is asked to end, and killed after\n"
	".Ic deadline.grace .\n"
	".Pp\n"
	"A service runs as the gate's user, in a session and process group of its own, with\n"
	"nothing on its standard input.\n"
	"What it writes to its standard output and error becomes events service.log, lines\n"
	"of at most 1000 bytes, 20 a second and 200 at once; of more the number is told.\n"
	"When its process ends, what is left of its process group is killed before it is\n"
	"started again.\n"
	".Pp\n"
	"In the file git takes double quotes for its own, and ; for a comment outside of\n"
	"them: a command with arguments that hold spaces is best written with single\n"
	"quotes, and one with ; in double quotes around all of it.\n";

static const char repos[] =
	".Ss Section repo \\(dqNAME\\(dq\n"
	"What applies to one repository.\n"
	"Its name is the path of its git directory below\n"
	".Ic gate.basePath ,\n"
	"as\n"
	".Nm git-gate Cm sessions\n"
	"shows it: r.git, or team/a b.git.\n"
	"Case does matter in it.\n"
	"A repository without such a section has no upstream, and follows the settings for\n"
	"all.\n"
	".Pp\n"
	"A push is forwarded to\n"
	".Ic upstream\n"
	"over ssh before a reference moves here, and refused when upstream does not take it.\n"
	"The key in\n"
	".Ic identityFile\n"
	"is used and no other, nor an agent, nor the configuration of ssh.\n"
	"A list that is empty is as one that is not set: the one for all repositories\n"
	"counts.\n";

static const char *const about[GG_NSECTIONS] = { [GG_SECTION_SERVICE] = services, [GG_SECTION_REPO] = repos };

static const char after[] = ".Ss Contradictions\n"
			    "These are errors too: an address named twice, or together with off; no address\n"
			    "at all; a gate that serves neither pushes, nor fetches, nor archives; a tcp\n"
			    "duration not in whole seconds; a deadline that was set longer than\n"
			    ".Ic deadline.session ;\n"
			    "a\n"
			    ".Ic gate.control\n"
			    "longer than the 107 bytes that a socket's path has room for; a service without\n"
			    "a command, after one that there is not, or after itself; a part of a hook's\n"
			    "work with a deadline longer than\n"
			    ".Ic deadline.hook ;\n"
			    ".Ic hook.scanner\n"
			    "command without an\n"
			    ".Ic hook.scannerCommand\n"
			    "that can be run; an\n"
			    ".Ic upstream\n"
			    "without\n"
			    ".Ic identityFile\n"
			    "and\n"
			    ".Ic knownHostsFile .\n";

static const char files[] = ".Sh FILES\n"
			    ".Bl -tag -width Ds\n"
			    ".It Pa " GG_CONF_FILE "\n"
			    "The configuration, unless\n"
			    ".Fl \\-config\n"
			    "names another.\n"
			    ".El\n"
			    ".Sh EXAMPLES\n"
			    "A gate on a host, for clients of the local network:\n"
			    ".Bd -literal -offset indent\n"
			    "[listen]\n"
			    "    git = 192.0.2.10:9418\n"
			    "    git = [2001:db8::10]:9418\n"
			    "[access]\n"
			    "    allow = 192.0.2.0/24\n"
			    "    allow = 2001:db8::/32\n"
			    "[gate]\n"
			    "    basePath = /srv/git\n"
			    "    exportAll = true\n"
			    "    profile = host\n"
			    "[deadline]\n"
			    "    packStart = 20m     ; the clients have large repositories\n"
			    "[hook]\n"
			    "    scanner = gitleaks\n"
			    "    allowRef = refs/heads/**\n"
			    "[repo \"app.git\"]\n"
			    "    upstream = ssh://git@git.example.org/app.git\n"
			    "    identityFile = /etc/git\\-gate/id_ed25519\n"
			    "    knownHostsFile = /etc/git\\-gate/known_hosts\n"
			    "[service \"tunnel\"]\n"
			    "    command = ssh \\-N \\-L 127.0.0.1:2222:git.example.org:22 jump.example.org\n"
			    "[service \"metrics\"]\n"
			    "    command = \"sh \\-c 'while sleep 60; do report; done'\"\n"
			    "    environment = TARGET=192.0.2.20\n"
			    "    after = tunnel\n"
			    "[include]\n"
			    "    path = local.conf   ; /etc/git\\-gate/local.conf\n"
			    ".Ed\n"
			    ".Pp\n"
			    "See what one more setting changes, without writing it down:\n"
			    ".Pp\n"
			    ".Dl git\\-gate check\\-config \\-c deadline.idle=30s\n"
			    ".Sh SEE ALSO\n"
			    ".Xr git-config 1 ,\n"
			    ".Xr git-gate 1 ,\n"
			    ".Xr git-gate 8\n";

static const char *kind_name(enum gg_kind kind)
{
	static const char *const names[] = {
		[GG_KIND_MS] = "duration",
		[GG_KIND_SIZE] = "size",
		[GG_KIND_COUNT] = "number",
		[GG_KIND_FLAG] = "boolean",
		[GG_KIND_PATH] = "path",
		[GG_KIND_WORD] = "text",
		[GG_KIND_PICK] = "choice",
		[GG_KIND_LIST_ADDR] = "list of addresses",
		[GG_KIND_LIST_NET] = "list of nets",
		[GG_KIND_LIST_WHO] = "list of who",
		[GG_KIND_LIST_WORD] = "list of texts",
	};

	return names[kind];
}

static void add_number(struct gg_buf *b, const struct gg_conf_key *key)
{
	gg_buf_add(b, " from ");
	gg_conf_add_num(b, key->kind, key->min);
	gg_buf_add(b, " to ");
	gg_conf_add_num(b, key->kind, key->max);
	gg_buf_add(b, "%s%s; default ", gg_key_may_be_never(key) ? " or never" : "",
		   key->def == GG_INHERIT ? " or inherit" : "");
	gg_conf_add_num(b, key->kind, key->def);
	if (key->host == key->def)
		return;
	gg_buf_add(b, ", in profile host ");
	gg_conf_add_num(b, key->kind, key->host);
}

static void add_choices(struct gg_buf *b, const struct gg_conf_key *key)
{
	const char *choice, *first;
	size_t n, nfirst;

	for (int i = 0; (choice = gg_key_choice(key, i, &n)); i++)
		gg_buf_add(b, "%s%.*s", !i ? ": " : choice[n] ? ", " : " or ", (int)n, choice);
	first = gg_key_choice(key, 0, &nfirst);
	gg_buf_add(b, "; default %.*s", (int)nfirst, first);
}

void gg_setting_kind(struct gg_buf *b, const struct gg_conf_key *key)
{
	const char *name = kind_name(key->kind);

	gg_buf_add(b, "%c%s", name[0] - 'a' + 'A', name + 1);
	if (key->kind <= GG_KIND_COUNT)
		add_number(b, key);
	else if (key->kind == GG_KIND_FLAG)
		gg_buf_add(b, "; default %s", key->def ? "true" : "false");
	else if (key->kind == GG_KIND_PICK)
		add_choices(b, key);
	else if (key == &gg_conf_keys[GG_KEY_hook_path]) /* not that of whoever built the program that wrote
							    the page */
		gg_buf_add(b, "; default PREFIX/libexec/git-gate/hooks, where PREFIX is what git-gate was "
			      "installed to, /usr/local unless another was chosen");
	else if (*key->text)
		gg_buf_add(b, "; default %s", key->text);
	gg_buf_add(b, ".");
}

static void put_kind(const struct gg_conf_key *key)
{
	char mem[512];
	struct gg_buf b = GG_BUF(mem);

	gg_setting_kind(&b, key);
	gg_page_text(mem);
}

static size_t section_len(enum gg_key k)
{
	return strcspn(gg_conf_keys[k].name, ".") + 1;
}

static bool same_section(enum gg_key a, enum gg_key b)
{
	return strncmp(gg_conf_keys[a].name, gg_conf_keys[b].name, section_len(a)) == 0;
}

static bool is_first(enum gg_key k)
{
	for (enum gg_key i = 0; i < k; i++)
		if (same_section(i, k))
			return false;
	return true;
}

/* The keys of a section need not stand together in the table. */
static void put_section(enum gg_key first)
{
	printf(".Ss Section %.*s\n.Bl -tag -width Ds\n", (int)section_len(first) - 1,
	       gg_conf_keys[first].name);
	for (enum gg_key k = first; k < GG_NKEYS; k++) {
		if (!same_section(first, k))
			continue;
		printf(".It Ic %s\n", gg_conf_keys[k].name);
		gg_page_text(gg_conf_keys[k].help);
		puts(".Pp");
		put_kind(&gg_conf_keys[k]);
	}
	puts(".El");
}

static void put_named_section(enum gg_section s)
{
	const struct gg_section_kind *kind = gg_section_kind(s);

	fputs(about[s], stdout);
	puts(".Bl -tag -width Ds");
	for (size_t k = 0; k < kind->nkeys; k++) {
		printf(".It Ic %s.NAME.%s\n", kind->word, kind->keys[k].name);
		gg_page_text(kind->keys[k].help);
		puts(".Pp");
		put_kind(&kind->keys[k]);
	}
	puts(".El");
}

void gg_man_settings(void)
{
	gg_page_begin("git-gate.conf", "5", "configuration of git-gate");
	fputs(before, stdout);
	gg_page_list("Em", kinds, GG_LEN(kinds));
	puts(".Sh SETTINGS");
	for (enum gg_key k = 0; k < GG_NKEYS; k++)
		if (is_first(k))
			put_section(k);
	for (enum gg_section s = 0; s < GG_NSECTIONS; s++)
		put_named_section(s);
	fputs(after, stdout);
	fputs(environment, stdout);
	fputs(files, stdout);
}
