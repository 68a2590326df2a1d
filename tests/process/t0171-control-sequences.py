#!/usr/bin/python3
"""The control protocol against a gate that serves: random sequences of requests, good, bad, cut, pipelined, half-closed and huge, on many connections at once;
and the command line and a hook against whoever answers in the gate's place. SEED=N plays a run again.
"""
import random

from gate import *

SEED = int(os.environ.get("SEED") or int.from_bytes(os.urandom(4), "big"))
ACTIONS = int(os.environ.get("ACTIONS") or 4000)
tap = Tap()
note("SEED=%d" % SEED)
dice = random.Random(SEED)
latch = Latch()
g = Gate(PATIENT, hooks=Hooks(pre_receive="cat >/dev/null; " + latch.command + "; exec " + os.path.join(BUILD, "hooks", "pre-receive") + " </dev/null").dir)
repo, work = g.repo(), g.work("work")

# a session that nobody asks to end, whose hook the requests pretend to be
push = g.push(work, "held")
latch.reached()
held = wait_for(lambda: [s["id"] for s in g.sessions()], "the push's session")[0]
COMMANDS_KNOWN = re.findall(r"(?m)^\| `(\w+)` \|", read(os.path.join(ROOT, "supervisor", "protocol.md")))
tap.ok(len(COMMANDS_KNOWN) > 15 and "events" in COMMANDS_KNOWN, "the commands are known: %s" % " ".join(COMMANDS_KNOWN))
# what takes long or ends what goes on is asked for less often, or not for the held one
RARE = {"reload": 0.1, "drain": 0.3, "resume": 0.5, "metrics": 0.5}
MEMBERS = ["id", "all", "reason", "after", "last", "step", "event", "message", "key", "upstream", "duration_ms", "commits", "objects", "refs", "bytes", "x"]
EVENT_NAMES = [n for n in re.findall(r'EV\(\w+, "([^"]+)"', read(os.path.join(ROOT, "base", "event.def")))]
HOSTILE = ["", "\x1b[2J\x07", "a\nb\r\nc", "%s%n%1000d", "\u202ezz\u2066", "漢" * 30, "'\"\\", "../../etc/passwd", "-o", "\x7f\x9b", "x" * 640, "{}", "00000000"]


def text(name):
    if name == "id" and dice.random() < 0.6:
        return held
    if name == "event" and dice.random() < 0.7:
        return dice.choice(EVENT_NAMES)
    if name == "step" and dice.random() < 0.5:
        return dice.choice(["scan", "forward", "", "a-step"])
    return dice.choice(HOSTILE)


def value(name, depth=0):
    kind = dice.randrange(12)
    if kind < 6:
        return text(name)
    if kind < 9:
        return dice.choice([0, 1, -1, 7, 2**31, 2**63 - 1, -2**63, 1.5, 1e308])
    if kind == 9:
        return dice.choice([True, False, None])
    if depth > 3:
        return []
    return [value("x", depth + 1) for _ in range(dice.randrange(4))] if kind == 10 else {dice.choice(MEMBERS): value("x", depth + 1)}


def good():
    while True:
        command = dice.choice(COMMANDS_KNOWN)
        if dice.random() > RARE.get(command, 1):
            continue
        request = {"cmd": command, **{m: value(m) for m in dice.sample(MEMBERS, dice.randrange(6))}}
        line = json.dumps(request, ensure_ascii=dice.random() < 0.5).encode() + b"\n"
        kills = command == "kill" and request.get("id") == held         # it is to be there at the end
        if not kills and len(line) <= 4096:
            return line


