#!/usr/bin/python3
"""Every stuck client over HTTP is ended: not before its deadline, not much after it, once, with the right record; it is told; nothing is left."""
from httppush import *
from tortured import *

# kind: phase, reason, key, deadline in seconds, steps
HANGUP, HALF_CLOSE, SHUTDOWN = ["told", "hangup"], ["told", "half-close"], ["shutdown"]
WANT = {
    "silent": ("request", "init", "deadline.init", INIT, HANGUP),
    "partial-request": ("request", "init", "deadline.init", INIT, HANGUP),
    "trickled-request": ("request", "init", "deadline.init", INIT, HANGUP),
    "ffff": ("request", "init", "deadline.init", INIT, HANGUP),
    "body-none": ("commands", "commands", "deadline.commands", COMMANDS, HANGUP),
    "partial-commands": ("commands", "commands", "deadline.commands", COMMANDS, HANGUP),
    "partial-commands-length": ("commands", "commands", "deadline.commands", COMMANDS, HANGUP),
    "bad-pkt-fff1": ("commands", "commands", "deadline.commands", COMMANDS, HANGUP),
    "no-pack": ("pack-start", "pack-start", "deadline.packStart", PACK_START, HALF_CLOSE),
    "no-pack-plain": ("commands", "commands", "deadline.commands", PACK_START, HANGUP),
    "mid-pack-small": ("pack", "idle", "deadline.idle", IDLE, HALF_CLOSE),
    "mid-pack-large": ("pack", "idle", "deadline.idle", IDLE, HALF_CLOSE),
    "mid-pack-length": ("pack", "idle", "deadline.idle", IDLE, HALF_CLOSE),
    "report-unread": ("sending", "not-reading", "deadline.idle", IDLE, SHUTDOWN),
    "trickled-pack": ("pack", "trickle", "rate.min", 4.0, HALF_CLOSE),
    "fetch-body-cut": ("commands", "commands", "deadline.commands", COMMANDS, HANGUP),
    "clone-unread": ("sending", "not-reading", "deadline.idle", IDLE, SHUTDOWN),
    "clone-unread-v2": ("sending", "not-reading", "deadline.idle", IDLE, SHUTDOWN),
    "trickled-clone": ("sending", "trickle", "rate.min", 4.0, SHUTDOWN),
    "relay-0": ("commands", "commands", "deadline.commands", COMMANDS, HANGUP),
    "relay-commands": ("pack-start", "pack-start", "deadline.packStart", PACK_START, HALF_CLOSE),
    "relay-pack": ("pack", "idle", "deadline.idle", IDLE, HALF_CLOSE),
    "git-stopped": ("pack", "idle", "deadline.idle", IDLE, HALF_CLOSE),
    "pack-objects-stopped": ("pack", "idle", "deadline.idle", IDLE, HALF_CLOSE),
}
# an advertisement that fills every buffer takes a repository of its own
ADVERT = {"advert-unread": ("sending", "not-reading", "deadline.idle", IDLE, SHUTDOWN)}
# git counts and packs before it sends; what a trickle was sent at first counts until it has left the window
ROOM = {"clone-unread": 5, "clone-unread-v2": 5, "advert-unread": 5, "trickled-clone": 5}
# ended at once, by git or by a status: what the client reads then
OTHERS = {"half-close": "unpack ok", "cut-half-close": "early EOF", "half-close-length": "early EOF", "fin": "", "rst": "", "fin-length": "",
          "rst-length": "", "fin-probe": "", "tls-hello": "400", "ssh-banner": "400", "nuls": "400", "bad-pkt-0003": "500",
          "bad-pack-version": "unpack", "bad-ref": "not below refs/", "newline-ref": "malformed", "pipelined-junk": "400", "two-lengths": "400",
          "length-and-chunked": "400", "bad-chunk-size": "400"}

tap = Tap()
g = Gate({"rate.window": "4s", "listen.http": "127.0.0.1:0"})
repo = g.repo()
work = g.work("work")
git("remote", "set-url", "origin", g.http("r.git"), cwd=work)
git("push", "-q", "origin", "HEAD:main", cwd=work)
many = g.repo("many.git")
git("push", "-q", many, "HEAD:main", cwd=work)
pack_refs(many, git("rev-parse", "HEAD", cwd=work).stdout.strip(), "refs/heads/" + "x" * 60, 120000)


def torture(kinds, repo=repo):
    return tortured(g.http(os.path.basename(repo)), kinds, repo)


def record(c):
    return [e for e in g.reaped() if e["peer"].endswith(":%s" % c["port"])]


