#!/usr/bin/python3
"""What git-gate report and tune say where it is easy to be wrong: a watched server, an operator and a stop in between, two requests on one
HTTP connection, a client that keeps its connection after its pack, one that waits for others, enforce mode, a restart, and too little seen.
"""
import socket

from httppush import Http, commands
from servers import *

tap = Tap()
COUNTS = "would_end", "finished_well", "failed", "running", "unknown"
source = path("source")
git("init", "-q", source)
commit(source, "large", os.urandom(1 << 20))
OID, PACK = pack_of(source)
CUT = len(PACK) // 2


def counts(report):
    return {k: report[k] for k in COUNTS if report[k]}


def key(gate, name):
    return [k for k in gate.ask("tune")["keys"] if k["key"] == name][0]


def half_a_push(gate, ref):
    c = Raw(gate)
    c.advertisement()
    c.commands(OID, "refs/heads/" + ref)
    c.s.sendall(PACK[:CUT])
    return c


def observed(gate, c):
    return wait_for(lambda: gate.events("session.observed", peer=c.peer), "the client to be observed")[0]["session"]


def gone(gate, sid):
    wait_for(lambda: sid not in [s["id"] for s in gate.ask("sessions")], "the session to be gone")


def watched():
    """Nobody tells how a session ends that another server began."""
    base = path("srv")
    os.makedirs(base)
    git("init", "-q", "--bare", os.path.join(base, "r.git"))
    d = Daemon(base).start()
    w = Watch(d.process.pid, base, "--observe")
    c = half_a_push(d, "watched")
    sid = observed(w, c)
    tap.eq(counts(w.ask("report")), {"would_end": 1, "running": 1}, "watched: it runs")
    c.s.sendall(PACK[CUT:])
    tap.ok(b"unpack ok" in c.rest(), "watched: the push succeeds")
    gone(w, sid)
    report = w.ask("report")
    tap.eq((counts(report), report["watched"], report["healthy"]), ({"would_end": 1, "unknown": 1}, 1, 0), "watched: and how it ended is not known")
    tap.eq([o["outcome"] for o in report["others"]], ["unknown"], "watched: nor told")
    tap.eq((key(w, "deadline.idle")["healthy"], key(w, "deadline.idle")["proposal"]), (0, "not-enough-seen"), "watched: nothing is proposed from it")
    w.stop()
    d.stop()


def operator_and_stop():
    """Whoever is ended by someone's will was stuck if he had not gone on; else nobody knows."""
    g = Gate({"reaper.mode": "observe"})
    g.repo("r.git", "receive.unpackLimit=1")
    stuck, on = half_a_push(g, "stuck"), half_a_push(g, "on")
    ids = observed(g, stuck), observed(g, on)
    on.s.sendall(PACK[CUT:CUT + 1000])
    before = len(PACK[:CUT])
    wait_for(lambda: any(s["id"] == ids[1] and s["bytes_in"] > before + 1000 for s in g.sessions()), "its bytes to be seen")
    for sid in ids:
        g.ask("kill", sid)
        gone(g, sid)
    tap.eq(counts(g.ask("report")), {"would_end": 2, "failed": 1, "unknown": 1}, "kill: stuck ones failed, of others it is not known")
    tap.eq(g.ask("report")["reaped"], 2, "kill: and they were ended")
    g.stop()
    g.start()
    report = g.ask("report")
    tap.eq((counts(report), report["seen"], report["false_alarms"], report["others"]), ({}, 0, [], []), "restart: it counts anew")
    tap.ok(report["since"] >= int(time.time() - report["period_ms"] / 1000 - 5), "restart: and says since when", report)
    return g


def two_requests():
    """The first push of a connection was a false alarm; the second is cut: that is another matter."""
    g = Gate({"reaper.mode": "observe", "listen.http": "127.0.0.1:0"})
    g.repo("r.git", "receive.unpackLimit=1")
    c = Http(g)
    tap.eq(c.get(), 200, "http: the advertisement")
    c.post()
    c.chunk(commands(OID, "refs/heads/first"))
    sid = observed(g, c)
    c.chunk(PACK)
    c.end()
    tap.ok(b"unpack ok" in c.reply()[1], "http: the first push succeeds")
    wait_for(lambda: g.ask("report")["finished_well"] == 1, "its answer to be counted")
    tap.ok(c.session().get("id") == sid, "http: while its connection is there")
    c.post()
    c.chunk(commands(OID, "refs/heads/second"))
    wait_for(lambda: len(g.events("session.observed", peer=c.peer)) == 2, "the second to be observed")
    c.chunk(PACK[:CUT])
    c.s.shutdown(socket.SHUT_WR)
    gone(g, sid)
    report = g.ask("report")
    tap.eq((counts(report), report["seen"]), ({"would_end": 2, "finished_well": 1, "failed": 1}, 3), "http: each request by itself")
    tap.eq([(a["id"], a["reason"], a["service"], a["repo"]) for a in report["false_alarms"]], [(sid, "pack-start", "receive-pack", "r.git")], "http: the first one is told")
    return g


