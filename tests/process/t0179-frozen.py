#!/usr/bin/python3
"""Processes of a session that cannot run, or cannot be looked into: a frozen cgroup, a debugger that holds one, a git that only its owner may look into.
Who waits for them is kept, who is stuck is ended, late where nothing else is possible, which is said; the gate serves on and stops in bounded time."""
import atexit
import ctypes

from gate import *

tap = Tap()
ROOT_USER = os.geteuid() == 0
LIMIT = 6                           # seconds; healthy clients have nothing to do for as long, on a busy machine either
SHORT = {"deadline.init": "10m", "deadline.commands": "%ds" % LIMIT, "deadline.packStart": "10m", "deadline.idle": "%ds" % LIMIT, "deadline.drain": "1s",
         "deadline.hook": "10m", "listen.http": "127.0.0.1:0"}
STOP = 1 + 6 * GRACE + 1 + BUSY     # seconds in which it has stopped, and some for a busy machine
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_DETACH = 16, 17


# --- ways to hold a process -------------------------------------------------------------------------------------------------------------------

def write(file, text):
    with open(file, "w") as f:
        f.write(text)


class Freezer:
    """A cgroup of the test's own, of version 2 or of the old freezer."""

    def __init__(self, mount, own, file, on, off):
        self.dir, self.state, self.on, self.off = os.path.join(mount + own, "git-gate-test.%d" % os.getpid()), file, on, off
        os.mkdir(self.dir)
        atexit.register(self.remove)
        self.file = os.path.join(self.dir, file)
        write(self.file, off)

    def hold(self, found):
        for p in found:
            write(os.path.join(self.dir, "cgroup.procs"), str(p))
        write(self.file, self.on)
        wait_for(lambda: "frozen 1" in read(os.path.join(self.dir, "cgroup.events")) or read(self.file).strip() == "FROZEN", "the cgroup to be frozen")

    def let_go(self):
        write(self.file, self.off)

    def remove(self):
        if not os.path.exists(self.dir):
            return
        self.let_go()
        wait_for(lambda: not read(os.path.join(self.dir, "cgroup.procs")), "the test's cgroup to be empty")
        os.rmdir(self.dir)


def freezers():
    own = dict((line.split(":")[1], line.split(":")[2]) for line in read("/proc/self/cgroup").splitlines())
    for line in read("/proc/self/mountinfo").splitlines():
        f = line.split(" ")
        kind, options = f[f.index("-") + 1], f[-1].split(",")
        if kind == "cgroup2" and "" in own and f[3] == "/":
            yield "cgroup v2", (f[4], own[""].rstrip("/"), "cgroup.freeze", "1", "0")
        elif kind == "cgroup" and "freezer" in options and "freezer" in own and f[3] == "/":
            yield "the old freezer", (f[4], own["freezer"].rstrip("/"), "freezer.state", "FROZEN", "THAWED")


class Debugger:
    """Stops each of them, and keeps them so."""

    def hold(self, found):
        self.held = found
        for p in found:
            if libc.ptrace(PTRACE_ATTACH, p, None, None):
                raise OSError(ctypes.get_errno(), "ptrace")
            os.waitpid(p, 0x40000000)

    def let_go(self):
        for p in self.held:
            libc.ptrace(PTRACE_DETACH, p, None, None)
            try:
                os.waitpid(p, os.WNOHANG | 0x40000000)     # one that was killed: its parent may have it now
            except ChildProcessError:
                pass

    def remove(self):
        pass


# --- what has to come of it -------------------------------------------------------------------------------------------------------------------

work = path("work")
git("init", "-q", work)
commit(work, "first", os.urandom(300000))
oid, pack = pack_of(work)


def of(g, s):
    """Its processes that live, the root first."""
    return [p["pid"] for p in g.ask("show", s["id"]).get("processes", []) if alive(p["pid"])]     # one that has ended has none


def session(g, repo):
    return wait_for(lambda: [s for s in g.sessions() if s["repo"] == repo and s["phase"] not in ("request", "closing")], "the session of " + repo)[0]


