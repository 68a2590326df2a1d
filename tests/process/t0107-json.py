#!/usr/bin/python3
"""What git-gate(1) says of JSON is true of real answers: every member that is printed is documented, every documented one was seen, and each has the
type that is said.
"""
import re

from gate import *

tap = Tap()
page = read(os.path.join(ROOT, "docs", "man", "git-gate.1")).replace("\\-", "-").replace("\\&", "")
parts = dict(zip(*[iter(re.split(r"(?m)^\.Ss (.*)\n", page.split(".Sh OUTPUT")[1].split("\n.Sh ")[0])[1:])] * 2))
ANY = r"[A-Za-z0-9._-]+"


def documented(*commands):
    """Path of each member, as a pattern → its types."""
    found = {}
    for c in commands:
        for name, types in re.findall(r"(?m)^\.It Va (\S+) Pq (.*)", parts[c]):
            found[name] = set(types.split(" or "))
            for m in re.finditer(r"\[\]\.", name):
                found[name[:m.start() + 2]] = {"object"}
    return found


TYPES = {str: "string", int: "integer", bool: "boolean", dict: "object", list: "array", type(None): "null"}


def members(value, at=""):
    """(path, type) of all that is in it."""
    if isinstance(value, dict):
        for k, v in value.items():
            path_ = at + "." + k if at else k
            yield path_, TYPES[type(v)]
            yield from members(v, path_)
    elif isinstance(value, list):
        for v in value:
            yield at + "[]", TYPES[type(v)]
            yield from members(v, at + "[]")


seen = {}               # command → documented names that were seen, with their types


def pattern(name):
    return re.compile("^" + re.sub(r"\b[A-Z]+\b", lambda _: ANY, re.escape(name)) + "$")


def check(command, values, doc, inner=None):
    """Each of the values has what is documented, and nothing else. inner: members that are objects documented elsewhere."""
    wrong = []
    top = {n for n in doc if not re.search(r"[.[]|^[A-Z]", n)}
    for v in values:
        found = dict.fromkeys(v)
        if set(found) < top:
            wrong.append(("missing", sorted(top - set(found))))
        for at, kind in members(v):
            if inner and at.split(".")[0] == inner and at != inner:
                continue
            names = [n for n in doc if pattern(n).match(at)]
            names = [n for n in names if not re.search("[A-Z]", n)] or names
            if not names:
                wrong.append(("not documented", at))
            elif kind not in doc[names[0]]:
                wrong.append((at, kind, "and not", doc[names[0]]))
            else:
                seen.setdefault(command, {}).setdefault(names[0], set()).add(kind)
    tap.eq(wrong[:5], [], "%s: names and types are those of git-gate(1)" % command)


def all_seen(command, doc, but=()):
    got = seen.get(command, {})
    tap.eq(sorted(set(doc) - set(got) - set(but)), [], "%s: everything documented was seen" % command)
    loose = {n: sorted(types - got.get(n, types)) for n, types in doc.items() if n not in but}
    tap.eq({n: t for n, t in loose.items() if t}, {}, "in every type that is said")


# --- a gate that has everything to show -------------------------------------------------------------------------------------------

latch = Latch()
hooks = Hooks(pre_receive="echo a line >&2; cat >/dev/null; " + latch.command)
g = Gate({"deadline.commands": "10m", "deadline.packStart": "10m", "deadline.idle": "10m", "limit.sessionsPerPeer": "5", "limit.sessionsPerRepo": "2", "limit.sessions": "5",
          "service.on.command": "sleep 1000", "service.off.command": "false", "service.off.restart": "never", "service.off.after": "on"}, hooks=hooks.dir)
g.repo()
work = g.work("work")
STATUS, SESSION, STORY = documented("status"), documented("sessions"), documented("show")
live_only = {n for n in STORY if re.match("turn|certain|tcp|processes", n)}
ENDED = {**{n: t for n, t in SESSION.items() if n in "id transport service repo peer phase age_ms quiet_ms bytes_in bytes_out pid watch user".split()},
         **documented("reaped")}
ENDED["pid"] = ENDED["pid"] | {"null"}
OWN_END = {n: t for n, t in ENDED.items() if n not in ("source", "instance")}

status = [g.ask("status")]         # nothing has happened yet
push = g.push(work)
latch.reached()
raw = [Raw(g)]
raw[0].advertisement()
raw.append(Raw(g))      # one too many for its repository
wait_for(lambda: {s["phase"] for s in g.sessions()} >= {"hook", "commands"}, "the phases")
wait_for(lambda: all(s["rate_in"] is not None for s in g.sessions() if s["phase"] in ("hook", "commands")), "rates")
old = g.ask("sessions")
held = [s for s in old if s["peer"] == raw[1].peer]
tap.eq([s["deadline"] for s in held], [None], "no deadline counts for one that is held")
check("sessions", old, SESSION)
shown = [g.ask("show", s["id"]) for s in old]
check("show", shown, {**SESSION, **STORY})
hooked = [s for s in shown if s["phase"] == "hook"][0]
receive_pack = [p["pid"] for p in hooked["processes"] if p["role"] == "receive-pack"][0]
os.kill(receive_pack, signal.SIGSTOP)   # so that it does not end at once
g.cli("kill", hooked["id"])
ending = wait_for(lambda: [s for s in g.ask("sessions") if s["ending"]], "one that is being ended")
os.kill(receive_pack, signal.SIGCONT)
check("sessions", ending, SESSION)
more = [Raw(g) for _ in range(6)]       # the waiting room
status.append(wait_for(lambda: (lambda s: s["longest_wait_ms"] is not None and s["services"][1]["last"] and s)(g.ask("status")), "someone in the waiting room"))
for c in more + raw:
    c.close()
