#!/usr/bin/python3
"""git-gate tail, show, status and explain: events as they come, also over a restart; what a session went through; the last error; every reason,
setting and event explained; hostile names and lines, which forge nothing in tables, lines and JSON.
"""
from terminal import *

tap = Tap()
latch = Latch()
hooks = Hooks(pre_receive="echo from the hook >&2; cat >/dev/null; " + latch.command)
g = Gate({"deadline.commands": "10m", "deadline.packStart": "10m", "gate.log": "text"}, hooks=hooks.dir, start=False)


def serving(_):
    return g.cli("health").returncode == 0 and "gate.ready" in g.text()


g.launch().ready(serving)
repo = g.repo()
work = g.work("work")


class Plain:
    """A push without side-band: what its hook prints goes to the gate, and not to the client."""

    def __init__(self, ref):
        oid, pack = pack_of(work)
        self.raw = Raw(g)
        self.raw.advertisement()
        self.raw.commands(oid, "refs/heads/" + ref, "report-status")
        self.raw.s.sendall(pack)

    def end(self):
        latch.release()
        return b"ok refs/heads/" in self.raw.rest()


class Tail:
    def __init__(self, *args):
        self.file = tempfile.mktemp(prefix="tail.", dir=TMP)
        with open(self.file, "w") as out:
            self.process = popen([GATE, "tail", *args, "--control", g.control], stdout=out, stderr=out)

    def lines(self):
        return read(self.file).splitlines()

    def wait(self, pattern):
        return wait_for(lambda: [x for x in self.lines() if re.search(pattern, x)], "%r in tail" % pattern)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


# --- tail -------------------------------------------------------------------------------------------------------------------

t = Tail("--lines", "500")
t.wait("gate.ready")
push = Plain("main")
latch.reached()
s = wait_for(lambda: [x for x in g.sessions() if x["phase"] == "hook"], "the push to be in its hook")[0]
one = Tail(s["id"])
one.wait("session.opened")
as_json = Tail("--json", "-n", "1")
as_json.wait(".")
tap.ok(push.end(), "the push is done")
t.wait("session.closed.*session=" + s["id"])
wait_for(lambda: "session.closed" in g.text(), "the log to have it")
log = [x for x in g.text().splitlines() if x[:2] == "20"]
shown = [x for x in t.lines()]
tap.eq(shown[:len(log)], log, "tail is the text log, line by line")
tap.eq(one.process.wait(PATIENCE), 0, "tail of a session ends with it")
tap.ok(one.lines() and all("session=" + s["id"] in x for x in one.lines()) and "session.closed" in one.lines()[-1], "and has no other", *one.lines())
tap.ok(any(re.search("session.log: .*from the hook", x) for x in one.lines()), "with what its hook said", *one.lines())
wait_for(lambda: [x for x in as_json.lines() if "session.closed" in x], "the same as JSON")
tap.ok(all(json.loads(x)["event"] for x in as_json.lines()), "--json: a line is an object")
as_json.stop()
again = Tail(s["id"])
tap.eq(again.process.wait(PATIENCE), 0, "tail of a session that has ended: what there was")
tap.eq(again.lines(), one.lines()[-10:], "the last ten lines of it", *again.lines())
few = Tail("-n", "2")
few.wait("session.closed")
tap.eq(few.lines(), log[-2:], "-n 2")
few.stop()
r = g.cli("tail", "00000000")
tap.ok(r.returncode == 1 and "no session" in r.stderr, "an id that nobody has", r)
for n in "-1", "x", "501", "":
    r = g.cli("tail", "--lines=" + n)
    tap.ok(r.returncode == 2 and "from 0 to 500" in r.stderr, "--lines %r: usage" % n, r)

# --- show of what has ended ---------------------------------------------------------------------------------------------------