def bad():
    """Mostly one line that is no request."""
    line = bytearray(good())
    kind = dice.randrange(8)
    if kind == 0:
        return bytes(dice.randrange(256) for _ in range(dice.randrange(200))).replace(b"\n", b"") + b"\n"
    if kind == 1:
        return b"[" * dice.randrange(4000) + b"\n"
    if kind == 2:
        return b'{"cmd":"health","x":"' + b"x" * dice.randrange(4000, 70000) + b'"}\n'
    if kind == 3:
        return b'{"cmd":"status","cmd":"' + dice.choice(COMMANDS_KNOWN).encode() + b'"}\n'
    if kind == 4:
        return b"x" * dice.randrange(4090, 5000)
    for _ in range(dice.randrange(1, 4)):       # some bytes of a good one are others; it must not become another request for the held session
        line[dice.randrange(len(line) - 1)] = dice.choice(b'\0\xff{}[]":,\\\x1b9')
    return bytes(line) if b'"kill"' not in line else b"{}\n"


class Client:
    """A connection that is played step by step."""

    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(g.control)               # waits for a place in the queue
        self.s.settimeout(PATIENCE)
        self.got, self.open, self.sent = b"", True, b""
        self.todo = b"".join(good() if dice.random() < 0.6 else bad() for _ in range(dice.choice([1, 1, 1, 2, 5])))
        self.whole = self.todo[:4096].count(b"\n") > 0

    def send(self, n):
        try:
            n = self.s.send(self.todo[:n], socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:                         # it has its answer, or none, and is closed
            self.todo = b""
            return
        self.sent, self.todo = self.sent + self.todo[:n], self.todo[n:]

    def finish(self):
        """Everything up to the end."""
        try:
            while more := self.s.recv(65536):
                self.got += more
        except ConnectionResetError:
            pass
        self.s.close()
        self.open = False


answers, cut, wrong = [], 0, []


def look(c):
    """What came is nothing, or one line of JSON in the form of the protocol."""
    global cut
    if not c.got:
        cut += 1
        if c.whole and not c.todo and b"\n" in c.sent[:4096]:
            wrong.append(("no answer", c.sent[:300]))
        return
    try:
        line = c.got.decode()
        a = json.loads(line)
        fine = line.count("\n") == 1 and line.endswith("\n") and (a["ok"] is True and "data" in a or a["ok"] is False and isinstance(a["error"], str))
        fine = fine and not re.search("[\x00-\x09\x0b-\x1f]", line)
    except (ValueError, KeyError, TypeError) as e:
        fine, a = False, e
    answers.append(a)
    if not fine:
        wrong.append((c.sent[:300], c.got[:300], a))


def resident():
    return int(re.search(r"VmRSS:\s+(\d+)", read("/proc/%d/status" % g.pid))[1])


g.ask("status")
wait_for(lambda: g.request(cmd="health"), "an answer")
calm, calm_memory = fd_count(g.pid), resident()
clients = []
for i in range(ACTIONS):
    act = dice.randrange(10)
    if len(clients) < 2 or (act < 3 and len(clients) < 24):
        clients.append(Client())
        continue
    c = dice.choice(clients)
    if act < 6 and c.todo:
        c.send(dice.choice([1, 7, 100, 70000]))
    elif act == 6:
        c.s.close()
        clients.remove(c)
    elif act == 7 and not c.todo:
        c.s.shutdown(socket.SHUT_WR)
        c.finish()
        look(c)
        clients.remove(c)
    elif not c.todo and (b"\n" in c.sent[:4096] or len(c.sent) >= 4096):
        c.finish()
        look(c)
        clients.remove(c)
for c in clients:
    c.s.close()
tap.ok(len(answers) > ACTIONS / 30, "of %d actions %d were answered, %d of these with data; %d connections ended without an answer" %
       (ACTIONS, len(answers), sum(isinstance(a, dict) and a.get("ok") is True for a in answers), cut))
tap.eq(wrong, [], "each answer is one line of JSON in the protocol's form, and a whole request has one")
wait_for(lambda: fd_count(g.pid) <= calm, "the connections to be dropped")
tap.ok(True, "no descriptor is left")
used = resident() - calm_memory
tap.ok(used < 4096 + FREED, "nor memory (%d KiB more)" % used)
g.request(cmd="resume")
tap.eq((g.status()["instance"], g.cli("health").returncode), (g.instance, 0), "the same gate answers")
tap.eq([s["id"] for s in g.sessions() if s["id"] == held], [held], "the push is still held by its hook")
tap.eq(len([e for e in g.events() if e["event"] not in EVENT_NAMES]), 0, "every line of the log is an event that there is")
tap.ok(len([e for e in g.events() if e.get("session") == held and e["event"].startswith(("push.", "refresh."))]) <= 50,
       "of the events that were told in its name no more than 50 are recorded")
latch.release()
code, out = end(push)
tap.eq(code, 0, "it goes through", out)
tap.eq(git("rev-parse", "-q", "--verify", "held", cwd=repo, check=False).returncode, 0, "and is there")

# --- who answers in the gate's place -----------------------------------------------------------------------------------------------------

false_gate = path("false")
listener = socket.socket(socket.AF_UNIX)
listener.bind(false_gate)
listener.listen(64)
said = []               # what is answered next; the last one again and again


def serve():
    while True:
        c, _ = listener.accept()
        with c:
            try:
                c.recv(4096)
                c.sendall(said[0])
            except OSError:
                pass


threading.Thread(target=serve, daemon=True).start()
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def answer():
    kind = dice.randrange(7)
    if kind == 0:
        return bytes(dice.randrange(256) for _ in range(dice.randrange(400)))
    if kind == 1:
        return b""
    if kind == 2:
        return b"[" * 3000 + b"\n"
    data = value("x")
    if kind > 4:        # near to what is meant: known members, other types
        row = {m: value(m) for m in dice.sample(["id", "repo", "peer", "phase", "age_ms", "quiet_ms", "deadline_ms", "deadline_used_ms", "reason", "time", "steps",
                                                 "status", "services", "limits", "processes", "timeline", "log", "evidence", "events", "next", "keys", "limit_ms",
                                                 "listening", "by_reason", "last_error", "sessions", "reasons", "ready", "rate_in", "watch", "user"], 16)}
        data = dice.choice([row, [row], [row] * 3, {"events": [row], "next": 1, "lost": 0, "more": False, "instance": "i"}])
    a = dice.choice([{"ok": True, "data": data}, {"ok": True, "data": data}, {"ok": False, "error": text("x")}, {"ok": data}])
    return json.dumps(a, ensure_ascii=dice.random() < 0.5).encode() + b"\n"


def who_asks():
    """Commands of people, one at a time; tail ends when the gate is gone, so it is not among them."""
    return dice.choice([["status"], ["sessions"], ["reaped", "--journal", ""], ["show", "ab"], ["kill", "ab"], ["report"], ["tune"], ["health"], ["health", "--ready"],
                        ["drain"], ["resume"], ["reload"], ["metrics"], ["reaped", "--all", "--journal", ""]])


bad_ends, controls, runs = [], [], int(os.environ.get("RUNS") or 80)
for _ in range(runs):
    said[:] = [answer()]
    asks = who_asks() + dice.choice([[], ["--json"]])
    r = subprocess.run([GATE, *asks, "--control", false_gate], env=ENV, capture_output=True, timeout=PATIENCE)
    if r.returncode not in (0, 1, 2, 3):
        bad_ends.append((asks, said[0][:500], r.returncode, r.stderr[-1000:]))
    for out in r.stdout, r.stderr:
        if CONTROL.search(out.decode(errors="surrogateescape")) and asks[0] != "metrics":
            controls.append((asks, said[0][:500], out[:500]))
tap.eq(bad_ends, [], "whatever is answered in the gate's place, %d commands end by themselves" % runs)
tap.eq(controls, [], "and drive no terminal")
wait_for(lambda: not leftovers(repo), "leftovers to be removed")
finish(tap, g)
