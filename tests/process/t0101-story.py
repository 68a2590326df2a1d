#!/usr/bin/python3
"""What the log tells of a session: a few records of a healthy one; from accept to close, with evidence, of one that is ended; and
never more than a rate, whatever a client does."""
import http.client

from gate import *

LINE_MAX = 4096
tap = Tap()
latch = Latch()
nasty = "a=b \"quoted\" \x1b[31m ü \\ " * 8
# of this hook git leaves the stderr alone; what the others say goes to the client
hooks = Hooks(reference_transaction="cat >/dev/null; [ $1 != prepared ] || [ ! -e %s ] || { sh -c 'sleep 300; :' s3cret & for i in 1 2 3 4 5 6 7 8 9; do sleep 300 & done; "
                          "printf '%%s\\n' 'first line' 'last line' >&2; %s; }" % (path("hang"), latch.command))
g = Gate({"listen.http": "127.0.0.1:0", "deadline.hook": "2s"}, hooks=hooks.dir)
repo = g.repo("r.git", "http.receivepack=true")
work = g.work("work")


def story(g, **fields):
    """Events of a session in their order, those of debug left out."""
    return [e for e in g.events(**fields) if e["priority"] != "debug"]


# --- a healthy push ---------------------------------------------------------------------------------------------------------

tap.eq(end(g.push(work))[0], 0, "a push")
g.settle()
opened = g.events("session.opened")[0]
names = [e["event"] for e in story(g, session=opened["session"])]
tap.eq(names, ["session.opened", "session.closed"], "it has two records at the default level")
tap.ok(re.fullmatch(r"receive-pack of r\.git, \S+ after the client connected", opened["message"]), "the first says how long after the accept", opened)

# --- one that is ended: no request, in the pack, in a hook ------------------------------------------------------------------

