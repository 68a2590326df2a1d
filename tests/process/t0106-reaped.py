#!/usr/bin/python3
"""git-gate reaped: what the running gate remembers and what the journal has, without duplicates; filters; a gate that does not run; hostile text in
both. The journal's files are made by systemd-journal-remote from events of real gates.
"""
import calendar

from terminal import *

tap = Tap()
REMOTE = "/lib/systemd/systemd-journal-remote"
IDS = dict(re.findall(r'EV\(\w+, "([^"]+)", \w+,\s*"(\w{32})"', read(os.path.join(ROOT, "base", "event.def"))))
JOURNAL = path("journal")
NONE = path("no-journal")
os.makedirs(JOURNAL)
os.makedirs(NONE)
g = Gate()
g.repo("r.git")
g.repo("team/a.git")


def stuck(*repos):
    """A session of each that is ended; their ids."""
    raws = [Raw(g, repo=r) for r in repos]
    for c in raws:
        c.advertisement()
    for c in raws:
        c.rest()
    peers = [c.peer for c in raws]
    got = wait_for(lambda: (lambda by: len(by) == len(peers) and by)({e["peer"]: e["id"] for e in g.reaped() if e["peer"] in peers}), "them to be recorded")
    return [got[p] for p in peers]


def entry(event, **more):
    """In the journal's export format."""
    fields = {"__REALTIME_TIMESTAMP": more.pop("usec"), "__MONOTONIC_TIMESTAMP": 1, "_BOOT_ID": "0" * 31 + "1", "MESSAGE": event["message"],
              "MESSAGE_ID": IDS[event["event"]], "GIT_GATE_EVENT": event["event"]}
    for k, v in event.items():
        if k.endswith("_ms"):
            fields["GIT_GATE_%s_USEC" % k[:-3].upper()] = v * 1000
        elif k not in ("time", "event", "priority", "message"):
            fields["GIT_GATE_" + k.upper()] = v
    fields.update(more)
    data = b""
    for k, v in fields.items():
        v = v if isinstance(v, bytes) else str(v).encode()
        data += k.encode() + (b"=" + v if b"\n" not in v and v.isascii() and v.decode().isprintable() else b"\n" + struct.pack("<Q", len(v)) + v) + b"\n"
    return int(fields["__REALTIME_TIMESTAMP"]), data + b"\n"


