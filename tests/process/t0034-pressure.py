#!/usr/bin/python3
"""When clients wait and every place is taken, the session longest silent before its pack goes early; nobody else does, and nobody without need."""
from gate import *

tap = Tap()
latch = Latch()
hooks = Hooks(pre_receive="cat >/dev/null; " + latch.command)
PATIENT = {k: "10m" for k in SCALED if "grace" not in k}
g = Gate({**PATIENT, "deadline.idle": "2s", "limit.sessions": "3"}, hooks=hooks.dir)
g.repo()
work = g.work("work")
oid, pack = pack_of(work)

busy = Raw(g)                           # in a hook: silent for longer than the others, and healthy
busy.advertisement()
busy.commands(oid, "refs/heads/busy")
busy.s.sendall(pack)
latch.reached()
first = Raw(g)
first.advertisement()
begun = time.monotonic()
wait_for(lambda: time.monotonic() - begun > IDLE + 1, "deadline.idle to pass without need")
second = Raw(g)
second.advertisement()
tap.eq(g.reaped(), [], "nobody waits, so nobody goes early")

waits = Raw(g)
refs = waits.advertisement()
tap.ok(refs is not None, "a client that waits is served")
g_reaped = wait_for(lambda: g.reaped(), "the record")
tap.eq([(r["peer"], r["reason"], r["key"], r["phase"]) for r in g_reaped], [(first.peer, "pressure", "limit.sessions", "commands")],
       "the one longest silent went for it")
text = first.rest()
tap.ok(b"git-gate: others wait for a session" in text and g_reaped[0]["id"].encode() in text, "it is told why", text)
tap.eq(len(g.sessions()), 3, "the younger one and the one in its hook are still there", g.sessions())
latch.release()
tap.ok(b"unpack ok" in busy.rest(), "the hook's push succeeds")
for c in (second, waits):
    c.close()
hooks.set(pre_receive="cat >/dev/null")
finish(tap, g)