latch.release()
end(push)
wait_for(lambda: not g.sessions(), "all sessions to be gone")
Raw(g, "git-upload-pack", "nothing").rest()
wait_for(lambda: any(e["reason"] is None for e in g.ask("reaped", "--all")), "one that ended by itself")
ended = g.ask("reaped", "--all", "--journal", "")
check("reaped", ended, ENDED)
check("show of one that ended", [g.ask("show", e["id"]) for e in ended], {**OWN_END, **{n: t for n, t in STORY.items() if n not in live_only}})
tap.eq([x for x in ([p["phase"] for p in g.ask("show", e["id"])["timeline"]] for e in ended) if "closing" in x[:-1] or x[-1:] != ["closing"]], [],
       "a timeline ends with closing, once")
check("reload", [g.ask("reload")], documented("reload"))
status += [g.ask("status")]
check("status", status, STATUS, "last_error")
p = popen([GATE, "tail", "--json", "-n", "500", "--control", g.control], stdout=subprocess.PIPE, text=True)
lines = [p.stdout.readline() for _ in range(20)]
p.kill()
p.wait()
p.stdout.close()
check("tail", [json.loads(x) for x in lines], documented("tail"))
check("version", [json.loads(subprocess.run([GATE, "version", "--json"], capture_output=True, timeout=PATIENCE).stdout)], documented("version"))
check("drain", [g.ask("drain")], documented("drain"))
doctor = json.loads(g.cli("doctor", "--json").stdout)
check("doctor", doctor, documented("doctor"))
for command in ("health",), ("resume",):
    tap.eq(g.ask(*command), {}, "%s: an empty object" % command)
READY = documented("health --ready")
check("health --ready", [g.ask("health", "--ready")], READY)
g.ask("drain")
check("health --ready", [json.loads(g.cli("health", "--ready", "--json").stdout)], READY)
g.ask("resume")

# --- one that observes, with a false alarm and a stuck client ------------------------------------------------------------------------

o = Gate({"reaper.mode": "observe", "deadline.commands": "500ms"})
o.repo()
REPORT, TUNE = documented("report"), {**{n: t for n, t in documented("report").items() if n in "mode since period_ms seen healthy watched".split()}, **documented("tune")}
VERDICT = {**{n: t for n, t in ENDED.items() if n in "id transport service repo peer reason phase time".split()}, **documented("an alarm of report")}
slow, stuck = Raw(o), Raw(o)
for c in slow, stuck:
    c.advertisement()
    wait_for(lambda: o.events("session.observed", peer=c.peer), "the verdict")
slow.s.sendall(b"0000")
slow.rest()
stuck.close()
wait_for(lambda: not o.sessions(), "their ends")
report = o.ask("report")
tap.eq((report["finished_well"], report["failed"]), (1, 1), "report: one false alarm, one stuck")
check("an alarm of report", report["false_alarms"] + report["others"], VERDICT)
check("report", [{**report, "false_alarms": [], "others": []}], REPORT)
check("tune", [o.ask("tune")], TUNE)

# --- and everything was seen -------------------------------------------------------------------------------------------------------

# below a watched server only, in the first second only, in a gate that met an error: elsewhere
all_seen("sessions", SESSION, {"watch", "user", "rate_in", "rate_out"})
merged = {n: seen["show"].get(n, set()) | seen["show of one that ended"].get(n, set()) for n in STORY}
seen["show"] = {n: t for n, t in merged.items() if t}
all_seen("show", STORY, {"user", "evidence[]"})
all_seen("reaped", ENDED, {"watch", "user", "key", "limit_ms", "pid", "status", "source"})
all_seen("status", STATUS, {"last_error", "limits[].who", "cgroup", "cgroup_unused"})      # whether there are cgroups is the place's, see t0143
all_seen("tail", documented("tail"))
all_seen("version", documented("version"))
all_seen("drain", documented("drain"))
all_seen("doctor", documented("doctor"))
tap.eq(sorted(set(parts) - {"sessions", "reaped", "show", "status", "tail", "doctor", "reload", "drain", "version", "kill, health and resume", "health --ready", "report", "an alarm of report", "tune"}), [],
       "no other command has an output that is looked at nowhere")
all_seen("health --ready", READY)
finish(tap, g, o)
