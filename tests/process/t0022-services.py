#!/usr/bin/python3
"""[service] sections: started in order, ready, started again, given up, stopped in reverse order, killed when they do not listen; what
they write is logged within bounds; READY=1 comes after them; what cannot be started is told and is no busy loop."""

from gate import *

tap = Tap()


def script(name, text, mode=0o755, first="#!/bin/sh\n"):
    """An executable below the test's directory; its path."""
    p = path(name)
    with open(p, "w") as f:
        f.write(first + text + "\n")
    os.chmod(p, mode)
    return p


def services(**settings):
    """name=dict of settings, as settings of a gate. Short limits, unless given."""
    found = {"deadline.drain": "10s"}
    for name, own in settings.items():
        for key, value in {"killAfter": "2s", "backoff": "200ms", "backoffMax": "1s", **own}.items():
            found["service.%s.%s" % (name, key)] = value
    return found


def launch(settings, *more, **kw):
    return Gate(settings, start=False, **kw).launch(*more)


def of(g, name):
    return next(s for s in g.status()["services"] if s["name"] == name)


def events(g, event, name=None, n=1):
    """Wait for n events of the service and return them."""
    find = lambda: g.events("service." + event, **({"service": name} if name else {}))
    wait_for(lambda: len(find()) >= n, "%d service.%s of %s" % (n, event, name))
    return find()


def at(event):
    """When, in seconds of its day."""
    h, m, s = event["time"].rstrip("Z").split("T")[1].split(":")
    return int(h) * 3600 + int(m) * 60 + float(s)


def mine(g):
    return with_environment("GIT_GATE_INSTANCE=" + g.instance)


def stopped(g, code=0, what="the gate stops"):
    """Stop it; nothing of it is left, and it is not defunct."""
    g.process.send_signal(signal.SIGTERM)
    tap.eq(g.process.wait(PATIENCE), code, what, g.text()[-1500:])


def order(g, *names):
    """(event, service) in the order of the log, of the events named."""
    return [(e["event"].split(".")[1], e["service"]) for e in g.events() if e["event"] in ["service." + n for n in names]]


def descriptors(pid, n):
    """Those of a program that has just begun, once there are no more than n: while it is loaded its libraries' files are open."""
    return wait_for(lambda: [x for x in [sorted(os.listdir("/proc/%d/fd" % pid))] if len(x) <= n], "no more than %d descriptors" % n)[0]


# --- started again ------------------------------------------------------------------------------------------------------

sleeper = script("sleeper", 'echo "args: $*"; echo "here is $GIT_GATE_SERVICE" >&2; exec sleep 1000')
g = Gate(services(web={"command": sleeper + " one 'two three' \"\" fo\\ ur", "backoff": "1500ms", "backoffMax": "1500ms", "environment": "A=b c", "burst": "50"}))
web = of(g, "web")
tap.ok(web["state"] == "up" and alive(web["pid"]) and web["restarts"] == 0 and web["uptime_ms"] >= 0 and web["last"] is None, "status", web)
wait_for(lambda: len(g.events("service.log")) == 2, "its two lines")
tap.eq(sorted(e["message"] for e in g.events("service.log", service="web")), ["args: one two three  fo ur", "here is web"],
       "stdout and stderr are events; words are split as git splits them")
wait_for(lambda: cmdline(web["pid"]) == "sleep 1000", "the shell to be replaced")       # for a moment of that there is no environment to be read
env = dict(e.split("=", 1) for e in read("/proc/%d/environ" % web["pid"]).split("\0") if e)
tap.eq({k: v for k, v in env.items() if k not in ("PWD", "_", "OLDPWD", "SHLVL")},
       {"PATH": ENV["PATH"], "LC_ALL": "C.UTF-8", "GIT_GATE_SERVICE": "web", "GIT_GATE_INSTANCE": g.instance, "A": "b c"}, "its environment is made from nothing")
st = proc_stat(web["pid"])
tap.ok(st[2] == web["pid"] and st[2] != proc_stat(g.process.pid)[2], "it has a session of its own")
tap.eq(os.readlink("/proc/%d/fd/0" % web["pid"]), "/dev/null", "its stdin is /dev/null")
tap.eq(descriptors(web["pid"], 3), ["0", "1", "2"], "it has descriptors 0 to 2 and no other")
tap.eq(g.events("service.started")[0]["pids"], str(web["pid"]), "service.started names the process")
human = g.cli("status")
tap.ok("SERVICE" in human.stdout and "web" in human.stdout.splitlines()[-1], "status for people has a table", human.stdout)

