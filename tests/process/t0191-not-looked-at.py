#!/usr/bin/python3
"""Processes that cannot be looked at because the machine lacks descriptors are not taken for gone: a gate that stops waits for what outlived its sessions, and
a gate that starts ends the sessions of one that died."""
from gate import *

tap = Tap()
if not shutil.which("strace"):
    skip_all("there is no strace")


def injected(file, when):
    """Arguments of strace: its process gets EMFILE these times when it opens the file."""
    return ["strace", "-qq", "-o", path("injected"), "-e", "signal=none", "-P", file, "-e", "trace=openat", "-e", "inject=openat:error=EMFILE:when=" + when]


# --- a gate that stops, and what a service has left below it ------------------------------------------------------------------
put_script(path("leaver"), "setsid sh -c 'echo $$ >%s.new; mv %s.new %s; exec sleep 1000' </dev/null >/dev/null 2>&1 &\nexec sleep 1000" % ((path("left"),) * 3))
g = Gate({**PATIENT, "service.s.command": path("leaver")})
left = int(wait_for(lambda: os.path.exists(path("left")) and read(path("left")), "the service to have left one behind"))
strace = popen(injected("/proc/%d/stat" % left, "1..6") + ["-p", str(g.pid)])
wait_for(lambda: "TracerPid:\t0" not in read("/proc/%d/status" % g.pid), "strace to have the gate")
os.kill(g.pid, signal.SIGTERM)
tap.eq(g.process.wait(PATIENCE), 0, "the gate stops", g.text()[-1500:])
strace.wait(PATIENCE)
tap.ok(read(path("injected")).count("EMFILE") >= 2, "it could not look at one of its processes at first", read(path("injected")))
tap.ok(not alive(left), "which is gone with it all the same")

# --- a gate that starts after one that died -----------------------------------------------------------------------------------
dead = Gate({**PATIENT, "listen.git": "127.0.0.1:%d" % free_port()})
dead.repo()
client = Raw(dead, request=False)       # one process: of more, another would lead to it
session = wait_for(dead.sessions, "the session")[0]
os.kill(dead.pid, signal.SIGKILL)
dead.process.wait(PATIENCE)
tap.ok(alive(session["pid"]), "a session outlives its gate")
dead.prefix = injected("/proc/%d/environ" % session["pid"], "1..2")
dead.start()
wait_for(lambda: not alive(session["pid"]), "the session of the gate that died to be ended")
tap.ok("EMFILE" in read(path("injected")), "the next gate could not look into it at first", read(path("injected")))
tap.eq([e["id"] for e in wait_for(lambda: dead.reaped(reason="predecessor"), "its record")], [session["id"]], "it is ended, and recorded")
tap.eq((dead.stop(), dead.events("gate.error")), (0, []), "it stops, and met no error")
client.close()

# --- and when nobody at all can be looked at ------------------------------------------------------------------------------------
dead.prefix = ()
dead.start()
client = Raw(dead, request=False)
session = wait_for(dead.sessions, "the session")[0]
os.kill(dead.pid, signal.SIGKILL)
dead.process.wait(PATIENCE)
dead.prefix = injected("/proc", "1")
dead.launch()
tap.eq((dead.process.wait(PATIENCE), "cannot look for sessions of the gate before: Too many open files" in dead.text()), (2, True),
       "it cannot list the processes when it starts: it says so, and does not", dead.text())
tap.ok(alive(session["pid"]), "the session of the gate that died is left to the next one")
dead.prefix = ()
dead.start()
tap.ok(wait_for(lambda: not alive(session["pid"]), "the session to be ended"), "which looks again, and ends it")
client.close()
finish(tap, dead)
