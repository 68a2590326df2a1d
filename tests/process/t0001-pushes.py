#!/usr/bin/python3
"""What a healthy user does works as without the gate: every kind of push, every kind of client, and no session is ended."""
from urllib.parse import quote

import jgit
from gate import *

tap = Tap()
g = Gate(PATIENT)
counts = {"reaped": 0}


def check(what, repo):
    """After each kind: sound, tidy, and the gate did nothing to it."""
    g.settle()
    tap.eq((fsck(repo), leftovers(repo)), ("", []), "%s: fsck is clean, nothing is left" % what)
    reaped = g.ask("reaped")
    tap.eq(reaped[counts["reaped"]:], [], "%s: no session was ended" % what)
    counts["reaped"] = len(reaped)


def push(*args, cwd, ok=True, what, says="", env=None):
    r = git("push", *args, cwd=cwd, check=False, env=env)
    tap.ok((r.returncode == 0) == ok and says in r.stdout + r.stderr, what, "exit %d" % r.returncode, r.stdout, r.stderr)
    return r.stdout + r.stderr


def refs(repo):
    """Name to object, of a repository."""
    lines = git("for-each-ref", "--format=%(refname) %(objectname)", cwd=repo).stdout.splitlines()
    return dict(line.rsplit(" ", 1) for line in lines)


def head(work, rev="HEAD"):
    return git("rev-parse", rev, cwd=work).stdout.strip()


# --- the owner's transcript -----------------------------------------------------------------------------------------------
repo = g.repo()
r = git("clone", g.url("r.git"), path("work"), check=False)
tap.ok(r.returncode == 0 and "empty repository" in r.stderr, "an empty repository is cloned", r.stderr)
work = path("work")
git("commit", "-qm", "empty", "--allow-empty", cwd=work)
push("origin", "HEAD:refs/heads/topic", cwd=work, what="an empty commit is pushed to a branch", says="[new branch]")
tap.eq(refs(repo), {"refs/heads/topic": head(work)}, "the branch is there")
push("origin", ":topic", cwd=work, what="the branch is deleted", says="[deleted]")
tap.eq(refs(repo), {}, "it is gone")
commit(work, "first", "first\n")
push("-u", "origin", "main", cwd=work, what="the first real push", says="[new branch]")
first = head(work)
before = len(g.events("session.opened"))
push("origin", "main", cwd=work, what="nothing to push", says="Everything up-to-date")
g.settle()
tap.eq(len(g.events("session.opened")), before + 1, "nothing to push is a session too")
tap.ok("exit status 0" in g.events("session.closed")[-1]["message"], "and ends well", g.events("session.closed")[-1])
check("the transcript", repo)

# --- tags, force, atomic, options, many, delete and create ------------------------------------------------------------------
git("tag", "-am", "annotated", "v1", cwd=work)
git("tag", "-am", "nested", "v1-nested", "v1", cwd=work)
git("tag", "blob", "HEAD:first", cwd=work)
git("tag", "tree", "HEAD^{tree}", cwd=work)
push("origin", "--tags", cwd=work, what="annotated and nested tags, tags of a blob and of a tree")
tap.eq({t: refs(repo).get("refs/tags/" + t) for t in ("v1", "v1-nested", "blob", "tree")},
       {t: head(work, t) for t in ("v1", "v1-nested", "blob", "tree")}, "all tags are there")
check("tags", repo)

git("commit", "-q", "--amend", "-m", "rewritten", cwd=work)
push("origin", "main", cwd=work, ok=False, what="a rewritten branch is refused", says="non-fast-forward")
push("origin", "main", "--force-with-lease=main:" + head(work), cwd=work, ok=False, what="a wrong lease too", says="stale info")
push("origin", "main", "--force-with-lease=main:" + first, cwd=work, what="the right lease passes", says="forced update")
git("commit", "-q", "--amend", "-m", "rewritten again", cwd=work)
push("origin", "main", "--force", cwd=work, what="so does force", says="forced update")
tap.eq(refs(repo)["refs/heads/main"], head(work), "the branch was rewritten")
check("force", repo)

# main exists: nothing can be below it, which only the server finds out
bad = ("HEAD:refs/heads/good", "HEAD:refs/heads/main/below")
push("--atomic", "origin", *bad, cwd=work, ok=False, what="atomic with one bad ref fails", says="remote rejected")
tap.ok("refs/heads/good" not in refs(repo), "atomic: the good ref was not made", refs(repo))
push("origin", *bad, cwd=work, ok=False, what="not atomic: the bad ref fails", says="failed to update ref")
tap.eq(refs(repo).get("refs/heads/good"), head(work), "not atomic: the good ref was made")
push("--atomic", "origin", "HEAD:refs/heads/one", "HEAD:refs/heads/two", cwd=work, what="atomic with good refs")
push("origin", ":refs/heads/one", "HEAD:refs/heads/three", cwd=work, what="delete and create in one push", says="[deleted]")
have = refs(repo)
tap.eq([r in have for r in ("refs/heads/one", "refs/heads/two", "refs/heads/three")], [False, True, True], "both were done")
push("origin", ":refs/heads/never", cwd=work, what="deleting what is not there", says="non-existent ref")
push("--signed=if-asked", "origin", "HEAD:refs/heads/signed", cwd=work, what="signed if asked")
push("-o", "x=y", "origin", "HEAD:refs/heads/opt", cwd=work, ok=False, what="options not taken",
     says="push options")