wait_for(lambda: of(g, "web")["uptime_ms"] > 1600, "a healthy run: as long as backoffMax")
os.kill(web["pid"], signal.SIGKILL)
e = events(g, "exited", "web")[0]
again = events(g, "started", "web", 2)[1]
tap.ok("signal 9 (Killed)" in e["message"] and e["message"].endswith("started again now") and e["reason"] == "signal" and
       e["pids"] == str(web["pid"]), "SIGKILL: service.exited says how it ended", e)
tap.ok(at(again) - at(e) < BUSY, "after a healthy run it is started again at once (%.3fs)" % (at(again) - at(e)))
os.kill(int(again["pids"]), signal.SIGTERM)
e = events(g, "exited", "web", 2)[1]
tap.ok("started again in" in e["message"], "after a short run it is not started again at once", e)
events(g, "started", "web", 3)
now = of(g, "web")
tap.ok(now["restarts"] == 2 and now["pid"] not in (web["pid"], int(again["pids"])) and "signal 15" in now["last"], "status has the restarts", now)

# a push beside it, and its processes are nobody's orphans
g.repo()
code, out = end(g.push(g.work("work")))
tap.eq(code, 0, "a push beside a service", out)
wait_for(lambda: not g.sessions(), "the session to be gone")
tap.ok(alive(of(g, "web")["pid"]) and not g.events("session.stray"), "the service survives the end of a session")
last = of(g, "web")["pid"]
stopped(g)
tap.ok(not alive(last) and not mine(g), "nothing is left of it")
e = g.events("service.stopped", service="web")
tap.ok(len(e) == 1 and "signal 15 (Terminated)" in e[0]["message"] and g.events()[-1]["event"] == "gate.stopped", "service.stopped, then gate.stopped", e)

# --- backoff, burst -----------------------------------------------------------------------------------------------------

fails = script("fails", "exit 3")
g = Gate(services(bad={"command": fails, "backoff": "100ms", "backoffMax": "10s", "burst": "5"},
                  once={"command": script("once", "echo done"), "restart": "on-failure"},
                  never={"command": fails, "restart": "never"},
                  zero={"command": "true", "burst": "3"}))
e = events(g, "gave-up", "bad")[0]
ends, starts = g.events("service.exited", service="bad"), g.events("service.started", service="bad")
waits = [at(s) - at(x) for x, s in zip(ends, starts[1:])]
tap.eq((len(ends), len(starts)), (5, 5), "burst: five starts, five failures")
tap.ok(all(w >= low * 0.74 for w, low in zip(waits, (0.1, 0.2, 0.4, 0.8))) and waits[3] > waits[0], "the waits between them grow", waits)
tap.ok(all("exit status 3" in x["message"] and x["reason"] == "exit" for x in ends), "service.exited: exit status 3", ends)
tap.ok(e["key"] == "service.bad.burst" and e["limit_ms"] == 60000 and "exit status 3" in e["message"], "service.gave-up names the setting", e)
tap.eq(of(g, "bad")["state"], "gave-up", "state: gave-up")
e = events(g, "stopped", "once")[0]
tap.ok("exit status 0" in e["message"] and of(g, "once")["state"] == "done" and of(g, "once")["restarts"] == 0, "on-failure, exit status 0: done", e)
e = events(g, "gave-up", "never")[0]
tap.eq((e["key"], len(g.events("service.started", service="never"))), ("service.never.restart", 1), "never: given up after one failure")
events(g, "gave-up", "zero")
tap.ok(all("exit status 0" in x["message"] for x in events(g, "exited", "zero", 3)), "always: exit status 0 at once is a failure too")
begun = g.status()
time.sleep(1)
tap.ok(g.status()["wakeups"] - begun["wakeups"] < 40, "given up is quiet (%d wakeups a second)" % (g.status()["wakeups"] - begun["wakeups"]))
tap.eq(g.cli("health").returncode, 0, "a gate without its unessential services is healthy")
stopped(g)

# --- what cannot be started ---------------------------------------------------------------------------------------------

with open(path("wrong-arch"), "wb") as f:       # an ELF of machine 0xfe
    f.write(b"\x7fELF\2\1\1" + bytes(9) + b"\2\0\xfe\0\1\0\0\0" + bytes(200))
