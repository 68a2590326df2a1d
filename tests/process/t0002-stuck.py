#!/usr/bin/python3
"""Every stuck kind is ended: not before its deadline, not much after it, once, and with the right record; nothing is left."""

from tortured import *

# kind: phase, reason, key, deadline in seconds
WANT = {
    "silent": ("request", "init", "deadline.init", INIT),
    "partial-request": ("request", "init", "deadline.init", INIT),
    "trickled-request": ("request", "init", "deadline.init", INIT),
    "after-advert": ("commands", "commands", "deadline.commands", COMMANDS),
    "partial-commands": ("commands", "commands", "deadline.commands", COMMANDS),
    "no-pack": ("pack-start", "pack-start", "deadline.packStart", PACK_START),
    "no-pack-plain": ("commands", "commands", "deadline.commands", PACK_START),
    "mid-pack-small": ("pack", "idle", "deadline.idle", IDLE),
    "mid-pack-large": ("pack", "idle", "deadline.idle", IDLE),
    "report-unread": ("sending", "not-reading", "deadline.idle", IDLE),
    "trickled-pack": ("pack", "trickle", "rate.min", 4.0),
    "bad-pkt-fff1": ("commands", "commands", "deadline.commands", COMMANDS),
    "upload-silent": ("commands", "commands", "deadline.commands", COMMANDS),
    "upload-silent-v2": ("commands", "commands", "deadline.commands", COMMANDS),
    "upload-silent-refs-v2": ("commands", "commands", "deadline.commands", COMMANDS),
    "clone-unread": ("sending", "not-reading", "deadline.idle", IDLE),
    "clone-unread-v2": ("sending", "not-reading", "deadline.idle", IDLE),
    "archive-unread": ("sending", "not-reading", "deadline.idle", IDLE),
    "trickled-clone": ("sending", "trickle", "rate.min", 4.0),
    "relay-0": ("commands", "commands", "deadline.commands", COMMANDS),
    "relay-commands": ("pack-start", "pack-start", "deadline.packStart", PACK_START),
    "relay-pack": ("pack", "idle", "deadline.idle", IDLE),
    "git-stopped": ("pack", "idle", "deadline.idle", IDLE),
    "pack-objects-stopped": ("pack", "idle", "deadline.idle", IDLE),
}
# an advertisement that fills every buffer takes a repository of its own
ADVERT = {"advert-unread": ("sending", "not-reading", "deadline.idle", IDLE)}
# git counts and packs before it sends; what a trickle was sent at first counts until it has left the window
ROOM = {"clone-unread": 5, "clone-unread-v2": 5, "archive-unread": 5, "advert-unread": 5, "trickled-clone": 5}
# ended by git itself, at once, with or without an error
OTHERS = ["half-close", "cut-half-close", "fin", "rst", "tls-hello", "http-get", "ssh-banner", "nuls", "ffff", "bad-pkt-0003",
          "bad-pack-version", "bad-ref", "newline-ref"]
# clients that go on reading: they must be told
TOLD = ["silent", "after-advert", "no-pack", "mid-pack-small", "mid-pack-large", "relay-0", "relay-commands", "relay-pack", "git-stopped",
        "pack-objects-stopped", "upload-silent", "upload-silent-v2", "upload-silent-refs-v2"]
STEPS = {"silent": ["told", "hangup"], "after-advert": ["told", "hangup"], "no-pack": ["told", "hangup"],
         "mid-pack-large": ["told", "half-close"], "mid-pack-small": ["told", "half-close"], "report-unread": ["shutdown"],
         "clone-unread": ["shutdown"], "clone-unread-v2": ["shutdown"], "archive-unread": ["shutdown"], "advert-unread": ["shutdown"]}

tap = Tap()
g = Gate({"rate.window": "4s", "gate.uploadArchive": "true"})
repo = g.repo()
work = g.work("work")
git("push", "-q", "origin", "HEAD:main", cwd=work)
many = g.repo("many.git")
git("push", "-q", many, "HEAD:main", cwd=work)
pack_refs(many, git("rev-parse", "HEAD", cwd=work).stdout.strip(), "refs/heads/" + "x" * 60, 120000)


