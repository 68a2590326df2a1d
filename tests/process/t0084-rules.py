#!/usr/bin/python3
"""The rules and limits of a push at a whole gate, over both transports: set for all, and by the repository itself. What the client reads, and the
record, name the setting that counted, and the session."""
import shutil

from gate import *

tap = Tap()
LONG = {k: "10m" for k in SCALED if "grace" not in k}


def configure(text):
    with open(path("config"), "w") as f:
        f.write(text)


# all.git has what is set for all, own.git its own for each
configure("""[hook]
	denyRef = refs/heads/never
	allowRef = refs/heads/**
	allowDelete = false
	allowForce = false
[limit]
	refs = 3
	object = 2k
[repo "team/own.git"]
	denyRef = refs/heads/mine
	allowRef = refs/heads/*
	allowRef = refs/heads/x/*
	allowDelete = true
	allowForce = true
	refs = 4
	object = 4k
[repo "team/strict.git"]
	allowDelete = false
	allowForce = false
""")
g = Gate({**LONG, "listen.http": "127.0.0.1:0"}, start=False)
g.start("--config", path("config"))
work = g.work("work")
ALL, OWN, STRICT = "all.git", "team/own.git", "team/strict.git"
commit(work, "a", "x" * 3000)
commit(work, "large", "y" * 5000)
MAIN, MIDDLE, FIRST = "HEAD", "HEAD~1", "HEAD~2"
MANY = [FIRST + ":refs/heads/many%d" % i for i in range(5)]


def fill():
    for name in ALL, OWN, STRICT:
        shutil.rmtree(os.path.join(g.base, name), ignore_errors=True)
        git("push", "-q", g.repo(name), FIRST + ":refs/heads/gone", FIRST + ":refs/heads/ahead", MIDDLE + ":refs/heads/forced", cwd=work)


def url(name, http):
    return g.http(name) if http else g.url(name)


# what is pushed where; the text and the setting at its end, None: it is accepted
ROWS = [
    (ALL, [FIRST + ":refs/heads/never"], 'reference "refs/heads/never" is denied by "refs/heads/never"', "hook.denyRef", "rule"),
    (OWN, [FIRST + ":refs/heads/never"], None, None, None),
    (OWN, [FIRST + ":refs/heads/mine"], 'reference "refs/heads/mine" is denied by "refs/heads/mine"', "repo.team/own.git.denyRef", "rule"),
    (ALL, [FIRST + ":refs/heads/mine"], None, None, None),
    (ALL, [FIRST + ":refs/tags/t"], 'reference "refs/tags/t" is not allowed', "hook.allowRef", "rule"),
    (OWN, [FIRST + ":refs/heads/y/a"], 'reference "refs/heads/y/a" is not allowed', "repo.team/own.git.allowRef", "rule"),
    (OWN, [FIRST + ":refs/heads/x/a"], None, None, None),
    (ALL, [FIRST + ":refs/heads/y/a"], None, None, None),
    (ALL, [":refs/heads/gone"], 'deleting reference "refs/heads/gone" is not allowed', "hook.allowDelete", "rule"),
    (STRICT, [":refs/heads/gone"], 'deleting reference "refs/heads/gone" is not allowed', "repo.team/strict.git.allowDelete", "rule"),
    (ALL, ["+" + FIRST + ":refs/heads/forced"], 'a forced update of reference "refs/heads/forced" is not allowed', "hook.allowForce", "rule"),
    (STRICT, ["+" + FIRST + ":refs/heads/forced"], 'a forced update of reference "refs/heads/forced" is not allowed', "repo.team/strict.git.allowForce", "rule"),
    (ALL, MANY[:4], "4 references in one push, 3 are allowed", "limit.refs", "limit"),
    (OWN, MANY, "5 references in one push, 4 are allowed", "repo.team/own.git.refs", "limit"),
    (STRICT, MANY[:4], "4 references in one push, 3 are allowed", "limit.refs", "limit"),
    (OWN, MANY[:4], None, None, None),
    (ALL, [MIDDLE + ":refs/heads/ahead"], None, None, None),      # the object is there already
    (ALL, [MAIN + ":refs/heads/ahead"], 'has 5000 bytes, more than 2k', "limit.object", "limit"),
    (OWN, [MAIN + ":refs/heads/ahead"], 'has 5000 bytes, more than 4k', "repo.team/own.git.object", "limit"),
]
for http in (False, True):
    fill()
    for name, refspecs, says, key, reason in ROWS:
        what = "%s: %s to %s" % ("http" if http else "git", " ".join(refspecs)[:60], name)
        seen = len(g.events("push.rejected"))
        r = git("push", url(name, http), *refspecs, cwd=work, check=False)
        records = g.events("push.rejected")[seen:]
        if not says:
            tap.ok(r.returncode == 0 and not records, what + ": accepted", r.stderr, records)
            continue
        tap.ok(r.returncode and re.search(r"remote: git-gate: push refused: .*%s \(%s\), session [0-9a-f]{8}\b" % (re.escape(says), re.escape(key)), r.stderr),
               what + ": refused, by " + key, r.stderr)
        tap.ok(len(records) == 1 and records[0].get("key") == key and records[0].get("reason") == reason and records[0]["session"] in r.stderr
               and key in records[0]["message"], what + ": recorded with it", records)
finish(tap, g)
