#!/usr/bin/python3
"""What becomes of the gate, and of its sessions, when that goes away or stands still to which they write: the terminal it was started in is closed, the log
is rotated or truncated under it, and the gate stands still, or dies, while sessions have more to say than a pipe holds. Nobody waits for ever, nobody is
ended for it, and the gate serves on."""
import fcntl
import pty
import termios

from gate import *

tap = Tap()
work = path("work")
git("init", "-q", work)
commit(work, "first", "first\n")


def ticks(g):
    f = read("/proc/%d/stat" % g.pid).rsplit(")", 1)[1].split()
    return int(f[11]) + int(f[12])


def serves(g, what):
    commit(work, "f", "%s %d\n" % (what, tap.n))
    for url in g.url, g.http:
        r = git("push", "-q", "--force", url("r.git"), "HEAD:refs/heads/n%d" % tap.n, cwd=work, check=False)
        s = git("ls-remote", url("r.git"), check=False)
        tap.eq((r.returncode, s.returncode), (0, 0), "%s: %s serves" % (what, url("").split(":")[0]), r.stderr, s.stderr)
    wait_for(lambda: not g.sessions() and not leftovers(os.path.join(g.base, "r.git")), "%s: nothing to be left" % what)
    tap.eq((fsck(os.path.join(g.base, "r.git")), g.reaped()), ("", []), "%s: fsck is clean, and nobody was ended" % what)


# --- the terminal goes away ---------------------------------------------------------------------------------------------------------------

