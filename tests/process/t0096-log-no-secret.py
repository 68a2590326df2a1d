#!/usr/bin/python3
"""What a push was refused for is in none of the gate's words: a secret wherever a push can carry one, through the whole gate, with the log at
debug; neither the client's "remote:" lines nor the log have it.
"""
from gate import *
from scanrepo import GREP, KEY, commit as scommit, script, write

tap = Tap()
SECRET = "key = %s\n" % KEY
g = Gate({"hook.scanner": "command", "hook.scannerCommand": script(GREP), "hook.scratch": TMP, "listen.http": "127.0.0.1:0", "limit.object": "64k",
          **PATIENT})
r = os.path.join(g.base, "r.git")
git("init", "-q", "--bare", r)
git("config", "receive.advertisePushOptions", "true", cwd=r)
git("config", "http.receivepack", "true", cwd=r)


def blob(w):
    write(w, "a", SECRET)


def file_name(w):
    write(w, "d/%s.txt" % KEY, SECRET)


def directory(w):
    write(w, "d/%s/e/f" % KEY, SECRET)
    write(w, "d/%s/e/g" % KEY, SECRET + "x")


def too_large(w):
    write(w, "d/%s/e" % KEY, "x" * 70000)


def message(w):
    scommit(w, SECRET)


def link(w):
    os.symlink(KEY, os.path.join(w, "link"))


def option(w):
    return ["-o", KEY, "HEAD:refs/heads/new"]


def ref(w):
    return ["HEAD:refs/heads/x/%s" % KEY]


def not_there(w):
    return [":refs/heads/" + KEY]


def tag(w):
    git("tag", "-a", "-m", SECRET, "t", cwd=w)
    return ["refs/tags/t"]


def two_refs(w):
    write(w, "a", SECRET)
    scommit(w)
    return ["HEAD:refs/heads/new", "HEAD:refs/heads/" + KEY]


work = path("work")
git("init", "-q", work)
write(work, "README", "clean\n")
scommit(work)
tap.eq(git("push", "-q", g.url("r.git"), "HEAD:refs/heads/main", cwd=work, check=False).returncode, 0, "clean at first")
for transport in "git", "http":
    url = {"git": g.url, "http": g.http}[transport]("r.git")
    for case in blob, file_name, directory, too_large, message, link, option, ref, not_there, tag, two_refs:
        w = path("%s-%s" % (transport, case.__name__))
        git("clone", "-q", work, w)
        args = case(w)
        if not args:
            git("add", "-A", cwd=w)
            scommit(w)
            args = ["HEAD:refs/heads/new"]
        p = git("push", url, *args, cwd=w, check=False)
        what = "%s, %s" % (transport, case.__name__)
        tap.ok(p.returncode != 0, what + ": refused", p.stderr)
        said = [line for line in p.stderr.splitlines() if line.startswith("remote:") and KEY in line]
        # beyond limit.object nothing is scanned, and its path is the client's help to find it
        tap.eq(said, [] if case != too_large else said, what + ": the client reads nothing of it")
g.settle()
tap.eq([line for line in g.text().splitlines() if KEY in line], [], "nor is it in the log")
tap.ok(len(g.events("push.rejected")) == 22, "which has all of it", len(g.events("push.rejected")))
g.stop()
tap.done()