def usec(event):
    whole, ms = event["time"][:-1].split(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 1000000 + int(ms) * 1000


def write_journal(name, entries):
    r = subprocess.run([REMOTE, "-o", os.path.join(JOURNAL, name), "-"], input=b"".join(d for _, d in sorted(entries, key=lambda e: e[0])),
                       capture_output=True, timeout=PATIENCE)
    if r.returncode:
        raise RuntimeError(r.stderr)


def reaped(*args, journal=JOURNAL, code=0):
    r = g.cli("reaped", "--json", "--journal", journal, *args)
    if r.returncode != code:
        tap.eq(r.returncode, code, "git-gate reaped %s: exit code" % " ".join(args), r)
    return json.loads(r.stdout) if r.stdout else []


# --- the running gate's memory ----------------------------------------------------------------------------------------------

ids = stuck("r.git", "team/a.git")
one = Raw(g, "git-upload-pack", "nothing-here")
one.rest()
wait_for(lambda: len(g.ask("reaped", "--all")) == 3, "the one that ended by itself")
got = reaped(journal="")
tap.eq(({e["id"] for e in got}, {e["source"] for e in got}, {e["instance"] for e in got}), (set(ids), {"memory"}, {g.instance}), "without a journal: the gate's memory")
tap.eq([e["id"] for e in reaped("--repo", "team/*", journal="")], ids[1:], "--repo with a pattern")
tap.eq([e["id"] for e in reaped("--repo", "r.git", journal="")], ids[:1], "--repo with a name")
tap.eq(reaped("--repo", "team", journal=""), [], "--repo: all of the name counts")
tap.eq((len(reaped("--reason", "commands", journal="")), reaped("--reason", "idle", journal="")), (2, []), "--reason")
tap.eq((len(reaped("--since", "1h", journal="")), len(reaped("--since", "2020-01-01", journal="")), reaped("--since", "2100-01-01 00:00", journal="")), (2, 2, []), "--since")
for args, says in ((["--since", "yesterday"], "neither a duration"), (["--since", "5"], "neither a duration"), (["--reason", "comands"], "did you mean 'commands'"),
                   (["--reason", "xyzzy"], "git-gate explain"), (["--reason", "none"], "is no reason"), (["--since", "2026-02-30"], "neither")):
    r = g.cli("reaped", *args)
    tap.ok(r.returncode == 2 and says in r.stderr and r.stderr.count("\n") == 1, "%s: usage, '%s'" % (" ".join(args), says), r)
if not os.path.exists(REMOTE):
    tap.skip("the journal", "systemd-journal-remote is not installed")
    finish(tap, g)

# --- the journal of the same gate: no duplicates ------------------------------------------------------------------------------

ends = g.events("session.reaped") + g.events("session.closed")
tap.eq(len(ends), 5, "its events: two reaped, three closed")
write_journal("first.journal", [entry(e, usec=usec(e)) for e in ends])
got = reaped()
tap.eq((sorted(e["id"] for e in got), {e["source"] for e in got}), (sorted(ids), {"memory"}), "what both have is there once, from the gate")
tap.eq(len(reaped("--all")), 3, "--all: so is what ended by itself")

# --- a gate that does not run: the journal alone --------------------------------------------------------------------------------

before = {e["id"]: e for e in got}
first = g.instance
g.stop()
got = reaped()
tap.eq((sorted(e["id"] for e in got), {e["source"] for e in got}, {e["instance"] for e in got}), (sorted(ids), {"journal"}, {first}), "no gate: the journal has them")
NOT_THERE = {"pid", "status", "source", "watch"}
for e in got:
    tap.eq({k: v for k, v in e.items() if k not in NOT_THERE | {"time"}}, {k: v for k, v in before[e["id"]].items() if k not in NOT_THERE | {"time"}},
           "%s: the same as the gate said" % e["id"])
    tap.ok(abs(e["time"] - before[e["id"]]["time"]) <= 1 and all(e[k] is None for k in NOT_THERE - {"source"}), "but for what is not in the journal", e)
    tap.eq(list(e), list(before[e["id"]]), "its members stand in the same order")
tap.eq(sorted(e["reason"] or "-" for e in reaped("--all")), ["-", "commands", "commands"], "--all")
r = g.cli("reaped", "--journal", JOURNAL)
tap.ok(r.returncode == 0 and all(i in r.stdout for i in ids) and not r.stderr, "as a table", r)
r = g.cli("reaped", "--journal", "")
tap.ok(r.returncode == 3 and "no gate is running" in r.stderr, "neither gate nor journal: exit code 3", r)
r = g.cli("reaped", "--journal", path("missing"))
tap.ok(r.returncode == 3 and "journal cannot be read" in r.stderr, "a directory that there is not", r)
r = g.cli("reaped", "--journal", NONE, "--json")
tap.eq((r.returncode, r.stdout.strip()), (0, "[]"), "a directory without files is a journal without entries")

# --- the next gate, and older entries --------------------------------------------------------------------------------------------

g.start()
more = stuck("r.git")
old = {"event": "session.reaped", "message": "old", "session": "0a0b0c0d", "transport": "git", "service": "receive-pack", "repo": "r.git", "peer": "192.0.2.1:5",
       "phase": "hook", "reason": "hook", "key": "deadline.hook", "limit_ms": 600000, "quiet_ms": 600100, "age_ms": 601000, "bytes_in": 7, "bytes_out": 8,
       "steps": "kill-hook,kill-leaf", "instance": "e" * 32}
HOSTILE = b"\x1b[2J\xff\xfe\nA=b\r\x9b" + "é漢‮".encode() + b"x" * 5000
write_journal("old.journal", [
    entry(old, usec=1700000000 * 1000000),
    entry({**old, "session": "1a0b0c0d"}, usec=1700000001 * 1000000, GIT_GATE_REPO=HOSTILE, GIT_GATE_PEER=HOSTILE, GIT_GATE_REASON=HOSTILE, GIT_GATE_STEPS=HOSTILE,
          GIT_GATE_AGE_USEC=b"-5", GIT_GATE_QUIET_USEC=b"9" * 40, GIT_GATE_BYTES_IN=b"x", GIT_GATE_LIMIT_USEC=b""),
    entry({"event": "session.reaped", "message": "of nobody"}, usec=1700000002 * 1000000),
    # the same id as one that the running gate remembers, of another gate
    entry({**old, "session": more[0]}, usec=1700000003 * 1000000)])
got = reaped()
tap.eq([(e["id"], e["source"]) for e in got][:1], [(more[0], "memory")], "the newest is that of the gate that runs")
tap.eq(sorted(e["id"] for e in got), sorted(ids + more * 2 + ["0a0b0c0d", "1a0b0c0d"]), "then those of the journal")
tap.eq([e["time"] for e in got], sorted((e["time"] for e in got), reverse=True), "newest first")
tap.eq([e["steps"] for e in got if e["id"] == "0a0b0c0d"], [["kill-hook", "kill-leaf"]], "steps are a list")
tap.eq(sorted(e["id"] for e in reaped("--since", "1d")), sorted(ids + more), "--since leaves out what is older")
tap.eq([e["id"] for e in reaped("--reason", "hook", "--since", "2023-11-14T22:13:21Z")], [more[0]], "--since with a zone, and --reason")
bad = [e for e in got if e["id"] == "1a0b0c0d"][0]
tap.eq([bad[k] for k in ("age_ms", "quiet_ms", "bytes_in", "limit_ms")], [None] * 4, "numbers that are none are null")
r = g.cli("reaped", "--journal", JOURNAL)
tap.ok(r.returncode == 0 and len(r.stdout.splitlines()) == len(got) + 1, "hostile text: still a line for each", r.stdout[:3000])
tap.ok(not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", r.stdout), "and no control character", repr(r.stdout[:3000]))

# whoever may not run the gate may write to the journal all the same
write_journal("others.journal", [entry({**old, "session": "%08x" % i}, usec=(1700000010 + i) * 1000000, **more) for i, more in enumerate([
    {"_UID": 0}, {"_UID": os.geteuid()}, {"_UID": 54321, "_SYSTEMD_UNIT": "git-gate.service"}, {"_UID": 54321}, {"_UID": 54321, "_SYSTEMD_UNIT": "x.service"}, {"_UID": "x"}])])
r = g.cli("reaped", "--json", "--journal", JOURNAL)
tap.eq(sorted({e["id"] for e in json.loads(r.stdout)} - {e["id"] for e in got}), ["%08x" % i for i in range(3)], "of the journal only what the gate's user, root or its unit wrote counts")
tap.ok("3 entries of the journal are left out" in r.stderr, "and what does not is counted", r)
got = json.loads(r.stdout)
t = Terminal(["sh", "-c", 'exec "$@" 2>/dev/null', "sh", GATE, "reaped", "--journal", JOURNAL, "--control", g.control], 80)  # the table, not what is said of it
t.end()
tap.ok(not t.wrapped and sum(bool(x) for x in t.lines()) == len(got) + 1, "on a terminal none is longer than it", t.text())
t.close()
finish(tap, g)
