#!/usr/bin/python3
"""The machine's trouble: a full disk, processes that are killed, git that is taken away, a journal that comes and goes. A push fails
cleanly and says so, the gate lives, and works again when the trouble is over."""
from pidone import *

tap = Tap()
MOUNT = ["unshare", "--mount"] + ([] if ROOT_USER else ["--user", "--map-root-user"]) + ["--"]
can_mount = subprocess.run(MOUNT + ["sh", "-c", "mount -t tmpfs none /mnt"], env=ENV, capture_output=True).returncode == 0


def below(g, word):
    return [p for p in g.processes() if word in cmdline(p)]


# --- no space -----------------------------------------------------------------------------------------------------------

def disk_full(where, what):
    """where: the directory that is a small tmpfs of the gate's."""
    base, run = path("full-" + where, "git"), path("full-" + where, "run")
    small = {"base": base, "control": run, "tmp": path("full-" + where, "tmp")}[where]
    for d in (base, run, small):
        os.makedirs(d, exist_ok=True)
    hook = Hooks(pre_receive="cat >/dev/null; echo x >%s/hook-was-here 2>/dev/null; exit 0" % small)
    g = Gate(base=base, control=os.path.join(run, "control"), hooks=hook.dir, env={"TMPDIR": small}, start=False,
             prefix=MOUNT + ["sh", "-c", 'mount -t tmpfs -o size=1m none %s; d=$1; shift; exec "$@"' % small, "sh", small])
    g.launch()
    pid = wait_for(lambda: [p for p in tree(g.process.pid) if cmdline(p).startswith(GATE)], "the gate")[0]

    def inside_mount(*command):
        return subprocess.run(["nsenter", "-t", str(pid), "-m", *([] if ROOT_USER else ["-U", "--preserve-credentials"]), *command], env=ENV,
                              cwd="/", capture_output=True, text=True, timeout=PATIENCE)

    wait_for(lambda: g.events("gate.ready"), "it to be ready")
    g.port = int(re.search(r" on git://127.0.0.1:(\d+)", g.events("gate.ready")[0]["message"])[1])
    repo = os.path.join(base, "r.git")
    inside_mount("git", "init", "-q", "--bare", repo)
    w = g.work("full-work-" + where)
    commit(w, "big", os.urandom(2 << 20))
    if where != "base":
        inside_mount("sh", "-c", "head -c 2m /dev/zero >%s/filler 2>/dev/null" % small)
    begun = time.monotonic()
    code, out = end(g.push(w))
    if where == "base":
        tap.ok(code != 0 and ("No space left" in out or "unpack" in out), "%s: the push fails and says why" % what, out)
        wait_for(lambda: g.events("session.closed"), "the session to be closed")
        wait_for(lambda: not inside_mount("sh", "-c", "find %s -name 'tmp_*' -o -name 'incoming-*' -o -name '*.lock' -o -name '*.keep'" % repo).stdout,
                 "leftovers to go")
        tap.ok(True, "%s: nothing is left of it" % what)
        git("reset", "-q", "--hard", "HEAD~", cwd=w)
        code, out = end(g.push(w, "small"))
        tap.eq(code, 0, "%s: one that fits succeeds" % what, out)
        tap.eq(inside_mount("git", "-C", repo, "fsck", "--strict", "--no-dangling").returncode, 0, "%s: fsck is clean" % what)
    else:
        tap.eq(code, 0, "%s: a push succeeds" % what, out)
        inside_mount("rm", "-f", os.path.join(small, "filler"))
        tap.eq(end(g.push(w, "after"))[0], 0, "%s: and when there is space again" % what)
    tap.ok(g.process.poll() is None and not g.events("session.reaped"), "%s: the gate lives, and ended nobody" % what, g.text()[-500:])
    os.kill(pid, signal.SIGTERM)
    tap.eq(g.process.wait(PATIENCE), 0, "%s: it stops with 0" % what, g.text()[-500:])
    tap.eq(g.events("gate.error"), [], "%s: no error" % what)


if can_mount:
    disk_full("base", "no space for the repository")
    disk_full("control", "no space for the control socket's directory")
    disk_full("tmp", "no space in TMPDIR")
else:
    tap.skip("a full disk", "nothing can be mounted here")

# --- killed -------------------------------------------------------------------------------------------------------------

latch = Latch()
hooks = Hooks()
g = Gate({k: "10m" for k in SCALED if "grace" not in k}, hooks=hooks.dir)
repo, w = g.repo(), g.work("killed")
oid, pack = pack_of(w)
for what, word, in_hook in (("index-pack", "index-pack", False), ("unpack-objects", "unpack-objects", False), ("receive-pack", "git receive-pack", True),
                            ("git-daemon, the root", "git-daemon", True), ("the hook", "/pre-receive", True)):
    git("config", "receive.unpackLimit", "1" if word == "index-pack" else "100", cwd=repo)
    hooks.set(pre_receive="cat >/dev/null; " + latch.command if in_hook else "cat >/dev/null")
    seen = len(g.events("session.closed"))
    if in_hook:
        commit(w, "k%d" % seen)
        p = g.push(w, "killed%d" % seen)
        latch.reached()
    else:
        c = Raw(g)
        c.advertisement()
        c.commands(oid, "refs/heads/cut%d" % seen)
        c.s.sendall(pack[:30])
    victim = wait_for(lambda: below(g, word), what)[0]
    for q in tree(victim) if what == "the hook" else [victim]:      # what the hook left behind would be waited for, deadline.hook
        os.kill(q, signal.SIGKILL)
    if in_hook:
        code, out = end(p)
        told = out
    else:
        code, told = 1, c.rest().decode(errors="replace")
    tap.ok(code != 0 and told, "SIGKILL of %s: the push fails, the client hears of it" % what, told)
    hooks.set(pre_receive="cat >/dev/null")
    wait_for(lambda: len(g.events("session.closed")) > seen, "the session to be closed")
    closed = g.events("session.closed")[-1]
    mine = [e for e in g.events("session.log") if e["session"] == closed["session"]]
    says = " / ".join([closed["message"]] + [e["message"] for e in mine] + [told])
    tap.ok("signal 9" in says, "the journal says what died, and of what", says)
    g.settle()
    wait_for(lambda: not leftovers(repo), "leftovers to be removed")
    tap.eq(fsck(repo), "", "fsck is clean")
    code, out = end(g.push(w, "again%d" % seen))
    tap.eq(code, 0, "and a push succeeds", out)
    g.settle()              # its end is not the next one's