def check_stuck(c, want):
    kind, (phase, reason, key, deadline, steps) = c["kind"], want
    tap.ok(c["ended_by"] in ("server", "server-reset"), "%s: it is ended" % kind, c)
    g.settle()
    recs = record(c)
    if not tap.eq(len(recs), 1, "%s: once" % kind, c):
        return
    rec, slice_s = recs[0], 0.5 if reason == "trickle" else 0
    tap.eq((rec["phase"], rec["reason"], rec["key"], rec["transport"]), (phase, reason, key, "http"), "%s: phase, reason, key" % kind)
    tap.eq(rec["steps"], steps, "%s: steps" % kind)
    if reason != "trickle":
        tap.ok(deadline * 1000 <= rec["quiet_ms"] <= (deadline + 2 * SAMPLE + BUSY) * 1000, "%s: quiet for its deadline, and not much longer" % kind, rec)
    # the client counts from the acknowledgement of its last byte, which it notices late on a busy machine
    seconds = c["after_ms"] / 1000
    tap.ok(seconds >= deadline - 0.3, "%s: not before its deadline (%.2fs of %gs)" % (kind, seconds, deadline), c, rec)
    tap.ok(seconds <= deadline + 2 * SAMPLE + 2 * slice_s + GRACE + BUSY + ROOM.get(kind, 0), "%s: soon after it (%.2fs)" % (kind, seconds), c, rec)
    tap.ok(not c["procs"], "%s: no process is left" % kind, c)
    if c["exit"] is not None:
        tap.ok(c["exit"] in (1, 128), "%s: git push exits by itself, not by a signal" % kind, c)
    if kind == "relay-0":       # git push shows no more of a status
        tap.ok("HTTP 408" in c["said"], "%s: the client reads the status" % kind, c)
    elif steps != SHUTDOWN:
        tap.ok("git-gate: " in c["said"] and rec["id"] in c["said"] and "limit" in c["said"], "%s: the client is told" % kind, c)
    if steps == HALF_CLOSE:
        tap.ok("unpack" in c["report"] + c["said"], "%s: and has git's report" % kind, c)


clients = in_time(torture, [*WANT, *OTHERS], {k: w[1] for k, w in WANT.items()}, record)
tap.eq(sorted(c["kind"] for c in clients), sorted([*WANT, *OTHERS]), "every kind was played")
for c in clients:
    if c["kind"] in WANT:
        check_stuck(c, WANT[c["kind"]])
    else:
        tap.eq(record(c), [], "%s: ends by itself" % c["kind"])
        tap.ok(c["after_ms"] < 1000 * BUSY, "%s: at once" % c["kind"], c)
        tap.ok(OTHERS[c["kind"]] in c["said"] + c["report"], "%s: and it reads %r" % (c["kind"], OTHERS[c["kind"]]), c)
for c in torture(ADVERT, many):
    check_stuck(c, ADVERT[c["kind"]])

# a connection that is kept for nobody: closed in time, quietly
for c in torture(["idle"]):
    tap.ok(c["ended_by"] == "server" and INIT * 1000 - 300 <= c["after_ms"] <= 1000 * (INIT + BUSY), "idle: it is closed after deadline.init", c)
    tap.eq((record(c), c["said"]), ([], ""), "idle: it is no session that was ended")

g.settle()
wait_for(lambda: not leftovers(repo), "leftovers to be removed")
tap.eq(fsck(repo), "", "fsck is clean")
tap.eq([cmdline(p) for p in pids() if "http-backend" in cmdline(p) and TMP in read("/proc/%d/environ" % p)], [], "no git http-backend is left")
commit(work, "second")
tap.eq(git("push", "-q", "origin", "HEAD:main", cwd=work, check=False).returncode, 0, "the next push to the same ref succeeds")

# one after the other, so that what each leaves is seen by itself
for kind in ("mid-pack-small", "mid-pack-length", "relay-pack", "fin", "rst", "fin-length"):
    torture([kind])
    g.settle()
    wait_for(lambda: not leftovers(repo), "leftovers of %s to be removed" % kind)
    tap.eq(leftovers(repo), [], "%s alone: nothing is left" % kind)


# --- receive-pack killed: what it leaves goes -----------------------------------------------------------------------------------
for n in range(4):
    commit(work, "big%d" % n, os.urandom(200000))
oid, pack = pack_of(work)
c = Http(g)
c.post()
c.chunk(commands(oid, "refs/heads/killed"))
c.chunk(pack[:len(pack) * 3 // 4])
wait_for(lambda: leftovers(repo), "the quarantine")
for p in [p for p in tree(c.session()["pid"]) if "git receive-pack" in cmdline(p) or "unpack-objects" in cmdline(p)]:
    os.kill(p, signal.SIGKILL)
c.close()
g.settle()
wait_for(lambda: not leftovers(repo), "what a killed push left to be removed")
tap.eq(fsck(repo), "", "fsck is clean")
finish(tap, g)
