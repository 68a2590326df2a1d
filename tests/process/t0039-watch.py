#!/usr/bin/python3
"""Sessions of servers that are not ours: stand-alone git daemon, sshd with git-shell, lighttpd with git http-backend. Stuck ones are ended,
in time, with a record that says what could not be known or done from outside; healthy ones are left alone; observe touches nothing.
"""
import threading

from servers import *

tap = Tap()
PIPE = "the client is behind a pipe: it cannot be half-closed"

# kind: phase, reason, deadline, the first steps on a socket, and behind a pipe
STUCK = {
    "silent": ("request", "init", INIT, "told,hangup", None),
    "partial-request": ("request", "init", INIT, "told,hangup", None),
    "trickled-request": ("request", "init", INIT, "told,hangup", None),
    "after-advert": ("commands", "commands", COMMANDS, "told,hangup", "told,hangup"),
    "partial-commands": ("commands", "commands", COMMANDS, "told,hangup", "told,hangup"),
    "no-pack": ("pack-start", "pack-start", PACK_START, "told,hangup", "told,hangup"),
    "no-pack-plain": ("commands", "commands", COMMANDS, "told,hangup", "told,hangup"),
    "mid-pack-small": ("pack", "idle", IDLE, "told,half-close", "told,kill-leaf"),
    "mid-pack-large": ("pack", "idle", IDLE, "told,half-close", "told,kill-leaf"),
    "trickled-pack": ("pack", "trickle", 4.0, "told,half-close", "told,kill-leaf"),
    "upload-silent": ("commands", "commands", COMMANDS, "told,hangup", "told,hangup"),
    "upload-silent-v2": ("commands", "commands", COMMANDS, "told,hangup", "told,hangup"),
    "relay-commands": ("pack-start", "pack-start", PACK_START, "told,hangup", "told,hangup"),
    "relay-pack": ("pack", "idle", IDLE, "told,half-close", "told,kill-leaf"),
    "git-stopped": ("pack", "idle", IDLE, "told,half-close", "told,kill-leaf"),
}
REQUEST = ("silent", "partial-request", "trickled-request")
# HTTP has no connection that waits: between its requests there is no process, and a request to fetch is whole or is not begun
NOT_HTTP = REQUEST + ("after-advert", "upload-silent", "upload-silent-v2")


def served(server):
    """Processes of sessions below a server, whoever their parent is now."""
    return [p for p in pids() if link(p).startswith(server.base + "/") and alive(p)]


def link(pid):
    try:
        return os.readlink("/proc/%d/cwd" % pid)
    except OSError:
        return ""


def repository(server_class):
    base = path(server_class.__name__)
    os.makedirs(base)
    repo = os.path.join(base, "r.git")
    git("init", "-q", "--bare", repo)
    return base, repo


def try_server(server_class, kinds, piped, transport):
    why = getattr(server_class, "missing", lambda: "")()
    name = server_class.__name__
    if why:
        return tap.skip("%s: watched" % name, why)
    base, repo = repository(server_class)
    server = server_class(base)
    try:
        server.start()
    except PermissionError as e:
        return tap.skip("%s: watched" % name, str(e).replace("\n", " "))
    env = server.env() if hasattr(server, "env") else {}
    work = path(name + "-work")
    git("init", "-q", work)
    commit(work, "first", os.urandom(200000))
    watch = Watch(server.process.pid, base)

    # healthy ones, some of them slow, beside the stuck ones
    slow = Latch()
    hooks = os.path.join(repo, "hooks")
    with open(os.path.join(hooks, "pre-receive"), "w") as f:
        f.write("#!/bin/sh\nwhile read old new ref; do case $ref in *slow*) %s;; esac; done\n" % slow.command)
    os.chmod(os.path.join(hooks, "pre-receive"), 0o755)
    push = popen(["git", "push", "-q", server.native(), "HEAD:slow"], cwd=work, env={**ENV, **env}, stdout=subprocess.PIPE,
                 stderr=subprocess.STDOUT, text=True)
    slow.reached()
    seen = wait_for(lambda: [s for s in watch.sessions() if s["phase"] == "hook"], "%s: the push in its hook to be found" % name)
    tap.eq((seen[0]["service"], seen[0]["repo"], seen[0]["transport"], seen[0]["watch"], seen[0]["peer"].split(":")[0]),
           ("receive-pack", "r.git", transport, "pid %d" % server.process.pid, "127.0.0.1"), "%s: who it is" % name, seen)

    result = play(server, list(kinds))
    for kind in kinds:
        check(name, kind, result[kind], watch, piped)
    slow.release()
    code, out = end(push)
    tap.eq(code, 0, "%s: a push whose hook ran for longer than every deadline of the client's turn succeeds" % name, out)

    for n, args in enumerate((["-c", "protocol.version=0"], ["-c", "protocol.version=2"])):
        r = git(*args, "clone", "-q", server.native(), path("%s-clone%d" % (name, n)), env=env, check=False)
        tap.eq(r.returncode, 0, "%s: clone %s" % (name, args[1]), r.stderr)
    r = git("push", "-q", server.native(), "HEAD:after", cwd=work, env=env, check=False)
    tap.eq(r.returncode, 0, "%s: a push after it all" % name, r.stderr)
    wait_for(lambda: not watch.sessions(), "%s: all sessions to be gone" % name)
    tap.eq([cmdline(p) for p in served(server)], [], "%s: no process of a session is left" % name)
    wait_for(lambda: not leftovers(repo), "%s: leftovers to be removed: %s" % (name, leftovers(repo)))
    tap.eq(fsck(repo), "", "%s: fsck is clean" % name)
    tap.eq(len(watch.events("session.reaped")), len(kinds), "%s: as many were ended as were stuck" % name, watch.events("session.reaped"))
    tap.eq(watch.events("gate.error") + watch.events("scan.failed") + watch.events("session.stray"), [], "%s: no error" % name)
    tap.eq(watch.stop(), 0, "%s: the watch stops cleanly" % name)
    observe(server, base, name)
    server.stop()


