#!/usr/bin/python3
"""Clones of every kind and git archive are left alone, and an archive whose arguments do not come has a deadline too. Stuck fetches: t0002."""
import threading

from gate import *

tap = Tap()
g = Gate({"rate.window": "4s"})
repo = g.repo("r.git", "uploadpack.allowFilter=true")
work = g.work("work")
blobs = [os.urandom(1 << 20) for _ in range(24)]
for i, b in enumerate(blobs):
    with open(os.path.join(work, "blob%d" % i), "wb") as f:
        f.write(b)
git("add", ".", cwd=work)
git("commit", "-qm", "blobs", cwd=work)
git("push", "-q", repo, "HEAD:main", cwd=work)


def archive():
    c = Raw(g2, "git-upload-archive")
    rec = wait_for(lambda: g2.reaped(peer=c.peer), "a silent archive to be ended")[0]
    tap.eq((rec["service"], rec["reason"]), ("upload-archive", "commands"), "upload-archive: silent before its arguments", rec)


def healthy():
    for n, args in enumerate((["-c", "protocol.version=0"], ["-c", "protocol.version=2"], ["-c", "protocol.version=2"])):
        extra = ["--filter=blob:none", "--no-checkout"] if n == 2 else []
        r = git(*args, "clone", "-q", *extra, g.url("r.git"), path("clone%d" % n), check=False)
        tap.eq(r.returncode, 0, "clone %s" % " ".join(args + extra), r.stderr)
    r = subprocess.run(["git", "archive", "--remote=" + g2.url("r.git"), "main"], env=ENV, cwd=TMP, capture_output=True, timeout=PATIENCE)
    tap.ok(r.returncode == 0 and len(r.stdout) > 24 << 20, "git archive --remote", r.stderr)


g2 = Gate({"gate.uploadArchive": "true"}, base=g.base)
threads = [threading.Thread(target=f) for f in (archive, healthy)]
for t in threads:
    t.start()
for t in threads:
    t.join()
tap.eq(g.reaped(), [], "nobody else was ended")
tap.eq(len(g2.reaped()), 1, "nor on the other gate", g2.reaped())
finish(tap, g, g2)
