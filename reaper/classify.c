/* classify - which phase a session is in, and whose turn it is. See classify.h. */
#include "reaper/classify.h"

#include <string.h>

const char *gg_phase_name(enum gg_phase p)
{
	static const char *const names[GG_NPHASES] = {
		[GG_PHASE_REQUEST] = "request",	  [GG_PHASE_KEEP_ALIVE] = "keep-alive",
		[GG_PHASE_COMMANDS] = "commands", [GG_PHASE_PACK_START] = "pack-start",
		[GG_PHASE_PACK] = "pack",	  [GG_PHASE_WORK] = "work",
		[GG_PHASE_HOOK] = "hook",	  [GG_PHASE_SENDING] = "sending",
		[GG_PHASE_CLOSING] = "closing",
	};

	return names[p];
}

/* One argument of a NUL-separated argv; NULL past the end. */
static const char *arg(const char *argv, size_t n, int i)
{
	const char *end = argv + n;

	while (i-- > 0 && argv < end)
		argv += strnlen(argv, (size_t)(end - argv)) + 1;
	/* the last argument may be cut: only one that ends inside the bytes is compared */
	return argv < end && memchr(argv, 0, (size_t)(end - argv)) ? argv : NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

/* The git command that argv runs: "receive-pack" for both `git receive-pack` and `git-receive-pack`; else
 * NULL. */
static const char *git_command(const char *argv, size_t n)
{
	const char *prog = base_name(arg(argv, n, 0));

	if (!prog)
		return NULL;
	if (!strcmp(prog, "git")) {
		const char *cmd = arg(argv, n, 1);

		return cmd ? cmd : "";
	}
	return strncmp(prog, "git-", 4) ? NULL : prog + 4;
}

static enum gg_hook hook_of(const char *argv, size_t n)
{
	static const struct {
		const char *name;
		enum gg_hook hook;
	} hooks[] = {
		{ "pre-receive", GG_HOOK_PRE_RECEIVE },
		{ "update", GG_HOOK_UPDATE },
		{ "proc-receive", GG_HOOK_PROC_RECEIVE },
		{ "reference-transaction", GG_HOOK_REFERENCE_TRANSACTION },
		{ "post-receive", GG_HOOK_POST_RECEIVE },
		{ "post-update", GG_HOOK_POST_UPDATE },
	};

	/* a script's name comes behind its interpreter and that one's option: `/bin/bash -e hooks/update` */
	for (int a = 0; a < 4; a++) {
		const char *name = base_name(arg(argv, n, a));

		for (size_t i = 0; name && i < sizeof(hooks) / sizeof(hooks[0]); i++)
			if (!strcmp(name, hooks[i].name))
				return hooks[i].hook;
	}
	return GG_HOOK_UNKNOWN;
}

static enum gg_role git_role(const char *cmd, enum gg_role parent)
{
	bool of_session = parent == GG_ROLE_SESSION || parent == GG_ROLE_HTTP || parent == GG_ROLE_DAEMON ||
			  parent == GG_ROLE_BACKEND;

	if (!strcmp(cmd, "gate-session"))
		return GG_ROLE_SESSION;
	if (!strcmp(cmd, "gate-http"))
		return GG_ROLE_HTTP;
	if (!strcmp(cmd, "daemon"))
		return parent == GG_ROLE_DAEMON ? GG_ROLE_GIT : GG_ROLE_DAEMON;
	if (!strcmp(cmd, "http-backend"))
		return of_session ? GG_ROLE_BACKEND : GG_ROLE_GIT;
	if (of_session && !strcmp(cmd, "receive-pack"))
		return GG_ROLE_RECEIVE_PACK;
	if (of_session && (!strcmp(cmd, "upload-pack") || !strcmp(cmd, "upload-archive")))
		return GG_ROLE_UPLOAD_PACK;
	if ((of_session || parent == GG_ROLE_RECEIVE_PACK) &&
	    (!strcmp(cmd, "index-pack") || !strcmp(cmd, "unpack-objects")))
		return GG_ROLE_UNPACKER;
	if (parent == GG_ROLE_UPLOAD_PACK && !strcmp(cmd, "upload-archive--writer"))
		return GG_ROLE_UNPACKER; /* it reads the client's arguments */
	/* git daemon runs nothing else: a hook left it behind, and the root, a subreaper, inherited it */
	return of_session ? GG_ROLE_OTHER : GG_ROLE_GIT;
}

enum gg_role gg_role_of(const char *argv, size_t n, enum gg_role parent, enum gg_hook *ret_hook)
{
	const char *cmd;

	*ret_hook = GG_HOOK_NONE;
	if (parent == GG_ROLE_HOOK || parent == GG_ROLE_OTHER)
		return GG_ROLE_OTHER; /* whatever a hook runs belongs to the hook */
	cmd = git_command(argv, n);
	if (cmd && !strcmp(cmd, "gate-hook") && (parent == GG_ROLE_SESSION || parent == GG_ROLE_HTTP)) {
		*ret_hook = GG_HOOK_UNKNOWN; /* it asks upstream, before anything is served */
		return GG_ROLE_HOOK;
	}
	if (cmd)
		return git_role(cmd, parent);
	if (parent != GG_ROLE_RECEIVE_PACK || !n)
		return GG_ROLE_OTHER; /* n = 0: a zombie, or a kernel thread */
	*ret_hook = hook_of(argv, n);
	return GG_ROLE_HOOK;
}

bool gg_is_detached_gc(const char *argv, size_t n)
{
	static const char *const cmds[] = { "gc",     "maintenance",  "repack",		  "pack-objects",
					    "prune",  "pack-refs",    "reflog",		  "prune-packed",
					    "rerere", "commit-graph", "multi-pack-index", "worktree" };
	const char *cmd = git_command(argv, n);

	for (size_t i = 0; cmd && i < sizeof(cmds) / sizeof(cmds[0]); i++)
		if (!strcmp(cmd, cmds[i]))
			return true;
	return false;
}

enum gg_root_kind gg_root_kind_of(const char *argv, size_t n)
{
	const char *cmd = git_command(argv, n);

	if (!cmd)
		return GG_ROOT_NONE;
	if (!strcmp(cmd, "http-backend"))
		return GG_ROOT_BACKEND;
	if (!strcmp(cmd, "receive-pack") || !strcmp(cmd, "upload-pack") || !strcmp(cmd, "upload-archive"))
		return GG_ROOT_SERVER;
	if (strcmp(cmd, "daemon"))
		return GG_ROOT_NONE;
	for (int i = 1; i < 3; i++) {
		const char *a = arg(argv, n, i);

		if (a && !strcmp(a, "--serve"))
			return GG_ROOT_DAEMON;
	}
	return GG_ROOT_NONE;
}

bool gg_may_be_gates(const char *argv, size_t n)
{
	const char *cmd = git_command(argv, n);

	return cmd && (!strcmp(cmd, "gate-session") || !strcmp(cmd, "gate-http") || !strcmp(cmd, "daemon"));
}

bool gg_is_gate(const char *argv, size_t n)
{
	const char *cmd = git_command(argv, n);

	return cmd && !strcmp(cmd, "gate");
}

static const struct gg_proc *parent_of(const struct gg_snap *snap, const struct gg_proc *p)
{
	for (size_t i = 0; i < snap->n; i++)
		if (snap->v[i].pid == p->ppid)
			return &snap->v[i];
	return NULL;
}

bool gg_in_hook(const struct gg_snap *snap, size_t i)
{
	const struct gg_proc *p = &snap->v[i];

	/* bounded by the number of processes: /proc may have shown a parent that was reused meanwhile */
	for (size_t hops = 0; p && hops <= snap->n; hops++) {
		if (p->role == GG_ROLE_HOOK)
			return true;
		if (p->role != GG_ROLE_OTHER)
			return false;
		if (p->orphan)
			return true;
		p = parent_of(snap, p);
	}
	return false;
}

/* What classify needs to know of a snapshot's processes, gathered in one pass. */
struct found {
	const struct gg_proc *root, *http, *push, *fetch, *unpacker, *hook, *git, *stray;
	bool zombie; /* a child that nobody has waited for yet */
};

static struct found find(const struct gg_snap *snap, struct gg_view *v)
{
	struct found f = { 0 };

	for (size_t i = 0; i < snap->n; i++) {
		const struct gg_proc *p = &snap->v[i];

		if (!gg_proc_alive(p)) {
			f.zombie |= f.root && p->ppid == f.root->pid;
			continue;
		}
		v->alive++;
		v->cpu_ticks += p->cpu_ticks;
		v->io_chars += p->io_chars;
		switch (p->role) {
		case GG_ROLE_HTTP:
			f.http = p;
			break;
		case GG_ROLE_SESSION:
		case GG_ROLE_DAEMON:
		case GG_ROLE_BACKEND:
			f.root = p;
			break;
		case GG_ROLE_RECEIVE_PACK:
			f.push = p;
			break;
		case GG_ROLE_UPLOAD_PACK:
			f.fetch = p;
			break;
		case GG_ROLE_UNPACKER:
			f.unpacker = p;
			break;
		case GG_ROLE_GIT:
			f.git = p;
			break;
		case GG_ROLE_HOOK:
			if (!f.hook || p->start_tick < f.hook->start_tick)
				f.hook = p;
			v->ref_transaction |= p->hook == GG_HOOK_REFERENCE_TRANSACTION;
			break;
		case GG_ROLE_OTHER:
			if (p->orphan)
				f.stray = p;
			break;
		}
	}
	return f;
}

/* Is p waiting for bytes that the client has not sent? Without its system calls: as far as its state tells.
 */
static bool waits_for_client(const struct gg_snap *snap, const struct gg_proc *p)
{
	/* git-gate-session only peeks: what it has seen of the request stays queued */
	if ((snap->tcp.queued_in > 0 && p->role != GG_ROLE_SESSION) || p->running)
		return false;
	return p->opaque ? p->state == 'S' : p->reads_client;
}

/* Is p held up because the client does not read? */
static bool held_by_client(const struct gg_snap *snap, const struct gg_proc *p)
{
	if (snap->tcp.queued_out == 0 || p->running)
		return false;
	return p->opaque ? p->state == 'S' : p->writes_client;
}

static void set(struct gg_view *v, enum gg_phase phase, bool client_turn, const struct gg_proc *by)
{
	v->phase = phase;
	v->client_turn = client_turn;
	v->certain = !by || !by->opaque;
}

static void set_hook(const struct found *f, struct gg_view *v)
{
	v->hook_pid = f->hook->pid;
	v->hook_tick = f->hook->start_tick;
	set(v, GG_PHASE_HOOK, false, NULL);
}

/* git http-backend passes the client's bytes on, unless it has left its stdin to receive-pack. */
static bool backend_waits(const struct gg_snap *snap, const struct found *f)
{
	return f->root && f->root->role == GG_ROLE_BACKEND && waits_for_client(snap, f->root);
}

static void classify_push(const struct gg_snap *snap, const struct found *f, struct gg_view *v)
{
	const struct gg_proc *rp = f->push;

	v->push = true;
	v->sideband = rp->nlwp > 1;
	if (!rp->opaque && held_by_client(snap, rp))
		return set(v, GG_PHASE_SENDING, true, rp);
	if (f->hook)
		return set_hook(f, v);
	if (backend_waits(snap, f))
		return set(v,
			   f->unpacker	  ? GG_PHASE_PACK
			   : rp->nlwp > 1 ? GG_PHASE_PACK_START
					  : GG_PHASE_COMMANDS,
			   true, f->root);
	if (f->unpacker) {
		if (waits_for_client(snap, f->unpacker))
			return set(v, GG_PHASE_PACK, true, f->unpacker);
		return set(v, snap->tcp.queued_in ? GG_PHASE_PACK : GG_PHASE_WORK, false, f->unpacker);
	}
	if (f->git)
		return set(v, GG_PHASE_WORK, false, NULL);
	if (f->stray) /* a hook has exited, and something it left behind holds its pipe */
		return set(v, GG_PHASE_HOOK, false, NULL);
	if (held_by_client(snap, rp))
		return set(v, GG_PHASE_SENDING, true, rp);
	if (rp->reads_client || (rp->opaque && waits_for_client(snap, rp)))
		return set(v, rp->nlwp > 1 ? GG_PHASE_PACK_START : GG_PHASE_COMMANDS,
			   waits_for_client(snap, rp), rp);
	set(v, GG_PHASE_WORK, false, rp);
}

/* No git command serves the client: git-gate-http says what it waits for. */
static void classify_http(const struct gg_snap *snap, const struct found *f, struct gg_view *v)
{
	const struct gg_proc *p = f->http;
	bool waits = p->reads_client && !snap->tcp.queued_in && !p->running;

	switch (p->awaits) {
	case GG_AWAITS_NEXT:
		return set(v, GG_PHASE_KEEP_ALIVE, waits, p);
	case GG_AWAITS_HEAD:
		return set(v, GG_PHASE_REQUEST, waits, p);
	case GG_AWAITS_BODY:
		return set(v, GG_PHASE_COMMANDS, waits, p);
	default:
		return set(v, GG_PHASE_WORK, false, p);
	}
}

void gg_classify(const struct gg_snap *snap, struct gg_view *ret)
{
	struct gg_view v = { .phase = GG_PHASE_CLOSING, .certain = true };
	struct found f = find(snap, &v);

	if (f.push || f.fetch) {
		v.server_pid = f.push ? f.push->pid : f.fetch->pid;
		v.server_tick = f.push ? f.push->start_tick : f.fetch->start_tick;
	}
	if (f.http && f.http->writes_client && snap->tcp.queued_out) {
		v.push = f.push;
		v.fetch = f.fetch;
		set(&v, GG_PHASE_SENDING, true, f.http);
	} else if (f.push) {
		classify_push(snap, &f, &v);
	} else if (f.fetch) {
		v.fetch = true;
		if (held_by_client(snap, f.fetch))
			set(&v, GG_PHASE_SENDING, true, f.fetch);
		else if (backend_waits(snap, &f))
			set(&v, GG_PHASE_COMMANDS, true, f.root);
		else if (f.unpacker ? waits_for_client(snap, f.unpacker)
				    : !f.git && waits_for_client(snap, f.fetch))
			set(&v, GG_PHASE_COMMANDS, true, f.unpacker ? f.unpacker : f.fetch);
		else
			set(&v, GG_PHASE_WORK, false, f.fetch);
	} else if (f.hook) {
		set_hook(&f, &v);
	} else if (f.unpacker) {
		/* its receive-pack was killed, and it goes on reading what nobody will use */
		set(&v, GG_PHASE_PACK, waits_for_client(snap, f.unpacker), f.unpacker);
	} else if (f.root && f.root->role == GG_ROLE_DAEMON && !f.root->reads_client &&
		   (f.stray || f.zombie || snap->served)) {
		/* git-daemon copies its receive-pack's stderr to the log until everybody has closed it */
		set(&v, GG_PHASE_HOOK, false, NULL);
	} else if (f.http) {
		classify_http(snap, &f, &v);
	} else if (f.root) {
		set(&v, GG_PHASE_REQUEST, waits_for_client(snap, f.root), f.root);
	} else if (f.stray) {
		set(&v, GG_PHASE_HOOK, false, NULL);
	} else if (v.alive) {
		set(&v, GG_PHASE_WORK, false, NULL);
	}
	*ret = v;
}

const char *gg_role_name(enum gg_role r)
{
	static const char *const names[] = {
		[GG_ROLE_OTHER] = "other",
		[GG_ROLE_SESSION] = "session",
		[GG_ROLE_DAEMON] = "git-daemon",
		[GG_ROLE_BACKEND] = "http-backend",
		[GG_ROLE_HTTP] = "git-gate-http",
		[GG_ROLE_RECEIVE_PACK] = "receive-pack",
		[GG_ROLE_UPLOAD_PACK] = "upload-pack",
		[GG_ROLE_UNPACKER] = "unpacker",
		[GG_ROLE_GIT] = "git",
		[GG_ROLE_HOOK] = "hook",
	};

	return names[r];
}
