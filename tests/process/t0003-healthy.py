#!/usr/bin/python3
"""Healthy sessions that look stuck: silent, slow, stopped for a while, or with a server that is busy. None may be ended.

The same clients against a gate with half the deadlines are ended, so a policy that acts at half the deadline fails here. A client that the
machine made slower than it wanted to be is no healthy client: it is played again.
"""
import threading

from gate import *
from patient import *

tap = Tap()
HOOKS = ["pre-receive", "update", "reference-transaction", "post-receive"]
SCRIPT = ("cat >/dev/null; [ $(basename $0) = reference-transaction ] && [ \"$1\" != prepared ] && exit 0; "
          "[ -f silent-$(basename $0) ] && sleep %g; [ -f noisy-$(basename $0) ] && head -c 12000000 /dev/zero | tr '\\0' x >&2; exit 0" % (LONG + 1.5))
hooks = Hooks(**{n.replace("-", "_"): SCRIPT for n in HOOKS})
RATE = {"rate.window": "4s", "limit.sessions": "200"}
g = Gate(RATE, hooks=hooks.dir)
# two: a client that is to be silent in its pack has as long as it wants to come to that
early = Gate({**RATE, "deadline.init": "1s", "deadline.commands": "1500ms", "deadline.packStart": "1500ms"}, hooks=hooks.dir)
late_on = Gate({**RATE, **{"deadline." + k: "2m" for k in ("init", "commands", "packStart")}, "deadline.idle": "1s"}, hooks=hooks.dir)


def half(case):
    """The gate with half the deadline that this client is near to; None: it is near to none."""
    return {None: None, "idle": late_on, "not-reading": late_on}.get(case[5], early)


# --- what the gate saw meanwhile --------------------------------------------------------------------------------------------

class Watch(threading.Thread):
    """Notes for every repository which phases were seen, from when to when, and the longest silence in each."""

    def __init__(self, gate):
        super().__init__(daemon=True)
        self.gate, self.seen, self.over = gate, {}, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.15):
            for s in self.gate.sessions():
                now, phases = time.monotonic(), self.seen.setdefault(s["repo"], {})
                first, _, quiet = phases.get(s["phase"], (now, now, 0))
                phases[s["phase"]] = first, now, max(quiet, s["quiet_ms"] / 1000)

    def lasted(self, repo, phase):
        first, last, _ = self.seen.get(repo, {}).get(phase, (0, 0, 0))
        return last - first

    def quiet(self, repo, phase):
        return self.seen.get(repo, {}).get(phase, (0, 0, 0))[2]


strict.add(g)
watches = {g: Watch(g)}

# name, client, its further arguments, phase that must have been seen, for how long at least, and the reason if half the time is allowed
CASES = [
    ("slow-request", slow_request, (), "request", INIT / 2, "init"),
    ("pre-push-hook", pre_push_hook, (), "commands", COMMANDS / 2, "commands"),
    ("counting", counting, (), "pack-start", PACK_START / 2, "pack-start"),
    ("counting-plain", counting, ("report-status",), "commands", COMMANDS / 2, "commands"),
    ("heavy-work", heavy_work, (), "work", LONG, None),
    ("stalled-server", stalled_server, (), "pack", 1.5 * IDLE, None),
    ("stopped-client", stopped_client, (), "pack", IDLE, "idle"),
    ("slow-sender", sender, (600, 0.25), "pack", LONG, None),
    ("pausing-sender", sender, (5000, 0.8 * IDLE), "pack", 3 * IDLE, "idle"),
    ("slow-reader", slow_reader, (), "sending", 2 * IDLE, "not-reading"),
    ("slow-pack", kind, ("slow-pack",), "pack", IDLE, None),
    ("slow-clone", kind, ("slow-clone",), "sending", 2 * IDLE, None),
    ("paused-clone", kind, ("paused-clone",), "sending", 2 * IDLE, "not-reading"),
    *[("%s-%s" % (n, how), hook, (n, how), "hook", LONG, None) for n in HOOKS for how in ("git", "plain")],
    ("pre-receive-half-closed", hook, ("pre-receive", "half-closed"), "hook", LONG, None),
]
def key_of(repo, phase):
    """As watched: before the first line no repository is known."""
    return repo if phase != "request" else ""


