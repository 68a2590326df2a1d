#!/usr/bin/python3
"""Fifty stuck clients of every kind at once, and healthy pushes beside them that nobody notices."""
import json

from gate import *

KINDS = {"silent": "init", "partial-request": "init", "after-advert": "commands", "no-pack": "pack-start", "mid-pack-small": "idle",
         "mid-pack-large": "idle", "trickled-request": "init", "partial-commands": "commands", "no-pack-plain": "commands",
         "report-unread": "not-reading"}
EACH = 5
tap = Tap()
g = Gate({"limit.sessions": "64"})
repo = g.repo()
work = g.work("work")
git("push", "-q", "origin", "HEAD:main", cwd=work)

args = [TORTURE, "--url", g.url("r.git"), "--repo", repo, "--limit", "60s", "--json", "--count", str(EACH)]
for k in KINDS:
    args += ["--kind", k]
t = popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
# they come one after the other, and the first may have had its time when the last begins
wait_for(lambda: len(g.events("session.accepted")) >= 40, "most of the stuck clients to have come")

pushes, slowest = 0, 0.0
while t.poll() is None or pushes < 2:
    commit(work, "file%d" % pushes, str(pushes))
    begun = time.monotonic()
    r = git("push", "-q", "origin", "HEAD:healthy", cwd=work, check=False)
    slowest = max(slowest, time.monotonic() - begun)
    pushes += 1
    if r.returncode:
        tap.ok(False, "a healthy push beside them fails", r.stderr)
        break
out, err = t.communicate(timeout=PATIENCE)
clients = json.loads(out)
tap.ok(pushes >= 2, "%d healthy pushes beside them succeeded, the slowest in %.2fs" % (pushes, slowest))
tap.eq(len(clients), EACH * len(KINDS), "all clients were played")
tap.eq([c for c in clients if c["ended_by"] != "server" or c["procs"]], [], "every one was ended, with all its processes")
g.settle()
reaped = g.reaped()
by_port = {}
for e in reaped:
    by_port.setdefault(int(e["peer"].rsplit(":", 1)[1]), []).append(e["reason"])
wrong = [(c["kind"], c["port"], by_port.get(c["port"])) for c in clients if by_port.get(c["port"]) != [KINDS[c["kind"]]]]
tap.eq(wrong, [], "each once, for its own reason")
tap.eq(len(reaped), len(clients), "and nobody else")
wait_for(lambda: not leftovers(repo), "leftovers to be removed")
tap.eq(fsck(repo), "", "fsck is clean")
finish(tap, g)