os.chmod(path("wrong-arch"), 0o755)
cases = {"missing": (path("nothing"), "No such file or directory"), "inpath": ("no-such-program-anywhere", "No such file or directory"),
         "mode": (script("not-executable", "", 0o644), "Permission denied"), "arch": (path("wrong-arch"), "Exec format error"),
         "dir": (TMP, "Permission denied"), "nothash": (script("no-interpreter", "exit 0", first=""), "Exec format error"),
         "interp": (script("bad-interpreter", "", first="#!/no/such/interpreter\n"), "No such file or directory")}
g = Gate(services(**{name: {"command": command, "burst": "2"} for name, (command, _) in cases.items()}, ok={"command": "sleep 1000"}))
for name, (command, why) in cases.items():
    events(g, "gave-up", name)
    found = g.events("service.exited", service=name)
    tap.ok(len(found) == 2 and all(why in e["message"] and os.path.basename(command) in e["message"] and e["reason"] == "exec" for e in found),
           "cannot be started, %s: the errno is told" % name, found)
tap.eq((of(g, "ok")["state"], of(g, "missing")["pid"]), ("up", None), "the others run")
stopped(g)

# --- essential ----------------------------------------------------------------------------------------------------------

g = Gate(services(core={"command": script("core", "sleep 0.3; exit 7"), "essential": "true", "burst": "2"}, other={"command": "sleep 1000"}))
tap.eq(g.process.wait(PATIENCE), 4, "an essential service given up: exit code 4", g.text())
names = [e["event"] for e in g.events() if e["event"] in ("service.gave-up", "gate.stopping", "service.stopped", "gate.stopped")]
tap.eq(names, ["service.gave-up", "gate.stopping", "service.stopped", "gate.stopped"], "and the gate stops as on SIGTERM")
tap.ok(not mine(g), "nothing is left")

latch = Latch()
kill_me = path("kill-me")
g = Gate(services(core={"command": script("core2", "echo $$ >%s; exec sleep 1000" % kill_me), "essential": "true", "restart": "never"}),
         hooks=Hooks(pre_receive="cat >/dev/null; " + latch.command).dir)
g.repo()
p = g.push(g.work("essential"))
latch.reached()
os.kill(int(read(kill_me)), signal.SIGKILL)
wait_for(lambda: g.events("gate.stopping"), "the gate to stop")
latch.release()
code, out = end(p)
tap.eq((code, g.process.wait(PATIENCE)), (0, 4), "a push that runs meanwhile may finish", out)

g = launch(services(core={"command": fails, "ready": "fd", "essential": "true", "burst": "2"}))
tap.eq((g.process.wait(PATIENCE), g.events("gate.ready")), (4, []), "given up before it was ever ready: exit code 4, gate.ready is never said",
       g.text())

g = Gate(services(core={"command": "sleep 1000", "essential": "true", "backoff": "1m", "backoffMax": "1m"}))
tap.eq(g.cli("health", "--ready").returncode, 0, "with its essential service a gate is ready")
os.kill(of(g, "core")["pid"], signal.SIGKILL)
events(g, "exited", "core")
r = g.cli("health", "--ready")
tap.ok(r.returncode == 1 and "an essential service is not up" in r.stdout + r.stderr, "while it waits to be started again the gate is not, and says why", r.stdout, r.stderr)
stopped(g)

# --- ready --------------------------------------------------------------------------------------------------------------

notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(path("notify"))
notify.settimeout(0)


def notified(line):
    try:
        while True:
            if line in notify.recv(65536).decode().split("\n"):
                return True
    except BlockingIOError:
        return False


port, gate_port = free_port(), free_port()
hold = Latch()
listener = script("listener", """
import socket, sys
open(%r, "a").write("x"); open(%r).read(1)
s = socket.create_server(("127.0.0.1", %d))
while True:
    c, _ = s.accept(); c.close()
""" % (hold.path + ".at", hold.path, port), first="#!/usr/bin/python3\n")
by_fd = script("by-fd", '%s; printf "rea" >&$READY_FD; printf "dy\\n" >&$READY_FD; exec sleep 1000' % hold.command)
g = launch({**services(port={"command": listener, "ready": "port:127.0.0.1:%d" % port}, fd={"command": by_fd, "ready": "fd", "after": "port"},
                       late={"command": "sleep 1000", "after": "fd"}),
            "listen.git": "127.0.0.1:%d" % gate_port}, env={"NOTIFY_SOCKET": path("notify")})
