#!/usr/bin/python3
"""conformance.py BUILD [--limit SECONDS] [--server NAME]... - git-gate-torture, and real git, against git-gate and the servers beside it: who ends
each client, after how long, and what is left. Prints Markdown tables: a short one for the README, then one a protocol for docs/conformance.md.

Exit 1 when git-gate is wrong: a stuck client that it did not end, a healthy one that it did, anything left behind. A server that is not
installed is left out, and said. Ports of the loopback, a temporary directory.
"""
import argparse
import concurrent.futures
import os
import sys

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="git-gate-torture against several servers, as Markdown tables")
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--limit", type=int, default=15, help="seconds that a client waits to be ended")
    parser.add_argument("--server", action="append", help="only this one (repeatable), see contenders.py")
    options = parser.parse_args()
    os.environ["BUILD"] = os.path.abspath(options.build)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from contenders import *                                                # noqa: E402
from measure import machine                                             # noqa: E402

AT_ONCE = 3             # contenders; they wait for deadlines most of the time
TRIES = 3               # a healthy client that the machine made slow is none: it is played again
OURS_S = 60             # git-gate gets the time to be late in: a stuck client is ended, or it is not
LOGINS = 12             # ssh clients at once: what they cost must not be what is measured
PAUSE_MS = 1000         # of a healthy client that pauses, half of what git-gate allows here
ADVERT = "advert-unread"        # wants a repository whose advertisement fills every buffer
# what sshd itself is sent, before there is any git; of a request to git daemon it has no part
BEFORE_LOGIN = ["silent", "tls-hello", "http-get", "nuls", "ffff"]
NO_SSH = ["partial-request", "trickled-request", "ssh-banner"]
# through the bridge to HTTP a fetch is whole or not begun
BRIDGED = ["partial-commands", "no-pack", "no-pack-plain", "mid-pack-small", "mid-pack-large", "trickled-pack", "relay-commands", "relay-pack",
           "git-stopped", "pack-objects-stopped"]
REAL = {"push": "git push", "clone": "git clone", "slow-hook": "git push, the server's hook takes %d s" % HOOK_S}
PROTOCOLS = {"git": "git://", "http": "HTTP", "ssh": "ssh"}
# the README's rows
SHORT_LIST = ["silent", "trickled-request", "after-advert", "no-pack", "mid-pack-large", "trickled-pack", "relay-pack", "git-stopped", "report-unread",
              "upload-silent-v2", "clone-unread", "trickled-clone", "fin", "half-close", "slow-pack", "slow-clone", "paused-clone", "slow-hook"]


# --- kinds -------------------------------------------------------------------------------------------------------------

def kinds_of(url):
    """Name and text of every kind for this URL's protocol, in their order."""
    r = subprocess.run([TORTURE, "--list", "--url", url], env=ENV, capture_output=True, text=True, check=True)
    return dict(line.split(None, 1) for line in r.stdout.splitlines())


GIT_KINDS, HTTP_KINDS = kinds_of("git://127.0.0.1/x"), kinds_of("http://127.0.0.1/x")
TEXTS = {**GIT_KINDS, **HTTP_KINDS, **REAL}
# http:// has its own among those of both, git:// its own before them
ORDER = list(HTTP_KINDS)
for at, name in enumerate(GIT_KINDS):
    if name not in ORDER:
        ORDER.insert(ORDER.index(list(GIT_KINDS)[at - 1]) + 1, name)
ORDER += REAL


def is_healthy(kind):
    return kind in REAL or TEXTS[kind].endswith(": healthy")


def playable(over, bridged=False):
    names = BRIDGED if bridged and over == "http" else HTTP_KINDS if over == "http" else GIT_KINDS
    return [k for k in ORDER if k in REAL or (k in names and not (over == "ssh" and k in NO_SSH))]


# --- playing -----------------------------------------------------------------------------------------------------------

def torture(contender, url, repo, kinds, limit):
    if not kinds:
        return []
    look = ["--repo", os.path.join(contender.base, repo)] if not contender.bridged else []        # behind a bridge nobody's port is known
    r = subprocess.run([TORTURE, "--url", url, *look, "--limit", "%ds" % limit, "--pause", "%dms" % PAUSE_MS, "--json",
                        *[a for k in kinds for a in ("--kind", k)]], env=ENV, cwd=TMP, capture_output=True, text=True, timeout=2 * limit + 300)
    try:
        return json.loads(r.stdout)
    except ValueError:
        raise RuntimeError("%s: git-gate-torture: %s" % (contender.name, r.stderr))


