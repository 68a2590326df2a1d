#!/usr/bin/python3
"""git-gate report and tune on a mix that is known: quick clients, clients that are silent for longer than a deadline and go on, and stuck ones, over
git:// and HTTP. In observe mode the report counts the false alarms exactly; what tune proposes is set as it says, with enforce, and the same
mix is played again: all of the stuck are ended and none of the healthy.

Whoever is to be observed waits until he was, so that no count depends on how fast the machine is.
"""
import shlex
import threading

from httppush import *

QUICK = 21          # tune proposes nothing with less than 20 healthy sessions
LIMIT = 3000        # milliseconds, of every deadline of clients
tap = Tap()
config = path("config")
open(config, "w").close()
g = Gate({"listen.http": "127.0.0.1:0", "reaper.mode": None, "deadline.packStart": None, "deadline.commands": None, "deadline.init": None,
          "deadline.idle": None, "limit.sessions": "200"}, start=False)
g.settings = {k: v for k, v in g.settings.items() if v is not None}
for key, value in ("reaper.mode", "observe"), ("deadline.init", "3s"), ("deadline.commands", "3s"), ("deadline.packStart", "3s"), ("deadline.idle", "3s"):
    git("config", "--file", config, key, value)
g.start("--config", config)
repo = g.repo("r.git", "receive.unpackLimit=1")
big = g.repo("big.git")
work = g.work("work")
commit(work, "large", os.urandom(1 << 20))
OID, PACK = pack_of(work)
CUT = len(PACK) // 2
large = g.work("large", "big.git")
commit(large, "large", os.urandom(24 << 20))
git("push", "-q", big, "HEAD:main", cwd=large)
BIG = git("rev-parse", "HEAD", cwd=large).stdout.strip()
lock = threading.Lock()


class Late(Exception):
    """The machine made a client silent for longer than it wanted to be."""


class Failed(Exception):
    """A healthy client did not succeed."""


# --- clients: each is a generator, which yields where it is silent --------------------------------------------------------------

def pushed(answer):
    if b"unpack ok" not in answer:
        raise Failed(answer[-300:])


def git_push(ref, silent, request=True):
    """over git://; silent: before which part."""
    c = Raw(g, request=request)
    yield c
    if "request" in silent:
        yield "init"
        c.packet(b"git-receive-pack /r.git\0host=x\0")
    c.advertisement()
    if "commands" in silent:
        yield "commands"
    c.commands(OID, "refs/heads/" + ref)
    if "pack" in silent:
        yield "pack-start"
    c.s.sendall(PACK[:CUT])
    if "rest" in silent:
        yield "idle"
    c.s.sendall(PACK[CUT:])
    pushed(c.rest())


def http_push(ref, silent):
    c = Http(g)
    yield c
    if "request" in silent:
        yield "init"
    if c.get() != 200:
        raise Failed("no advertisement")
    c.post()
    if "body" in silent:
        yield "commands"
    c.chunk(commands(OID, "refs/heads/" + ref))
    if "pack" in silent:
        yield "pack-start"
    c.chunk(PACK[:CUT])
    if "rest" in silent:
        yield "idle"
    c.chunk(PACK[CUT:])
    c.end()
    pushed(c.reply()[1])
    c.close()


def git_fetch(ref, silent):
    """Protocol v0: silent before it wants anything, or before it reads the pack."""
    c = Raw(g, "git-upload-pack", "big.git")
    c.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    yield c
    c.advertisement()
    if "wants" in silent:
        yield "commands"
    c.packet(b"want %s\n" % BIG.encode())
    c.s.sendall(b"0000")
    c.packet(b"done\n")
    if "reading" in silent:
        yield "not-reading"
    if len(c.rest()) < 24 << 20:
        raise Failed("the pack is cut")


def git_fetch_v2(ref, silent):
    """git upload-pack exits with 0 when this client leaves."""
    c = Raw(g, "git-upload-pack", extra=b"host=x\0\0version=2\0")
    yield c
    while c.read_packet():
        pass
    yield "commands"
    c.packet(b"command=ls-refs\n")
    c.s.sendall(b"0000")
    while c.read_packet():
        pass
    c.close()


