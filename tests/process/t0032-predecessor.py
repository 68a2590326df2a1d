#!/usr/bin/python3
"""A gate that is killed leaves sessions; the next one with its lock ends them and cleans up, and nobody else's are touched."""
from gate import *

tap = Tap()
latch = Latch()
hooks = Hooks()
g = Gate({**PATIENT, "listen.git": "127.0.0.1:%d" % free_port()}, hooks=hooks.dir)
other = Gate(PATIENT, base=g.base, hooks=hooks.dir)     # the same user and base path, another control socket
repo = g.repo()
work = g.work("work")
git("push", "-q", "origin", "HEAD:main", cwd=work)
oid, pack = pack_of(work)


def at_commands(gate):
    c = Raw(gate)
    c.advertisement()
    return c


def at_pack(gate):
    c = at_commands(gate)
    c.commands(oid, "refs/heads/half")
    c.s.sendall(pack[:30])
    return c


hooks.set(reference_transaction='cat >/dev/null; case "$1" in prepared) ' + latch.command + "; esac")
silent = Raw(g, request=False)
clients = [at_commands(g), at_pack(g)]
held = at_commands(g)
held.commands(oid, "refs/heads/locked")
held.s.sendall(pack)
latch.reached()
bystander = [at_commands(other), at_pack(other)]
wait_for(lambda: {s["phase"] for s in g.sessions()} == {"request", "commands", "pack", "hook"}, "one session in each phase")
mine = {s["id"] for s in g.sessions()}
theirs = {s["id"]: s["pid"] for s in other.sessions()}
tap.ok([x for x in leftovers(repo) if x.endswith(".lock")], "a ref is locked by the hook's transaction")

os.kill(g.pid, signal.SIGKILL)
g.process.wait(PATIENCE)
dead = g.instance
tap.ok(with_environment("GIT_GATE_INSTANCE=" + dead), "its sessions outlive the gate")
begun = time.monotonic()
g.start()
c = Raw(g)
c.advertisement()
tap.ok(time.monotonic() - begun < BUSY, "the next gate serves at once (%.2f s)" % (time.monotonic() - begun))
c.close()
wait_for(lambda: not with_environment("GIT_GATE_INSTANCE=" + dead), "the dead gate's sessions to go")
wait_for(lambda: mine <= {e["id"] for e in g.reaped(reason="predecessor")}, "their records")
tap.ok(True, "every session of the dead gate is ended and recorded, by its id")
for name, conn in (("commands", clients[0]), ("pack", clients[1])):
    text = conn.rest()
    tap.ok(b"git-gate: the gate was restarted" in text, "%s: the client is told" % name, text)
tap.eq([(s["id"], s["pid"]) for s in other.sessions()], list(theirs.items()), "the other gate's sessions are untouched")
tap.eq(other.reaped(), [], "and not recorded")
hooks.set(reference_transaction=None)
for conn in bystander:
    conn.close()
other.settle()
wait_for(lambda: not leftovers(repo), "leftovers to be removed")
tap.eq(fsck(repo), "", "fsck is clean")
for ref in ("locked", "half", "main"):
    tap.eq(git("push", "-q", "--force", "origin", "HEAD:refs/heads/" + ref, cwd=work, check=False).returncode, 0, "%s can be pushed to" % ref)

# a detached gc of the dead gate's session is left alone
with open(path("gc"), "w") as f:        # shows as "git gc --auto", and waits for its stdin
    f.write("import sys\nsys.stdin.read()\n")
gc = popen(["git", "gc", "--auto"], executable="/usr/bin/python3", stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
           env={**ENV, "GIT_GATE_INSTANCE": g.instance, "GIT_GATE_SESSION": "00000000"})
os.kill(g.pid, signal.SIGKILL)
g.process.wait(PATIENCE)
g.start()
c = Raw(g)
c.advertisement()
c.close()
g.settle()
tap.eq(gc.poll(), None, "detached gc is left alone")
finish(tap, g, other)
