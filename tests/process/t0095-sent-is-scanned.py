#!/usr/bin/python3
"""Whatever upstream gets from the gate was before the scanner: pushes of every kind, in an order that a seed says, with others that push to
upstream and delete there meanwhile. Upstream's own hook writes down the names and options that reach it, its object store says what objects
came, the scanner writes down what it was given.
"""
import random

from gate import *
from scanrepo import script
from sshd import upstream

SEED = int(os.environ.get("SEED") or random.randrange(1 << 30))
PUSHES = int(os.environ.get("PUSHES") or 20)
tap = Tap()
note("SEED=%d" % SEED)
rng = random.Random(SEED)
up = upstream()
theirs = up.repo("r.git")
reached, scanned, texts = path("reached"), path("scanned"), path("texts")
with open(os.path.join(theirs, "hooks", "pre-receive"), "w") as f:
    f.write('#!/bin/sh\nwhile read old new ref; do echo "$old $ref"; done >>%s\ni=0; while [ $i -lt "${GIT_PUSH_OPTION_COUNT:-0}" ]; do\n'
            'eval "printf \'%%s\\n\' \\"- \\$GIT_PUSH_OPTION_$i\\""; i=$((i+1)); done >>%s\n' % (reached, reached))
os.chmod(f.name, 0o755)
git("config", "gc.auto", "0", cwd=theirs)
scanner = script('cut -f1 "$2" >>%s; for t in "$1"/00000000000000000000000000000000000000*; do [ ! -f "$t" ] || sed 1d "$t" >>%s; done; exit 0'
                 % (scanned, texts))
g = Gate({"hook.scanner": "command", "hook.scannerCommand": scanner, "deadline.commands": "1m", "deadline.packStart": "1m", "deadline.idle": "1m",
          "hook.scratch": TMP, "repo.r.git.upstream": up.url(theirs), "repo.r.git.identityFile": up.identity,
          "repo.r.git.knownHostsFile": up.known_hosts, "repo.r.git.fresh": "0"})
ours = os.path.join(g.base, "r.git")
git("clone", "-q", "--bare", theirs, ours)
git("config", "receive.advertisePushOptions", "true", cwd=ours)
git("remote", "remove", "origin", cwd=ours)
work, other = path("work"), path("other")
for w in work, other:
    git("init", "-q", w)
    commit(w, "first-" + os.path.basename(w), w)
heads, tags, made = [], [], {"n": 0}


def objects(d):
    return set(git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)", cwd=d).stdout.split())


def known(file):
    return set(read(file).splitlines()) if os.path.exists(file) else set()


def name(kind):
    made["n"] += 1
    return "%s%d" % (kind, made["n"])


def change():
    for _ in range(rng.randint(1, 3)):
        commit(work, rng.choice(["a", "b", "d e", "big"]), "%d\n" % rng.random().__hash__() * rng.choice([1, 50, 3000]))


def branch():
    change()
    heads.append(name("b"))
    return ["+HEAD:refs/heads/" + heads[-1]]


def moved():
    change()
    return ["+HEAD:refs/heads/" + rng.choice(heads)] if heads else branch()


def back():
    git("checkout", "-q", "--detach", "HEAD~%d" % rng.randint(0, 1), cwd=work, check=False)
    return moved()


def merge():
    git("checkout", "-q", "--orphan", name("o"), cwd=work)
    change()
    orphan = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    change()
    return ["%s:refs/heads/%s" % (git("commit-tree", "-m", "m", "-p", orphan, "-p", "HEAD", "HEAD^{tree}", cwd=work).stdout.strip(), name("m"))]


def tag():
    what = rng.choice(["HEAD", "HEAD^{tree}", "HEAD:" + rng.choice(["a", "b"])] + tags)
    t = name("t")
    if git("tag", "-a", "-m", t, t, what, cwd=work, check=False).returncode:
        git("tag", "-a", "-m", t, t, "HEAD", cwd=work)
    tags.append(t)
    return ["refs/tags/" + t]


def bare():
    return [git("rev-parse", "HEAD^{tree}", cwd=work).stdout.strip() + ":refs/tags/" + name("tree")]


def gone():
    return [":refs/heads/" + heads.pop(rng.randrange(len(heads)))] if heads else branch()


def never():
    return [":refs/heads/" + name("never")]


def same():
    return ["HEAD:refs/heads/" + name("same"), "-o", name("option ")]


def pull():
    """A namespace that is not mirrored."""
    change()
    return ["HEAD:refs/pull/%s/head" % name("")]


def many():
    return branch() + tag() + never() + ["-o", name("x=")]


def elsewhere():
    """Somebody else pushes to upstream and deletes there; upstream forgets what it does not need."""
    if rng.random() < 0.5:
        commit(other, "o", name("o"))
        git("push", "-q", theirs, "+HEAD:refs/heads/" + rng.choice(heads + ["theirs"]), cwd=other, check=False)
    names = git("for-each-ref", "--format=%(refname)", cwd=theirs).stdout.split()
    if names and rng.random() < 0.7:
        git("update-ref", "-d", rng.choice(names), cwd=theirs)
    if rng.random() < 0.5:
        git("-c", "gc.reflogExpire=now", "gc", "-q", "--prune=now", cwd=theirs)


taken, unscanned, kinds = 0, 0, []
for _ in range(PUSHES):
    if rng.random() < 0.3:
        elsewhere()
    if os.path.exists(reached):
        os.unlink(reached)
    before = objects(theirs)
    if not kinds:
        # Each kind before any comes again: which of them a run has is not left to the seed.
        kinds = [branch, moved, back, merge, tag, bare, gone, never, same, pull, many]
        rng.shuffle(kinds)
    args = kinds.pop()()
    r = git("push", g.url("r.git"), *args, cwd=work, check=False)
    taken += r.returncode == 0
    new = objects(theirs) - before - known(scanned)
    old = known(reached)
    strange = [line for line in old if line.startswith(("-", "0" * 40)) and line.split(" ", 1)[1] not in known(texts)]
    unscanned += len(new) + len(strange)
    if new or strange:
        tap.ok(False, "upstream got what nobody scanned", args, sorted(new)[:5], strange[:5], r.stderr)
        break
tap.eq(unscanned, 0, "upstream got nothing that the scanner was not given, in %d pushes" % PUSHES)
tap.ok(taken > PUSHES / 2, "%d of them were taken" % taken, g.text()[-2000:])
tap.ok(len(known(scanned)) > 50 and any("option" in t for t in known(texts)), "and it was given something", len(known(scanned)))
g.stop()
tap.done()
