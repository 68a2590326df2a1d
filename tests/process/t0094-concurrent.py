#!/usr/bin/python3
"""Twenty pushes to one branch and twenty to branches of their own at once, of two repositories, over git:// and HTTP, while processes of the
sessions are killed as a seed says ($SEED repeats it); then the same with the gate itself killed and started again. Nothing that a client was told
had succeeded is lost, and after one fetch gate and upstream have the same.
"""
import random

from sshd import *

tap = Tap()
up = upstream()
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
note("SEED=%d repeats the plan" % SEED)
KILLS, TRIES, BUDGET = 25, 8, 25
KINDS = ("pre-receive", "post-receive", "pre-push", "refresh", "git push", "git fetch", "ssh", "receive-pack", "index-pack", "unpack-objects", "upload-pack", "update-ref")
base, sections = path("gitbase"), {}
seed = path("seed")
git("init", "-q", seed)
commit(seed, "first", "first\n")
for name, fresh in ("one.git", "2s"), ("two.git", "0"):
    there, here = up.repo(name), os.path.join(base, name)
    git("push", "-q", there, "HEAD:main", cwd=seed)
    git("clone", "-q", "--bare", there, here)
    git("remote", "remove", "origin", cwd=here)
    git("config", "receive.unpackLimit", {"one.git": "1", "two.git": "100"}[name], cwd=here)        # index-pack, unpack-objects
    sections.update({"repo.%s.upstream" % name: up.url(there), "repo.%s.identityFile" % name: up.identity, "repo.%s.knownHostsFile" % name: up.known_hosts,
                     "repo.%s.fresh" % name: fresh})
LONG = {**PATIENT, "deadline.hook": "2m", "limit.sessions": "200"}
g = Gate({"listen.http": "127.0.0.1:0", **LONG, **sections}, base=base)
g.settings.update({"listen.git": "127.0.0.1:%d" % g.port, "listen.http": "127.0.0.1:%d" % g.http_port})      # the same after a restart


class Pusher(threading.Thread):
    """Pushes commits of its own to a branch, each a few times; told: those of which it was told that they are there."""

    count = 0

    def __init__(self, repo, branch, commits, until):
        super().__init__(daemon=True)
        Pusher.count += 1
        self.repo, self.branch, self.commits, self.until, self.told, self.said = repo, branch, commits, until, [], []
        self.url = (g.url if Pusher.count % 2 else g.http)(repo)
        self.n, self.work = Pusher.count, path("pusher%d" % Pusher.count)

    def fetch(self):
        for ref in self.branch, "main":
            r = git("fetch", "-q", self.url, ref, cwd=self.work, check=False)
            if r.returncode == 0:
                return git("rev-parse", "FETCH_HEAD", cwd=self.work).stdout.strip()
        return None

    def attempt(self, i):
        tip = self.fetch()
        if not tip:
            return False
        blob = subprocess.run(["git", "hash-object", "-w", "--stdin"], input=os.urandom(300000), cwd=self.work, env=ENV, capture_output=True, check=True).stdout.decode().strip()
        git("read-tree", tip, cwd=self.work)
        git("update-index", "--add", "--cacheinfo", "100644,%s,f%d" % (blob, self.n), cwd=self.work)
        tree = git("write-tree", cwd=self.work).stdout.strip()
        oid = git("commit-tree", "-p", tip, "-m", "%d of %d" % (i, self.n), tree, cwd=self.work).stdout.strip()
        r = git("push", self.url, "%s:refs/heads/%s" % (oid, self.branch), cwd=self.work, check=False)
        if r.returncode == 0:
            self.told.append(oid)
        self.said.append((r.returncode, r.stderr))
        return r.returncode == 0

    def run(self):
        git("init", "-q", self.work)
        for i in range(self.commits):
            for _ in range(TRIES):
                if self.attempt(i) or time.monotonic() > self.until:
                    break


def kind_of(pid):
    text = cmdline(pid)
    words = text.split()
    first = os.path.basename(words[0]) if words else ""
    if first in ("git-gate-hook", "ssh"):
        return "refresh" if "refresh" in words else first
    return next((k for k in KINDS if k in text[:200].replace("git-core/", "")), "")


def killer(rng, running, kills):
    """As the plan says: wait, then end one of a kind, or of any when there is none of it for a while."""
    done = []
    for _ in range(kills):
        pause, kind, which = rng.uniform(0.02, 0.4), rng.choice(KINDS), rng.random()
        end_at = time.monotonic() + pause
        while running() and time.monotonic() < end_at:
            time.sleep(0.005)
        while running():
            late = time.monotonic() > end_at + 0.5
            found = sorted((p, k) for p, k in ((p, kind_of(p)) for p in g.processes()) if k)
            others = sorted({k for _, k in found})
            of = others[int(which * 997) % len(others)] if late and others else kind        # some are many and others few
            found = [f for f in found if f[1] in (kind, of)]
            if found:
                pid, k = found[int(which * len(found))]
                if signal_one_of(pid, signal.SIGKILL, g.processes):
                    done.append(k)
                break
            time.sleep(0.005)
    return done


