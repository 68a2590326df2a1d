#!/usr/bin/python3
"""The rules and limits of a push at a whole gate, over both transports: set for all, and by the repository itself. What the client reads, and the
record, name the setting that counted, and the session."""
import gzip
import shutil

from gate import *
from rawhttp import Cut, Http, rpc

tap = Tap()


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
g = Gate({**PATIENT, "listen.http": "127.0.0.1:0"}, start=False)
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

# --- the size of a push: git says it over git://, git-gate-http over HTTP; both are recorded ---------------------------------------

configure("""[limit]
	push = 200k
[repo "small.git"]
	push = 50k
[repo "large.git"]
	push = 1m
[repo "any.git"]
	push = 0
[repo "same.git"]
	push = inherit
[repo "plain.git"]
	fresh = 1s
""")
g.ask("reload")
for name in "small.git", "large.git", "any.git", "same.git", "plain.git", "other.git":
    g.repo(name)
sizes = {}
for kib in 20, 40, 100, 400, 1500:
    sizes[kib] = path("size%d" % kib)
    git("init", "-q", sizes[kib])
    commit(sizes[kib], "blob", os.urandom(kib << 10))
CHUNKED, LENGTH = ("-c", "http.postBuffer=1k"), ("-c", "http.postBuffer=100m")
SIZES = [("small.git", 20, None, None), ("small.git", 100, "50k", "repo.small.git.push"), ("large.git", 400, None, None),
         ("large.git", 1500, "1m", "repo.large.git.push"), ("any.git", 1500, None, None), ("same.git", 100, None, None),
         ("same.git", 400, "200k", "limit.push"), ("plain.git", 400, "200k", "limit.push"), ("other.git", 100, None, None), ("other.git", 400, "200k", "limit.push")]
for transport, args in (("git", ()), ("http, chunked", CHUNKED), ("http, by length", LENGTH)):
    for name, kib, limit, key in SIZES:
        what = "%s: %d KiB to %s" % (transport, kib, name)
        seen = len(g.events("push.rejected"))
        r = git(*args, "push", url(name, args), "HEAD:refs/heads/%d-%s" % (kib, transport[-3:]), cwd=sizes[kib], check=False)
        if not key:
            g.settle()
            tap.ok(r.returncode == 0 and len(g.events("push.rejected")) == seen, what + ": accepted", r.stderr)
            continue
        record = wait_for(lambda: g.events("push.rejected")[seen:], "the record")[0]
        tap.ok((record.get("key"), record.get("reason"), record["repo"], record["message"]) ==
               (key, "limit", name, "the push is larger than %s (%s)" % (limit, key)), what + ": recorded with it", record)
        if transport == "http, by length":
            says = "HTTP 413"
        elif transport == "git":
            says = "remote: fatal: pack exceeds maximum allowed size"
        else:
            says = "remote: git-gate: push refused: it is larger than %s (%s), session %s" % (limit, key, record["session"])
        tap.ok(r.returncode and says in r.stderr, what + ": refused", r.stderr)
        g.settle()
seen = len(g.events("push.rejected"))
r = git("push", g.url("small.git"), *["HEAD:refs/heads/many%03d" % i for i in range(300)], cwd=sizes[40], check=False)
g.settle()
closed = g.events("session.closed", repo="small.git")[-1]
tap.ok(r.returncode == 0 and closed["bytes_in"] > 51200 and len(g.events("push.rejected")) == seen, "git: a pack below the limit, with commands that are not counted", r.stderr, closed)

# --- many repositories on one connection: what git inflates is bounded by each one's own limit ---------------------------------------

c = Http(g)
for i, (name, kib, over) in enumerate([("small.git", 100, True), ("other.git", 100, False), ("large.git", 400, False), ("other.git", 400, True),
                                         ("any.git", 400, False), ("plain.git", 400, True), ("small.git", 20, False), ("any.git", 400, False)]):
    zeros = path("zeros%d" % i)
    git("init", "-q", zeros)
    git("config", "core.compression", "0", cwd=zeros)
    commit(zeros, "blob", bytes(kib << 10))
    tip, pack = pack_of(zeros)
    command = ("%s %s refs/heads/zeros%d\0report-status side-band-64k" % ("0" * 40, tip, i)).encode()
    c.send(rpc("receive-pack", gzip.compress(b"%04x" % (len(command) + 4) + command + b"0000" + pack), ["Content-Encoding: gzip"], repo=name))
    try:
        r = c.reply("POST")
    except Cut as e:        # git http-backend may fail when git does not take all that it inflates
        r, c = e.args[0], Http(g)
    says = b"pack exceeds maximum allowed size" if over else b"unpack ok"
    tap.ok(r.status == 200 and says in r.body, "one connection, packed bodies: %d KiB to %s: %s" % (kib, name, "refused" if over else "accepted"), r)
c.close()
g.settle()
finish(tap, g)