tap.eq(g.reaped(), [], "nobody was ended by the gate")
g.stop()

# --- git is taken away while the gate serves -----------------------------------------------------------------------------

exec_path = git("--exec-path").stdout.strip()
own = path("exec-path")
bin_dir = path("exec-bin")
for d in own, bin_dir:
    os.mkdir(d)
daemon = os.path.join(own, "git-daemon")


def put(text=None, mode=0o755, data=None):
    """What stands for git-daemon now."""
    if os.path.lexists(daemon):
        os.unlink(daemon)
    if text is None and data is None:
        return os.symlink(os.path.join(exec_path, "git-daemon"), daemon)
    with open(daemon + ".new", "wb") as f:
        f.write(data or ("#!/bin/sh\n" + text + "\n").encode())
    os.chmod(f.name, mode)
    os.rename(f.name, daemon)


with open(os.path.join(bin_dir, "git"), "w") as f:
    f.write('#!/bin/sh\n[ "$1" = --exec-path ] && { echo %s; exit; }\nexec %s "$@"\n' % (own, shutil.which("git")))
os.chmod(f.name, 0o755)
put()
g = Gate(env={"PATH": bin_dir + ":" + ENV["PATH"]})
g.repo()
w = g.work("away")
tap.eq(end(g.push(w, "before"))[0], 0, "a git-daemon of its own exec path: a push succeeds")
BROKEN = (("missing", lambda: os.unlink(daemon)), ("not executable", lambda: put("exit 0", 0o644)),
          ("of another machine", lambda: put(data=b"\x7fELF\2\1\1" + bytes(9) + b"\2\0\xfe\0\1\0\0\0" + bytes(200))),
          ("one that ends at once", lambda: put("exit 0")), ("one that fails at once", lambda: put("exit 3")), ("one that kills itself", lambda: put("kill -9 $$")))
for what, damage in BROKEN:
    damage()
    begun = time.monotonic()
    code, out = end(g.push(w, "never"))
    tap.ok(code != 0 and time.monotonic() - begun < BUSY, "git-daemon %s: the push fails soon" % what, out)
    wait_for(lambda: not g.sessions(), "the session to be gone")
    tap.eq(g.cli("health").returncode, 0, "git-daemon %s: the gate lives" % what)
    wait_for(lambda: g.events("session.refused") + g.events("session.closed") + g.events("session.log"), "a record")
    put()
    code, out = end(g.push(w, "after-%d" % tap.n))
    tap.eq(code, 0, "git-daemon %s: and put back, a push succeeds" % what, out)
tap.eq(g.reaped(), [], "nobody was ended by the gate")
g.stop()

# --- the journal comes and goes -------------------------------------------------------------------------------------------

if can_mount:
    d = path("journal")
    os.mkdir(d)
    g = Gate({"gate.log": "journal"}, start=False, prefix=MOUNT + [
        "sh", "-c", 'mount -t tmpfs none /run; mkdir -p /run/systemd/journal\n'
        'mount --bind %s /run/systemd/journal; exec "$@"' % d, "sh"])
    g.launch().ready(lambda _: g.cli("health").returncode == 0)
    g.repo()
    w = g.work("journal-work")

    def journal():
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.bind(os.path.join(d, "socket"))
        s.settimeout(PATIENCE)
        return s

    def heard(s, event):
        while True:
            if ("GIT_GATE_EVENT=" + event).encode() in s.recv(65536).split(b"\n"):
                return True

    tap.ok("gate.ready" in g.text(), "no journal: events go to stderr", g.text())
    for turn in "appears", "was replaced":
        s = journal()
        before = len(g.text())
        code, out = end(g.push(w, turn.replace(" ", "-")))
        tap.ok(code == 0 and heard(s, "session.closed"), "the journal %s: events go there" % turn, out)
        tap.eq(g.text()[before:], "", "and no longer to stderr")
        s.close()
        os.unlink(os.path.join(d, "socket"))
        before = len(g.text())
        code, out = end(g.push(w, turn[:3]))
        tap.ok(code == 0, "the journal is gone: a push succeeds", out)
        wait_for(lambda: "session.closed" in g.text()[before:], "events on stderr again")
    s = journal()                       # nobody reads it
    fillers = 0
    ok = True
    while ok and fillers < 30:
        ok = git("push", "-q", g.url("r.git"), "HEAD:refs/heads/f%d" % fillers, cwd=w, check=False).returncode == 0
        fillers += 1
    tap.ok(ok and g.cli("health").returncode == 0, "a journal that nobody reads holds nobody up")
    tap.eq(g.stop(), 0, "it stops with 0")
else:
    tap.skip("the journal comes and goes", "nothing can be mounted here")
tap.done()