HEALTHY = {
    "git-init": (git_push, ["request"]), "git-commands": (git_push, ["commands"]), "git-pack-start": (git_push, ["pack"]),
    "git-idle": (git_push, ["rest"]), "git-twice": (git_push, ["commands", "rest"]), "git-fetch-wants": (git_fetch, ["wants"]),
    "git-fetch-reading": (git_fetch, ["reading"]), "git-fetch-v2": (git_fetch_v2, []), "http-init": (http_push, ["request"]),
    "http-pack-start": (http_push, ["pack"]), "http-idle": (http_push, ["rest"]), "http-commands": (http_push, ["body"]),
}
# the same clients, who never go on
STUCK = {"stuck-" + k: v for k, v in HEALTHY.items() if k != "git-twice"}


def some_more(c):
    """A stuck push that sends some bytes when it has been observed, and closes its half: git receive-pack reports, and exits with 0."""
    c.s.sendall(PACK[CUT:CUT + 1000])
    c.s.shutdown(socket.SHUT_WR)
    c.rest()


def begin(name, make, silent):
    steps = make(name, silent) if make is not git_push else make(name, silent, request="request" not in silent)
    return next(steps), steps


def observed(c):
    return g.events("session.observed", peer=c.peer)


def run(jobs):
    """Each in a thread of its own; what they raise is the test's."""
    threads = [threading.Thread(target=f, args=a, daemon=True) for f, *a in jobs]
    for t in threads:
        t.start()
    for t in threads:
        t.join(4 * PATIENCE)


# --- recorded: each false alarm goes on when it was observed --------------------------------------------------------------------
alarms = {}             # name: (peer, reasons of its verdicts, seconds from its beginning to its end)
stuck = {}              # name: (client, reason)


def raise_alarm(name):
    begun, seen = time.monotonic(), []       # the gate's clock may start before we are back from what we sent
    c, steps = begin(name, *HEALTHY[name])
    for reason in steps:
        wait_for(lambda: len(observed(c)) > len(seen), "%s to be observed" % name)
        seen.append(reason)
    with lock:
        alarms[name] = c.peer, seen, time.monotonic() - begun


def get_stuck(name):
    c, steps = begin(name, *STUCK[name])
    reason = next(steps)
    wait_for(lambda: observed(c), "%s to be observed" % name)
    with lock:
        stuck[name] = c, reason


def quick(n):
    for _ in git_push("quick-%d" % n, []):
        pass


for n in range(QUICK):
    run([(quick, n)])
git("push", "-q", g.http("r.git"), "HEAD:http", cwd=work)
git("clone", "-q", "-n", g.http("r.git"), path("clone"))
git("push", "-q", g.url("r.git"), "HEAD:http", cwd=work)        # nothing to push: a flush
run([(raise_alarm, n) for n in HEALTHY] + [(get_stuck, n) for n in STUCK])
tap.eq((sorted(alarms), sorted(stuck)), (sorted(HEALTHY), sorted(STUCK)), "every client was played, and observed")

by_peer = {peer: name for name, (peer, *_) in alarms.items()}
late = {e["peer"]: e["reason"] for e in reversed(g.events("session.observed"))
        if e["peer"] not in by_peer and e["peer"] not in {c.peer for c, _ in stuck.values()}}
if late:
    note("quick clients that the machine made late: %r" % late)


def expected(still):
    """The report's rows: of each reason how many would have been ended, and how they ended."""
    rows = {}
    for reason, column in [(seen[0], "finished_well") for _, seen, _ in alarms.values()] + [(r, "finished_well") for r in late.values()] + [
            (reason, "running" if name in still else "failed") for name, (_, reason) in stuck.items()]:
        row = rows.setdefault(reason, {"reason": reason, "would_end": 0, "finished_well": 0, "failed": 0, "running": 0, "unknown": 0})
        row[column] += 1
        row["would_end"] += 1
    return rows


def rows(report):
    return {r["reason"]: r for r in report["reasons"]}


def well():
    return g.ask("report")["finished_well"] == len(alarms) + len(late)


wait_for(well, "the last of them to end")
tap.eq(rows(g.ask("report")), expected(stuck), "while the stuck ones are there: running")
some_more(stuck["stuck-git-idle"][0])
for name, (c, _) in stuck.items():
    c.close()
