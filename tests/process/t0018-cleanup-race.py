#!/usr/bin/python3
"""A push that begins while repositories are being cleaned keeps its files: the cleanup knows only the processes that it saw."""
from gate import *

tap = Tap()
latch = Latch()
g = Gate(hooks=Hooks(pre_receive="cat >/dev/null; " + latch.command).dir)
repos = ["r%d.git" % i for i in range(40)]
for name in repos:
    g.repo(name)
work = g.work("work", repos[0])
commit(work, "content", os.urandom(100000))


def inside_base(pid):
    """Has it begun to walk through the repositories? By then it has read who uses them."""
    return any(f.startswith(g.base) for f in open_files(pid))


def quarantines():
    return [f for name in repos for f in leftovers(os.path.join(g.base, name))]


cleanup = popen([GATE, "cleanup", "--base", g.base], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
while not inside_base(cleanup.pid) and cleanup.poll() is None:
    pass
cleanup.send_signal(signal.SIGSTOP)
tap.eq(cleanup.poll(), None, "the cleanup was stopped on its way")
pushes = [popen(["git", "push", g.url(name), "HEAD:main"], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
          for name in repos]
latch.reached(len(repos))
before = quarantines()
tap.eq(len(before), len(repos), "each push has a quarantine")
cleanup.send_signal(signal.SIGCONT)
code, out = end(cleanup)
tap.eq(sorted(set(before) - set(quarantines())), [], "the cleanup leaves the quarantine of pushes alone that began after it", out)
latch.release(len(repos))
tap.eq([out for code, out in map(end, pushes) if code], [], "all of them succeed")
tap.eq([fsck(os.path.join(g.base, name)) for name in repos if fsck(os.path.join(g.base, name))], [], "fsck is clean")
finish(tap, g)
