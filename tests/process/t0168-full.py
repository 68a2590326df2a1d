#!/usr/bin/python3
"""No space, no inodes, or a file system that cannot be written to, below the gate that serves from it: a push is refused and told why, a fetch
goes on, nothing is left, upstream and gate agree in the end, and once there is space again all works, without a restart."""
from sshd import *

tap = Tap()
MOUNT = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"]) + ["--"]
if subprocess.run(MOUNT + ["sh", "-c", "mount -t tmpfs none /mnt"], env=ENV, capture_output=True).returncode:
    skip_all("nothing can be mounted here")
up = upstream()
seed = path("seed")
git("init", "-q", seed)
commit(seed, "first", "first\n")
hooks = Latch()


class Small(Gate):
    """One whose base path, log and scratch directory are file systems of a megabyte or so, which only it and its sessions see as such."""

    def __init__(self, **settings):
        d = path("small%d" % (Gate.count + 1))
        self.base, self.logs, self.scratch = (os.path.join(d, name) for name in ("git", "logs", "scratch"))
        for x in self.base, self.logs, self.scratch:
            os.makedirs(x)
        mirrored = up.mirrored(self.base, seed=seed)        # the clone stays outside; its settings count
        super().__init__({"listen.http": "127.0.0.1:0", "hook.scratch": self.scratch, "deadline.hook": "5m", **PATIENT, **mirrored, **settings}, base=self.base, start=False)
        # stderr is a file on a file system of its own, too
        self.prefix = MOUNT + ["sh", "-c", 'mount -t tmpfs -o size=2m,nr_inodes=600 none "$1"; mount -t tmpfs -o size=256k none "$2"; mount -t tmpfs -o size=2m none "$3"\n'
                               'log=$2/log; shift 3; exec "$@" 2>>"$log"', "sh", self.base, self.logs, self.scratch]

    def go(self):
        self.launch()
        self.ready(lambda _: self.cli("health", "--ready").returncode == 0)
        self.inner = wait_for(lambda: [p for p in tree(self.process.pid) if cmdline(p).startswith(GATE + " run")], "the gate")[0]
        for name in "l.git", "r.git":
            self.inside("git", "init", "-q", "--bare", os.path.join(self.base, name), check=True)
        self.inside("git", "-C", os.path.join(self.base, "l.git"), "config", "receive.unpackLimit", "1", check=True)
        for name in "l.git", "r.git":
            tap.eq(self.pushes(name, "git", "HEAD:main"), "", "%s: there is space, and a push is accepted" % name)
        return self

    def inside(self, *command, check=False):
        r = subprocess.run(["nsenter", "-t", str(self.inner), "-m", *([] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]), *command], env=ENV,
                           cwd="/", capture_output=True, text=True, timeout=PATIENCE)
        if check and r.returncode:
            raise RuntimeError("%s: %s" % (command, r.stderr))
        return r

    def text(self):
        """Without lines that were cut off for want of space; the next one begins on a line of its own."""
        lines = self.inside("cat", os.path.join(self.logs, "log")).stdout.splitlines(keepends=True)
        return "".join(line for line in lines if line.endswith("}\n") or not line.startswith("{"))

    def all_events(self):
        return [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]

    def pushes(self, name, transport, spec, work=seed):
        """What the client is told when it is refused, '' when it is not."""
        r = git("push", {"git": self.url, "http": self.http}[transport](name), spec, cwd=work, check=False)
        return r.stderr if r.returncode else ""

    def fetches(self, name, transport):
        r = git("ls-remote", {"git": self.url, "http": self.http}[transport](name), check=False)
        return r.stderr if r.returncode else ""

    def fill(self, where=None):
        self.inside("sh", "-c", "cat /dev/zero >%s/filler 2>/dev/null" % (where or self.base))

    def free(self, where=None):
        self.inside("sh", "-c", "rm -rf %s/filler*" % (where or self.base))

    def fill_inodes(self):
        self.inside("sh", "-c", "mkdir %s/filler; i=0; while : >%s/filler/$i; do i=$((i + 1)); done 2>/dev/null" % (self.base, self.base))

    def left(self):
        return self.inside("sh", "-c", "find %s -name 'tmp_*' -o -name 'incoming-*' -o -name '*.lock' ! -name git-gate.lock -o -name '*.keep'; ls %s"
                           % (self.base, self.scratch)).stdout

    def whole(self, what):
        """After a trouble, and again when it is over."""
        wait_for(lambda: not self.sessions(), "sessions to end")
        try:
            wait_for(lambda: not self.left(), "leftovers to go", 20)
            tap.ok(True, "%s: nothing is left of it" % what)
        except TimeoutError:
            tap.ok(False, "%s: nothing is left of it" % what, self.left())
        for name in "l.git", "r.git":
            r = self.inside("git", "-C", os.path.join(self.base, name), "fsck", "--strict", "--no-dangling")
            tap.eq(r.returncode, 0, "%s: %s is sound" % (what, name), r.stderr)

    def serves(self, what):
        """A push and a fetch on each transport, and upstream and the gate agree."""
        for transport in "git", "http":
            for name in "l.git", "r.git":
                commit(seed, "f", "%s %d\n" % (what, tap.n))
                tap.eq(self.pushes(name, transport, "HEAD:refs/heads/n%d" % tap.n), "", "%s: afterwards a push to %s over %s is accepted" % (what, name, transport))
                tap.eq(self.fetches(name, transport), "", "%s: and a fetch served" % what)
        mine = self.inside("git", "-C", os.path.join(self.base, "r.git"), "for-each-ref", "--format=%(objectname) %(refname)").stdout
        tap.eq(mine, git("for-each-ref", "--format=%(objectname) %(refname)", cwd=os.path.join(up.base, "r.git")).stdout, "%s: upstream and gate have the same" % what)
        self.whole(what)
        tap.eq(self.reaped(), [], "%s: nobody was ended" % what)

    def record(self, *words):
        """An event of weight that names all of the words."""
        return [e for e in self.events() if e["priority"] not in ("debug", "info") and all(w in e["message"] for w in words)]