hold.reached()
waiting = Raw(type("", (), {"port": gate_port}), "git-upload-pack")     # the port is open, and waits
time.sleep(0.5)
tap.ok(not notified("READY=1") and not g.events("gate.ready") and not g.events("service.ready"), "not ready before its service is", g.text())
tap.eq([(s["name"], s["state"]) for s in g.status()["services"]], [("port", "starting"), ("fd", "waiting"), ("late", "waiting")], "states meanwhile")
hold.release()
events(g, "ready", "port")
hold.reached()
tap.ok(not notified("READY=1") and not g.events("gate.ready"), "nor before the next one is")
tap.eq(of(g, "late")["state"], "waiting", "who comes after waits for ready, not for started")
hold.release()
events(g, "started", "late")
pid = of(g, "fd")["pid"]
wait_for(lambda: cmdline(pid) == "sleep 1000", "the shell to be replaced")
tap.eq(descriptors(pid, 4), ["0", "1", "2", "3"], "READY_FD is 3, and no other descriptor is there")
wait_for(lambda: g.events("gate.ready"), "gate.ready")
wait_for(lambda: notified("READY=1"), "READY=1")
tap.eq(order(g, "started", "ready"), [("started", "port"), ("ready", "port"), ("started", "fd"), ("ready", "fd"), ("started", "late")], "order of start")
tap.ok(waiting.rest() and g.status()["ended"] <= 1, "the client that came early is served then")
waiting.close()
g.ready()
stopped(g)
tap.eq(order(g, "stopped"), [("stopped", "late"), ("stopped", "fd"), ("stopped", "port")], "stopped in reverse order")

g = launch(services(slow={"command": "sleep 1000", "ready": "fd", "readyTimeout": "500ms", "burst": "2"},
                    deaf={"command": script("deaf", "trap '' TERM; while :; do sleep 1; done"), "ready": "port:127.0.0.1:%d" % free_port(),
                          "readyTimeout": "500ms", "killAfter": "300ms", "burst": "1"}))
g.ready()
tap.ok(len(g.events("service.exited")) >= 1, "a service that is never ready does not keep the gate from serving")
e = events(g, "exited", "slow")[0]
tap.ok(e["reason"] == "not-ready" and e["key"] == "service.slow.readyTimeout" and e["limit_ms"] == 500 and "not ready within 500ms" in e["message"],
       "not ready in time: told with its setting", e)
e = events(g, "exited", "deaf")[0]
tap.ok("signal 9" in e["message"] and e["reason"] == "not-ready", "not ready, and does not end: killed", e)
events(g, "gave-up", "slow")
stopped(g)

# --- stop ---------------------------------------------------------------------------------------------------------------

polite = script("polite", 'trap "echo got $0; exit 0" INT; echo up; while :; do sleep 0.05; done')
stubborn = script("stubborn", "trap '' TERM; (trap '' TERM; echo child; sleep 1000) & echo up; while :; do sleep 0.05; done")
family = script("family", "(trap '' TERM; exec sleep 1001) & exec sleep 1002")
obedient = script("obedient", "sleep 1003 & (trap 'echo told; exit' TERM; echo child; while :; do sleep 0.05; done) & exec sleep 1004")
g = Gate(services(polite={"command": polite, "stopSignal": "INT"}, stubborn={"command": stubborn, "killAfter": "700ms", "after": "polite"},
                  family={"command": family, "killAfter": "500ms", "after": "stubborn"},
                  obedient={"command": obedient, "killAfter": "60s", "after": "family"}))
wait_for(lambda: len(g.events("service.log", message="up")) == 2 and len(g.events("service.log", message="child")) == 2, "all to be up")
wait_for(lambda: len([p for p in mine(g) if "sleep 100" in cmdline(p)]) == 5, "their children")
all_of_them = mine(g)
begin = time.monotonic()
stopped(g)
took = time.monotonic() - begin
tap.eq(order(g, "stopped"), [("stopped", "obedient"), ("stopped", "family"), ("stopped", "stubborn"), ("stopped", "polite")], "reverse order, one after another")
wait_for(lambda: not [p for p in all_of_them if alive(p)], "all to be gone", 1)
tap.ok(True, "grandchildren in their groups are gone")
e = g.events("service.stopped")
tap.ok("signal 15" in e[0]["message"] and g.events("service.log", service="obedient", message="told") and "key" not in e[0],
       "what is left of the group is asked too, and then need not be killed", e)