g.settle()
report = g.ask("report")
tap.eq(rows(report), expected([]), "the report counts exactly")
sums = {k: sum(r[k] for r in expected([]).values()) for k in ("would_end", "finished_well", "failed", "running", "unknown")}
tap.eq({k: report[k] for k in sums}, sums, "and sums up")
tap.ok(any(e["message"].startswith("exit status 0") for name in ("stuck-git-fetch-v2", "stuck-git-idle") for e in
           g.events("session.closed", peer=stuck[name][0].peer)), "though some of the stuck ended with exit status 0")
tap.eq((report["mode"], report["reaped"], report["by_reason"], report["watched"]), ("observe", 0, {}, 0), "nothing was ended")
tap.eq(sorted(by_peer.get(a["peer"], "late") for a in report["false_alarms"]), sorted([*alarms] + ["late"] * len(late)), "each false alarm by itself")
tap.eq(sorted(a["peer"] for a in report["others"]), sorted(c.peer for c, _ in stuck.values()), "and each other")

KEYS = {"init": "deadline.init", "commands": "deadline.commands", "pack-start": "deadline.packStart", "idle": "deadline.idle", "not-reading": "deadline.idle"}
longest, spares, silences = {}, {}, {}      # silences: by name and key, in seconds
for a in report["false_alarms"]:
    if a["peer"] not in by_peer:
        continue
    name = by_peer[a["peer"]]
    peer, seen, at_most = alarms[name]
    events = observed(type("peer", (), {"peer": peer}))
    tap.eq((a["reason"], a["key"], a["limit_ms"], a["id"], a["outcome"]),
           (seen[0], KEYS[seen[0]], LIMIT, events[0]["session"], "finished-well"), "%s: reason, key, limit and id of its first verdict" % name, a)
    tap.eq([x["key"] for x in a["limits"]], sorted({KEYS[r] for r in seen}, key=list(KEYS.values()).index), "%s: each setting that it met" % name)
    for x in a["limits"]:
        quiet = max(e["quiet_ms"] for e in events if e["key"] == x["key"])
        tap.ok(quiet <= x["silence_ms"] <= 1000 * at_most and x["silence_ms"] < x["spare_ms"], "%s: its silence, and what would have spared it" % name,
               x, quiet, at_most)
        silences[name, x["key"]] = x["silence_ms"] / 1000
        longest[x["key"]] = max(longest.get(x["key"], 0), x["silence_ms"])
        spares[x["key"]] = max(spares.get(x["key"], 0), x["spare_ms"])
if not late:
    tap.eq({k["key"]: (k["silence_ms"], k["spare_ms"], k["current_ms"]) for k in report["keys"]}, {k: (longest[k], spares[k], LIMIT) for k in longest},
           "for each setting the limit that spares them all")
    tap.eq({k["key"]: k["false_alarms"] for k in report["keys"]},
           {"deadline.init": 2, "deadline.commands": 5, "deadline.packStart": 2, "deadline.idle": 4}, "and how many met it")
text = g.cli("report").stdout
tap.ok("%d finished well (false alarms)" % report["finished_well"] in text and all(a["id"] in text for a in report["false_alarms"]), "the text says the same", text)

# --- tune: proposed from it, set as it says, and replayed -----------------------------------------------------------------------
tune = g.ask("tune", "--config", config)
found = {k["key"]: k for k in tune["keys"]}
for key in longest:
    k = found[key]
    tap.ok(k["proposal"] == "raise" and k["healthy"] >= QUICK and k["longest_ms"] >= longest[key] and 1.5 * k["longest_ms"] <= k["proposed_ms"], "%s: proposed with a margin" % key, k)
    tap.eq((k["ends_healthy"], k["stuck_later_ms"]), (0, k["proposed_ms"] - LIMIT), "%s: what it costs" % key, k)
    tap.ok(k["ends_healthy_now"] >= sum(key in {KEYS[r] for r in seen} for _, seen, _ in alarms.values()), "%s: what the present one costs" % key, k)
    tap.ok(k["lower"] and k["lower"][0]["limit_ms"] <= k["longest_ms"] and all(x["ends_healthy"] > 0 for x in k["lower"]), "%s: and lower ones" % key, k)
    tap.eq(k["stuck"], sum(KEYS[r] == key for _, r in stuck.values()), "%s: the stuck ones it met" % key, k)
