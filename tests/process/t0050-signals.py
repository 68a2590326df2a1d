#!/usr/bin/python3
"""Every signal there is, sent to a gate that serves, to one in the middle of its start, and to one that is PID 1: each does what
supervisor/signals.def and the manual say."""
import pty
import resource
import termios

from pidone import *

tap = Tap()
REAL_TIME = range(signal.SIGRTMIN, signal.SIGRTMAX + 1)
table = {}
for name, act in re.findall(r"(?m)^(?:UN)?CAUGHT\((\w+), (\w+)\)", read(os.path.join(ROOT, "supervisor", "signals.def"))):
    table[getattr(signal, "SIG" + name, None) or {"STKFLT": 16}[name]] = act
tap.eq(sorted(table), list(range(1, 32)), "the table has every signal once")
manual = read(os.path.join(ROOT, "docs", "man", "git-gate.8")).split(".Sh SIGNALS")[1].split(".Sh ")[0]
tap.eq(sorted(re.findall(r"SIG[A-Z0-9]+", "\n".join(re.findall(r"(?m)^\.It Dv .*", manual)))),
       sorted("SIG" + n for n in re.findall(r"CAUGHT\((\w+),", read(os.path.join(ROOT, "supervisor", "signals.def"))) if n != "NAME"),
       "and the manual too")


def of(*acts):
    return [s for s, act in table.items() if act in acts]


def label(sig):
    return "real-time signals" if sig in REAL_TIME else re.sub(r".*\.", "", str(signal.Signals(sig).name if sig != 16 else "SIGSTKFLT"))


# a sanitizer handles these itself
FAULTS = [s for s in of("FAULT") if not SANITIZED or s not in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE)]
HARMLESS = of("NONE", "RELOAD", "SAID", "IGNORED")    # CONT early: it takes back a TSTP that waits
HARMLESS.sort(key=lambda s: s != signal.SIGCONT)
SAID = of("SAID")
config = path("config")
git("config", "--file", config, "limit.sessions", "8")


def lives(g, pid, what):
    """It answers, and is not stopped."""
    return tap.ok(g.process.poll() is None and g.cli("health").returncode == 0 and proc_stat(pid)[0] in "SR", what, g.process.poll(), g.text()[-500:])


def said_all(g, what):
    wait_for(lambda: len(g.events("gate.signal")) >= len(SAID), "gate.signal for each")
    tap.eq(len({e["message"] for e in g.events("gate.signal")}), len(SAID), "%s: gate.signal says each that is ignored aloud" % what)


# --- to a gate that serves, with a push in its hook ---------------------------------------------------------------------

latch = Latch()
hooks = Hooks(pre_receive="cat >/dev/null; " + latch.command)


def serving(prefix, what, send):
    """Every signal that means no end, one after another."""
    g = Gate({"deadline.drain": "10m", **{k: "10m" for k in SCALED if "grace" not in k}}, hooks=hooks.dir, prefix=prefix, start=False)
    g.start("--config", config)
    pid = outer(g) if prefix else g.pid
    g.repo()
    p = g.push(g.work("work-" + what.replace(" ", "-")))
    latch.reached()
    for sig in HARMLESS + [34, 40, 64] + (FAULTS if prefix else []):
        send(pid, sig)
        lives(g, pid, "%s: %s does not end or stop it" % (what, label(sig)))
    said_all(g, what)
    wait_for(lambda: g.events("gate.reloaded"), "the reload")
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: proc_stat(pid)[0] == "T", "it to be stopped")
    os.kill(pid, signal.SIGCONT)
    latch.release()
    code, out = end(p)
    tap.eq(code, 0, "%s: the push beside them succeeds" % what, out)
    wait_for(lambda: not g.sessions(), "the session to be gone")
    tap.eq(g.reaped(), [], "%s: nobody was ended" % what)
    return g, pid


def to_inside(pid, sig):
    inside(pid, "sh", "-c", "kill -%d 1" % sig)


g, pid = serving((), "serving", os.kill)
os.kill(pid, signal.SIGTERM)
while g.process.poll() is None:         # whatever comes while it takes its parts down is not fatal
    for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT):
        try:
            g.process.send_signal(sig)
        except ProcessLookupError:
            pass
tap.eq(g.process.poll(), 0, "a storm of signals while it stops: exit code", g.text()[-500:])
for sig in of("STOP"):
    g.start()
    g.process.send_signal(sig)
    tap.eq((g.process.wait(PATIENCE), len(g.events("gate.stopped"))), (0, 1), "%s stops it" % label(sig))
for sig in FAULTS:
    g.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
    g.process.send_signal(sig)
    tap.eq(g.process.wait(PATIENCE), -sig, "%s, of a fault: it dies of it" % label(sig))
g.start()
lives(g, g.pid, "and the next one serves")
g.stop()

if can_unshare():
    for what, send in ("PID 1", os.kill), ("PID 1 from inside", to_inside):
        q, pid = serving(UNSHARE, what, send)
        send(pid, signal.SIGPWR)
        tap.eq(q.process.wait(PATIENCE), 0, "%s: SIGPWR stops it with 0" % what, q.text()[-1000:])
        tap.eq(len(q.events("gate.stopped")), 1, "%s: gate.stopped" % what)
