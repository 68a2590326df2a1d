/*
 * Fuzz what is read below /proc: reaper/procfs.h, base/children.h, and the command lines that tell a
 * session's processes apart (reaper/classify.h). A process chooses its name, its arguments and its
 * environment. The file system is ours here: gg_read_file gives what the fuzzer wants.
 */
#include <errno.h>
#include <unistd.h>

#include "base/children.h"
#include "base/cleanup.h"
#include "base/readfile.h"
#include "reaper/classify.h"
#include "reaper/envsearch.h"
#include "reaper/procfs.h"
#include "reaper/waits.h"
#include "tests/fuzz/fuzz.h"

static struct {
	const uint8_t *bytes;
	size_t n;
} file;

int gg_read_file(const char *path, char *buf, size_t size, size_t *ret_len)
{
	size_t n = file.n < size - 1 ? file.n : size - 1;

	must(!strncmp(path, "/proc/", 6));
	memcpy(buf, file.bytes, n);
	buf[n] = '\0';
	if (ret_len)
		*ret_len = n;
	return 0;
}

/* The first of that name, as the kernel lists them. */
static void environment(void)
{
	char value[64] = "untouched";
	AUTO_FREE char *s = text_of(file.bytes, file.n);
	struct gg_envsearch e = { .name = "NAME", .buf = value, .size = sizeof(value) };
	int r = 0;

	for (size_t i = 0; r == 0 && i < file.n; i++)
		r = gg_envsearch_byte(&e, (char)file.bytes[i]);
	if (r == 0 && e.value)
		r = gg_envsearch_byte(&e, 0);
	r = r > 0 ? 0 : -ENODATA; /* as gg_procfs_getenv does */
	for (const char *p = s; p < s + file.n; p += strlen(p) + 1)
		if (!strncmp(p, "NAME=", 5)) {
			if (r == 0)
				came_to("a variable");
			must(strlen(p + 5) < sizeof(value) ? r == 0 && !strcmp(value, p + 5) : r == -ENODATA);
			return;
		}
	must(r == -ENODATA);
}

static void role_is(enum gg_role role)
{
	if (role == GG_ROLE_HOOK)
		came_to("a hook");
	else if (role == GG_ROLE_RECEIVE_PACK)
		came_to("receive-pack");
	else if (role == GG_ROLE_UPLOAD_PACK)
		came_to("upload-pack");
	else if (role == GG_ROLE_UNPACKER)
		came_to("index-pack");
	else if (role == GG_ROLE_GIT)
		came_to("another git");
}

static void command_line(void)
{
	AUTO_FREE char *argv = malloc(file.n ? file.n : 1); /* not NUL-terminated */

	must(argv != NULL);
	memcpy(argv, file.bytes, file.n);
	for (int parent = GG_ROLE_OTHER; parent <= GG_ROLE_HOOK; parent++) {
		enum gg_hook hook;
		enum gg_role role = gg_role_of(argv, file.n, (enum gg_role)parent, &hook);

		must(gg_role_name(role) != NULL);
		role_is(role);
		must(role == GG_ROLE_HOOK || hook == GG_HOOK_NONE);
		/* what a hook runs is the hook's, whatever it calls itself */
		if (parent == GG_ROLE_HOOK || parent == GG_ROLE_OTHER)
			must(role == GG_ROLE_OTHER);
	}
	if (gg_is_detached_gc(argv, file.n))
		came_to("gc in the background");
	if (gg_root_kind_of(argv, file.n) != GG_ROOT_NONE)
		came_to("the root of a session");
}

static void waiting(void)
{
	static const struct gg_proc kinds[] = { { .pid = 1, .role = GG_ROLE_HOOK, .hook = GG_HOOK_UNKNOWN },
						{ .pid = 1, .role = GG_ROLE_OTHER } };

	for (size_t i = 0; i < GG_LEN(kinds); i++) {
		static struct gg_waits w;

		gg_waits_read(&kinds[i], 1, 2, &w);
		must(memchr(w.command, '\0', sizeof(w.command)) != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE pid_t *v = NULL;
	size_t nv = 0, size = 0;
	struct gg_syscall sc;
	uint64_t in, out;

	file.bytes = data;
	file.n = n;
	if (gg_procfs_io(1, &in, &out) == 0)
		came_to("what was read and written");
	if (gg_procfs_syscall(1, 1, &sc) == 0 && !sc.running)
		came_to("a system call");
	if (gg_procfs_syscall(1, 1, &sc) == 0)
		must(!sc.running || sc.nr == -1);
	environment();
	command_line();
	waiting();
	if (gg_children_read(getpid(), &v, &nv, &size, NULL) == 0 && nv > 1)
		came_to("children");
	if (size)
		must(nv <= size && nv <= n + 1);
	return 0;
}