r = g.cli("show", s["id"])
tap.ok(re.search(r"(?m)^timeline:\n +AT +FOR +PHASE\n *\S+ +\S+ +(request|commands|pack|hook|work)", r.stdout), "show: a timeline", r.stdout)
tap.ok(re.search(r"(?m)^ *\S+ms +\S+ +hook$", r.stdout) and re.search(r"(?m)^last lines of its log:\n  \[\d+\] from the hook$", r.stdout), "with the hook, and its words", r.stdout)
tap.ok(not re.search(r"(?m) $", r.stdout), "no line ends in spaces", repr(r.stdout))
stuck = Raw(g)
stuck.advertisement()
id = wait_for(g.sessions, "a session")[0]["id"]
r = g.cli("show", id)
tap.ok(re.search(r"(?m)^processes:\n *PID  STATE .*\n *\d+ .* /\S*git-daemon .*\n *\d+ .*  \\_ \S*git receive-pack", r.stdout), "show of a live one: a tree", r.stdout)
wait_for(lambda: re.search(r"(?m)^deadline: +deadline.commands: \S+ of 10m00s \[#\.{19}\]$", g.cli("show", id).stdout), "its deadline with a bar")
tap.ok(True, "and its deadline")
t80 = Terminal([GATE, "show", id, "--control", g.control], 60)
t80.end()
tap.ok(not t80.wrapped and b"\x1b[1mtimeline:" in t80.raw, "on a terminal it fits, with bold titles", t80.wrapped)
t80.close()

# --- tail over a restart ------------------------------------------------------------------------------------------------------

g.stop()
t.wait("gate.stopping")
t.wait("git-gate: no gate is running")
tap.eq(t.process.poll(), None, "the gate is stopped: tail waits")
g.launch().ready(serving)
t.wait("git-gate: another gate has been started")
wait_for(lambda: len([x for x in t.lines() if "gate.ready" in x]) == 2, "the first events of the next gate")
tap.ok(True, "and shows the next one, from its first event")
t.stop()
stuck.close()
none = popen([GATE, "tail", "--control", path("nothing")], stderr=subprocess.PIPE, text=True)
tap.eq((none.wait(PATIENCE), "no gate is running" in none.stderr.read()), (3, True), "no gate at all: exit code 3")
none.stderr.close()

# --- more than is kept ----------------------------------------------------------------------------------------------------------

t = Tail()
t.wait("gate.ready")
os.kill(t.process.pid, signal.SIGSTOP)
for i in range(300):            # two events each
    Raw(g, "git-upload-pack", "none-%d" % i).rest()
wait_for(lambda: "none-299" in g.text() and not g.sessions(), "many events")
os.kill(t.process.pid, signal.SIGCONT)
t.wait("none-299")
missing = t.wait(r"git-gate: \d+ events are missing here")
tap.eq(len(missing), 1, "what was not kept is said", *missing)
n = int(re.search(r"(\d+) events", missing[0])[1])
log = [x for x in g.text().splitlines() if x[:2] == "20"]
wait_for(lambda: len(t.lines()) >= len(log) - n + 1, "all that was kept")
lines = t.lines()
at = lines.index(missing[0])
tap.eq(lines[:at] + lines[at + 1:], log[:at] + log[at + n:], "so many are missing, and no other")
t.stop()
tap.ok(len(g.ask("reaped", "--all", "--journal", "")) >= 300, "(the gate remembers them)")

# --- hostile names, lines and peers ----------------------------------------------------------------------------------------------

BAD = b"\x1b[2J\x1b]0;owned\x07\xff\xfe\x9b\r\x7f'\"\\ A=b session=ffffffff \xc2\x9b31m \xe6\xbc\xa2"
hooks.set(pre_receive="cat >/dev/null; printf '%s\\n' \"$(printf '\\033[31mred\\377\\t\\r=x\\302\\233')\" >&2; " + latch.command)
os.makedirs(os.path.join(os.fsencode(g.base), BAD + b".git"))
git("init", "-q", "--bare", os.path.join(os.fsencode(g.base), BAD + b".git"))
t = Tail("--json")
text = Tail()
t.wait(".")
text.wait(".")
s = socket.create_connection(("127.0.0.1", g.port), timeout=PATIENCE)
line = b"git-receive-pack /" + BAD + b".git\0host=x\0"
s.sendall(b"%04x" % (len(line) + 4) + line)
s.recv(4)
session = wait_for(lambda: [x for x in g.sessions() if "owned" in x["repo"]], "the session")[0]
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
for args in (["sessions"], ["show", session["id"]], ["status"], ["sessions", "--json"], ["show", session["id"], "--json"]):
    r = g.cli(*args)
    tap.ok(r.returncode == 0 and not CONTROL.search(r.stdout), "hostile repository: %s drives no terminal" % args, repr(r.stdout))
