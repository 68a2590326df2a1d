#!/usr/bin/python3
"""The short form of `make torture`: a sample of its clients against git-gate, over git:// and HTTP, and against every other server that is installed.

git-gate must end the stuck ones, serve the healthy ones and leave nothing. Of the others it is only asked that they serve who is healthy, since
their limits are the long ones they come with; and git daemon must be seen to be stuck, so that a judge who lets everything pass is found out.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "torture"))
from conformance import *                                               # noqa: E402

LIMIT = 6
KINDS = ["silent", "no-pack", "mid-pack-large", "mid-pack-length", "relay-pack", "clone-unread", "fin", "rst-length", "half-close", "push", "clone", "slow-hook"]
NAMES = ["gate-git", "gate-http", "daemon", "lighttpd", "nginx", "apache", "sshd"]

tap = Tap()
there, missing = ready(NAMES, False)
tap.eq(len(there) + len(missing), len(NAMES), "every server has its column")
results, broken = run_all(there, KINDS, LIMIT)
for c, why in missing.items():
    tap.skip("%s: played" % c.name, why)
for c, error in broken.items():
    if isinstance(error, PermissionError):
        tap.skip("%s: played" % c.name, str(error).replace("\n", " "))
    else:
        tap.ok(False, "%s: played" % c.name, error)
for c, (seen, left, processes) in results.items():
    want = [k for k in KINDS if k in playable(c.over, c.bridged)]
    tap.eq((sorted(seen), [k for k, r in seen.items() if r["ended_by"] == "failed"]), (sorted(want), []), "%s: played" % c.name, seen)
    if c.ours:
        tap.eq(wrong(seen, left, processes), [], "%s: all stuck ones are ended, all healthy ones served, nothing is left" % c.name)
    else:
        tap.eq([k for k in seen if k in REAL and not is_served(seen[k])], [], "%s: real git is served" % c.name, seen)
    if c.name == "daemon":
        lines = wrong(seen, left, processes)
        for kind in "no-pack", "mid-pack-large", "relay-pack":
            tap.ok("%s is stuck and was not ended" % kind in lines, "git daemon: the judge sees that %s stays" % kind, *lines)

# what else it judges, on a result that was made up
sound = {"kind": "fin", "ended_by": "client", "after_ms": 1, "left": [], "procs": 0}
cut = {"kind": "slow-hook", "ended_by": "server", "after_ms": 3000, "served": False, "said": "cut"}
for what, row, left, processes in (("a process that is left", {"fin": {**sound, "procs": 2}}, [], []), ("a file that is left", {"fin": sound}, ["r.git/x.lock"], []),
                                   ("a process of nobody's", {"fin": sound}, [], ["git"]), ("a healthy client that is cut off", {"slow-hook": cut}, [], []),
                                   ("a client that could not be played", {"fin": {**sound, "ended_by": "failed", "error": "none"}}, [], [])):
    tap.eq(len(wrong(row, left, processes)), 1, "the judge sees " + what)
tap.eq(wrong({"fin": sound}, [], []), [], "and lets pass what is right")
tap.done()
