#!/usr/bin/python3
"""When clients wait and every place is taken, the session longest silent before its pack goes early; nobody else does, and nobody without need."""
from gate import *

tap = Tap()
latch = Latch()
hooks = Hooks(pre_receive="cat >/dev/null; " + latch.command)
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
g.settle()

# one client waits, so one session goes, however long it takes to go: its git-daemon is stopped, and has to be killed
slow = Gate({**PATIENT, "deadline.idle": "1s", "deadline.grace": "2s", "limit.sessions": "3"})
slow.repo()
stuck = [Raw(slow) for _ in range(3)]
for c in stuck:
    c.advertisement()
wait_for(lambda: all(s["phase"] == "commands" and s["quiet_ms"] > 1500 for s in slow.sessions()), "three to be silent for long")
for s in slow.sessions():
    os.kill(s["pid"], signal.SIGSTOP)
waits = Raw(slow)
tap.ok(waits.advertisement() is not None, "a client that waits is served when the first has gone")
tap.eq([(e["reason"], "kill-git" in e["steps"]) for e in wait_for(slow.reaped, "its record")], [("pressure", True)], "which took a kill", slow.reaped())
tap.eq([e["peer"] for e in slow.sessions() if e["ending"]], [], "and nobody else was told to go")
for s in slow.sessions():
    os.kill(s["pid"], signal.SIGCONT)
for c in (*stuck, waits):
    c.close()

# in observe mode it is said who would go, and nobody does
sees = Gate({**PATIENT, "deadline.idle": "500ms", "limit.sessions": "1", "reaper.mode": "observe"})
git("push", "-q", sees.repo(), "HEAD:main", cwd=work)
silent = Raw(sees, "git-upload-pack")
silent.advertisement()
waits = Raw(sees, "git-upload-pack")
seen = wait_for(lambda: sees.events("session.observed"), "the silent one to be observed")[0]
tap.eq((seen["reason"], seen["peer"], sees.reaped()), ("pressure", silent.peer, []), "observe mode: it is said that it would go, and it does not", seen)
silent.s.sendall(b"0000")
tap.eq(silent.rest(), b"", "it ends by itself")
tap.ok(waits.advertisement(), "and then the one that waits is served")
alarm = wait_for(lambda: sees.ask("report")["false_alarms"], "the false alarm")[0]
tap.eq([row["spare_ms"] for row in alarm["limits"] if row["key"] == "limit.sessions"], [None], "the report has it, and no time that would have spared it", alarm)
for c in silent, waits:
    c.close()
finish(tap, g, slow, sees)