def check(name, kind, c, watch, piped):
    phase, reason, deadline, steps, pipe_steps = STUCK[kind]
    seconds, slice_s = c["after_ms"] / 1000, 0.5 if reason == "trickle" else 0
    tap.eq(c["ended_by"], "server", "%s, %s: ended by the server's side" % (name, kind), c)
    # found within a sample of its beginning
    room = 2 * SAMPLE + 2 * slice_s + GRACE + BUSY
    tap.ok(seconds <= deadline + room, "%s, %s: soon after it (%.2fs)" % (name, kind, seconds), c)
    found = re.search(r"session ([0-9a-f]{8})", c["said"])
    # who sends something in the moment in which it is told is told nothing
    if kind in ("no-pack-plain", "trickled-request", "partial-request", "trickled-pack") and not found:
        fields = {"phase": phase, "reason": reason}
    elif tap.ok(found, "%s, %s: the client is told" % (name, kind), c):
        fields = {"session": found[1]}
    else:
        return
    rec = wait_for(lambda: watch.events("session.reaped", **fields), "%s, %s: the record" % (name, kind))[0]
    tap.eq((rec["phase"], rec["reason"]), (phase, reason), "%s, %s: phase and reason" % (name, kind))
    tap.ok(rec["quiet_ms"] >= deadline * 1000 or reason == "trickle", "%s, %s: not before its deadline" % (name, kind), rec)
    if found or kind == "trickled-pack":
        want = (pipe_steps if piped else steps)[0 if found else len("told,"):]
        tap.ok(rec["steps"].startswith(want), "%s, %s: steps" % (name, kind), rec["steps"], want)
    tap.eq(PIPE in rec["message"], piped, "%s, %s: the record says what could not be done" % (name, kind), rec["message"])


def observe(server, base, name):
    """What would be ended is said, and lives on."""
    watch = Watch(server.process.pid, base, "--observe")
    result = {}
    t = threading.Thread(target=lambda: result.update(play(server, ["mid-pack-large"], limit="6s")))
    t.start()
    seen = wait_for(lambda: watch.events("session.observed"), "%s: the verdict in observe mode" % name)
    t.join()
    tap.eq((seen[0]["phase"], seen[0]["reason"]), ("pack", "idle"), "%s, observe: said" % name)
    tap.eq(result["mid-pack-large"]["ended_by"], "nobody", "%s, observe: untouched" % name, result)
    tap.eq(watch.events("session.reaped"), [], "%s, observe: nothing was ended" % name)
    watch.stop()


threads = [threading.Thread(target=try_server, args=a) for a in (
    (Daemon, list(STUCK), False, "git"),
    (Sshd, [k for k in STUCK if k not in REQUEST], True, "ssh"),
    (Lighttpd, [k for k in STUCK if k not in NOT_HTTP], True, "http"))]
for t in threads:
    t.start()
for t in threads:
    t.join()
tap.done()
