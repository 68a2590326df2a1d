#!/usr/bin/python3
"""jgit, dulwich and libgit2 at the gate proper, over git:// and HTTP, with a real sshd as upstream: new branch, update, tag, several at once, force,
deletion, LFS pointer, fetch, what the scanner finds and what upstream refuses. After each, upstream has exactly what the client was told. jgit also
pushes atomically, with push options, and is the one whose words are read, over git://; over HTTP it does the first three,
as dulwich over git://. And a new branch of a repository with 50 000 commits, by git.
"""
import gc
import io

import jgit
from scanrepo import GREP, KEY, script
from sshd import *

tap = Tap()
up = upstream()
work, base = path("work"), path("gitbase")
git("init", "-q", work)
commit(work, "first", "first\n")
sections = {**up.mirrored(base, "r.git", seed=work), **up.mirrored(base, "large.git", seed=work)}
here, there = os.path.join(base, "r.git"), os.path.join(up.base, "r.git")
with open(os.path.join(there, "hooks", "pre-receive"), "w") as f:
    f.write('#!/bin/sh\necho "$GIT_PUSH_OPTION_COUNT|$GIT_PUSH_OPTION_0" >%s\nwhile read old new ref; do\n'
            'case $ref in *protected*) echo "GH006: protected branch" >&2; exit 1;; esac; done\n' % path("options"))
os.chmod(f.name, 0o755)
g = Gate({"listen.http": "127.0.0.1:0", "hook.scanner": "command", "hook.scannerCommand": script(GREP), **PATIENT, **sections}, base=base)


def refs(d):
    return dict(line.split() for line in git("for-each-ref", "--format=%(refname) %(objectname)", cwd=d).stdout.splitlines())


def head(where, rev="HEAD"):
    return git("rev-parse", rev, cwd=where).stdout.strip()


# --- clients: each clones, pushes and fetches; what goes wrong is raised, with what it was told ------------------------------------------------------

class Dulwich:
    def __init__(self):
        import dulwich.porcelain as p
        self.p = p

    def clone(self, url, where):
        self.p.clone(url, where, errstream=io.BytesIO())

    def push(self, where, url, *specs):
        said = io.BytesIO()
        self.p.push(where, url, [s.encode() for s in specs], outstream=said, errstream=said)
        text = said.getvalue().decode(errors="replace")
        if "failed" in text:
            raise RuntimeError(text)

    def fetch(self, where, url):
        return self.p.fetch(where, url, errstream=io.BytesIO()).refs


class Libgit2:
    def __init__(self):
        import pygit2
        self.git2 = pygit2

        class Told(pygit2.RemoteCallbacks):
            def push_update_reference(self, name, why):
                if why:
                    raise RuntimeError("%s: %s" % (name, why))
        self.told = Told

    def clone(self, url, where):
        self.git2.clone_repository(url, where)

    def push(self, where, url, *specs):
        self.git2.Repository(where).remotes["origin"].push(list(specs), callbacks=self.told())

    def fetch(self, where, url):
        r = self.git2.Repository(where)
        r.remotes["origin"].fetch()
        return {name.replace("refs/remotes/origin/", "refs/heads/").encode(): str(r.references[name].target).encode() for name in r.references}


class Jgit:
    def __init__(self):
        self.env = jgit.environment()

    def run(self, cwd, *args):
        r = subprocess.run(["jgit", *args], cwd=cwd, env=self.env, capture_output=True, text=True, timeout=PATIENCE)
        if r.returncode or re.search("rejected|failed|error", r.stdout + r.stderr):
            raise RuntimeError(r.stdout + r.stderr)

    def clone(self, url, where):
        self.run(TMP, "clone", url, where)

    def push(self, where, url, *specs):
        self.run(where, "push", url, *specs)

    def fetch(self, where, url):
        self.run(where, "fetch", url, "+refs/heads/*:refs/heads/seen/*")
        return {name.replace("/seen/", "/").encode(): oid.encode() for name, oid in refs(where).items() if "/seen/" in name}


def same(what, want):
    """Both sides have what the client was told, and nothing else; want: what has moved, None for gone."""
    same.refs = {k: v for k, v in {**same.refs, **want}.items() if v}
    g.settle()
    tap.eq((refs(there), refs(here)), (same.refs, same.refs), "%s: upstream and gate have what the client was told" % what)


same.refs = refs(there)


def accepted(what, client, where, url, *specs, **want):
    try:
        client.push(where, url, *specs)
    except Exception as e:
        return tap.ok(False, what, repr(e)[:3000])
    same(what, {("refs/tags/" if k == "tag" else "refs/heads/") + v[0]: v[1] for k, v in want.items()})


def refused(what, client, where, url, *specs):
    try:
        client.push(where, url, *specs)
        text = None
    except Exception as e:
        text = repr(e)
    gc.collect()                # libgit2's connection is kept by the error's traceback
    tap.ok(text and KEY not in text, "%s: the client is told" % what, text)
    same(what, {})
    return text or ""


