#!/usr/bin/python3
"""deadline.lameDuck: after the word to drain or to stop clients are served for that long yet, and whoever asks is told that the gate is not
ready; the word is taken back by resume, and said again, as a signal, it is at once."""
from gate import *

tap = Tap()
latch = Latch()
g = Gate({"listen.http": "127.0.0.1:0", "deadline.lameDuck": "1h", "deadline.drain": "10m", **{k: "10m" for k in SCALED if "grace" not in k}},
         hooks=Hooks(pre_receive="cat >/dev/null; " + latch.command).dir)
g.repo()
work = g.work("work")


def why_not():
    r = g.cli("health", "--ready")
    return r.stdout + r.stderr


def served(what):
    for url in g.url("r.git"), g.http("r.git"):
        r = git("ls-remote", url, check=False)
        tap.eq(r.returncode, 0, "%s: a client is served, %s" % (what, url.split(":")[0]), r.stderr)


# --- drain ----------------------------------------------------------------------------------------------------------------------------

r = g.cli("drain")
tap.ok(r.returncode == 0 and re.fullmatch(r"no new client is served after (59m\d\ds|1h00m00s|1h00m|1h); 0 sessions may finish\n", r.stdout), "drain", r)
tap.ok("drained" in why_not(), "it is not ready", why_not())
tap.eq((g.status()["draining"], len(g.events("gate.lame-duck")), g.events("gate.drained")), (True, 1, []), "it says so")
served("drain")
left = g.ask("drain")["lame_duck_ms"]
tap.ok(0 < left <= 3600000 and len(g.events("gate.lame-duck")) == 1, "asked again: nothing changes", left)
tap.eq(g.cli("resume").returncode, 0, "resume")
tap.eq((g.cli("health", "--ready").returncode, g.status()["draining"], len(g.events("gate.resumed"))), (0, False, 1), "it is ready again")
served("resumed")

# --- stop -----------------------------------------------------------------------------------------------------------------------------

p = g.push(work)
latch.reached()
os.kill(g.pid, signal.SIGTERM)
wait_for(lambda: "stopping" in why_not(), "the gate not to be ready")
tap.eq((len(g.events("gate.lame-duck")), g.events("gate.stopping")), (2, []), "TERM: it is said, and not done yet")
served("TERM")
for command in "drain", "resume":
    r = g.cli(command)
    tap.ok(r.returncode == 1 and "the gate is stopping" in r.stderr, "TERM: %s" % command, r)
tap.ok("stopping" in why_not(), "TERM: it is not taken back")
os.kill(g.pid, signal.SIGTERM)
wait_for(lambda: g.events("gate.stopping"), "the second TERM to be heeded")
tap.ok(git("ls-remote", g.url("r.git"), check=False).returncode != 0, "TERM again: no client is served")
latch.release()
code, out = end(p)
tap.eq(code, 0, "the push finishes", out)
tap.eq(g.process.wait(PATIENCE), 0, "and the gate ends")

# --- the time passes ------------------------------------------------------------------------------------------------------------------

g.settings["deadline.lameDuck"] = "300ms"
g.start()
begun = time.monotonic()
g.ask("drain")
wait_for(lambda: g.events("gate.drained"), "the drain")
tap.ok(time.monotonic() - begun >= 0.3, "a drain has its effect after deadline.lameDuck, not before")
r = git("ls-remote", g.url("r.git"), check=False)
tap.ok(r.returncode and "the gate is drained" in r.stderr, "no client is served then", r.stderr)
tap.eq(g.ask("drain"), {"sessions": 0, "lame_duck_ms": 0}, "asked again")
g.ask("resume")
begun = time.monotonic()
tap.eq(g.stop(), 0, "TERM: it stops by itself")
tap.ok(time.monotonic() - begun >= 0.3, "and not before deadline.lameDuck")
g.start()
g.ask("drain")
wait_for(lambda: g.events("gate.drained"), "the drain")
os.kill(g.pid, signal.SIGTERM)
tap.eq((g.process.wait(PATIENCE), len(g.events("gate.lame-duck"))), (0, 1), "a drained gate stops at once")
finish(tap, g)