tap.ok("signal 15" in e[1]["message"] and e[1]["key"] == "service.family.killAfter", "what does not follow is killed", e)
tap.ok("signal 9 (Killed)" in e[2]["message"] and e[2]["key"] == "service.stubborn.killAfter" and e[2]["limit_ms"] == 700, "killed after killAfter", e)
tap.ok("exit status 0" in e[3]["message"] and g.events("service.log", service="polite", message="got " + polite), "stopSignal is what it gets", e)
tap.ok(1.1 < took < 1.1 + BUSY, "each had its killAfter (%.2fs)" % took)

# the end of a leader takes its group with it, before the next run
g = Gate(services(family={"command": family, "burst": "9"}))
wait_for(lambda: len(mine(g)) == 2, "parent and child")
child = wait_for(lambda: [p for p in mine(g) if "1001" in cmdline(p)], "the child to be what it will be")[0]
os.kill(of(g, "family")["pid"], signal.SIGTERM)
events(g, "started", "family", 2)
tap.ok(not alive(child), "what a service left in its group is gone when it is started again")
wait_for(lambda: len(mine(g)) == 2, "the next parent and child")
stopped(g)

# a second SIGTERM does not wait
g = Gate({**services(stubborn={"command": stubborn, "killAfter": "50s"}), "deadline.drain": "60s"})
wait_for(lambda: g.events("service.log", message="child"), "it to be up")
g.process.send_signal(signal.SIGTERM)
wait_for(lambda: of(g, "stubborn")["state"] == "stopping", "it to be asked")
begin = time.monotonic()
stopped(g, what="a second SIGTERM stops at once")
tap.ok(time.monotonic() - begin < BUSY and not mine(g), "killAfter is not waited for (%.2fs)" % (time.monotonic() - begin))
# nor does the end of deadline.drain
g = Gate({**services(one={"command": stubborn, "killAfter": "50s"}, two={"command": stubborn, "killAfter": "50s", "after": "one"}), "deadline.drain": "1s"})
wait_for(lambda: len(g.events("service.log", message="child")) == 2, "both to be up")
begin = time.monotonic()
stopped(g, what="deadline.drain bounds the stop")
tap.ok(time.monotonic() - begin < 1 + BUSY and not mine(g), "a deadline.grace after it all are killed (%.2fs)" % (time.monotonic() - begin))

# a session that drains has its services
latch = Latch()
g = Gate(services(needed={"command": "sleep 1000"}), hooks=Hooks(pre_receive="cat >/dev/null; " + latch.command).dir)
g.repo()
p = g.push(g.work("drain"))
latch.reached()
pid = of(g, "needed")["pid"]
g.process.send_signal(signal.SIGTERM)
wait_for(lambda: g.events("gate.stopping"), "the gate to stop")
time.sleep(0.3)
tap.ok(alive(pid), "while a session drains, services run on")
latch.release()
tap.eq((end(p)[0], g.process.wait(PATIENCE), alive(pid)), (0, 0, False), "the push succeeds, then they stop")

# stopped while it starts
g = launch(services(slow={"command": "sleep 1000", "ready": "fd"}, after={"command": "sleep 1000", "after": "slow"}))
events(g, "started", "slow")
g.process.send_signal(signal.SIGTERM)
tap.eq((g.process.wait(PATIENCE), g.events("gate.ready"), order(g, "started", "stopped")), (0, [], [("started", "slow"), ("stopped", "slow")]),
       "SIGTERM before its services are ready", g.text())

# --- output -------------------------------------------------------------------------------------------------------------