def all_of_it(name, client, t):
    url = {"git": g.url, "http": g.http}[t]("r.git")
    b, w = "%s-%s" % (name, t), path("%s-%s" % (name, t))
    client.clone(url, w)
    commit(w, "new", b)
    accepted(b + ": a new branch", client, w, url, "HEAD:refs/heads/" + b, new=(b, head(w)))
    commit(w, "pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 12345\n" % ("4d" * 32))
    commit(w, "large", os.urandom(2 << 20))
    accepted(b + ": an update with an LFS pointer, 2 MB", client, w, url, "HEAD:refs/heads/" + b, moved=(b, head(w)))
    git("tag", "-am", b, b, cwd=w)
    accepted(b + ": a tag", client, w, url, "refs/tags/%s:refs/tags/%s" % (b, b), tag=(b, head(w, "refs/tags/" + b)))
    if (name, t) in (("jgit", "http"), ("dulwich", "git")):     # nothing that the other transport does not show; jgit is a JVM for each command
        return
    commit(w, "more", b)
    accepted(b + ": two at once", client, w, url, "HEAD:refs/heads/%s-2" % b, "HEAD:refs/heads/%s-3" % b, two=(b + "-2", head(w)), three=(b + "-3", head(w)))
    git("branch", "back", "HEAD^", cwd=w)
    accepted(b + ": forced back", client, w, url, "+refs/heads/back:refs/heads/%s-2" % b, two=(b + "-2", head(w, "back")))
    accepted(b + ": a deletion", client, w, url, ":refs/heads/%s-3" % b, three=(b + "-3", None))
    other = path("other-" + b)
    git("clone", "-q", there, other)
    commit(other, "theirs", b)
    git("push", "-q", "origin", "HEAD:" + b + "-theirs", cwd=other)
    got = client.fetch(w, url)
    tap.eq(got.get(("refs/heads/%s-theirs" % b).encode()), head(other).encode(), b + ": a fetch has what others pushed to upstream", got)
    same(b + ": a fetch", {"refs/heads/%s-theirs" % b: head(other)})
    said = refused(b + ": upstream refuses", client, w, url, "HEAD:refs/heads/protected-" + b)
    if name == "jgit":
        tap.ok("git-gate: upstream: GH006: protected branch" in said, b + ": and reads upstream's words", said)
        said = refused(b + ": upstream refuses one of two, atomic", client, w, url, "--atomic", "HEAD:refs/heads/%s-4" % b, "HEAD:refs/heads/protected-" + b)
        accepted(b + ": atomic", client, w, url, "--atomic", "HEAD:refs/heads/%s-4" % b, ":refs/tags/" + b, four=(b + "-4", head(w)), tag=(b, None))
        accepted(b + ": push options", client, w, url, "--push-option", "a=b c", "HEAD:refs/heads/%s-5" % b, five=(b + "-5", head(w)))
        tap.eq(read(path("options")), "1|a=b c\n", b + ": push options: upstream has them")
    commit(w, "secret", "key = %s\n" % KEY)
    git("rm", "-q", "secret", cwd=w)
    git("commit", "-qm", "gone again", cwd=w)
    said = refused(b + ": a secret, added then removed", client, w, url, "HEAD:refs/heads/" + b)
    if name == "jgit":
        tap.ok("found 1 secret" in said and '"secret" line 1' in said, b + ": and reads where", said)
    tap.eq((fsck(here), fsck(there), leftovers(here)), ("", "", []), b + ": both are sound, nothing is left")


for name, kind in ("dulwich", Dulwich), ("libgit2", Libgit2), ("jgit", Jgit):
    for t in "git", "http":
        try:
            all_of_it(name, kind(), t)
        except ImportError as e:
            tap.skip("%s over %s" % (name, t), e)

# --- 50 000 commits ------------------------------------------------------------------------------------------------------------------------------

w = path("large")
git("init", "-q", w)
stream = ["commit refs/heads/main\ncommitter T <t@example.invalid> %d +0000\ndata 1\nx\nM 100644 inline d%d/f%d\ndata %d\n%d\n\n"
          % (1500000000 + i, i % 50, i % 1000, len(str(i)), i) for i in range(50000)]
git("fast-import", "--quiet", cwd=w, stdin="".join(stream))
git("reset", "-q", "--hard", "main", cwd=w)
git("push", "-q", "--force", os.path.join(up.base, "large.git"), "main", cwd=w)
git("ls-remote", g.url("large.git"), cwd=w)            # the gate fetches them before
for t, url in ("git", g.url("large.git")), ("http", g.http("large.git")):
    commit(w, "new-" + t, "x\n")
    begun = time.monotonic()
    r = git("push", url, "HEAD:refs/heads/new-" + t, cwd=w, check=False)
    took = time.monotonic() - begun
    tap.ok(r.returncode == 0 and "scanning 1 commit, " in r.stderr and "forwarded new-" + t in r.stderr,
           "a new branch beside 50 000 commits over %s: only what is new is scanned, in %.2f s with refresh and forward" % (t, took), r.stderr)
    note("%s: %s; %s" % (t, g.events("push.scanned", repo="large.git")[-1]["message"], g.events("push.forwarded", repo="large.git")[-1]["message"]))
tap.eq((g.reaped(), g.events("push.diverged")), ([], []), "no session was ended, nothing diverged")
up.stop()
finish(tap, g)