check("atomic, delete and options refused", repo)

many = g.repo("many.git")
git("clone", "-q", "--bare", work, path("many"))
tip = head(work)
pack_refs(path("many"), tip, "refs/many/", 20000)
push("-q", g.url("many.git"), "refs/many/*:refs/many/*", cwd=path("many"), what="20 000 refs in one push")
tap.eq(len(refs(many)), 20000, "all are there")
check("20 000 refs", many)

# --- odd refs and shapes ----------------------------------------------------------------------------------------------------
odd = ["refs/heads/HEAD", "refs/heads/-x", "refs/heads/ü\"'$(x)`;&", "refs/meta/config", "refs/heads/a.b+c%20=@", "refs/heads/" + "l" * 240,
       "refs/notes/x"]
push("origin", *["HEAD:" + r for r in odd], cwd=work, what="odd refs")
tap.eq([r for r in odd if r not in refs(repo)], [], "all odd refs are there")
push("origin", "HEAD:refs/foo", cwd=work, ok=False, what="git's own refusal of a ref is passed on", says="funny refname")
check("odd refs", repo)

git("init", "-q", os.path.join(g.base, "nonbare"))
push(g.url("nonbare"), "main", cwd=work, ok=False, what="a checked-out branch", says="refusing to update checked out branch")
push(g.url("nonbare"), "main:side", cwd=work, what="another branch of a work tree's repository")

small = g.work("small")
names = ["a b.git", " lead.git", "ü.git", "a%20b.git", "a+b.git", "-dash.git", "..dots.git", "x..y.git", ".hidden.git", "deep/er/r.git"]
for name in names:
    d = g.repo("./" + name)
    url = g.url(quote(name))
    push(url, "main", cwd=small, what="push to '%s'" % name)
    r = git("clone", "-q", url, path("clone of " + name), check=False)
    tap.ok(r.returncode == 0 and head(path("clone of " + name)) == head(small), "clone of '%s'" % name, r.stderr)
    check("'%s'" % name, d)
    seen = [e["repo"] for e in g.events("session.opened")][-2:]
    tap.eq(seen, [name, name], "'%s': that is its name in the log" % name)
d = g.repo("target.git")
os.symlink("target.git", os.path.join(g.base, "link.git"))
os.symlink(path("outside.git"), os.path.join(g.base, "out.git"))
git("init", "-q", "--bare", path("outside.git"))
for name in ("link.git", "link", "target", "target.git/"):
    push(g.url(name), "main:refs/heads/by-%d" % len(refs(d)), cwd=small, what="push by the name '%s'" % name)
    tap.eq(g.events("session.opened")[-1]["repo"], "target.git", "'%s' is target.git in the log" % name)
push(g.url("out.git"), "main", cwd=small, ok=False, what="a link that leaves the base is refused", says="outside the base path")
tap.eq(refs(path("outside.git")), {}, "and nothing was written there")
push(g.url("none.git"), "main", cwd=small, ok=False, what="a repository that is not there", says="no such repository")
check("names", d)

# --- shallow and partial clones ---------------------------------------------------------------------------------------------
for n in range(3):
    commit(small, "more%d" % n)
push("origin", "HEAD:deep", cwd=small, what="a branch with some history")
git("clone", "-q", "--depth=1", "--branch=deep", g.url("r.git"), path("shallow"))
commit(path("shallow"), "shallow")
push("origin", "HEAD:from-shallow", cwd=path("shallow"), what="push from a shallow clone")
empty = g.repo("empty.git")
push(g.url("empty.git"), "HEAD:main", cwd=path("shallow"), ok=False, what="a shallow history to an empty repository is refused",
     says="shallow update not allowed")
git("config", "uploadpack.allowFilter", "true", cwd=repo)
r = git("clone", "-q", "--filter=blob:none", "--branch=deep", g.url("r.git"), path("partial"), check=False)
tap.eq(r.returncode, 0, "a partial clone, with its lazy fetches", r.stderr)
commit(path("partial"), "partial")
push("origin", "HEAD:from-partial", cwd=path("partial"), what="push from a partial clone")
check("shallow and partial", repo)

# --- other implementations --------------------------------------------------------------------------------------------------
def dulwich_pushes():
    import io
    from dulwich import porcelain
    sink = io.BytesIO()
    r = porcelain.clone(g.url("r.git"), path("by-dulwich"), errstream=sink)
    commit(path("by-dulwich"), "dulwich")
    porcelain.push(r, g.url("r.git"), b"HEAD:refs/heads/by-dulwich", outstream=sink, errstream=sink)