big = path("big")
git("clone", "-q", seed, big)
commit(big, "big", os.urandom(3 << 20))
g = Small().go()

# --- no space, no inodes ------------------------------------------------------------------------------------------------------

for what, fill, work, fits in (("a push larger than the disk", lambda: None, big, True), ("no space", g.fill, seed, False), ("no inodes", g.fill_inodes, seed, False)):
    fill()
    for name, transport in (("l.git", "git"), ("l.git", "http"), ("r.git", "git"), ("r.git", "http")):
        commit(seed, "f", "%s %d\n" % (what, tap.n))
        said = g.pushes(name, transport, "HEAD:refs/heads/never%d" % tap.n, work=work)
        tap.ok("No space left on device" in said, "%s: the push to %s over %s is refused, and told why" % (what, name, transport), said)
    tap.eq((g.fetches("l.git", "git"), g.fetches("l.git", "http")), ("", ""), "%s: fetches go on" % what)
    g.whole(what)
    g.free()
    g.serves(what)

# --- upstream has news, and there is no room for them ---------------------------------------------------------------------------

g.fill()
commit(seed, "f", "news\n")
git("push", "-q", os.path.join(up.base, "r.git"), "HEAD:news", cwd=seed)
said = g.fetches("r.git", "git")
tap.ok("git-gate: " in said and "No space left on device" in said, "no space for upstream's news: the client is told", said)
tap.ok(wait_for(lambda: g.events("refresh.failed", repo="r.git"), "refresh.failed"), "and it is on record")
g.free()
g.serves("news of upstream")

# --- the disk is full when upstream has taken the push, and the references here cannot move any more ------------------------------

hook = os.path.join(up.base, "r.git", "hooks", "pre-receive")
os.makedirs(os.path.dirname(hook), exist_ok=True)
# what the forward gives back meanwhile is taken, too, and before git can
FILLER = """import os, sys
f = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
while True:
    try:
        os.write(f, bytes(4096))
    except OSError:
        pass
"""


