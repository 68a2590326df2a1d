#!/usr/bin/python3
"""git-gate sessions, once and with --watch: what is shown of deadlines, at any width; the terminal is given back as it was however it ends; a gate
that goes and comes again; colour only where it is wanted.
"""
from terminal import *

tap = Tap()
g = Gate({"deadline.commands": "10m", "deadline.packStart": "10m", "limit.sessions": "7", "limit.sessionsPerPeer": "5"})
g.repo()
WATCH = [GATE, "sessions", "--watch=0.2", "--control", g.control]
raw = [Raw(g) for _ in range(3)]
for c in raw:
    c.advertisement()
raw.append(Raw(g, request=False))       # says nothing: deadline.init
ids = {}


def live():
    ids.update((s["peer"], s["id"]) for s in g.sessions())
    return len(ids) == 4


wait_for(live, "four sessions")

# --- what is said of deadlines, rates and limits --------------------------------------------------------------------------

s = wait_for(lambda: [x for x in g.sessions() if x["peer"] == raw[0].peer and x["deadline"]], "a deadline that counts")[0]
tap.eq((s["deadline"], s["deadline_ms"]), ("deadline.commands", 600000), "who says no command has deadline.commands")
tap.ok(0 <= s["deadline_used_ms"] <= s["age_ms"], "of which less is used than it is old", s)
first = s["deadline_used_ms"]
wait_for(lambda: [x for x in g.sessions() if x["id"] == s["id"] and x["deadline_used_ms"] > first], "more of it to be used")
tap.ok(True, "and more after a while")
wait_for(lambda: [x for x in g.sessions() if x["id"] == s["id"] and (x["rate_in"], x["rate_out"]) == (0, 0)], "the rates to be of silence")
tap.ok(True, "rates are of the last second")
quiet = Raw(g, request=False)
s = wait_for(lambda: [x for x in g.sessions() if x["peer"] == quiet.peer and x["deadline"]], "one more session, looked at")[0]
tap.eq((s["deadline"], s["deadline_ms"]), ("deadline.init", 2000), "who says nothing has deadline.init")
used = {x["key"]: x for x in g.status()["limits"]}
tap.eq((used["limit.sessions"]["limit"], used["limit.waiting"]["used"], used["limit.sessionsPerPeer"]["who"], "limit.sessionsPerRepo" in used),
       (7, 0, "127.0.0.1", False), "status has the limits that are set, and whom they hit")
wait_for(lambda: len(g.sessions()) == 3, "those that said nothing to be ended")

r = g.cli("sessions")
tap.ok(re.search(r"^ID +PHASE +ENDING +AGE +QUIET +LIMIT +USED ", r.stdout), "the table has them", r.stdout)
tap.ok(re.search(r"commands +- +\S+ +\S+ +10m00s +\d+% ", r.stdout), "limit and part", r.stdout)
tap.ok("\x1b" not in r.stdout, "no colour where there is no terminal")
ages = [x["age_ms"] for x in g.sessions()]
order = [line.split()[0] for line in r.stdout.splitlines()[1:]]
tap.eq(order, [ids[c.peer] for c in raw[:3]], "the oldest is first")

# --- a table on a terminal ------------------------------------------------------------------------------------------------

for columns in 80, 40, 12:
    t = Terminal([GATE, "sessions", "--control", g.control], columns)
    tap.eq(t.end(), 0, "%d columns: sessions" % columns)
    text = t.lines()
    tap.ok(not t.wrapped and sum(bool(x) for x in text) == 4, "no line is longer, and each session has one", *text)
    tap.ok(all(any(x.startswith(ids[c.peer][:columns]) for x in text) for c in raw[:3]), "with its id", *text)
    tap.ok(b"\x1b[1m" in t.raw, "the header is bold")
    t.close()
for what, env in ("NO_COLOR", {"NO_COLOR": "1"}), ("TERM=dumb", {"TERM": "dumb"}):
    t = Terminal([GATE, "sessions", "--control", g.control], env=env)
    tap.ok(t.end() == 0 and b"\x1b" not in t.raw, "%s: no colour" % what, t.raw)
    t.close()

# --- --watch --------------------------------------------------------------------------------------------------------------