def serves(g, what):
    for url in g.url, g.http:
        commit(work, "f", "%s %d\n" % (what, tap.n))
        r = git("push", "-q", "--force", url("r.git"), "HEAD:main", cwd=work, check=False)
        s = git("ls-remote", url("r.git"), check=False)
        tap.eq((r.returncode, s.returncode), (0, 0), "%s: %s serves" % (what, url("").split(":")[0]), r.stderr, s.stderr)


def begun(g, repo, n):
    """A push of which n bytes of the pack came."""
    c = Raw(g, repo=repo)
    c.advertisement()
    if n is not None:
        c.commands(oid, "refs/heads/main")
        c.s.sendall(pack[:n])
    return c


def tidy(g, what):
    for repo in "r.git", "stuck.git", "whole.git", "late.git":
        d = os.path.join(g.base, repo)
        wait_for(lambda d=d: not leftovers(d), "%s: leftovers in %s to be removed" % (what, repo))
        tap.eq(fsck(d), "", "%s: fsck of %s is clean" % (what, repo))


def held(what, holder, deaf, kept=False):
    """deaf: SIGKILL has to wait until they are let go; kept: who was killed cannot be waited for before."""
    g = Gate(SHORT)
    for repo in "r.git", "stuck.git", "whole.git", "late.git":
        g.repo(repo, "receive.unpackLimit=1")
    serves(g, what + ", before")
    idle = g.idle_fds()
    stuck = begun(g, "stuck.git", None)
    wait_for(lambda: session(g, "stuck.git")["phase"] == "commands", "a client that says nothing")
    whole = begun(g, "whole.git", 50000)
    wait_for(lambda: session(g, "whole.git")["phase"] == "pack", "half a push")
    s, w = session(g, "stuck.git"), session(g, "whole.git")
    all_of = of(g, s) + of(g, w)
    holder.hold(all_of)
    since = time.monotonic()
    whole.s.sendall(pack[50000:])               # all of it: from now on the gate's side has to act
    serves(g, what)
    # the stuck one: judged as ever
    if deaf:
        e = wait_for(lambda: g.events("session.stray", session=s["id"]), "%s: the gate to say that it cannot end it" % what)[0]
        tap.ok(set(e["pids"].split(",")) <= {str(p) for p in all_of}, "%s: who is stuck cannot be ended, which is said" % what, e)
    else:
        wait_for(lambda: not [x for x in g.sessions() if x["id"] == s["id"]] or not [p for p in of(g, s)], "%s: the stuck one to be ended" % what)
        said = stuck.rest()
        tap.ok(b"git-gate: " in said, "%s: who is stuck is ended all the same, and told" % what, said)
    wait_for(lambda: time.monotonic() - since > 1.5 * LIMIT, "every deadline to be over")
    tap.eq([x["ending"] for x in g.sessions() if x["id"] == w["id"]], [None], "%s: whose push is there is kept" % what, g.sessions(), g.reaped())
    serves(g, what + ", still")
    holder.let_go()
    said = whole.rest()
    tap.ok(b"ok refs/heads/main" in said, "%s: let go, the push succeeds" % what, said[-300:])
    wait_for(lambda: not g.sessions() and not g.processes(), "%s: sessions to be gone" % what)
    tap.eq([(r["id"], r["reason"]) for r in g.reaped()], [(s["id"], "commands")], "%s: one was ended, for its silence" % what)
    stuck.close()
    whole.close()
    tidy(g, what)
    wait_for(lambda: fd_count(g.pid) <= idle, "%s: no descriptor to be left" % what)

    # it stops meanwhile
    late = begun(g, "late.git", 50000)
    wait_for(lambda: session(g, "late.git")["phase"] == "pack", "half a push")
    found = of(g, session(g, "late.git"))
    holder.hold(found)
    at = time.monotonic()
    os.kill(g.pid, signal.SIGTERM)
    code = g.process.wait(PATIENCE)
    took = time.monotonic() - at
    tap.ok(code == 0 and took < STOP, "%s: the gate stops with 0, in bounded time (%.1f s)" % (what, took), code, g.text()[-1000:])
    errors = [e["message"] for e in g.events("gate.error")]
    tap.ok(all("could not be ended" in e for e in errors) and bool(errors) == (deaf or kept), "%s: and says whom it could not end" % what, errors)
    holder.let_go()
    wait_for(lambda: not [p for p in found if alive(p)], "%s: nobody to be left" % what)
    late.close()
    tap.ok(True, "%s: they go as soon as they can" % what)


