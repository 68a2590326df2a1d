#!/usr/bin/python3
"""A base path that cannot be written to from the very start, belongs to somebody else, or goes away (its file system is unmounted lazily) and comes
back, and files that may not grow, as far as anybody can make them: the gate starts, serves what it can, and says why what it cannot.

What is full, or becomes read-only later: t0168. Namespaces are used where they can be had, permissions and limits of the process everywhere.
"""
from gate import *

tap = Tap()
ROOT_USER = os.geteuid() == 0
os.chmod(TMP, 0o755)
seed = path("seed")
git("init", "-q", seed)
commit(seed, "first", "first\n")
latch = Latch()
hooks = Hooks(pre_receive="cat >/dev/null; [ ! -e %s ] || { %s; }" % (path("hold"), latch.command))
os.chmod(hooks.dir, 0o755)


def make_repo(base, name="r.git"):
    d = os.path.join(base, name)
    git("init", "-q", "--bare", d)
    git("config", "receive.unpackLimit", "1", cwd=d)
    git("push", "-q", d, "HEAD:main", cwd=seed)
    return d


def pushes(g):
    """What a client is told of a push of something new, by transport; '' when it is accepted."""
    said = {}
    for url in g.url("r.git"), g.http("r.git"):
        commit(seed, "f", "%d %s\n" % (tap.n, url))
        r = git("push", url, "HEAD:refs/heads/n%d" % tap.n, cwd=seed, check=False)
        said[url.split(":")[0]] = r.stderr if r.returncode else ""
    return said


def fetches(g, name="r.git"):
    said = {}
    for url in g.url(name), g.http(name):
        r = git("ls-remote", url, check=False)
        said[url.split(":")[0]] = r.stderr if r.returncode else ""
    return said


WELL = {"git": "", "http": ""}


def refused(what, said, *words):
    for transport, text in said.items():
        tap.ok([w for w in words if w in text] and re.search("git-gate: |remote error: no such repository", text), "%s: over %s it is refused, and told why" % (what, transport), text)


def quiet(what, g, reaped=()):
    wait_for(lambda: not g.sessions(), "sessions to end")
    tap.eq((g.events("gate.error"), [e["reason"] for e in g.reaped()], g.cli("health").returncode), ([], list(reaped), 0), "%s: the gate answers, has met no error, and has ended nobody" % what)


# --- permissions alone: whoever is not root ----------------------------------------------------------------------------------------------
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"] if ROOT_USER else []


def as_user(base, **more):
    """A gate of a user who is not root; base belongs to that one."""
    g = Gate({**PATIENT, "listen.http": "127.0.0.1:0", **more}, base=base, hooks=hooks.dir, start=False, prefix=NOBODY)
    run = os.path.dirname(g.control)
    os.makedirs(run, exist_ok=True)
    if ROOT_USER:
        subprocess.run(["chown", "-R", "65534:65534", base, run], check=True)
    return g


def mode(d, how):
    subprocess.run(["chmod", "-R", how, d], check=True)


base = path("mode")
repo = make_repo(base)
mode(base, "a-w")
g = as_user(base)
try:
    g.start()
except RuntimeError as e:
    tap.ok(False, "a base path that may not be written to: the gate starts", e)
    tap.done()
tap.eq(fetches(g), WELL, "a base path that may not be written to: fetches are served")
refused("a base path that may not be written to", pushes(g), "cannot be written to: Permission denied")
mode(base, "u+w")
tap.eq(pushes(g), WELL, "may be written to again: pushes are accepted, without a restart")
quiet("a base path that may not be written to", g)
tap.eq((leftovers(repo), fsck(repo)), ([], ""), "nothing is left, and it is sound")

# --- of another owner ---------------------------------------------------------------------------------------------------------------------
if ROOT_USER:
    subprocess.run(["chown", "-R", "0:0", base], check=True)
    refused("a repository that becomes another's", fetches(g), "owne")
    refused("a repository that becomes another's", pushes(g), "owne", "cannot be written to")
    subprocess.run(["chown", "-R", "65534:65534", repo], check=True)
    tap.eq(pushes(g), WELL, "of a base path that is another's, what is the gate's own is served")
    q = as_user(path("empty-base") if os.makedirs(path("empty-base")) is None else "")
    subprocess.run(["chown", "0:0", q.base], check=True)
    q.start()
    refused("a base path that was another's from the start", fetches(q), "no such repository")
    quiet("a base path that was another's from the start", q)
    q.stop()
else:
    q = Gate({**PATIENT, "listen.http": "127.0.0.1:0", "gate.basePath": "/usr/share"}, hooks=hooks.dir)
    refused("a base path of root's", fetches(q), "no such repository")
    quiet("a base path of root's", q)
    q.stop()
g.stop()

# --- files that may not grow: no quota can be made here, but the limit of a process can ------------------------------------------------------
base = path("small")
repo = make_repo(base)
# the gate's log has the same limit
g = as_user(base)
g.prefix = [*NOBODY, "prlimit", "--fsize=200000", "--"]
g.start()
big = path("big")
git("clone", "-q", seed, big)
commit(big, "big", os.urandom(1 << 20))
for url in g.url("r.git"), g.http("r.git"):
    r = git("push", url, "HEAD:refs/heads/big", cwd=big, check=False)
    tap.ok(r.returncode and "unpack" in r.stderr, "a pack that may not be written: the push over %s is refused" % url.split(":")[0], r.stderr)
tap.eq(pushes(g), WELL, "a small one is accepted")
wait_for(lambda: not leftovers(repo), "what the large ones left to be removed")
tap.ok(True, "what the large ones left is removed")
n = 0
while len(g.text()) < 150000 and n < 3000:       # then the log is as large as it may be
    n += 1
    g.request(cmd="reload")