commit(work, "large", os.urandom(1 << 20))
oid, pack = pack_of(work)
silent = Raw(g, request=False)
halfway = Raw(g)
halfway.advertisement()
halfway.commands(oid, "refs/heads/half")
halfway.s.sendall(pack[:len(pack) // 2])
open(path("hang"), "w").close()
hanging = Raw(g)
hanging.advertisement()
hanging.commands(oid, "refs/heads/hang")
hanging.s.sendall(pack)
latch.reached()
clients = {"silent": (silent, "init", "request", ["session.ending", "session.reaped", "session.closed"]),
           "halfway": (halfway, "idle", "pack", ["session.opened", "session.ending", "session.reaped", "session.closed"]),
           "hanging": (hanging, "hook", "hook", ["session.opened", "session.ending", "session.reaped", "session.closed"])}
for what, (c, reason, phase, names) in clients.items():
    wait_for(lambda: g.events("session.closed", peer=c.peer), "%s to be closed" % what)
    events = story(g, peer=c.peer)
    # what the hook and git say comes when it comes
    got = [e["event"] for e in events if e["event"] != "session.log"]
    tap.eq(got, names, "%s: its story" % what, *events)
    reaped = g.events("session.reaped", peer=c.peer)[0]
    evidence = reaped["evidence"]
    tap.ok(re.match(r"turn: the (client|gate)'s, in phase %s.* limit 2s \(deadline\.%s\)" % (phase, reason), evidence[0]), "%s: whose turn" % what, *evidence)
    tap.eq([re.match(r"\w+", line)[0] for line in evidence[1:4]], ["tcp", "tcp", "process"], "%s: then the connection, then processes" % what)
    shown = g.ask("show", reaped["session"])
    tap.eq(shown["evidence"], evidence, "%s: git-gate show has the same" % what)
    ending = g.events("session.ending", peer=c.peer)[0]
    tap.eq((ending["reason"], ending["steps"]), (reason, reaped["steps"]), "%s: the steps, as they are taken" % what)
    phases = [e["phase"] for e in g.events("session.phase", peer=c.peer)]
    tap.ok(phase in phases and phases[-1] == "closing", "%s: each phase, at debug" % what, phases)
    tap.ok(re.search(r"; .*\b%s \S+" % phase, g.events("session.closed", peer=c.peer)[0]["message"]), "%s: session.closed has them with their times" % what)

evidence = "\n".join(g.events("session.reaped", peer=halfway.peer)[0]["evidence"])
tap.ok(re.search(r"process: +\d+ S unpacker \[.*(index-pack|unpack-objects).*\]: read fd 0 \(client\) in \w", evidence), "git's reader is seen reading the client", evidence)
tap.ok("tcp: %d bytes received" % (int(re.search(r"tcp: (\d+)", evidence)[1])) in evidence and "queued for git 0" in evidence, "and nothing is queued")
evidence = g.events("session.reaped", peer=hanging.peer)[0]["evidence"]
tap.ok([l for l in evidence if re.search(r"S hook \[sh .*reference-transaction prepared\]: wait4 in \w", l)] and [l for l in evidence if re.search(r"S other \[.*\]: (read|clock_nanosleep)\b", l)],
       "a hook's processes are seen with their system calls", *evidence)
tap.ok([l for l in evidence if "other [sh ...]" in l] and not [l for l in evidence if "s3cret" in l or "sleep 300" in l], "what a hook gives to its own commands is not told", *evidence)
tap.ok([l for l in evidence if re.fullmatch(r"process: and \d+ more", l)], "what is too much is left out, and said", *evidence)
tap.ok([l for l in evidence if l.startswith("log: ") and "last line" in l], "the last lines of stderr are there", *evidence)
os.unlink(path("hang"))

# --- observe mode says the same ---------------------------------------------------------------------------------------------

o = Gate({"reaper.mode": "observe"})
o.repo()
c = Raw(o)
c.advertisement()
wait_for(lambda: o.events("session.observed"), "a verdict")
e = o.events("session.observed")[0]
tap.ok(e["reason"] == "commands" and [l for l in e["evidence"] if "receive-pack: read fd 0 (client)" in l], "observe: with its evidence", e)
c.close()
tap.eq(o.stop(), 0, "observe: it stops cleanly")

# --- a line is never longer than a pipe takes at once -----------------------------------------------------------------------

hooks.set(reference_transaction=None, pre_receive="cat >/dev/null; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do printf '%s' >&2; echo >&2; sh -c 'read x; : %s' <%s & done; %s" %
          (nasty.replace("%", "%%"), "x" * 300, latch.path, latch.command))
c = Raw(g)
c.advertisement()
c.commands(oid, "refs/heads/nasty")
c.s.sendall(pack)
latch.reached()
wait_for(lambda: g.events("session.closed", peer=c.peer), "it to be closed")
longest = max(g.text().splitlines(), key=len)
tap.ok(len(longest.encode()) < LINE_MAX, "the longest line is in bounds (%d bytes)" % len(longest.encode()))
evidence = g.events("session.reaped", peer=c.peer)[0]["evidence"]
tap.ok(all(c >= " " and not "\x7f" <= c < "\xa0" for l in evidence for c in l), "nothing drives a terminal", *evidence)
hooks.set(pre_receive="cat >/dev/null")

# --- a client that makes records --------------------------------------------------------------------------------------------

g.repo("s.git")
h = http.client.HTTPConnection("127.0.0.1", g.http_port, timeout=PATIENCE)
codes = set()
for i in range(400):
    h.request("GET", "/%s.git/info/refs?service=git-upload-pack" % "rs"[i % 2])
    a = h.getresponse()
    a.read()
    codes.add(a.status)
peer = "%s:%d" % h.sock.getsockname()[:2]
h.close()
tap.eq(codes, {200}, "400 requests over one connection, for two repositories in turn")
wait_for(lambda: g.events("session.closed", peer=peer), "the connection to be closed")
left = re.search(r"(\d+) of its records were over the rate", g.events("session.closed", peer=peer)[0]["message"])
tap.ok(left and int(left[1]) > 0, "session.closed says how many records were left out", g.events("session.closed", peer=peer))
tap.ok(len(g.events("session.opened", peer=peer)) < 400, "fewer than there were requests")
status = g.status()
tap.eq((status["suppressed_events"], status["dropped_events"]), (int(left[1]), 0), "status has the number")


def told():
    return sum(int(n) for e in g.events("log.suppressed") for n in re.findall(r"(\d+) session\.", e["message"]))


wait_for(lambda: told() == int(left[1]), "log.suppressed to tell all of it")
tap.ok(all("session.opened" in e["message"] or "session.phase" in e["message"] for e in g.events("log.suppressed")), "by kind", *g.events("log.suppressed"))
# nobody else has to suffer for it
before = len(g.events("session.opened"))
tap.eq(end(g.push(work, "after"))[0], 0, "a push")
g.settle()
tap.eq(len(g.events("session.opened")) - before, 1, "is in the log as always")
finish(tap, g)