def ways():
    for what, args in freezers():
        try:
            yield what, Freezer(*args), what != "cgroup v2", False
        except OSError as e:
            tap.skip(what, "no cgroup can be made or frozen here: %s" % e)
    yield "a debugger", Debugger(), False, True


for what, holder, deaf, kept in ways():
    held(what, holder, deaf, kept)
    holder.remove()

# --- a git that only its owner may look into: others' files of /proc are refused, those of git-daemon are not ------------------------------------

UID = 64323
hidden, hooks = path("hidden"), Hooks(pre_receive="cat >/dev/null; [ ! -e slow ] || sleep %d" % (1.5 * LIMIT))
where = [shutil.which("git", path=ENV["PATH"]), os.path.join(git("--exec-path").stdout.strip(), "git")]
shutil.copy(where[0], hidden)
os.chmod(hidden, 0o711)
PREFIX = ["unshare", "--mount", "sh", "-c", "mount --bind %s %s && mount --bind %s %s && exec setpriv --reuid %d --regid %d --clear-groups -- \"$@\""
          % (hidden, where[0], hidden, where[1], UID, UID), "sh"]
if not ROOT_USER or subprocess.run([*PREFIX, "true"], env=ENV, capture_output=True).returncode:
    tap.skip("a git that only its owner may look into", "it needs root, and mounts")
else:
    for d in TMP, hooks.dir:
        os.chmod(d, 0o755)
    os.chmod(ENV["GIT_CONFIG_GLOBAL"], 0o644)
    g = Gate(SHORT, hooks=hooks.dir, prefix=PREFIX, start=False)
    for repo in "r.git", "slow.git":
        g.repo(repo, "receive.unpackLimit=1")
    open(os.path.join(g.base, "slow.git", "slow"), "w").close()
    subprocess.run(["chown", "-R", "%d:%d" % (UID, UID), g.dir], check=True)
    g.start()
    serves(g, "unreadable git")
    stuck, half = begun(g, "r.git", None), begun(g, "r.git", 50000)
    pid = of(g, session(g, "r.git"))[-1]
    as_user = subprocess.run(["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups", "cat", "/proc/%d/syscall" % pid], capture_output=True, text=True)
    tap.ok("ermission denied" in as_user.stderr or "not permitted" in as_user.stderr, "unreadable git: its user may not look into it", as_user.stdout, as_user.stderr)
    code, out = end(popen(["git", "push", g.url("slow.git"), "HEAD:main"], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    tap.eq(code, 0, "unreadable git: a push whose hook is slower than every deadline succeeds", out)
    told = stuck.rest()[-100:], half.rest()[-100:]
    wait_for(lambda: not g.sessions(), "both to be ended")
    tap.eq(sorted(r["reason"] for r in g.reaped()), ["commands", "idle"], "unreadable git: two stuck pushes are ended, and nobody else", told, *g.reaped())
    tap.eq((g.status()["reduced_evidence"], len(g.events("scan.reduced"))), (True, 1), "unreadable git: that evidence is reduced is said")
    serves(g, "unreadable git, afterwards")
    wait_for(lambda: not leftovers(os.path.join(g.base, "r.git")), "leftovers to be removed")
    tap.eq(fsck(os.path.join(g.base, "r.git")), "", "unreadable git: fsck is clean")
    finish(tap, g)
tap.done()