def asked_before_the_push():
    """A refresh asks the gate for its settings too, before anything of the push has come: a cut push stays one. Who never asks may do as he likes."""
    for hooks in None, Hooks().dir:
        g = Gate({"reaper.mode": "observe"}, hooks=hooks)
        g.repo("r.git", "receive.unpackLimit=1")
        for _ in range(2):
            whole = Raw(g)
            whole.advertisement()
            whole.commands(OID, "refs/heads/whole-%s" % whole.peer.split(":")[1])
            whole.s.sendall(PACK)
            tap.ok(b"unpack ok" in whole.rest(), "a quick push succeeds")
        c = half_a_push(g, "cut")
        sid = observed(g, c)
        tap.ok(g.request(cmd="push", id=sid)["ok"], "its settings are asked for")
        c.s.sendall(PACK[CUT:CUT + 1000])
        c.s.shutdown(socket.SHUT_WR)
        c.rest()
        gone(g, sid)
        tap.eq(g.events("session.closed", session=sid)[0]["message"].split(";")[0], "exit status 0", "a cut push exits with 0")
        tap.eq(counts(g.ask("report")), {"would_end": 1, "unknown" if hooks else "failed": 1},
               "and is not known to be one, where hooks do not tell" if hooks else "and is known to be one")
        g.stop()


def keeps_its_connection():
    """A v2 client that has its pack is never judged for its silence, so that is no measure."""
    g = Gate({"reaper.mode": "observe"})
    repo = g.repo()
    git("push", "-q", repo, "HEAD:main", cwd=source)
    c = Raw(g, "git-upload-pack", extra=b"host=x\0\0version=2\0")
    while c.read_packet():
        pass
    for line in (b"command=fetch", b"object-format=sha1"):
        c.packet(line)
    c.s.sendall(b"0001")
    for line in (b"want %s\n" % OID.encode(), b"done\n"):
        c.packet(line)
    c.s.sendall(b"0000")
    while c.read_packet():
        pass
    wait_for(lambda: [s for s in g.sessions() if s["phase"] == "commands" and s["quiet_ms"] > 1000 * COMMANDS + 2000 * SAMPLE], "it to be silent for long")
    c.close()
    g.settle()
    k = key(g, "deadline.commands")
    tap.eq(counts(g.ask("report")), {}, "a client with its pack: not observed")
    tap.ok(k["healthy"] == 1 and k["longest_ms"] < 1000 * COMMANDS, "a client with its pack: its silence is not counted", k)
    return g


def waits_for_others(mode):
    """A request that waits for limit.sessionsPerRepo is not silent; its bound is deadline.wait."""
    g = Gate({"reaper.mode": mode, "listen.http": "127.0.0.1:0", "limit.sessionsPerRepo": "1", "deadline.idle": "10m"})
    g.repo("r.git", "receive.unpackLimit=1")
    first = half_a_push(g, "first")
    wait_for(lambda: [s for s in g.sessions() if s["phase"] == "pack"], "the first to be in its pack")
    held = Http(g)
    held.send(held.head())
    wait_for(lambda: held.session().get("repo") == "r.git", "the second to wait")
    wait_for(lambda: held.session().get("age_ms", 10 ** 6) > 2000 * INIT, "it to wait for long")
    first.s.sendall(PACK[CUT:])
    tap.ok(b"unpack ok" in first.rest(), "%s: who is waited for succeeds" % mode)
    tap.eq(held.reply()[0], 200, "%s: and so does who waits" % mode)
    held.close()
    g.settle()
    tap.eq((counts(g.ask("report")), g.ask("reaped")), ({}, []), "%s: who waits is not observed, nor ended" % mode)
    tap.ok(key(g, "deadline.init")["longest_ms"] < 1000 * INIT, "%s: nor is his waiting a silence" % mode, key(g, "deadline.init"))
    return g


def enforce():
    """What was ended is told, and that nobody knows more; silences of the healthy are kept all the same."""
    g = Gate({"deadline.commands": "60s"})
    g.repo("r.git", "receive.unpackLimit=1")
    half_a_push(g, "stuck").rest()
    silent = Raw(g)
    silent.advertisement()
    # it is counted from the first look that shows it
    wait_for(lambda: [s for s in g.sessions() if s["peer"] == silent.peer and (s["deadline_used_ms"] or 0) > 1000], "it to be silent for a while")
    silent.s.sendall(b"0000")       # nothing to push
    silent.rest()
    g.settle()
    report, k = g.ask("report"), key(g, "deadline.commands")
    tap.eq((counts(report), report["reaped"], report["by_reason"], report["seen"], report["healthy"]), ({}, 1, {"idle": 1}, 2, 1), "enforce: what was ended")
    tap.ok(1000 <= k["longest_ms"] < 60000 and k["healthy"] == 1, "enforce: silences are kept", k)
    tap.eq((k["proposal"], k["proposed_ms"], k["needs_healthy"]), ("not-enough-seen", None, 20), "nothing is proposed from one session")
    tap.eq(key(g, "deadline.idle")["stuck"], 1, "enforce: what was ended counts as stuck")
    text = g.cli("report").stdout
    tap.ok("the gate has ended 1 sessions: idle 1" in text and "reaper.mode=observe" in text, "enforce: and the text says so", text)
    text = g.cli("tune").stdout
    tap.ok("it takes 20 healthy sessions" in text and "no silence is longer than its limit" in text and "nothing to change" in text, "tune: that is too little", text)
    return g


watched()
asked_before_the_push()
gates = [f() for f in (operator_and_stop, two_requests, keeps_its_connection, enforce)]
gates += [waits_for_others(mode) for mode in ("observe", "enforce")]
finish(tap, *gates)