def watched(repo, phase, at_least):
    """What was to be seen was seen; the machine may have stood still at one of its ends."""
    lasted = watches[g].lasted(key_of(repo, phase), phase)
    if lasted < at_least:
        raise Late("seen in phase %s for %.1fs of %.1fs" % (phase, lasted, at_least))


results = {}            # (gate, name): (repository, None or what went wrong)


def taken_for_gone(gate, repo):
    """It was ended, and not for what it did: no answer of its kernel had come, which is this one."""
    wait_for(lambda: not [s for s in gate.sessions() if s["repo"] == repo], "the session to be over")
    return [e["reason"] for e in gate.reaped(repo=repo)] == ["peer-gone"]


def play(gate, case):
    name, client, args, phase, at_least = case[:5]
    for attempt in range(8):
        repo = "%s-%d.git" % (name, attempt)
        gate.repo(repo, "receive.unpackLimit=1", "pack.threads=1")
        try:
            client(gate, repo, *args)
            if gate is g:
                watched(repo, phase, at_least)
            results[gate, name] = repo, None
            if gate is g or attempt == 3:
                return
            note("%s: half the deadlines, and not ended: time in which the machine stood still counts against nobody; once more" % name)
        except Late as e:
            note("%s: %s; once more" % (name, e))
            results[gate, name] = repo, e
        except (Failed, OSError) as e:
            results[gate, name] = repo, e
            if gate is g or attempt == 3 or not taken_for_gone(gate, repo):
                return
            note("%s: half the deadlines, and its kernel's answers were late, as the machine stood still; once more" % name)
        except Exception as e:
            results[gate, name] = repo, RuntimeError("%s: %r" % (name, e))
            return


# git-gate-torture makes what it sends first: afterwards, so that it takes no time from the others
for batch in ([c for c in CASES if c[1] is not kind], [c for c in CASES if c[1] is kind]):
    threads = [threading.Thread(target=play, args=(gate, case), daemon=True) for case in batch for gate in (g, half(case)) if gate]
    for t in threads:
        t.start()
    for t in threads:
        t.join(4 * PATIENCE)
for w in watches.values():
    w.over.set()
    w.join()

healthy = []


def is_healthy(e):
    """Is an event or a record about a client that was not late?"""
    return e["repo"] in healthy if e.get("repo") else e.get("peer") not in late


for name, client, args, phase, at_least, reason in CASES:
    repo, error = results.get((g, name), ("", "it did not end"))
    healthy.append(repo)
    log = [e for e in g.events() if e.get("repo") == repo]
    tap.ok(error is None, "%s: the push succeeds" % name, error, *log)
    key = key_of(repo, phase)
    lasted, quiet, seen = watches[g].lasted(key, phase), watches[g].quiet(key, phase), watches[g].seen.get(key)
    tap.ok(lasted >= at_least and phase in (seen or {}), "%s: it was in phase %s, for %.1fs, and silent for %.1fs" % (name, phase, lasted, quiet), seen)
    d = os.path.join(g.base, repo)
    tap.eq(git("rev-parse", "refs/heads/topic", cwd=d, check=False).returncode, 0, "%s: the branch is there" % name)
    # what index-pack has checked takes fsck as long again
    tap.eq(fsck(d, *["--connectivity-only"][:name == "heavy-work"]), "", "%s: fsck is clean" % name)
    if reason in ("idle", "not-reading"):
        tap.ok(quiet > IDLE / 2, "%s: the silence reached the gate" % name, seen)
g.settle()
for event in ("session.reaped", "session.observed", "session.kept", "session.stray", "cleanup.removed"):
    tap.eq([e for e in g.events(event) if is_healthy(e)], [], "no %s" % event)
tap.eq([e for e in g.ask("reaped") if is_healthy(e)], [], "git-gate reaped --json has none of them")
tap.eq(sum((leftovers(os.path.join(g.base, r)) for r in healthy), []), [], "nothing is left")

for x in early, late_on:
    x.settle()
for case in CASES:
    name, reason = case[0], case[5]
    if reason:
        repo, error = results.get((half(case), name), ("", None))
        got = [e["reason"] for e in half(case).reaped(repo="" if reason == "init" else repo)]
        tap.ok(error and got == [reason], "half the deadlines: %s is ended, for %s" % (name, reason), error, got)
finish(tap, g, early, late_on)
