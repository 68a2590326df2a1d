#!/usr/bin/python3
"""Upstream in trouble, through the whole gate, over git:// and HTTP: it refuses, is not who it should be, does not know us, says nothing, stops
mid-pack, goes away, loses its answer, has no room, has no such repository. Every push ends in the time that is set for it, the client reads the
truth, the next push is unaffected, other repositories are not delayed, both sides agree after the next fetch, and nothing is left.
"""
import urllib.request
from sshd import *

tap = Tap()
CONNECT, FORWARD, REFRESH, HOOK = 2, 15, 6, 60        # a healthy push is forwarded within them, too, on a busy machine
up, away, quiet = upstream(), upstream(), upstream()
base, sections, cases = path("gitbase"), {}, []
work = path("work")
git("init", "-q", work)
commit(work, "first", "first\n")


class Case:
    """A repository of the gate and its upstream. It counts as fresh, so that a push meets the forward before anything is fetched."""

    def __init__(self, name, server=up, transport="git", **section):
        self.name, self.server, self.transport, self.n = name + ".git", server, transport, 0
        self.dir, self.up = os.path.join(base, self.name), server.repo(self.name)
        git("push", "-q", self.up, "HEAD:main", cwd=work)
        git("clone", "-q", "-c", "pack.compression=0", "--bare", self.up, self.dir)      # what is large here is random
        git("remote", "remove", "origin", cwd=self.dir)
        self.identity, self.known_hosts = path(name + ".id"), path(name + ".hosts")
        self.mend()
        for key, value in {"upstream": server.url(self.up), "identityFile": self.identity, "knownHostsFile": self.known_hosts, "fresh": "1h", **section}.items():
            sections["repo.%s.%s" % (self.name, key)] = value
        self.work = path("work-" + name)
        git("clone", "-q", "-c", "pack.compression=0", self.dir, self.work)
        self.fresh()
        cases.append(self)

    def mend(self):
        """Key and host key as they should be."""
        shutil.copy(self.server.identity, self.identity)
        shutil.copy(self.server.known_hosts, self.known_hosts)

    def fresh(self):
        with open(os.path.join(self.dir, "git-gate.fresh"), "w") as f:
            f.write("ok %d %d\n" % (time.time() * 1000, time.time() * 1000))

    @property
    def url(self):
        return {"git": g.url, "http": g.http}[self.transport](self.name)

    def other_way(self):
        self.transport = "http" if self.transport == "git" else "git"

    def commit(self, content=None):
        self.n += 1
        commit(self.work, "f", content or "%s %d\n" % (self.name, self.n))
        return git("rev-parse", "HEAD", cwd=self.work).stdout.strip()

    def begin(self, *specs):
        self.began, self.seen = time.monotonic(), len(self.failed())
        return popen(["git", "push", self.url, *(specs or ("HEAD:main",))], cwd=self.work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")

    def failed(self):
        return [e["message"] for e in g.events("push.forward-failed", repo=self.name)]

    def refs(self, d):
        return git("for-each-ref", "--format=%(objectname) %(refname)", cwd=d).stdout

    def refused(self, p, what, *says, event=None, within=PATIENCE / 2):
        """The push has ended in time, as one that upstream did not take; what the client reads, and what is recorded."""
        code, text = end(p)
        took = time.monotonic() - self.began
        what = "%s over %s" % (what, self.transport)
        tap.ok(code == 1 and took < within, "%s: refused after %.1fs" % (what, took), code, text)
        for s in says:
            tap.ok(re.search(r"(?m)^remote: git-gate: .*" + re.escape(s), text), "%s: the client reads '%s'" % (what, s), text)
        new = wait_for(lambda: self.failed()[self.seen:], "push.forward-failed")
        tap.ok(len(new) == 1 and (event or says[0].replace("upstream push failed for ", "")) in new[0], "%s: push.forward-failed says so" % what, new)
        for hidden in self.identity, self.known_hosts, self.dir:
            tap.ok(hidden not in text, "%s: %s is not shown" % (what, os.path.basename(hidden)), text)
        return text

    def taken(self, what, p=None):
        """A push succeeds, and both sides have it."""
        p = p or (self.commit() and self.begin("+HEAD:main"))
        code, text = end(p)
        tip = git("rev-parse", "HEAD", cwd=self.work).stdout.strip()
        tap.ok(code == 0 and "remote: git-gate: forwarded main" in text, what, text)
        tap.ok(all(tip + " refs/heads/main" in self.refs(d) for d in (self.up, self.dir)), "%s: both sides have it" % what)
        return text

    def unserved(self, what, *says, fresh=True):
        """fresh: what is here is as fresh as before, so it is served; until it is not."""
        if fresh:
            tap.eq(git("ls-remote", self.url, check=False).returncode, 0, "%s: a fetch is served within .fresh" % what)
            os.unlink(os.path.join(self.dir, "git-gate.fresh"))
        r = git("ls-remote", self.url, check=False)
        tap.ok(r.returncode == 128 and not r.stdout and all(s in r.stderr for s in says), "%s: a fetch is refused, and says why" % what, r.stdout + r.stderr)

    def agree(self, what):
        """After one fetch."""
        r = git("ls-remote", self.url, check=False)
        g.settle()
        tap.ok(r.returncode == 0 and self.refs(self.up) == self.refs(self.dir), "%s: after a fetch gate and upstream have the same" % what,
               r.stderr, self.refs(self.up), self.refs(self.dir))
        left = leftovers(self.dir) + [f for f in os.listdir(self.dir) if f.startswith("git-gate.forward")]
        tap.eq((fsck(self.dir), fsck(self.up), left), ("", "", []), "%s: both are sound, and nothing is left" % what)

    def goes_on(self, what):
        self.other_way()
        self.taken("%s: the next push, over %s" % (what, self.transport))
        self.agree(what)


well = Case("well")
words = [Case("words-" + t, transport=t) for t in ("git", "http")]
nobody, stranger, none, refuses = Case("nobody"), Case("stranger", transport="http"), Case("none"), Case("refuses", away, "http")
stale = Case("stale", away, onStale="serve", fresh="0")
mid = [Case("mid-" + t, transport=t) for t in ("git", "http")]
asleep, silent, leaves = Case("asleep", transport="http"), Case("silent", quiet), Case("leaves", away)
lost = [Case("lost-" + t, transport=t) for t in ("git", "http")]
full, narrow = Case("full"), Case("narrow")
steps, filler = path("steps"), os.path.join(narrow.dir, "filler")
os.makedirs(os.path.join(steps, "pre-receive.d"))
g = Gate({"listen.http": "127.0.0.1:0", **PATIENT, "deadline.connect": "%ds" % CONNECT, "deadline.forward": "%ds" % FORWARD, "deadline.refresh": "%ds" % REFRESH,
          "deadline.hook": "%ds" % HOOK, "hook.dir": steps, **sections}, base=base)


def hook(case, name, script):
    file = os.path.join(case.up, "hooks", name)
    if script is None:
        return os.unlink(file)
    with open(file, "w") as f:
        f.write("#!/bin/sh\n" + script + "\n")
    os.chmod(file, 0o755)


def refusals():
    for c in words:
        t = c.transport
        c.taken("a push over " + t)
        # others were there first, and the gate thinks that it is fresh
        theirs = git("commit-tree", "-m", "theirs", "HEAD^{tree}", "-p", "HEAD", cwd=c.work).stdout.strip()
        git("push", "-q", c.up, theirs + ":refs/heads/main", cwd=c.work)
        c.commit()
        c.refused(c.begin(), "others were first", "upstream push failed for refs/heads/main: upstream has moved it from ", "fetch first", "nothing was sent")
        r = git("fetch", "-q", c.url, "main", cwd=c.work)
        tap.eq(git("rev-parse", "FETCH_HEAD", cwd=c.work).stdout.strip(), theirs, "a fetch has at once what it is told to fetch")
        git("rebase", "-q", "FETCH_HEAD", cwd=c.work)
        c.taken("rebased over %s it is taken" % t, c.begin())
        c.agree("others were first")
        tap.ok(not os.path.exists(os.path.join(c.dir, "git-gate.doubt")), "and nothing is in doubt")
        hook(c, "pre-receive", 'while read old new ref; do case $ref in *protected*) echo "GH006: Protected branch update failed for $ref." >&2; exit 1;; esac; done')
        c.refused(c.begin("HEAD:refs/heads/protected"), "protected", "upstream: GH006: Protected branch update failed for refs/heads/protected.",
                  "upstream push failed for refs/heads/protected: pre-receive hook declined", "upstream is unchanged", event="pre-receive hook declined (GH006: Protected branch update failed for refs/heads/protected.)")
        hook(c, "pre-receive", None)
        hook(c, "update", "echo 'closed on Sundays' >&2; exit 1")
        c.refused(c.begin("HEAD:refs/heads/x"), "an update hook", "upstream: closed on Sundays", "upstream push failed for refs/heads/x: hook declined", event="hook declined (closed on Sundays)")
        hook(c, "update", None)
        git("config", "receive.denyNonFastForwards", "true", cwd=c.up)
        git("reset", "-q", "--hard", "HEAD^", cwd=c.work)
        c.refused(c.begin("+HEAD:main"), "no force", "upstream push failed for refs/heads/main: non-fast-forward", "upstream is unchanged")
        git("config", "receive.denyNonFastForwards", "false", cwd=c.up)
        c.goes_on("refused")


def no_way():
    open(nobody.known_hosts, "w").close()
    shutil.copy(keygen(path("other")), stranger.identity)
    os.rename(none.up, none.up + ".moved")
    for c, what, says in ((nobody, "unknown host key", "upstream's host key is not the one that is pinned"), (stranger, "wrong key", "upstream does not accept the gate's key"),
                          (none, "no such repository", "none.git")):
        c.commit()
        c.refused(c.begin(), what, "upstream push failed for refs/heads/main: ", says, "nothing was sent", event=says)
        c.unserved(what, says)
        c.mend()
        if c is none:
            os.rename(none.up + ".moved", none.up)
        c.goes_on(what)


def hang():
    """All of them at once; another repository meanwhile."""
    big = os.urandom(6 << 20)
    marks = {c: path("at-" + c.name) for c in mid + [asleep, leaves]}
    for c in mid:
        up.behave("stops 300000 " + marks[c], c.name)
    up.behave("asleep " + marks[asleep], asleep.name)
    away.behave("stops 300000 " + marks[leaves], leaves.name)
    quiet.stop()
    mute = Silent(quiet.port)
    for c in mid + [asleep, silent, leaves]:
        c.commit(big)
    pushes = {c: c.begin() for c in mid + [asleep, leaves]}
    wait_for(lambda: all(os.path.exists(m) for m in marks.values()), "all to hang")
    for t in "git", "http":
        well.transport = t
        well.taken("another repository is pushed to over %s" % t)
    tap.eq([c.name for c in pushes if pushes[c].poll() is not None], [], "while the others hang")
    steps = wait_for(lambda: [s for s in g.sessions() if s["step"] == "forward"], "the sessions")
    tap.ok(len(steps) == 4 and all(s["phase"] == "hook" for s in steps), "and are seen to forward", steps)
    away.stop()
    leaves.refused(pushes[leaves], "upstream goes away", "upstream push failed for refs/heads/main: ", "upstream may have taken it or not, it cannot be asked: upstream refuses connections",
                   "fetch before you push again", event="what upstream has is not known")
    pushes[silent] = silent.begin()
    silent.refused(pushes[silent], "a silent listener", "upstream push failed for refs/heads/main: upstream accepted the connection and said nothing (deadline.connect)", "nothing was sent")
    silent.unserved("a silent listener", "said nothing")
    limit = "did not end within %ds (deadline.forward)" % FORWARD
    for c in mid:
        c.refused(pushes[c], "stops mid-pack", "upstream push failed for refs/heads/main: git push " + limit, "upstream is unchanged")
    asleep.refused(pushes[asleep], "silent after the login", "upstream push failed for refs/heads/main: git push " + limit, "nothing was sent")
    asleep.unserved("silent after the login", "git fetch did not end within %ds (deadline.refresh)" % REFRESH)
    mute.close()
    quiet.start()
    for c in mid + [asleep]:
        up.behave("", c.name)
    for c in mid + [asleep, silent]:
        c.goes_on("it hung")


WARNING = "warning: upstream could not be asked (upstream refuses connections), what is here is as of "


def served_stale():
    """With onStale = serve: in every version of the protocol, however much is wanted, by every client."""
    t, said = stale.transport, r"(?m)^remote: git-gate: %s[0-9.smh]+ ago *$" % re.escape(WARNING)
    for version in "0", "1", "2":
        for more in [], ["--depth=1"], ["--filter=blob:none", "--no-checkout"]:
            d = path("stale-%s-%s%s" % (t, version, "".join(more[:1])))
            r = git("-c", "protocol.version=" + version, "clone", "-q", *more, stale.url, d, check=False)
            what = "served what there is over %s, version %s %s" % (t, version, " ".join(more))
            tap.ok(r.returncode == 0 and "first" in git("ls-tree", "HEAD", cwd=d).stdout, what, r.stderr)
            tap.ok(len(re.findall(said, r.stderr)) == 1, what + ": the client is told", r.stderr)
            tap.eq(fsck(d) if not more else "", "", what + ": what it got is sound")
        r = git("-c", "protocol.version=" + version, "fetch", "-q", stale.url, "main", cwd=path("stale-%s-%s" % (t, version)), check=False)
        tap.ok(r.returncode == 0 and not r.stderr, "who needs no pack is not told, and is served, over %s, version %s" % (t, version), r.stderr)
    others = {"dulwich": "import sys, dulwich.porcelain as p\np.clone(sys.argv[1], sys.argv[2], errstream=sys.stderr.buffer)\n",
              "pygit2": "import sys, pygit2\npygit2.clone_repository(sys.argv[1], sys.argv[2])\n"}
    for name, code in others.items():
        d = path("stale-%s-%s" % (t, name))
        if subprocess.run(["/usr/bin/python3", "-c", "import " + name], capture_output=True).returncode:
            tap.skip("%s over %s" % (name, t), "no " + name)
            continue
        r = subprocess.run(["/usr/bin/python3", "-c", code, stale.url, d], capture_output=True, text=True, env=ENV, timeout=PATIENCE)
        tap.ok(r.returncode == 0 and os.path.exists(os.path.join(d, "first")), "%s over %s is served" % (name, t), r.stderr)


def stale_on_another_connection():
    """Over HTTP a request need not come on the connection of its advertisement: the last refresh counts then."""
    tip = git("rev-parse", "main", cwd=stale.dir).stdout.strip()
    packets = ["command=fetch\n", "object-format=sha1", None, "thin-pack", "want %s\n" % tip, "done\n"]
    body = "".join("0001" if p is None else "%04x%s" % (len(p) + 4, p) for p in packets) + "0000"
    request = urllib.request.Request(g.http(stale.name) + "/git-upload-pack", body.encode(), {"Git-Protocol": "version=2", "Content-Type": "application/x-git-upload-pack-request"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
        text = reply.read()
    tap.ok(("\2git-gate: " + WARNING).encode() in text and b"PACK" in text, "a request on another connection is told, too", text[:500])


def gone():
    """Nobody listens at upstream's address any more."""
    leaves.unserved("upstream is gone", "upstream refuses connections", fresh=False)
    refuses.commit()
    refuses.refused(refuses.begin(), "nobody listens", "upstream push failed for refs/heads/main: upstream refuses connections", "nothing was sent")
    refuses.unserved("nobody listens", "upstream refuses connections")
    for t in "git", "http":
        stale.transport = t
        served_stale()
        tap.ok([e for e in g.events("refresh.failed", repo=stale.name) if "upstream refuses connections" in e["message"]], "and refresh.failed says why")
        stale.commit()
        stale.refused(stale.begin(), "serve is not accept", WARNING, "upstream push failed for refs/heads/main: upstream refuses connections", "nothing was sent",
                      event="upstream refuses connections")
    stale_on_another_connection()
    well.taken("another repository, meanwhile")
    away.behave("", leaves.name)
    away.start()
    for c in leaves, refuses, stale:
        c.goes_on("it was gone")
    for t in "git", "http":
        stale.transport = t
        r = git("clone", "-q", stale.url, path("fresh-" + t), check=False)
        tap.ok(r.returncode == 0 and "warning" not in r.stderr, "nobody is warned any more over " + t, r.stderr)


def answers():
    for c in lost:
        new = c.commit()
        up.behave("mute", c.name)
        text = c.taken("the answer is lost, upstream has it", c.begin())
        tap.ok("git-gate: upstream has taken it, though its answer did not arrive" in text, "and the client is told so", text)
        up.behave("nolist", c.name)
        new = c.commit()
        c.refused(c.begin(), "nobody knows", "upstream may have taken it or not, it cannot be asked", event="what upstream has is not known")
        tap.ok(new in c.refs(c.up) and new not in c.refs(c.dir), "upstream has it, the gate has not")
        up.behave("", c.name)
        c.agree("nobody knows")
        tap.ok(new in c.refs(c.dir), "which a fetch brings")
        c.goes_on("answers are lost")


def disk_full():
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", full.up], capture_output=True).returncode:
        return tap.skip("upstream's disk is full", "no tmpfs can be mounted")
    try:
        git("init", "-q", "--bare", full.up)
        git("push", "-q", full.up, "HEAD:main", cwd=work)
        full.commit(os.urandom(4 << 20))
        full.refused(full.begin(), "upstream's disk is full", "upstream push failed for refs/heads/main", "No space left on device", "upstream is unchanged", event="unpacker error (fatal: unable to write loose object file: No space left")
        git("reset", "-q", "--hard", "HEAD^", cwd=full.work)
        full.goes_on("no room")
    finally:
        subprocess.run(["umount", full.up], check=True)


def gate_full():
    """The gate's own disk: for the pack, between the pack and the forward, between upstream's yes and the references here."""
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", narrow.dir], capture_output=True).returncode:
        return tap.skip("the gate's disk is full", "no tmpfs can be mounted")
    fill = "#!/bin/sh\ncat >/dev/null; cat /dev/zero >%s 2>/dev/null; exit 0\n" % filler
    step = os.path.join(steps, "pre-receive.d", "50-fill")
    try:
        git("clone", "-q", "--bare", narrow.up, narrow.dir)
        git("remote", "remove", "origin", cwd=narrow.dir)
        narrow.fresh()
        narrow.commit(os.urandom(4 << 20))
        code, text = end(narrow.begin())
        tap.ok(code == 1 and "No space left on device" in text and not narrow.failed(), "no room for the pack: refused", text)
        git("reset", "-q", "--hard", "HEAD^", cwd=narrow.work)
        narrow.goes_on("no room for the pack")
        with open(step, "w") as f:
            f.write(fill)
        os.chmod(step, 0o755)
        before = narrow.refs(narrow.up)
        narrow.fresh()
        narrow.commit()
        code, text = end(narrow.begin())
        tap.ok(code == 1 and re.search("remote: git-gate: push refused: .*(No space left on device|couldn't write)", text) and narrow.refs(narrow.up) == before, "no room to forward: refused, upstream is unchanged", text)
        os.unlink(step)
        os.unlink(filler)
        narrow.goes_on("no room to forward")
        hook(narrow, "pre-receive", fill)
        new = narrow.commit()
        # what the forward gives back has room for one reference
        code, text = end(narrow.begin("--atomic", *("HEAD:refs/heads/many/%d" % i for i in range(200))))
        g.settle()
        hook(narrow, "pre-receive", None)
        tap.ok(code == 1 and text.count("! [remote rejected]") == 200 and "remote: git-gate: forwarded 200 references" in text, "no room to move references: the client reads both", text)
        tap.ok(new in narrow.refs(narrow.up) and new not in narrow.refs(narrow.dir), "upstream has it, the gate has not")
        tap.eq([e["repo"] for e in wait_for(lambda: g.events("push.diverged"), "push.diverged")], [narrow.name], "push.diverged")
        os.unlink(filler)
        narrow.agree("no room to move references")
        tap.ok(new in narrow.refs(narrow.dir), "a fetch brings it")
        narrow.goes_on("no room to move references")
    finally:
        g.settle()
        subprocess.run(["umount", narrow.dir], check=True)


for test in (refusals, no_way, hang, gone, answers, disk_full, gate_full):
    if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]:
        test()
g.settle()
tap.eq(g.reaped(), [], "no session was ended by the gate")
tap.eq([e for e in g.events("push.diverged") if e["repo"] != narrow.name], [], "nothing else diverged")
for server in up, away, quiet:
    server.stop()
finish(tap, g)