else:
    tap.skip("as PID 1", "no PID namespace can be made here")

# --- in the middle of the start -----------------------------------------------------------------------------------------

for prefix, what in ((), "start"), (UNSHARE, "start of PID 1"):
    if prefix and not can_unshare():
        tap.skip(what, "no PID namespace can be made here")
        continue
    for stage in "config", "version":
        held = Latch()
        g = Gate(prefix=prefix, start=False)
        start_held(g, stage, held, "--config", config)
        pid = outer(g) if prefix else g.process.pid
        for sig in HARMLESS + [34, 40, 64]:
            if g.process.poll() is None and proc_stat(pid):
                os.kill(pid, sig)
        held.release()
        try:
            g.ready()
            said_all(g, "%s, in git %s" % (what, stage))
            wait_for(lambda: g.events("gate.reloaded"), "the reload")
            lives(g, pid, "%s, in git %s: no signal ends it, HUP is a reload once it serves" % (what, stage))
            os.kill(pid, signal.SIGTERM)
            tap.eq(g.process.wait(PATIENCE), 0, "%s, in git %s: TERM then" % (what, stage))
        except (RuntimeError, TimeoutError) as e:
            tap.ok(False, "%s, in git %s: the gate lives" % (what, stage), g.process.returncode, e, g.text()[-500:])
        for sig in of("STOP"):
            g = Gate(prefix=prefix, start=False)
            start_held(g, stage, held, "--config", config)
            os.kill(outer(g) if prefix else g.process.pid, sig)
            held.release()
            tap.eq(g.process.wait(PATIENCE), 0, "%s, in git %s: %s ends it with 0" % (what, stage, label(sig)), g.text())
            tap.ok(not g.events("gate.ready") and not os.path.exists(g.control), "and it did not begin to serve")

# --- signals that the kernel sends ----------------------------------------------------------------------------------------

g = Gate(prefix=["prlimit", "--fsize=16384", "--"])
g.repo()
w = g.work("fsize")
ok, n = True, 0
while ok and not g.status()["dropped_events"] and n < 200:
    n += 1
    ok = git("push", "-q", g.url("r.git"), "HEAD:refs/heads/n%d" % n, cwd=w, check=False).returncode == 0
tap.ok(ok and g.status()["dropped_events"], "RLIMIT_FSIZE: a log that may not grow is not the end of the gate", n, g.process.poll())
tap.eq(git("push", "-q", g.url("r.git"), "HEAD:refs/heads/last", cwd=w, check=False).returncode, 0, "RLIMIT_FSIZE: pushes go on")
tap.eq(g.stop(), 0, "RLIMIT_FSIZE: stops with 0")

# --- signals that whoever starts the gate ignores or blocks, which an exec keeps ---------------------------------------------

for how in "--ignore-signal", "--block-signal", "--ignore-signal=CHLD", "--block-signal=CHLD":
    g = Gate({"listen.http": "127.0.0.1:0"}, prefix=["env", how], start=False)
    try:
        g.start()
    except (RuntimeError, TimeoutError):
        tap.ok(False, "env %s: the gate starts" % how, g.text())
        g.process.kill()
        continue
    g.repo()
    w = g.work("inherited" + how)
    tap.eq([git("push", "-q", url("r.git"), "HEAD:refs/heads/b%d" % i, cwd=w, check=False).returncode for i, url in enumerate((g.url, g.http))], [0, 0],
           "env %s: pushes succeed" % how)
    wait_for(lambda: not g.sessions() and not g.processes(), "sessions to end")
    tap.eq((g.reaped(), g.stop()), ([], 0), "env %s: nobody is ended, and it stops with 0" % how)
    r = subprocess.run(["env", how, GATE, "check-config", "--config", config], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
    tap.eq(r.returncode, 0, "env %s: so does a command that asks git" % how, r.stderr)

# a background job of a terminal that stops those who write to it
master, slave = pty.openpty()
attrs = termios.tcgetattr(slave)
attrs[3] |= termios.TOSTOP
termios.tcsetattr(slave, termios.TCSANOW, attrs)
JOB = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.tcsetpgrp(0, os.getpgrp())
if os.fork() == 0:
    os.setpgid(0, 0)
    os.execv(sys.argv[1], sys.argv[1:])
os.wait()
"""
g = Gate(prefix=["/usr/bin/python3", "-c", JOB], start=False)
g.offset = 0
g.process = popen(g.args(), stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=ENV)
os.close(slave)
os.set_blocking(master, False)
output = b""


def drained():
    global output
    try:
        output += os.read(master, 65536)
    except (BlockingIOError, OSError):
        pass
    return g.cli("health").returncode == 0


wait_for(drained, "the gate in the background of a terminal to answer", 20)
pid = g.status()["pid"]
os.kill(pid, signal.SIGUSR1)            # it has something to write now
wait_for(lambda: drained() and b"gate.signal" in output, "its event on the terminal", 20)
tap.ok(proc_stat(pid)[0] in "SR", "stty tostop: a gate in the background writes, and is not stopped", output[-500:])
os.kill(pid, signal.SIGTERM)
g.process.wait(PATIENCE)
tap.done()