tap.eq(len(g.cli("sessions").stdout.splitlines()), 2, "and is one line")
w = Terminal([GATE, "sessions", "--watch=0.2", "--control", g.control], 100)
w.shows(session["id"])
w.type("q")
w.end()
left = re.sub(rb"\x1b\[(\??)[\d;]*[hlHJKm]", b"", w.raw).decode()
tap.ok(not CONTROL.search(re.sub(r"\r+\n", "\n", left)) and not w.wrapped, "nor in --watch", repr(left), w.wrapped)
w.close()
g.cli("kill", session["id"], "--reason", "\x1b[1m\nsession.reaped: forged session=00000001")
wait_for(lambda: session["id"] not in [x["id"] for x in g.sessions()], "it to be ended")     # who leaves before is no evidence
s.close()
push = Plain("again")
latch.reached()
pushed = wait_for(lambda: [x for x in g.sessions() if x["phase"] == "hook"], "a push")[0]["id"]
wait_for(lambda: g.ask("show", pushed)["log"], "its hook's line")
for args in (["show", pushed], ["reaped", "--journal", ""], ["show", session["id"]]):
    r = g.cli(*args)
    tap.ok(r.returncode == 0 and not CONTROL.search(r.stdout), "hostile lines: %s" % args, repr(r.stdout))
push.end()
t.wait("session.closed.*" + pushed)
text.wait("session.closed.*" + pushed)
got = [json.loads(x) for x in t.lines()]
tap.ok([e for e in got if e["event"] == "session.killed" and "forged" in e["message"]], "tail --json has all of it as JSON", *t.lines())
tap.eq([x for x in t.lines() + text.lines() if CONTROL.search(x)], [], "and tail no control character")
tap.eq([x for x in text.lines() if re.match(r"\S+ session.reaped: forged", x)], [], "no line is forged")
whole = [x for x in text.lines() if x.split()[1] != "session.evidence:"]
tap.ok([x.split()[1] for x in whole][-8:] == [e["event"] + ":" for e in got][-8:], "a line is an event", *text.lines())
told = [e for e in got if e["event"] == "session.reaped"][-1]
line = [x for x in text.lines() if " session.evidence: " in x and x.startswith(told["time"])]
tap.ok(told["evidence"] and len(line) == len(told["evidence"]) and all(x.endswith(" session=" + told["session"]) for x in line),
       "and one for each line of evidence", *text.lines())
tap.ok([x for x in g.text().splitlines() if x in line] == line, "as the log has them", *line)
t.stop()
text.stop()

# --- status: the last error -------------------------------------------------------------------------------------------------------

tap.eq((g.status()["last_error"], "last error    none" in g.cli("status").stdout), (None, True), "no error yet")
with open(path("bad.conf"), "w") as f:
    f.write("[deadline]\nidle = 1x\n")
p = Gate({"include": "x"}, start=False)
p.settings = {k: v for k, v in g.settings.items() if not k.startswith(("deadline.", "gate.control", "gate.log"))}
p.control = os.path.join(p.dir, "run", "control")
with open(path("p.conf"), "w") as f:
    f.write("[deadline]\nidle = 15s\n")
