#!/usr/bin/python3
"""The process group of a service when the machine lacks descriptors: a group whose number has become another's is left alone, and what a signal could not be
sent to, because nobody could be looked at, is sent it later."""
from pidnumbers import *

tap = Tap()
need_numbers()

MARK, helper = path("mark"), path("helper")


def lacking(pid, file, when=""):
    """strace, which has the process get EMFILE whenever it opens the file."""
    strace = popen(["strace", "-qq", "-o", path("lacking.trace"), "-p", str(pid), "-e", "signal=none", "-P", file, "-e", "trace=openat",
                    "-e", "inject=openat:error=EMFILE" + when])
    wait_for(lambda: "TracerPid:\t0" not in read("/proc/%d/status" % pid), "strace to have it")
    return strace


def marked():
    return [int(pid) for pid in wait_for(lambda: read(MARK), "the service to be there").split()]


# --- the number of a group becomes another's while it is waited for ----------------------------------------------------------------------------
# One of the group is a zombie of a process outside, which waits for it when it is told: until then the number is the group's.

with open(helper, "w") as f:
    f.write("#!/usr/bin/python3\nimport os, signal, time\nleader = os.getpid()\nif os.fork() == 0:\n    child = os.fork()\n    if child == 0:\n        time.sleep(1000)\n"
            "    os.setsid()\n    signal.signal(signal.SIGUSR1, lambda *a: os.waitpid(child, 0))\n"
            "    open(%r, 'w').write('%%d %%d %%d' %% (leader, os.getpid(), child))\n    os.rename(%r, %r)\nwhile True:\n    time.sleep(1000)\n" % (MARK + ".new", MARK + ".new", MARK))
os.chmod(helper, 0o755)
g = Gate({"service.s.command": helper, "service.s.killAfter": "1s"})
leader, parent, child = marked()
strace = lacking(g.pid, "/proc/%d/stat" % leader)
os.kill(g.pid, signal.SIGTERM)
wait_for(lambda: gone(leader) and state(child) == "Z", "the leader to have gone, and a zombie of its group to be left")
os.kill(g.pid, signal.SIGSTOP)
os.kill(parent, signal.SIGUSR1)
wait_for(lambda: gone(child), "the number to be free")
other = at_number(leader, "/usr/bin/setsid", "sleep", "998")
wait_for(lambda: int((proc_fields(other) + [0] * 3)[2]) == other, "it to be another's group")
os.kill(g.pid, signal.SIGCONT)
tap.eq(g.process.wait(PATIENCE), 0, "the gate stops with 0", g.text()[-2000:])
tap.ok(alive(other), "the group that has the number now outlives it")
strace.wait(PATIENCE)

# --- nobody can be looked at when a watched service's group is to go ------------------------------------------------------------------------------

put_script(helper, "trap '' TERM\nsleep 1000 </dev/null >/dev/null 2>&1 &\necho $$ $! >%s.new; mv %s.new %s\nwait" % (MARK, MARK, MARK))
os.unlink(MARK)
g = Gate({"service.s.command": helper, "service.s.watch": "true", "service.s.backoff": "100ms"})
leader, child = marked()
os.unlink(MARK)
strace = lacking(g.pid, "/proc", ":when=1..8")
os.kill(leader, signal.SIGKILL)
tap.ok(wait_for(lambda: not alive(child), "what is left of the group to be ended"), "what is left of a service's group is ended once its processes can be seen again")
tap.ok(marked()[0] != leader, "and the service is started again")
strace.send_signal(signal.SIGINT)
strace.wait(PATIENCE)
tap.eq(g.stop(), 0, "the gate stops with 0", g.text()[-2000:])
tap.done()
