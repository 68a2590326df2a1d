#!/usr/bin/python3
"""A machine under load is slow to run programs: git-daemon's child is something unknown for a while before it is git receive-pack, and
that is no reason to end the session."""
import shutil

from gate import *

tap = Tap()
latch = Latch()
bin_dir = path("bin")
os.mkdir(bin_dir)
with open(os.path.join(bin_dir, "git"), "w") as f:
    f.write('#!/bin/sh\ncase $1 in receive-pack) %s ;; esac\nexec %s "$@"\n' % (latch.command, shutil.which("git")))
os.chmod(f.name, 0o755)
g = Gate(env={"PATH": bin_dir + ":" + ENV["PATH"]})
g.repo()
work = g.work("work")
p = g.push(work)
latch.reached()
client = Raw(g)
latch.reached()
begin = time.monotonic()
wait_for(lambda: time.monotonic() - begin > 1 or p.poll() is not None, "the gate to have looked a few times")
tap.eq(p.poll(), None, "the push is not ended while its receive-pack starts", *g.events("session.closed"))
tap.eq(len(g.sessions()), 2, "both sessions are kept", *g.sessions())
latch.release(2)
tap.ok("capabilities^{}" in client.advertisement(), "a client gets the advertisement")
client.close()
code, out = end(p)
tap.eq(code, 0, "the push succeeds", out)
finish(tap, g)