t = Terminal(WATCH)
t.shows(r"serving 3/7, waiting 0, reaped \d")
tap.eq(sum(bool(re.search(r"^[0-9a-f]{8}  \[#\.{9}\]  10m00s  commands", x)) for x in t.lines()), 3, "a line with a bar for each session", t.text())
tap.ok({"1049"} <= t.modes and not t.wrapped, "on another page, within its width", t.wrapped)
pages = t.pages
wait_for(lambda: t.pages > pages + 2, "it to be drawn again")
tap.eq(t.raw.count(b"\x1b[2J"), 1, "the page is never emptied but at first")
raw[1].close()
t.shows(r"serving 2/7")
tap.eq(sum(bool(re.match(r"[0-9a-f]{8} ", x)) for x in t.lines()), 2, "who leaves is not left on the page", t.text())
t.resize(40, 5)
os.kill(t.process.pid, signal.SIGWINCH)
wait_for(lambda: re.search(r"(?m)^serving 2/7", t.text()) and len(t.lines()) == 5 and t.lines()[3][:8] in ids.values(), "the page of the new size")
wait_for(lambda: not t.wrapped, "no line to be too long")
pages = t.pages
wait_for(lambda: t.pages > pages + 2, "it to be drawn again")
tap.ok(not t.wrapped and [x for x in t.lines() if x.endswith("...") or "#" in x], "smaller: cut to it, nothing scrolls", t.text(), t.wrapped)
t.resize(80, 4)
t.shows("and 2 more|and 1 more")
tap.ok(not t.wrapped, "fewer rows than sessions: the rest is counted", t.text(), t.wrapped)
t.resize(80, 24)
t.shows(r"(?m)^[0-9a-f]{8}.*\n[0-9a-f]{8}")
g.stop()
t.shows("no gate is running")
tap.ok(t.process.poll() is None, "the gate is stopped: it says so and goes on")
g.start()
t.shows(r"serving 0/7")
tap.ok(re.search(r"enforce, up \S+$", t.lines()[0]), "and shows the next one; of the longer line that stood there nothing is left", *t.lines()[:3])
t.type("x\n")
t.type("q")
tap.eq((t.end(), t.as_it_was()), (0, True), "q ends it; the terminal is as it was", t.modes)
tap.ok(t.raw.endswith(b"\x1b[?25h\x1b[?1049l"), "with its cursor, on its own page", t.raw[-40:])
t.close()

for what, how in (("INT", lambda t: t.type("\x03")), ("QUIT", lambda t: t.type("\x1c")), ("TERM", lambda t: os.kill(t.process.pid, signal.SIGTERM)),
                  ("HUP", lambda t: os.kill(t.process.pid, signal.SIGHUP))):
    t = Terminal(WATCH)
    t.shows("serving 0/7")
    how(t)
    tap.eq((t.end(), t.as_it_was()), (0, True), "%s: ends, and leaves the terminal as it was" % what)
    t.close()
t = Terminal(WATCH)
t.shows("serving 0/7")
t.type("\x1a")
wait_for(lambda: (proc_stat(t.process.pid) or "?")[0] == "T", "it to be stopped")
tap.ok(t.as_it_was(), "^Z: stopped, and the terminal is as it was")
os.kill(t.process.pid, signal.SIGCONT)
pages = t.pages
wait_for(lambda: t.pages > pages + 1 and "1049" in t.modes, "it to go on")
t.type("q")
tap.eq((t.end(), t.as_it_was()), (0, True), "and goes on after that")
t.close()
t = Terminal(WATCH, env={"NO_COLOR": "1"})
t.shows("serving 0/7")
t.type("q")
t.end()
tap.ok(b"m" not in b"".join(re.findall(rb"\x1b\[[\d;]*([A-Za-z])", t.raw)), "NO_COLOR: no colour in it")
t.close()

# --- not on a terminal ----------------------------------------------------------------------------------------------------

p = popen(WATCH, stdout=subprocess.PIPE, text=True)
seen = [p.stdout.readline() for _ in range(9)]
tap.ok(sum("serving 0/7" in x for x in seen) >= 2 and not any("\x1b" in x for x in seen), "no terminal: printed again and again, plainly", *seen)
p.send_signal(signal.SIGTERM)
tap.eq(p.wait(PATIENCE), 0, "until it is ended")
p.stdout.close()
p = popen(WATCH, stdout=subprocess.PIPE, text=True)
p.stdout.readline()
p.stdout.close()
tap.ok(p.wait(PATIENCE) is not None, "or nobody reads any more")
p = popen([*WATCH, "--json"], stdout=subprocess.PIPE, text=True)
tap.eq([json.loads(p.stdout.readline()) for _ in range(3)], [[], [], []], "--json: a line each time")
p.kill()
p.wait()
p.stdout.close()
for arg in "--watch=0", "--watch=x", "--watch=1e9", "--watch=nan":
    r = g.cli("sessions", arg)
    tap.ok(r.returncode == 2 and "0.1 to 3600" in r.stderr, "%s: usage" % arg, r)
p = popen([GATE, "sessions", "--watch", "0.2", "--control", g.control], stdout=subprocess.PIPE, text=True)
tap.ok("git-gate" in p.stdout.readline(), "--watch 0.2, in two words")
p.kill()
p.wait()
p.stdout.close()
for c in raw + [quiet]:
    c.close()
finish(tap, g)