p.settings["gate.control"] = p.control
p.settings["gate.log"] = "json"
p.launch("--config", path("p.conf")).ready()
shutil.copy(path("bad.conf"), path("p.conf"))
r = p.cli("reload")
tap.eq(r.returncode, 1, "a reload that fails")
e = p.status()["last_error"]
tap.ok(e and e["event"] == "gate.reload-failed" and "1x" in e["message"] and e["priority"] == "err", "is the last error in status", e)
tap.ok(re.search(r"(?m)^last error +20\S+Z gate.reload-failed: .*1x", p.cli("status").stdout), "with its time, for people", p.cli("status").stdout)
tp = Terminal([GATE, "status", "--control", p.control], 200)
tp.end()
tap.ok(re.search(rb"last error +\x1b\[31m", tp.raw), "red on a terminal", tp.raw)
tp.close()

# --- explain --------------------------------------------------------------------------------------------------------------------------

def explain(*words, env=None):
    return subprocess.run([GATE, "explain", *words], env={**ENV, **(env or {})}, capture_output=True, text=True, timeout=PATIENCE)


reasons = re.findall(r'(?m)^REASON\(\w+, "([^"]+)"', read(os.path.join(ROOT, "reaper", "reason.def")))
events = re.findall(r'(?m)^EV\(\w+, "([^"]+)"', read(os.path.join(ROOT, "base", "event.def")))
keys = re.findall(r'(?m)^(?:NUM|FLAG|TEXT|PICK|LIST)\(\w+, "([^"]+)"', read(os.path.join(ROOT, "base", "conf.def")))
for section in "service", "repo":
    keys += ["%s.NAME.%s" % (section, k) for k in re.findall(r'(?m)^(?:NUM|FLAG|TEXT|PICK|LIST)\(\w+, "([^"]+)"', read(os.path.join(ROOT, "base", section + ".def")))]
r = explain()
tap.ok(r.returncode == 0 and all(re.search(r"(?m)^  %s +" % x, r.stdout) for x in reasons), "explain lists the reasons", r.stdout)
for what, words in ("reason", reasons), ("event", events), ("setting", keys):
    bad = []
    for word in words:
        r = explain(word)
        if r.returncode or r.stderr or not re.match(r"%s: an? %s" % (re.escape(word), what), r.stdout) or len(r.stdout) < 60 or any(len(x) > 80 for x in r.stdout.splitlines()):
            bad.append((word, r.stdout, r.stderr))
    tap.eq((len(words) > 10, bad), (True, []), "every %s is explained, in lines of 80 columns" % what)
tap.eq([x for x in reasons if len(re.findall(r"(?m)^  What [a-z ]+:\n    \w", explain(x).stdout)) != 3], [], "of a reason what was seen, what to look at, what to do")
tap.ok("default 15s" in explain("deadline.IDLE").stdout and "git-gate explain not-reading" in explain("deadline.idle").stdout, "a setting names the reasons that it bounds")
tap.ok("repo.NAME.upstream: a setting" in explain("repo.a.b.git.upstream").stdout, "a setting of a repository by its name")
for word, says in (("idel", "did you mean 'idle'?"), ("packStart", "did you mean 'pack-start'?"), ("keepidle", "did you mean 'tcp.keepIdle'?"), ("push.rejectd", "did you mean 'push.rejected'?"),
                   ("forward-failed", "did you mean 'push.forward-failed'?"), ("xyzzy", "lists the reasons"), ("", "lists the reasons"), ("none", "is no reason"),
                   ("repo.x", "is no reason"), ("a\x1b[1m" + "x" * 3000, "is no reason")):
    r = explain(word)
    tap.ok(r.returncode == 2 and says in r.stderr and r.stderr.count("\n") == 1 and "\x1b" not in r.stderr, "explain %.20r: %s" % (word, says), r)
tx = Terminal([GATE, "explain", "idle"], 40, 40)
tx.end()
tap.ok(not tx.wrapped and "What led to it:" in tx.text(), "on 40 columns it is 40 wide", tx.text(), tx.wrapped)
tx.close()
code = p.stop()
tap.eq(code, 0, "the other gate stops")
tap.eq(g.stop(), 0, "the gate stops")
tap.done()