def real(contender, kind):
    """One that is git itself; over HTTP nothing of it is chunked, as with anybody's small push."""
    url = contender.server.native("slow.git" if kind == "slow-hook" else "r.git")
    if kind == "clone":
        args, cwd = ["clone", "-q", "--bare", url, tempfile.mkdtemp(dir=TMP)], TMP
    else:
        args, cwd = ["push", "-q", url, "HEAD:refs/heads/" + kind], path("work")
    begun = time.monotonic()
    r = git(*args, cwd=cwd, env=contender.env(), check=False)
    return {"kind": kind, "ended_by": "server", "after_ms": (time.monotonic() - begun) * 1000, "served": r.returncode == 0, "said": r.stderr}


def is_served(c):
    return c["served"] if "served" in c else c["ended_by"] == "server" and ("complete" in c["report"] or c["report"].startswith("unpack ok"))


def in_turns(contender, kinds, at_once, limit):
    return [c for i in range(0, len(kinds), at_once or 1) for c in torture(contender, contender.url("r.git"), "r.git", kinds[i:i + at_once], limit)]


def play(contender, kinds, limit):
    """What became of each kind by its name."""
    seen = {}
    by_hand = [k for k in kinds if k not in REAL]
    before = [k for k in by_hand if contender.over == "ssh" and k in BEFORE_LOGIN]
    many = [k for k in by_hand if k != ADVERT and k not in before]
    jobs = [(in_turns, contender, many, LOGINS if contender.over == "ssh" else len(many), limit),
            (torture, contender, contender.url("many.git"), "many.git", [k for k in by_hand if k == ADVERT], limit),
            (torture, contender, "git://127.0.0.1:%d/r.git" % (contender.server.port if before else 1), "r.git", before, limit),
            (lambda: [real(contender, k) for k in kinds if k in REAL],)]
    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        for rows in [pool.submit(*job) for job in jobs]:
            seen.update((c["kind"], c) for c in rows.result())
    return seen


def play_well(contender, kinds, limit):
    seen = play(contender, kinds, limit)
    for _ in range(TRIES - 1):
        again = [k for k, c in seen.items() if is_healthy(k) and not is_served(c)]
        seen.update(play(contender, again, limit))
    return seen


def aftermath(contender, seen):
    """Wait a little for what goes by itself; what is left then stays with the client it belongs to, where that is known."""
    try:
        wait_for(lambda: not contender.left() and not contender.processes(), "what clients left to go", PATIENCE if contender.ours else 5)
    except TimeoutError:
        pass
    left, processes = contender.left(), contender.processes()
    # what two clients may have left is nobody's: git-gate-torture cannot always tell
    names = [f for c in seen.values() for f in c.get("left") or []]
    for c in seen.values():
        c["left"] = [f for f in c.get("left") or [] if names.count(f) == 1 and ("r.git/" + f in left or "many.git/" + f in left)]
        c["procs"] = c.get("procs") if processes else 0
    return left, [cmdline(p) for p in processes]


def run(contender, kinds, limit):
    """Rows by kind, files left, processes left."""
    contender.start()
    try:
        seen = play_well(contender, kinds, max(limit, OURS_S) if contender.ours else limit)
        return seen, *aftermath(contender, seen)
    finally:
        contender.stop()


# --- judging -----------------------------------------------------------------------------------------------------------

def wrong(seen, left, processes):
    """What a server must not do, a line each."""
    lines = []
    for kind, c in seen.items():
        if c["ended_by"] == "failed":
            lines.append("%s could not be played: %s" % (kind, c["error"]))
        elif is_healthy(kind) and not is_served(c):
            lines.append("%s is healthy and was not served: %s" % (kind, c))
        elif not is_healthy(kind) and c["ended_by"] == "nobody":
            lines.append("%s is stuck and was not ended" % kind)
        if c.get("procs"):
            lines.append("%s left %d processes" % (kind, c["procs"]))
    lines += ["left: " + f for f in left] + ["still runs: " + p for p in processes]
    return lines


