#!/usr/bin/python3
"""Other users of the machine: what they can neither read, hold, replace nor pretend, while a push is being scanned, and between two gates."""
from gate import *

if os.geteuid() != 0:
    skip_all("not root: there is no other user to be")
tap = Tap()
os.chmod(TMP, 0o755)
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
scratch = path("scratch")
os.mkdir(scratch)
os.chmod(scratch, 0o1777)
run = path("run")
os.mkdir(run, 0o755)
latch = Latch()
scan = path("scan")
put_script(scan, latch.command)


def as_nobody(script, *args):
    """A program of Python, as another user. What it prints."""
    r = subprocess.run([*NOBODY, sys.executable, "-c", "import os, sys, socket, fcntl, signal\n" + script, *map(str, args)], env=ENV, cwd="/", capture_output=True,
                       text=True, timeout=PATIENCE)
    return r.stdout.strip() + r.stderr.strip()[-300:]


TRY = """
def tried(what):
    try:
        what()
        print("done")
    except OSError as e:
        print(e.strerror)
"""
HOLD = TRY + "tried(lambda: fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB))"
READ = TRY + "for file in sys.argv[1:]:\n    tried(lambda: open(file, 'rb').read())"
LIST = TRY + "tried(lambda: os.listdir(sys.argv[1]))"
CONNECT = TRY + "tried(lambda: socket.socket(socket.AF_UNIX).connect(sys.argv[1]))"
KILL = TRY + "for pid in sys.argv[1:]:\n    tried(lambda: os.kill(int(pid), signal.SIGTERM))"
UNLINK = TRY + "tried(lambda: os.unlink(sys.argv[1]))"
DENIED, NOT_OURS = "Permission denied", "Operation not permitted"

# --- what lies in a directory that all may write to, before the gate starts -------------------------------------------------------------

victim = path("victim")
os.mkdir(victim)
with open(path("victim", "file"), "w") as f:
    f.write("stays\n")
planted = ["git-gate-%s-%s-abcdef" % ("0" * 32, "1" * 8), "git-gate-%s-%s-abcdeg" % ("0" * 32, "2" * 8), "git-gate-%s-%s-abcdeh" % ("0" * 32, "3" * 8)]
as_nobody("os.symlink(%r, sys.argv[1] + '/' + %r)\nos.mkdir(sys.argv[1] + '/' + %r)\nos.symlink(%r, sys.argv[1] + '/' + %r + '/link')\nos.mkfifo(sys.argv[1] + '/' + %r)"
          % (victim, planted[0], planted[1], victim, planted[1], planted[2]), scratch)
tap.eq(sorted(os.listdir(scratch)), planted, "another user has put there what looks like a dead hook's")
old = time.time() - 3 * 86400
for name in planted:
    os.utime(os.path.join(scratch, name), (old, old), follow_symlinks=False)
g = Gate({"hook.scanner": "command", "hook.scannerCommand": scan, "hook.scratch": scratch}, control=os.path.join(run, "control"))
repo, work = g.repo(), g.work("work")

# --- while a push is scanned -------------------------------------------------------------------------------------------------------------

p = g.push(work)
latch.reached()
session = g.sessions()[0]
mine = [d for d in os.listdir(scratch) if d not in planted]
tap.eq(len(mine), 1, "what is pushed is laid down in a directory of its own", mine)
where = os.path.join(scratch, mine[0]) if mine else scratch
tap.eq(as_nobody(LIST, where), DENIED, "another user cannot read what is being scanned")
tap.eq(as_nobody(HOLD, where), DENIED, "nor hold it, so that it is never removed")
below = [q for q in tree(g.pid) if q != g.pid]
tap.ok(len(below) > 3, "the session has processes", [cmdline(q) for q in below])
for file in "environ", "fd/0", "cwd/config", "io", "mem":
    tap.eq(set(as_nobody(READ, *("/proc/%d/%s" % (q, file) for q in below)).splitlines()), {DENIED}, "nor /proc/PID/%s of a session's processes" % file)
tap.eq(set(as_nobody(KILL, *below, g.pid).splitlines()), {NOT_OURS}, "nor signal one of them, nor the gate")
control = g.control
tap.eq(as_nobody(CONNECT, control), DENIED, "nor ask the control socket, or speak there for a session whose id he knows (%d letters)" % len(session["id"]))
tap.eq(as_nobody(UNLINK, control), DENIED, "nor take it away")
tap.eq(as_nobody(HOLD, control + ".lock"), DENIED, "nor hold the lock that the next gate needs")
tap.eq(as_nobody(READ, os.path.join(g.base, "r.git", "git-gate.lock")) in (DENIED, "No such file or directory"), True, "nor that of a repository")
latch.release()
tap.eq(end(p)[0], 0, "the push is unaffected")
g.settle()
tap.eq(sorted(os.listdir(scratch)), planted, "nothing of it is left")

# --- between two gates ---------------------------------------------------------------------------------------------------------------------

tap.eq(oct(os.stat(control + ".lock").st_mode & 0o777), "0o600", "the lock's mode")
g.stop()
os.chmod(control + ".lock", 0o644)      # as an older version has left it
holder = popen([*NOBODY, sys.executable, "-c", "import fcntl, os, sys\nf = os.open(sys.argv[1], os.O_RDONLY)\nprint(1, flush=True)\nfcntl.flock(f, fcntl.LOCK_SH)\n"
                "sys.stdin.read()", control + ".lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
holder.stdout.readline()
holder.kill()
holder.wait()
g.start()
tap.eq(oct(os.stat(control + ".lock").st_mode & 0o777), "0o600", "one that an older version left is closed to others")
wait_for(lambda: g.cli("health").returncode == 0, "the gate to answer")
r = subprocess.run([GATE, "cleanup", "--base", g.base, "--scratch", scratch, "--instance", "0" * 32], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.ok(read(path("victim", "file")) == "stays\n" and sorted(os.listdir(scratch)) == planted, "cleanup neither follows nor removes what is another user's", r.stdout, r.stderr)
holder.stdin.close()
holder.stdout.close()

# --- a base path that others may write to ------------------------------------------------------------------------------------------------

os.chmod(g.base, 0o1777)
r = subprocess.run([*NOBODY, "git", "init", "-q", "--bare", os.path.join(g.base, "his.git")], env={**ENV, "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null"}, cwd="/",
                   capture_output=True, text=True, timeout=PATIENCE)
subprocess.run([*NOBODY, "sh", "-c", "git -C %s config core.fsmonitor 'touch %s'; git -C %s config core.alternateRefsCommand 'touch %s'" %
                (os.path.join(g.base, "his.git"), path("run", "x"), os.path.join(g.base, "his.git"), os.path.join(g.base, "ran"))],
               env={**ENV, "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null"}, cwd="/", capture_output=True, timeout=PATIENCE)
r = git("ls-remote", g.url("his.git"), check=False)
tap.ok(r.returncode != 0 and "belongs to uid 65534" in r.stderr, "a repository that another user has put there is not served", r.stderr)
tap.eq(os.path.exists(os.path.join(g.base, "ran")), False, "and nothing that its configuration names is run")
os.chmod(g.base, 0o755)
finish(tap, g)