for _ in range(400):
    g.request(cmd="reload")
tap.ok(g.status()["dropped_events"] > 0, "the log may not grow: what is lost is counted")
tap.eq((pushes(g), fetches(g), g.cli("health").returncode), (WELL, WELL, 0), "and the gate serves")
tap.eq((leftovers(repo), fsck(repo)), ([], ""), "nothing is left, and it is sound")
tap.eq(g.stop(), 0, "it stops with 0")

# --- file systems of the gate's own ----------------------------------------------------------------------------------------------------------
MOUNT = ["unshare", "--mount"] + ([] if ROOT_USER else ["--user", "--map-root-user"]) + ["--"]
if subprocess.run(MOUNT + ["sh", "-c", "mount -t tmpfs none /mnt"], env=ENV, capture_output=True).returncode:
    tap.skip("a base path that is mounted read-only, or goes away", "nothing can be mounted here")
    tap.done()


class Mounted(Gate):
    """Its base path is a file system that only it and its sessions see as such; keep is the directory it is filled from."""

    def __init__(self, options):
        self.keep, base = path("keep%d" % Gate.count), path("mounted%d" % Gate.count)
        make_repo(self.keep)
        os.mkdir(base)
        super().__init__({**PATIENT, "listen.http": "127.0.0.1:0"}, base=base, hooks=hooks.dir, start=False)
        self.mount = 'mount -t tmpfs none "$1" && cp -a "$2/." "$1/" && mount -o "remount,$3" "$1"'
        self.options = options
        self.prefix = MOUNT + ["sh", "-c", self.mount + ' || exit 9\nshift 3; exec "$@"', "sh", base, self.keep, options]
        self.launch()
        self.ready(lambda _: self.cli("health", "--ready").returncode == 0)
        self.inner = wait_for(lambda: [p for p in tree(self.process.pid) if cmdline(p).startswith(GATE + " run")], "the gate")[0]

    def inside(self, *command):
        return subprocess.run(["nsenter", "-t", str(self.inner), "-m", *([] if ROOT_USER else ["-U", "--preserve-credentials"]), *command], env=ENV, cwd="/",
                              capture_output=True, text=True, timeout=PATIENCE)

    def end(self):
        os.kill(self.inner, signal.SIGTERM)
        return self.process.wait(PATIENCE)


g = Mounted("ro")
tap.eq(fetches(g), WELL, "mounted read-only from the start: fetches are served")
refused("mounted read-only from the start", pushes(g), "Read-only file system; the operator has to look at the file system of gate.basePath")
tap.eq(g.inside("mount", "-o", "remount,rw", g.base).returncode, 0, "it is remounted rw")
tap.eq(pushes(g), WELL, "pushes are accepted, without a restart")
quiet("mounted read-only from the start", g)
tap.eq(g.end(), 0, "it stops with 0")

g = Mounted("rw")
tap.eq(pushes(g), WELL, "a file system that is there: pushes are accepted")
open(path("hold"), "w").close()
held = [popen(["git", "push", url, "HEAD:refs/heads/held"], cwd=seed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for url in (g.url("r.git"), g.http("r.git"))]
latch.reached(2)
os.unlink(path("hold"))
r = g.inside("umount", "-l", g.base)
tap.eq(r.returncode, 0, "it goes away while two pushes are in their hooks", r.stderr)
refused("it has gone away", fetches(g), "no such repository")
refused("it has gone away", pushes(g), "no such repository")
wait_for(lambda: len(g.sessions()) == 2, "the others to be gone")
tap.eq([p.poll() for p in held], [None, None], "the two go on")
latch.release(2)
for p in held:
    code, out = end(p)
    tap.ok(code == 0 or re.search("git-gate: |rejected|error: |fatal: ", out), "each of them ends, %s" % ("well" if code == 0 else "with a reason"), out)
quiet("it has gone away", g)
r = g.inside("sh", "-c", g.mount, "sh", g.base, g.keep, "rw")
tap.eq(r.returncode, 0, "another is mounted in its place", r.stderr)
tap.eq((pushes(g), fetches(g)), (WELL, WELL), "it is served, without a restart")
r = g.inside("git", "-C", os.path.join(g.base, "r.git"), "fsck", "--strict", "--no-dangling")
tap.eq(r.returncode, 0, "and sound", r.stderr)
quiet("it has come back", g)
tap.eq(g.end(), 0, "it stops with 0")

# --- a cleanup that fails as a whole ----------------------------------------------------------------------------------------------
g = Gate(PATIENT)
make_repo(g.base)
c = Raw(g)
c.advertisement()
os.rename(g.base, g.base + ".away")
g.cli("kill", g.sessions()[0]["id"])
# what the start has looked for may be under way
wait_for(lambda: "cannot open '%s': No such file or directory" % g.base in [e["message"] for e in g.events("cleanup.failed")], "a word on the cleanup")
tap.ok(True, "what a cleanup cannot even begin with is in the log")
os.rename(g.base + ".away", g.base)
c.close()
tap.eq(g.stop(), 0, "the gate stops with 0")

# --- it goes away for good, and the gate is started again ----------------------------------------------------------------------------------------
gone = Gate({**PATIENT, "gate.basePath": path("never", "mounted")}, start=False)
os.makedirs(path("never"))
gone.launch()
tap.eq(gone.process.wait(PATIENCE), 2, "without its base path no gate starts")
tap.ok("gate.basePath: %s: No such file or directory; create it, or set gate.basePath" % path("never", "mounted") in gone.text(), "and says what is missing", gone.text())
tap.done()
