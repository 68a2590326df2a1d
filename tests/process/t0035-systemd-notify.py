#!/usr/bin/python3
"""The watchdog is fed by the loop and a finished pass, and by nothing else; a long drain asks for time."""
from pidone import *

tap = Tap()
name = path("notify")
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind(name)
sock.settimeout(0.05)
heard = []


def listen():
    """Take what has come."""
    while True:
        try:
            heard.append((time.monotonic(), sock.recv(4096).decode()))
        except TimeoutError:
            return heard


def pings(since=0.0):
    return [t for t, m in listen() if "WATCHDOG=1" in m and t >= since]


latch = Latch()
g = Gate({"deadline.drain": "10m", **{k: "10m" for k in SCALED if "grace" not in k}}, hooks=Hooks(pre_receive="cat >/dev/null; " + latch.command).dir,
         env={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "2000000"})
g.repo()
begun = time.monotonic()
wait_for(lambda: len(pings(begun)) >= 6, "six pings")
gaps = [b - a for a, b in zip(pings(begun), pings(begun)[1:])]
usual = sorted(gaps)[len(gaps) // 2]        # a machine that stands still delays one, and has the next come soon after it
tap.ok(usual <= 1.0, "a ping comes within half the period (%.2fs)" % usual, gaps)
tap.ok(usual > 0.2, "and not more often than need be", gaps)
os.kill(g.pid, signal.SIGSTOP)
wait_for(lambda: proc_stat(g.pid)[0] == "T", "the gate to be stopped")
listen()
stopped = time.monotonic()
wait_for(lambda: time.monotonic() - stopped > 2.5, "more than a period to pass")
tap.eq(pings(stopped), [], "a gate that hangs feeds nothing")
os.kill(g.pid, signal.SIGCONT)
wait_for(lambda: pings(stopped), "the pings to come back")

work = g.work("work")
p = g.push(work)
latch.reached()
os.kill(g.pid, signal.SIGTERM)
wait_for(lambda: [m for _, m in listen() if "STOPPING=1" in m], "STOPPING=1")
wait_for(lambda: len([m for _, m in listen() if "EXTEND_TIMEOUT_USEC=" in m]) >= 2, "two requests for more time")
drain = time.monotonic()
wait_for(lambda: pings(drain), "the watchdog to be fed while draining")
latch.release()
code, out = end(p)
tap.eq(code, 0, "the push finishes in the drain", out)
tap.eq(g.process.wait(PATIENCE), 0, "the gate stops cleanly")

# the loop is stuck in one of its callbacks: a reload whose git does not answer, for 2 s
held = Latch()
stuck = Gate(start=False, env={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "900000"})
config = path("config")
git("config", "--file", config, "limit.sessions", "8")
stuck.launch("--config", config).ready()
wait_for(lambda: pings(), "the first ping")
stuck.stop()
start_held(stuck, "config", held, "--config", config)
held.release()
stuck.ready()
marker = os.path.join(stuck.env["PATH"].split(":")[0], "once")
heard.clear()
wait_for(lambda: pings(), "pings")
os.rmdir(marker)                        # the next git config waits again
stuck.process.send_signal(signal.SIGHUP)
held.reached()
listen()
heard.clear()


def given_up():
    return stuck.events("gate.reload-failed")


wait_for(lambda: pings() or given_up(), "the reload to be given up after 2 s, which is more than a period")
tap.ok(given_up(), "a gate whose loop is stuck feeds nothing", heard)       # who feeds it goes on, and has said so before
wait_for(pings, "the pings to come back when it goes on")
held.release()
stuck.stop()

heard.clear()
other = Gate(env={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "300000", "WATCHDOG_PID": "1"})
wait_for(lambda: [m for _, m in listen() if "READY=1" in m], "READY=1")
begun = time.monotonic()
wait_for(lambda: time.monotonic() - begun > 1, "three periods to pass")
tap.eq(pings(), [], "a watchdog of another process is not fed")
finish(tap, other)