tap.eq([found[k]["proposal"] for k in ("deadline.hook", "deadline.work")], ["keep", "off"], "the gate's own side is left")
seconds = {s.split("=")[0]: float(re.sub(r"ms$", "e-3", s.split("=")[1]).rstrip("s")) for s in tune["settings"]}
tap.eq(seconds, {k: found[k]["proposed_ms"] / 1000 for k in longest}, "settings, as they are to be written")
text = g.cli("tune", "--config", config).stdout
lines = [l.strip() for l in text.splitlines() if l.startswith("  git config ")]
tap.eq(len(lines), len(longest), "a line to run for each", text)
for line in lines:
    subprocess.run(["sh", "-c", line], env=ENV, check=True)
git("config", "--file", config, "reaper.mode", "enforce")
tap.eq(sorted(g.ask("reload")["changed"]), sorted(["reaper.mode", *longest]), "they are set and the gate takes them")
limits = {k: found[k]["proposed_ms"] / 1000 for k in longest}
again = {k["key"]: k for k in g.ask("tune")["keys"]}
tap.ok(all(again[k]["proposal"] != "raise" and again[k]["current_ms"] == found[k]["proposed_ms"] for k in longest), "then nothing is left to raise", again)

replayed, ended = {}, {}


def in_time(begun, limit):
    if time.monotonic() - begun > 0.8 * limit:
        raise Late("silent for %.2fs of %gs" % (time.monotonic() - begun, limit))


def replay(name):
    """Silent for as long as before. What the machine made late, before or behind its next words, is no healthy client: once more."""
    for attempt in range(6):
        c, steps = begin("%s-%d" % (name, attempt), *HEALTHY[name])
        silence = None
        try:
            for reason in steps:
                if reason == "not-reading":     # git counts objects before that
                    wait_for(lambda: any(s["peer"] == c.peer and s["phase"] == "sending" for s in g.sessions()), "the pack to be sent")
                silence = time.monotonic(), limits[KEYS[reason]]
                time.sleep(silences[name, KEYS[reason]])
                in_time(*silence)
            wait_for(lambda: c.peer not in {s["peer"] for s in g.sessions()}, "its end")
            if g.reaped(peer=c.peer):
                in_time(*silence)
            with lock:
                replayed[name] = c.peer, None
            return
        except Late as e:
            note("%s: %s; once more" % (name, e))
            c.close()
        except (Failed, OSError, EOFError) as e:
            with lock:
                replayed[name] = c.peer, e
            return


def stay_stuck(name):
    c, steps = begin(name + "-again", *STUCK[name])
    reason = next(steps)
    while reason == "not-reading" and not g.reaped(peer=c.peer):
        time.sleep(0.05)
    try:
        while c.s.recv(65536):
            pass
    except ConnectionResetError:
        pass
    with lock:
        ended[name] = c.peer, reason


run([(replay, n) for n in HEALTHY] + [(stay_stuck, n) for n in STUCK])
g.settle()
reaped = {}
for e in g.ask("reaped"):
    reaped.setdefault(e["peer"], []).append((e["reason"], e["key"], e["limit_ms"]))
for name, (peer, reason) in ended.items():
    # a client that has sent some commands may be counting already, and over HTTP it is not known what has come: the longer of both limits
    if name == "stuck-http-commands" and limits["deadline.packStart"] > limits["deadline.commands"]:
        reason = "pack-start"
    tap.eq(reaped.get(peer), [(reason, KEYS[reason], 1000 * limits[KEYS[reason]])], "%s: ended, once, for what it was observed for" % name)
tap.eq(sorted(ended), sorted(STUCK), "all of the stuck are ended")
tap.eq({n: replayed.get(n, ("", "it did not end"))[1] for n in HEALTHY}, dict.fromkeys(HEALTHY), "all of the healthy succeed")
tap.eq([n for n, (peer, _) in replayed.items() if peer in reaped], [], "and none of them was ended")
report = g.ask("report")
tap.eq((report["mode"], report["reaped"], sums["would_end"]), ("enforce", len(reaped), report["would_end"]), "the report tells what was ended")
text = g.cli("report").stdout
tap.ok("the gate has ended %d sessions" % len(reaped) in text and "is not known" in text, "and says that of these it cannot tell", text)
wait_for(lambda: not leftovers(repo), "leftovers to be removed")
tap.eq(fsck(repo), "", "fsck is clean")
finish(tap, g)