for form in "text", "json":
    master, slave = pty.openpty()
    g = Gate({"listen.http": "127.0.0.1:0", "gate.log": form, **PATIENT}, start=False)
    g.offset = 0
    g.process = popen(g.args(), stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(slave)
    g.ready(lambda _: g.cli("health", "--ready").returncode == 0)
    g.repo()
    what = "the terminal is closed (%s)" % form
    serves(g, "on a terminal (%s)" % form)
    idle, lost = g.idle_fds(), g.status()["dropped_events"]
    os.close(master)                            # its controlling terminal hangs up: SIGHUP, and from now on EIO
    wait_for(lambda: g.process.poll() is not None or g.status()["dropped_events"] > lost, "it to have something to say")
    serves(g, what)
    before, begun = ticks(g), time.monotonic()
    wait_for(lambda: time.monotonic() - begun > 1, "a second to be over")
    tap.ok(ticks(g) - before < 20, "%s: it does not spin (%d ticks in a second)" % (what, ticks(g) - before))
    tap.ok(g.status()["dropped_events"] > lost, "%s: what is lost is counted" % what)
    wait_for(lambda: fd_count(g.pid) <= idle, "%s: no descriptor to be left: %d, %d before" % (what, fd_count(g.pid), idle))
    tap.eq(g.stop(), 0, "%s: it stops with 0" % what)

# --- the log is rotated, and truncated ------------------------------------------------------------------------------------------------------

for append in True, False:
    g = Gate({"listen.http": "127.0.0.1:0", **PATIENT}, start=False)
    with open(g.log, "ab" if append else "wb") as log:
        g.offset = 0
        g.process = popen(g.args(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    g.ready()
    g.repo()
    how = "opened to be appended to" if append else "opened to be written to"
    serves(g, "a log %s" % how)
    os.truncate(g.log, 0)                       # what logrotate's copytruncate does
    serves(g, "a log %s is truncated" % how)
    data = read(g.log, "rb")
    tap.ok(data and b"\0" not in data, "a log %s is truncated: it begins anew, without a hole" % how, data[:100])
    tap.ok(len(g.events("session.closed")) >= 4, "and has what came since", data[:500])
    os.rename(g.log, g.log + ".1")
    open(g.log, "w").close()
    serves(g, "a log %s is renamed" % how)
    tap.ok(read(g.log) == "" and len(read(g.log + ".1", "rb")) > len(data), "a log %s is renamed: it goes on where it was opened" % how)
    tap.eq((g.status()["dropped_events"], g.stop()), (0, 0), "nothing is lost, and it stops with 0")

# --- nobody reads what sessions say -------------------------------------------------------------------------------------------------------------

# git-daemon's log, and with it that of receive-pack and its hooks, is a pipe that the gate reads
flood = path("flood")
latch = Latch()
put_script(flood, 'cat >/dev/null; [ "$1" = prepared ] || exit 0; %s; head -c 300000 /dev/zero | tr "\\0" x | fold -w 100 >&2; : >%s.done' % (latch.command, flood))
hooks = Hooks(reference_transaction="exec %s \"$@\"" % flood)
g = Gate({"listen.http": "127.0.0.1:0", **PATIENT}, hooks=hooks.dir)
g.settings.update({"listen.git": "127.0.0.1:%d" % g.port, "listen.http": "127.0.0.1:%d" % g.http_port})
repo = g.repo()
idle = g.idle_fds()


def blocked():
    """Somebody of a session waits until there is room in a pipe."""
    return [p for p in g.processes() if "pipe_write" in read("/proc/%d/wchan" % p)]


def say_much():
    """A push on each transport, whose hook says more than the gate, which stands still, lets it."""
    pushes = [popen(["git", "push", "--force", url("r.git"), "HEAD:refs/heads/m%d" % i], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
              for i, url in enumerate((g.url, g.http))]
    latch.reached(2)
    os.kill(g.pid, signal.SIGSTOP)
    wait_for(lambda: state(g.pid) == "T", "the gate to stand still")
    latch.release(2)
    wait_for(lambda: len(blocked()) >= 2, "both to wait for somebody who reads")
    return pushes


commit(work, "f", "much\n")
pushes = say_much()
tap.eq([p.poll() for p in pushes], [None, None], "the gate stands still, and sessions say more than a pipe holds: they wait")
os.kill(g.pid, signal.SIGCONT)
results = [end(p) for p in pushes]
tap.eq([out for code, out in results if code], [], "it goes on: both pushes succeed")
put_script(flood, "exit 0")
serves(g, "the gate stood still")
wait_for(lambda: fd_count(g.pid) <= idle, "no descriptor to be left")
closed = [e for e in g.events("session.closed") if "over the rate" in e["message"]]
tap.ok(closed, "what was over the rate of a session's log is said", *g.events("session.closed")[:2])

put_script(flood, 'cat >/dev/null; [ "$1" = prepared ] || exit 0; %s; head -c 300000 /dev/zero | tr "\\0" x | fold -w 100 >&2; exec sleep 1000' % latch.command)
commit(work, "f", "more\n")
pushes = say_much()
os.kill(g.pid, signal.SIGKILL)                  # now nobody has the other end of their pipes
g.process.wait(PATIENCE)
before = g.instance
put_script(flood, "exit 0")
g.start()
results = [end(p) for p in pushes]
note("told when their gate died: %s" % [out.strip().splitlines()[-1:] for _, out in results])
tap.ok(all(code for code, _ in results), "the gate dies: both pushes end, and are not taken for good", results)
wait_for(lambda: not with_environment("GIT_GATE_INSTANCE=" + before), "all of its sessions to be gone")
tap.ok(True, "and nothing of its sessions is left")
wait_for(lambda: not g.sessions(), "those that were adopted to be recorded")
tap.eq({r["reason"] for r in g.reaped()} - {"predecessor"}, set(), "nobody is ended for another reason")
r = git("push", "-q", "--force", g.url("r.git"), "HEAD:refs/heads/last", cwd=work, check=False)
tap.eq(r.returncode, 0, "the next gate serves", r.stderr)
wait_for(lambda: not leftovers(repo), "nothing to be left in the repository")
tap.eq(fsck(repo), "", "fsck is clean")
finish(tap, g)
