#!/usr/bin/python3
"""procview.py - what the gate sees of processes, or does not: run by r0010-procview.sh, as root.

/proc with each hidepid, not mounted at all, of another namespace, taken away. The gate is an ordinary user's, in a PID namespace of its own.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from gate import *                              # noqa: E402

UID = 9418
tap = Tap()
os.chmod(TMP, 0o755)
for d in ENV["GIT_CONFIG_GLOBAL"],:
    os.chmod(d, 0o644)
work = path("work")
git("init", "-q", work)
commit(work, "first", os.urandom(100000))
oid, pack = pack_of(work)
SHORT = {"deadline.init": "2s", "deadline.commands": "3s", "deadline.packStart": "3s", "deadline.idle": "2s", "deadline.hook": "5m", "deadline.grace": "500ms",
         "deadline.drain": "1s"}
LONG = {"deadline." + k: "5m" for k in ("init", "commands", "packStart", "idle")}


class Inside(Gate):
    """A gate of UID in a PID namespace of its own; mounts: lines of sh that make its /proc. Its status is asked from outside."""

    def __init__(self, mounts, settings, hooks=None, bin_dir=None):
        self.mounts = mounts
        script = "set -e; mount --make-rprivate /; mount -t proc proc /proc; %s\n" % mounts + 'exec setpriv --reuid %d --regid %d --clear-groups -- "$@"' % (UID, UID)
        super().__init__(settings, hooks=hooks, start=False, env={"PATH": (bin_dir + ":" if bin_dir else "") + ENV["PATH"]},
                         prefix=["unshare", "-mpf", "--kill-child", "sh", "-c", script, "sh"])
        if hooks:
            os.chmod(hooks, 0o755)
        for d in self.dir, self.base:
            os.chown(d, UID, UID)
        self.settings["listen.http"] = "127.0.0.1:0"

    def repo(self, name="r.git", *config):
        d = super().repo(name, *config)
        subprocess.run(["chown", "-R", "%d:%d" % (UID, UID), d], check=True)
        return d

    def begin(self):
        self.launch()
        wait_for(lambda: self.process.poll() is not None or self.events("gate.ready"), "the gate to be ready")
        if self.process.poll() is not None:
            return False
        self.ready()
        self.main = tree(self.process.pid)[1]
        return True

    def end(self):
        if self.process.poll() is None:
            os.kill(self.main, signal.SIGTERM)
        return self.process.wait(PATIENCE)


def served(g, what):
    for url in g.url("r.git"), g.http("r.git"):
        r = git("push", "-q", "--force", url, "HEAD:main", cwd=work, check=False)
        s = git("ls-remote", url, "main", check=False)
        tap.ok(r.returncode == 0 and oid in s.stdout, "%s: %s serves" % (what, url.split(":")[0]), r.stderr, s.stderr, g.text()[-1500:])


def goes_away(g, what):
    """/proc is unmounted under a gate that serves, and mounted again."""
    half = Raw(g)
    half.advertisement()
    half.commands(oid, "refs/heads/away")
    half.s.sendall(pack[:50000])
    wait_for(lambda: "pack" in [s["phase"] for s in g.sessions()], "half a push")
    before = len(g.reaped())
    inside = ["nsenter", "-t", str(g.main), "-m", "-p", "--"]
    subprocess.run(inside + ["mount", "-t", "tmpfs", "none", "/proc"], check=True)
    wait_for(lambda: g.events("scan.failed"), "the gate to say that it cannot look")
    begun = time.monotonic()
    wait_for(lambda: time.monotonic() - begun > 3 * IDLE, "every deadline to pass")
    r = git("push", "-q", "--force", g.url("r.git"), "HEAD:main", cwd=work, check=False)
    note("%s: a push without /proc: %d %s" % (what, r.returncode, r.stderr.strip()))
    tap.eq((len(g.reaped()), g.cli("health").returncode), (before, 0), "%s: /proc goes away: nobody is ended, and the gate answers" % what, *g.reaped())
    subprocess.run(inside + ["umount", "/proc"], check=True)
    half.rest()
    wait_for(lambda: len(g.reaped()) > before, "the stuck one to be ended when it can be looked at")
    served(g, what + ", /proc was away")


def view(what, mounts, reduced, bin_dir=None):
    """A stuck push is ended, or kept with a word; a healthy one, slower than every deadline, is never ended."""
    g = Inside(mounts, SHORT, bin_dir=bin_dir, hooks=Hooks(pre_receive="cat >/dev/null; [ ! -e slow ] || sleep 4").dir)
    g.begin()
    g.repo()
    slow = g.repo("slow.git")
    open(os.path.join(slow, "slow"), "w").close()
    served(g, what)
    stuck = Raw(g)
    stuck.advertisement()
    half = Raw(g)
    half.advertisement()
    half.commands(oid, "refs/heads/half")
    half.s.sendall(pack[:50000])
    p = popen(["git", "push", g.url("slow.git"), "HEAD:main"], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    code, out = end(p)
    tap.eq(code, 0, "%s: a push whose hook is slower than every deadline succeeds" % what, out)
    note("%s: stuck %r, half %r" % (what, stuck.rest()[-80:], half.rest()[-80:]))
    tap.eq(sorted(r["reason"] for r in g.reaped()), ["commands", "idle"], "%s: two stuck pushes are ended, and nobody else" % what, *g.reaped())
    tap.eq((g.status()["reduced_evidence"], bool(g.events("scan.reduced"))), (reduced, reduced), "%s: reduced evidence is %ssaid" % (what, "" if reduced else "not "))
    wait_for(lambda: not g.sessions(), "the sessions to be gone")
    if "hidepid=2" in mounts:
        goes_away(g, what)
    wait_for(lambda: not leftovers(os.path.join(g.base, "r.git")), "leftovers to be removed")
    tap.eq([fsck(os.path.join(g.base, d)) for d in ("r.git", "slow.git")], ["", ""], "%s: fsck is clean" % what)
    tap.eq((g.end(), g.events("gate.error")), (0, []), "%s: it stops with 0, and met no error" % what)


if sys.argv[1:] in ([], ["views"]):
    for n in "2", "1", "4", "0":
        view("hidepid=" + n, "mount -o remount,hidepid=%s /proc" % n, False)
    for what, mounts in ("no /proc", "mount -t tmpfs none /proc"), ("another PID namespace's /proc", "umount /proc"):
        g = Inside(mounts, SHORT)
        tap.ok(not g.begin() and g.process.wait(PATIENCE) == 2 and "git-gate: /proc, by which" in g.text(), "%s: the gate does not start, and says why" % what, g.text())
tap.done()
