#!/usr/bin/python3
"""At its end the gate signals and waits for every process below it, however it got away from its session; what was there before the gate
is left alone."""
import atexit

from pidone import *

tap = Tap()
marks = path("marks")
os.mkdir(marks)
atexit.register(lambda: [os.kill(p, signal.SIGKILL) for p in pids() if marks in cmdline(p)])
ESCAPE = """exec </dev/null >/dev/null 2>&1
cat > %(m)s/script <<'X'
mark() { echo $$ > %(m)s/$1.new; mv %(m)s/$1.new %(m)s/$1; }
case $1 in
polite) trap 'sleep 0.3; echo bye > %(m)s/bye; exit' TERM ;;
deaf) trap '' TERM HUP INT ;;
stopped) trap 'echo woken > %(m)s/woken; exit' TERM; mark $1; kill -STOP $$ ;;
esac
[ $1 = stopped ] || mark $1
while :; do sleep 0.05; done
X
for k in polite deaf stopped plain; do
	( cd / && setsid env -i PATH="$PATH" /bin/sh %(m)s/script $k & )
done
while [ $(ls %(m)s | grep -c -v -e script -e new) -lt 4 ]; do sleep 0.02; done
""" % {"m": marks}
KINDS = "polite", "deaf", "stopped", "plain"


def at_large():
    return [cmdline(p) for p in pids() if marks in cmdline(p) and alive(p)]


def escape(g):
    """A push whose hook leaves four processes behind: sessions of their own, no environment, parents gone."""
    for f in os.listdir(marks):
        os.unlink(os.path.join(marks, f))
    g.repo()
    w = g.work("work%d" % Gate.count)
    g.hooks.set(pre_receive="cat >/dev/null; " + ESCAPE)
    code, out = end(g.push(w))
    tap.eq(code, 0, "a push succeeds whose hook lets processes get away", out)
    wait_for(lambda: all(os.path.exists(os.path.join(marks, k)) for k in KINDS), "the four")
    found = {k: [p for p in pids() if cmdline(p).endswith("%s/script %s" % (marks, k)) and alive(p)] for k in KINDS}
    tap.ok(all(found.values()), "they live", found)


def launch(prefix=(), **settings):
    hooks = Hooks()
    g = Gate({"deadline.drain": "1s", **settings}, hooks=hooks.dir, prefix=prefix)
    g.hooks = hooks
    return g


for prefix, what in ((), "a process"), (UNSHARE, "PID 1"):
    if prefix and not can_unshare():
        tap.skip("as PID 1", "no PID namespace can be made here")
        continue
    for twice in False, True:
        how = what + (", told twice" if twice else "")
        g = launch(prefix)
        main = outer(g) if prefix else g.pid
        escape(g)
        begun = time.monotonic()
        os.kill(main, signal.SIGTERM)
        if twice:
            wait_for(lambda: g.events("gate.stopping"), "gate.stopping")
            os.kill(main, signal.SIGTERM)
        wait_for(lambda: not alive(main), "the gate to end")
        left = at_large()
        took = time.monotonic() - begun
        tap.eq(left, [], "%s: none of them outlives the gate" % how)
        tap.eq(g.process.wait(PATIENCE), 0, "%s: it ends with 0" % how, g.text()[-1000:])
        tap.ok(took < 1 + 5 * GRACE + BUSY, "%s: in bounds (%.2fs)" % (how, took))
        tap.eq(g.events("gate.error"), [], "%s: no error" % how)

# those whom no session knows any more: told gently first
for prefix, what in ((), "a process"), (UNSHARE, "PID 1"):
    if prefix and not can_unshare():
        continue
    for f in os.listdir(marks):
        os.unlink(os.path.join(marks, f))
    helper = path("helper%d" % Gate.count)
    with open(helper, "w") as f:
        f.write("#!/bin/sh\nPATH=%s\n(setsid env -i PATH=\"$PATH\" /bin/sh %s/run polite </dev/null >/dev/null 2>&1 &)\n" % (ENV["PATH"], marks)
                + "(setsid env -i PATH=\"$PATH\" /bin/sh %s/run deaf </dev/null >/dev/null 2>&1 &)\nexec sleep 1000\n" % marks)
    os.chmod(helper, 0o755)
    with open(os.path.join(marks, "run"), "w") as f:
        f.write("#!/bin/sh\ncase $1 in polite) trap 'sleep 0.3; echo bye > %(m)s/bye; exit' TERM;; deaf) trap '' TERM HUP;; esac\n"
                "echo $$ >%(m)s/$1.new; mv %(m)s/$1.new %(m)s/$1\nwhile :; do sleep 0.05; done\n" % {"m": marks})
    g = launch(prefix, **{"service.s.command": helper, "service.s.killAfter": "500ms"})
    main = outer(g) if prefix else g.pid
    wait_for(lambda: os.path.exists(os.path.join(marks, "polite")) and os.path.exists(os.path.join(marks, "deaf")), "the two")
    tap.ok(len(at_large()) >= 2, "%s: a service lets two processes get away" % what, at_large())
    os.kill(main, signal.SIGTERM)
    wait_for(lambda: not alive(main), "the gate to end")
    tap.eq(at_large(), [], "%s: they do not outlive the gate" % what)
    tap.eq(read(os.path.join(marks, "bye")).strip(), "bye", "%s: who listens to TERM had the time to end by itself" % what)
    tap.eq(g.process.wait(PATIENCE), 0, "%s: it ends with 0" % what, g.text()[-1000:])
    stray = g.events("session.stray")
    tap.ok(len(stray) == 1 and len(stray[0]["pids"].split(",")) >= 2, "%s: it says whom it ended" % what, stray)

# what the gate did not start
pid_file = path("elder")
g = launch(("sh", "-c", 'sleep 1000 & echo $! >%s; exec "$@"' % pid_file, "sh"))
elder = int(read(pid_file))
tap.eq(proc_stat(elder)[1], g.pid, "a child that was there before the gate is its child")
g.stop()
tap.ok(alive(elder), "and is left alone")
os.kill(elder, signal.SIGKILL)

# git gc that was detached: nobody has to wait for it, and nobody has to end it, also when it was seen before it was one
gc = path("gc")
with open(gc, "w") as f:
    f.write("echo $$ >%s.pid\nsleep 1000\n" % gc)
hooks = Hooks(post_receive="cat >/dev/null; cd %s; setsid bash -c 'sleep 0.5; exec -a git bash gc' </dev/null >/dev/null 2>&1 &" % TMP)
g = Gate({"deadline.grace": "20s"}, hooks=hooks.dir)    # after which it would be one, if it were not gc by then
g.repo()
tap.eq(end(g.push(g.work("work-gc")))[0], 0, "a push that starts gc")
wait_for(lambda: read(gc + ".pid"), "the gc to run")
g.stop()
gc_pid = int(read(gc + ".pid"))
tap.ok(alive(gc_pid), "gc goes on when the gate has ended")
tap.eq(g.events("session.stray"), [], "and is no stray")
for p in tree(gc_pid):
    os.kill(p, signal.SIGKILL)
tap.done()