# --- showing -----------------------------------------------------------------------------------------------------------

def what_is_left(c):
    files = ["quarantine" if "incoming-" in f else "lock" if f.endswith(".lock") else "file" for f in c["left"]]
    words = ["%d %s" % (files.count(w), w + "s" * (files.count(w) > 1)) if files.count(w) > 1 else w for w in dict.fromkeys(files)]
    if c.get("procs"):
        words.append("%d process%s" % (c["procs"], "es" * (c["procs"] > 1)))
    return "; left: " + ", ".join(words) if words else ""


def cell(kind, c, limit, brief):
    if c is None:
        return "-"
    # a client that is cut off has done its last act only when that happens
    ms = (c.get("total_ms", c["after_ms"]) if is_healthy(kind) else c["after_ms"]) or 0
    after = "at once" if ms < 500 else "%.1f s" % (ms / 1000)
    if c["ended_by"] == "failed":
        return "could not be played"
    if is_healthy(kind) and c["ended_by"] != "nobody":
        return "served" if is_served(c) else "**cut off**, " + after
    if c["ended_by"] == "nobody":
        return "**never**" + what_is_left(c) if brief else "**nobody** (%d s)%s" % (limit, what_is_left(c))
    who = {"server": "server, ", "server-reset": "server, reset, ", "client": "client, "}[c["ended_by"]]
    return (after if brief and c["ended_by"] != "client" else who + after) + what_is_left(c)


def table(rows, columns, results, limit, brief=False):
    """brief: the header has the protocol, the cells only what matters."""
    heads = [("%s %s" % (PROTOCOLS[c.over], c.title.replace(", short", "")) if brief else c.title) for c in columns]
    print("| client | %s |\n|---|%s" % (" | ".join(heads), "---|" * len(columns)))
    for kind in rows:
        print("| %s | %s |" % (kind, " | ".join(cell(kind, results[c][0].get(kind), limit, brief) for c in columns)))
    if not brief:
        print("| *left in all* | %s |" % " | ".join("%d files, %d processes" % (len(results[c][1]), len(results[c][2])) for c in columns))
    print(flush=True)


def show(results, limit):
    print("%s, a client waits %d s\n" % (machine(), limit))
    table(SHORT_LIST, [c for c in results if c.ours or c.name.endswith("-short")], results, limit, brief=True)
    for over, title in PROTOCOLS.items():
        columns = [c for c in results if c.over == over]
        if not columns:
            continue
        print("### %s\n" % title)
        for c in columns:
            print("* %s: %s" % (c.title, c.limits))
        print()
        table(playable(over), columns, results, limit)


def ready(only, many_refs):
    """Those that can be played, prepared; and the reasons of the others."""
    git("init", "-q", path("work"))
    commit(path("work"), "first", "first\n")
    os.chmod(TMP, 0o755)        # apache is another user, when this is root
    there, missing = [], {}
    for c in contenders():
        if only and c.name not in only:
            continue
        why = c.prepare(many_refs)
        if why:
            missing[c] = why
        else:
            there.append(c)
    return there, missing


def run_all(there, kinds, limit):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        # those that take longest first
        futures = {c: pool.submit(run, c, [k for k in playable(c.over, c.bridged) if kinds is None or k in kinds], limit)
                   for c in sorted(there, key=lambda c: c.over != "ssh")}
        concurrent.futures.wait(futures.values())
        return {c: futures[c].result() for c in there if not futures[c].exception()}, {c: f.exception() for c, f in futures.items() if f.exception()}


def main():
    there, missing = ready(options.server, True)
    results, broken = run_all(there, None, options.limit)
    missing.update({c: broken.pop(c) for c in list(broken) if isinstance(broken[c], PermissionError)})      # sshd lets this account not in
    for c, why in missing.items():
        print("%s is left out: %s" % (c.name, why), file=sys.stderr)
    show(results, options.limit)
    bad = ["%s: %s" % (c.name, line) for c, r in results.items() if c.ours for line in wrong(*r)]
    bad += ["%s: could not be played: %s" % (c.name, e) for c, e in broken.items()]
    print("\n".join("WRONG " + line for line in bad) or "git-gate: every stuck client was ended, every healthy one served, nothing is left", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