def libgit2_pushes():
    import pygit2
    r = pygit2.clone_repository(g.url("r.git"), path("by-libgit2"))
    commit(path("by-libgit2"), "libgit2")
    r.remotes["origin"].push(["HEAD:refs/heads/by-libgit2"])


def jgit_pushes():
    env = jgit.environment()
    for args, cwd in ((["clone", g.url("r.git"), "by-jgit"], TMP), (["push", "origin", "HEAD:refs/heads/by-jgit"], path("by-jgit"))):
        if "push" in args:
            commit(path("by-jgit"), "jgit")
        r = subprocess.run(["jgit", *args], cwd=cwd, env=env, capture_output=True, text=True, timeout=PATIENCE)
        if r.returncode:
            raise RuntimeError(r.stdout + r.stderr)


for name, how in (("dulwich", dulwich_pushes), ("libgit2", libgit2_pushes), ("jgit", jgit_pushes)):
    try:
        how()
        tap.eq(refs(repo).get("refs/heads/by-" + name), head(path("by-" + name)), "%s clones and pushes" % name)
    except ImportError as e:
        tap.skip("%s clones and pushes" % name, e)
        continue
    except Exception as e:
        tap.ok(False, "%s clones and pushes" % name, repr(e))
    check(name, repo)

oid, pack = pack_of(small)
for name, capabilities, half_close, want in (
        ("no side-band", " report-status", False, b"ok refs/heads/no-side-band\n"),
        ("no capability at all", "", False, b""),
        ("side-band, half-closed", "report-status side-band-64k", True, b"ok refs/heads/side-band,-half-closed\n"),
        ("no side-band, half-closed", "report-status", True, b"ok refs/heads/no-side-band,-half-closed\n")):
    ref = "refs/heads/" + name.replace(" ", "-")
    c = Raw(g)
    c.advertisement()
    c.commands(oid, ref, capabilities)
    c.s.sendall(pack)
    if half_close:
        c.s.shutdown(socket.SHUT_WR)
    answer = c.rest()
    tap.ok(want in answer and refs(repo).get(ref) == oid, "a hand-made client: %s" % name, answer)
    check(name, repo)

# --- hooks of the test's own: options, and two pushes that meet ------------------------------------------------------------
main_gate, latch, seen = g, Latch(), path("options")
hooks = Hooks(pre_receive="cat >/dev/null; env | grep ^GIT_PUSH_OPTION | sort >%s" % seen)
g = Gate(PATIENT, hooks=hooks.dir)
counts["reaped"] = 0
repo = g.repo("r.git", "receive.advertisePushOptions=true")
push("-o", "a=b c", "-o", "ü\"'$x", g.url("r.git"), "main", cwd=small, what="push options")
tap.eq(read(seen).splitlines(), ["GIT_PUSH_OPTION_0=a=b c", "GIT_PUSH_OPTION_1=ü\"'$x", "GIT_PUSH_OPTION_COUNT=2"], "the hook sees them")
check("push options", repo)

hooks.set(pre_receive="cat >/dev/null; " + latch.command)
pushers = [(work, g.push(work, "race")), (small, g.push(small, "race"))]
latch.reached(2)
latch.release(2)
ends = [(w, *end(p)) for w, p in pushers]
won = [w for w, code, out in ends if code == 0]
lost = [out for w, code, out in ends if code]
if tap.ok(len(won) == 1 and len(lost) == 1, "of two pushes racing to one branch one wins", *[e[2] for e in ends]):
    tap.ok("remote rejected" in lost[0], "the other is told", lost[0])
    tap.eq(refs(repo)["refs/heads/race"], head(won[0]), "the branch is the winner's")
check("the race", repo)

# --- pushes that come while the gate, just started, looks for what a predecessor left ----------------------------------------
hooks = Hooks(reference_transaction='cat >/dev/null; [ "$1" != prepared ] || { %s; }' % latch.command)
busy = Gate(PATIENT, hooks=hooks.dir, start=False)
for n in range(1500):
    for sub in ("objects", "refs"):
        os.makedirs(os.path.join(busy.base, "%04d.git" % n, sub))
    with open(os.path.join(busy.base, "%04d.git" % n, "HEAD"), "w") as f:
        f.write("ref: refs/heads/main\n")
busy.start()
early = os.listdir(busy.base)[::300]
pushers = [popen(["git", "push", busy.url(name), "main"], cwd=small, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for name in early]
latch.reached(len(early))               # they hold their locks
wait_for(lambda: not [p for p in tree(busy.pid) if "git-gate cleanup" in cmdline(p)], "the cleanup to be done", 4 * PATIENCE)
latch.release(len(early))
for name, p in zip(early, pushers):
    code, out = end(p)
    tap.ok(code == 0, "a push to one of 1500 repositories while the gate starts", out, *busy.events("cleanup.removed"))

for gate in (main_gate, g, busy):
    tap.eq([gate.events(e) for e in ("session.reaped", "session.stray", "session.kept", "cleanup.removed")], [[]] * 4, "the gate ended nothing")
finish(tap, main_gate, g, busy)
