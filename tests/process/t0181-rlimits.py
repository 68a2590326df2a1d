#!/usr/bin/python3
"""Limits of the kernel that end a process or refuse it a write, on the gate and with it on all that it starts: the size of a file (RLIMIT_FSIZE) and
processor time (RLIMIT_CPU). The pusher is told, the log has it, nothing is left, and the gate serves on."""
from gate import *

tap = Tap()
seed = path("seed")
git("init", "-q", seed)
commit(seed, "first", "first\n")
big = path("big")
git("clone", "-q", seed, big)
commit(big, "big", os.urandom(3 << 20))


def start(limit, settings=None, **kw):
    g = Gate({"listen.http": "127.0.0.1:0", **PATIENT, **(settings or {})}, prefix=["prlimit", limit, "--"], start=False, **kw)
    g.start()
    g.repo("r.git", "receive.unpackLimit=1")
    g.idle = g.idle_fds()
    return g


def refused(g, url, work, what, *words):
    r = git("push", url("r.git"), "HEAD:refs/heads/never", cwd=work, check=False)
    tap.ok(r.returncode and all(w in r.stderr for w in words), "%s: the push is refused, and told why" % what, r.stderr)


def serves(g, what):
    repo = os.path.join(g.base, "r.git")
    for url in g.url, g.http:
        commit(seed, "f", "%s %d\n" % (what, tap.n))
        r = git("push", url("r.git"), "HEAD:refs/heads/n%d" % tap.n, cwd=seed, check=False)
        s = git("ls-remote", url("r.git"), check=False)
        tap.eq((r.returncode, s.returncode), (0, 0), "%s: afterwards %s serves" % (what, url("").split(":")[0]), r.stderr, s.stderr)
    wait_for(lambda: not g.sessions() and not g.processes(), "%s: sessions to end" % what)
    wait_for(lambda: not leftovers(repo), "%s: nothing to be left: %s" % (what, leftovers(repo)))
    wait_for(lambda: fd_count(g.pid) <= g.idle, "%s: no descriptor to be left" % what)
    tap.eq(fsck(repo), "", "%s: fsck is clean" % what)
    tap.eq(g.reaped(), [], "%s: nobody was ended by the gate" % what)


def said(g, text):
    return wait_for(lambda: [e for e in g.events() if text in e["message"]], "the log to have " + text)


# --- a pack larger than a file may be ------------------------------------------------------------------------------------------------
g = start("--fsize=1048576")
for url in g.url, g.http:
    refused(g, url, big, "RLIMIT_FSIZE, %s" % url("").split(":")[0], "index-pack")
tap.ok(said(g, "signal 25"), "RLIMIT_FSIZE: the log has the signal that ended index-pack")
serves(g, "RLIMIT_FSIZE")
tap.eq(g.stop(), 0, "RLIMIT_FSIZE: the gate stops cleanly", g.text()[-2000:])

# --- what is laid down for the scanner ------------------------------------------------------------------------------------------------
scanner, scratch = path("scanner"), path("scratch")
put_script(scanner, "exit 0")
os.mkdir(scratch)
wide = path("wide")                             # small in a pack, and large for a scanner
git("clone", "-q", seed, wide)
commit(wide, "wide", "a line that there is often\n" * 100000)
g = start("--fsize=1048576", {"hook.scanner": "command", "hook.scannerCommand": scanner, "hook.scratch": scratch})
for url in g.url, g.http:
    refused(g, url, wide, "RLIMIT_FSIZE in hook.scratch, %s" % url("").split(":")[0], "git-gate: ", "RLIMIT_FSIZE")
tap.ok([e for e in g.events("push.step-failed") if "RLIMIT_FSIZE" in e["message"]], "RLIMIT_FSIZE in hook.scratch: it is on record", g.text()[-2000:])
serves(g, "RLIMIT_FSIZE in hook.scratch")
wait_for(lambda: not os.listdir(scratch), "hook.scratch to be empty")
tap.eq(g.stop(), 0, "RLIMIT_FSIZE in hook.scratch: the gate stops cleanly", g.text()[-2000:])

# --- the gate's own file --------------------------------------------------------------------------------------------------------------
g = Gate({}, prefix=["prlimit", "--fsize=0", "--"], start=False)
r = subprocess.run(g.args(), env=ENV, cwd=TMP, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
tap.ok(r.returncode in (1, 2) and "git-gate: " in r.stderr and "File too large" in r.stderr, "no file may be written at all: it does not start, and says why",
       r.returncode, r.stderr)

# --- processor time -------------------------------------------------------------------------------------------------------------------
hooks = Hooks(pre_receive="cat >/dev/null; [ ! -e spin ] || while :; do :; done")
g = start("--cpu=1:20", hooks=hooks.dir)
repo = os.path.join(g.base, "r.git")
open(os.path.join(repo, "spin"), "w").close()
refused(g, g.url, seed, "RLIMIT_CPU", "pre-receive hook declined")
tap.ok(said(g, "signal 24"), "RLIMIT_CPU: the log has the signal that ended the hook")
os.unlink(os.path.join(repo, "spin"))
serves(g, "RLIMIT_CPU")
tap.eq(g.stop(), 0, "RLIMIT_CPU: the gate stops cleanly", g.text()[-2000:])
tap.done()