def refs(d):
    return dict(reversed(line.split()) for line in git("for-each-ref", "--format=%(objectname) %(refname)", cwd=d).stdout.splitlines())


def check(what, pushers):
    g.settle()
    for repo in "one.git", "two.git":
        here, there = os.path.join(base, repo), os.path.join(up.base, repo)
        wait_for(lambda: not [p for p in tree(up.process.pid)[1:] if "receive-pack" in cmdline(p)], "upstream to have ended what it does")
        r = git("ls-remote", g.url(repo), check=False)
        g.settle()
        tap.ok(r.returncode == 0 and refs(here) == refs(there), "%s: %s: after one fetch gate and upstream have the same" % (what, repo), r.stderr,
               sorted(set(refs(here).items()) ^ set(refs(there).items())))
        told = [(oid, p.branch) for p in pushers if p.repo == repo for oid in p.told]
        lost = [t for t in told if git("merge-base", "--is-ancestor", t[0], "refs/heads/" + t[1], cwd=there, check=False).returncode]
        tap.eq(lost, [], "%s: %s: none of %d that were told is lost" % (what, repo, len(told)))
        tap.eq((fsck(here), fsck(there)), ("", ""), "%s: %s: both are sound" % (what, repo))
        left = lambda: leftovers(here) + [f for f in os.listdir(here) if f.startswith("git-gate.forward")]  # noqa: E731
        try:
            wait_for(lambda: not left(), "nothing to be left", 20)
        except TimeoutError:
            pass
        tap.eq(left(), [], "%s: %s: nothing is left" % (what, repo))
        # one last push to each branch
        last = path("last-%s-%s" % (what.replace(" ", "-"), repo))
        url = (g.http if repo == "one.git" else g.url)(repo)
        git("clone", "-q", url, last)
        heads = git("for-each-ref", "--format=%(objectname) %(refname:lstrip=3)", "refs/remotes/origin", cwd=last).stdout.splitlines()
        specs = ["%s:refs/heads/%s" % (git("commit-tree", "-p", oid, "-m", "last", oid + "^{tree}", cwd=last).stdout.strip(), b)
                 for oid, b in (h.split() for h in heads) if b != "HEAD"]
        r = git("push", "-q", url, *specs, cwd=last, check=False)
        g.settle()
        tap.ok(r.returncode == 0 and refs(here) == refs(there), "%s: %s: a last push to each of %d branches succeeds" % (what, repo, len(specs)), r.stderr)
    tap.eq((g.processes(), g.status()["pid"]), ([], g.pid), "%s: no process is left, and the gate answers" % what)


def start(what, n, commits=1):
    until = time.monotonic() + BUDGET
    pushers = [Pusher("one.git", "main", commits, until) for _ in range(n)]
    pushers += [Pusher("one.git" if i % 2 else "two.git", "%s%d" % (what, i), commits, until) for i in range(n)]
    for p in pushers:
        p.start()
    return pushers


def join(pushers):
    for p in pushers:
        p.join(4 * PATIENCE)
    tap.eq([p.n for p in pushers if p.is_alive()], [], "all pushers have come to an end")
    for p in pushers:
        strange = [said for said in p.said if unexplained(*said)]
        tap.eq(strange, [], "every failure has a reason") if strange else None
    tap.ok(sum(len(p.told) for p in pushers) >= len(pushers) // 4, "many of them were told that they succeeded",
           "%d of %d" % (sum(len(p.told) for p in pushers), len(pushers)), *[p.said[-1] for p in pushers if p.said and not p.told][:3])


def killed_processes():
    pushers = start("k", 20)
    done = killer(random.Random(SEED), lambda: any(p.is_alive() for p in pushers), KILLS)
    join(pushers)
    note("killed: " + ", ".join("%s %d" % (k, done.count(k)) for k in sorted(set(done))))
    note("told: %d, attempts: %d, diverged: %d" % (sum(len(p.told) for p in pushers), sum(len(p.said) for p in pushers), len(g.events("push.diverged"))))
    tap.ok(len(done) >= KILLS // 4, "processes were killed", done)      # a busy machine looks for them more slowly
    check("processes killed", pushers)
    tap.eq(g.reaped(), [], "no session was ended by the gate")


def killed_gate():
    pushers = start("g", 8, 2)
    rng = random.Random(SEED + 1)
    wait_for(lambda: len([s for s in g.sessions() if s["step"] == "forward"]) > 0, "a push that is forwarded")
    time.sleep(rng.uniform(0, 0.3))         # no condition: where it strikes is for the seed to say
    os.kill(g.pid, signal.SIGKILL)
    g.process.wait()
    g.start()
    join(pushers)
    check("gate killed", pushers)


for test in (killed_processes, killed_gate):
    if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]:
        test()
up.stop()
finish(tap, g)