def push_late(name):
    """A push that upstream has taken when the disk here is filled; exit code and output."""
    put_script(hook, "cat >/dev/null; " + hooks.command)
    commit(seed, "f", "%s\n" % name)
    p = popen(["git", "push", g.url("r.git"), "HEAD:refs/heads/" + name], cwd=seed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    hooks.reached()
    filler = popen(["nsenter", "-t", str(g.inner), "-m", *([] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]), sys.executable, "-c", FILLER,
                    os.path.join(g.base, "filler")])
    wait_for(lambda: g.inside("sh", "-c", ": >%s/one; echo x >%s/one; r=$?; rm -f %s/one; exit $r" % (g.base, g.base, g.base)).returncode, "it to be full")
    hooks.release()
    code, out = end(p)
    filler.kill()
    filler.wait()
    os.unlink(hook)
    g.free()
    return code, out


# on a busy machine git may have taken back the room before the filler can: then once more, with another
for attempt in range(8):
    code, out = push_late("late%d" % attempt)
    if code:
        break
if code:
    tap.ok("No space left" in out or "failed to" in out, "full when upstream had it: the client is told what git says", out)
tap.ok(code != 0, "full when upstream had it: the references here could not move", out)
tap.ok(wait_for(lambda: g.events("push.diverged", repo="r.git"), "push.diverged"), "full when upstream had it: it is on record")
g.serves("full when upstream had it")

# --- hook.scratch -----------------------------------------------------------------------------------------------------------------

scanner = path("scanner")
put_script(scanner, "exit 0")
tight = Small(**{"hook.scanner": "command", "hook.scannerCommand": scanner}).go()
tight.fill(tight.scratch)
for transport in "git", "http":
    commit(seed, "f", "scratch %s\n" % transport)
    said = tight.pushes("l.git", transport, "HEAD:refs/heads/scratch")
    tap.ok("git-gate: " in said and "hook.scratch" in said, "hook.scratch is full: the push is refused over %s, and the setting named" % transport, said)
tap.ok([e for e in tight.events("push.rejected") + tight.events("push.step-failed") if "hook.scratch" in e["message"]], "hook.scratch is full: on record", tight.text()[-1500:])
tight.free(tight.scratch)
tight.serves("hook.scratch")

# --- the log ------------------------------------------------------------------------------------------------------------------------

tight.fill(tight.logs)
said, n = [], 0
while not tight.status()["dropped_events"] and n < 20:      # the file's last block takes a few yet
    n += 1
    commit(seed, "f", "unlogged %d\n" % n)
    said.append(tight.pushes("l.git", "git", "HEAD:refs/heads/unlogged"))
tap.eq("".join(said), "", "no space for the log: pushes are accepted")
tap.ok(tight.status()["dropped_events"], "and what is lost is counted")
tight.free(tight.logs)
wait_for(lambda: tight.events("log.dropped"), "what was lost to be told, with nothing else to say")
told = sum(int(re.match(r"\d+", e["message"])[0]) for e in tight.events("log.dropped"))
tap.eq(told, tight.status()["dropped_events"], "no space for the log: what was lost is told once there is")
tight.serves("the log")

# --- read-only ------------------------------------------------------------------------------------------------------------------------

for how in "ro", "rw":
    r = tight.inside("mount", "-o", "remount,%s" % how, tight.base)
    tap.eq(r.returncode, 0, "the base path is remounted %s" % how, r.stderr)
    if how == "ro":
        for name in "l.git", "r.git":
            for transport in "git", "http":
                commit(seed, "f", "ro %s %s\n" % (name, transport))
                said = tight.pushes(name, transport, "HEAD:refs/heads/ro")
                tap.ok("Read-only file system" in said or "read-only" in said, "read-only: the push to %s over %s is refused, and told why" % (name, transport), said)
                tap.eq(tight.fetches(name, transport) if name == "l.git" else "", "", "read-only: and a fetch of what needs no refresh is served")
        said = tight.fetches("r.git", "git")
        tap.ok("git-gate: " in said and "ead-only" in said, "read-only: a fetch that needs a refresh is told why it cannot be", said)
        tap.ok(tight.record("ead-only"), "read-only: on record", tight.text()[-3000:])
tight.serves("read-only for a while")
tap.eq((g.events("gate.error"), tight.events("gate.error")), ([], []), "no error of the gate's own")
for x in g, tight:
    os.kill(x.inner, signal.SIGTERM)
    tap.eq(x.process.wait(PATIENCE), 0, "it stops with 0")
tap.done()