def torture(kinds, repo=repo):
    return tortured(g.url(os.path.basename(repo)), kinds, repo)


def record(c):
    return [e for e in g.ask("reaped") if e["peer"].endswith(":%d" % c["port"])]


def check_stuck(c):
    kind, seconds = c["kind"], c["after_ms"] / 1000
    phase, reason, key, deadline = {**WANT, **ADVERT}[kind]
    rec = wait_for(lambda: record(c), "the record of %s" % kind)     # the client may see its end before it is written
    if not tap.eq(len(rec), 1, "%s: ended once" % kind, c, g.events(peer="127.0.0.1:%d" % c["port"])):
        return
    rec = rec[0]
    tap.eq((rec["phase"], rec["reason"], rec["key"]), (phase, reason, key), "%s: phase, reason and key" % kind)
    tap.ok(c["ended_by"] == "server", "%s: the connection was closed, not reset" % kind, c)
    # a trickle is judged in eighths of the window; a machine under load may delay us, so the upper bound has room
    slice_s = 0.5 if reason == "trickle" else 0
    # the client counts from the acknowledgement of its last byte, which it notices late on a busy machine
    tap.ok(rec["quiet_ms"] >= deadline * 1000 or reason == "trickle", "%s: quiet for as long as its deadline" % kind, rec)
    # the record's quiet ends with the first action; from the first look that showed the silence, two samples are the most
    tap.ok(rec["quiet_ms"] <= (deadline + 2 * SAMPLE + BUSY) * 1000 or reason == "trickle", "%s: first action soon after it" % kind, rec)
    tap.ok(seconds >= deadline - 0.5, "%s: not before its deadline (%.2fs of %gs)" % (kind, seconds, deadline), c, rec)
    tap.ok(seconds <= deadline + 2 * SAMPLE + 2 * slice_s + GRACE + BUSY + ROOM.get(kind, 0), "%s: soon after it (%.2fs)" % (kind, seconds), c, rec)
    says = g.events("session.reaped", session=rec["id"])[0]["message"]
    tap.ok(("lower " if reason == "trickle" else "raise ") + key in says, "%s: the record says what to change, and how" % kind, says)
    if kind in STEPS:
        tap.eq(rec["steps"], STEPS[kind], "%s: steps" % kind)
    if c["exit"] is not None:
        tap.ok(c["exit"] in (1, 128), "%s: git push exits by itself, not by a signal" % kind, c)
    if kind in TOLD:
        tap.ok("git-gate: " in c["said"] and rec["id"] in c["said"] and "limit" in c["said"], "%s: the client is told" % kind, c)


clients = in_time(torture, list(WANT) + OTHERS, {k: w[1] for k, w in WANT.items()}, record)
tap.eq(sorted(c["kind"] for c in clients), sorted(list(WANT) + OTHERS), "every kind was played")
for c in clients:
    if c["kind"] in WANT:
        check_stuck(c)
        tap.ok(not c["procs"], "%s: no process is left" % c["kind"], c)
    else:
        tap.eq(record(c), [], "%s: ends by itself" % c["kind"])
        tap.ok(c["after_ms"] < 1000 * BUSY, "%s: at once" % c["kind"], c)
for c in torture(ADVERT, many):
    check_stuck(c)
g.settle()
wait_for(lambda: not leftovers(repo), "leftovers to be removed")
tap.eq(leftovers(repo), [], "nothing is left in the repository")
tap.eq(fsck(repo), "", "fsck is clean")
commit(work, "second")
tap.eq(git("push", "-q", "origin", "HEAD:main", cwd=work, check=False).returncode, 0, "the next push to the same ref succeeds")

# one after the other, so that what each leaves is seen by itself
for kind in ("mid-pack-small", "mid-pack-large", "relay-pack", "fin", "rst"):
    for c in torture([kind]):
        g.settle()
        wait_for(lambda: not leftovers(repo), "leftovers of %s to be removed" % kind)
        tap.eq(leftovers(repo), [], "%s alone: nothing is left" % kind)

finish(tap, g)