g = Gate(services(flood={"command": "yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
                  binary={"command": script("binary", r"printf 'a\033[0m\377b\r\n'; head -c 100000 /dev/zero | tr '\0' x; echo; printf 'no newline'; exec sleep 1000")}))
wait_for(lambda: len(g.events("service.log", service="flood")) > 200, "a flood")
cpu = lambda: sum(int(x) for x in read("/proc/%d/stat" % g.process.pid).rsplit(")", 1)[1].split()[11:13]) / os.sysconf("SC_CLK_TCK")
before, used, begin = len(g.events("service.log", service="flood")), cpu(), time.monotonic()
time.sleep(3)
seconds = time.monotonic() - begin
lines, used = len(g.events("service.log", service="flood")) - before, cpu() - used
tap.ok(lines <= 20 * seconds + 25, "a flood is bounded (%d lines in %.1fs)" % (lines, seconds))
tap.ok(used < 0.5 * seconds, "and does not keep the gate busy (%.2fs of CPU in %.1fs)" % (used, seconds))
tap.ok([e for e in g.events("service.log", service="flood") if "over the rate" in e["message"]], "that lines are missing is said")
g.repo()
code, out = end(g.push(g.work("flood")))
tap.eq(code, 0, "a push beside a flood", out)
stopped(g)
lines = [e["message"] for e in g.events("service.log", service="binary")]
tap.ok(len(lines) == 3 and "\x1b" not in g.text() and lines[1].startswith("xxx") and len(lines[1]) <= 1300 and lines[2] == "no newline",
       "what is no text, too long, or not ended is bounded and escaped", [m[:80] for m in lines])

# --- many, and killed ---------------------------------------------------------------------------------------------------

g = Gate({**services(**{"s%d" % i: {"command": "sleep 1000", **({"after": "s%d" % (i - 1)} if i % 4 else {})} for i in range(32)})})
pids_of = [s["pid"] for s in g.status()["services"]]
tap.ok(all(alive(p) for p in pids_of) and len(set(pids_of)) == 32, "32 services")
for p in pids_of:
    os.kill(p, signal.SIGKILL)
wait_for(lambda: all(s["restarts"] == 1 and s["state"] == "up" for s in g.status()["services"]), "all to be started again")
tap.ok(True, "all killed at once: all are started again")
zombies = [p for p in pids() if (proc_stat(p) or ("", 0))[:2] == ("Z", g.process.pid)]
tap.eq(zombies, [], "no zombie is left")
last = g.instance
g.process.kill()
g.process.wait()
g.start()
try:
    wait_for(lambda: not with_environment("GIT_GATE_INSTANCE=" + last), "the services of the killed gate to end", 15)
    tap.ok(True, "killed: its services are ended by the next gate")
except TimeoutError as e:
    tap.ok(False, "killed: its services are ended by the next gate", e)
for p in with_environment("GIT_GATE_INSTANCE=" + last):
    os.kill(p, signal.SIGKILL)
stopped(g)

# --- settings -----------------------------------------------------------------------------------------------------------

conf = path("services.conf")
with open(conf, "w") as f:
    f.write('[service "web"]\n\tcommand = "sh -c \'echo \\"a; b\\"; exec sleep 1000\'"\n\tafter = db\n[service "db"]\n\tcommand = sleep 1000\n')
g = launch({}, "--config", conf)
g.ready()
tap.eq([s["name"] for s in g.status()["services"]], ["web", "db"], "from a file: in the order of the file")
tap.eq(order(g, "started"), [("started", "db"), ("started", "web")], "started in order of after")
stopped(g)
shown = subprocess.run([GATE, "check-config", "--config", conf, "-c", "service.web.killAfter=3s"], env=ENV, capture_output=True, text=True)
tap.ok(shown.returncode == 0 and any(l.split()[:3] == ["service.web.killAfter", "=", "3s"] and l.endswith("# command line")
                                     for l in shown.stdout.splitlines()), "check-config prints them with their origin", shown.stdout)
for line, text in (("comand = x", "unknown key 'service.web.comand'; did you mean 'service.web.command'?"),
                   ("wach = true", "unknown key 'service.web.wach'"), ("after = dv", "'dv' is no service; did you mean 'db'?"),
                   ("burst = 0", "service.web.burst: '0' is out of range; give 1 to 100"), ("ready = port:web:80", "names are not looked up"),
                   ("command = \"\"", "service.web.command"), ("environment = X", "'X' is not KEY=VALUE"), ("after = web", "comes after itself"),
                   ("restart = sometimes", "choose always, on-failure or never")):
    with open(path("bad.conf"), "w") as f:
        f.write(read(conf) + '[service "web"]\n\t%s\n' % line)
    r = subprocess.run([GATE, "run", "--config", path("bad.conf")], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
    tap.ok(r.returncode == 2 and text in r.stderr and path("bad.conf") in r.stderr and len(r.stderr.splitlines()) == 1, "bad setting: " + line, r.stderr)
tap.done()
