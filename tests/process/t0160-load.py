#!/usr/bin/python3
"""2000 clients at once on each transport with limit.sessions=64, half-open ones of every kind among pushes, and floods from one peer: nobody healthy is
refused, reset or kept out, and the gate is afterwards what it was before. tests/load/run in a short form; `make bench` has the long one."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "load"))
from figures import *
import crowd
import flood
import halfopen
import stuck

seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
note("SEED=%d" % seed)
tap = Tap()
CLIENTS, PUSHES, GITS = 2000, 100, 6
try:
    more_descriptors(2 * CLIENTS + 500)
except SystemExit as e:
    skip_all(str(e))


def used(what):
    """What the test and all that it started has taken of the processors so far."""
    t = os.times()
    note("%s: %.1f s of processors so far" % (what, t.user + t.system + t.children_user + t.children_system))


# --- a crowd: most of them only want to see what there is, which costs least --------------------------------------------------------
g = Gate({"listen.http": "127.0.0.1:0", "limit.sessions": "64", "gate.logLevel": "info", **crowd.PATIENT})
for http in False, True:
    c = crowd.Crowd(tap, g, http, PUSHES, looks=CLIENTS - PUSHES - GITS, gits=GITS, tag="http" if http else "git")
    before, after = c.run()
    note("%s: %d clients in %.0f s, RSS %d KiB before, at most %d, %d after" % (c.t, c.all, c.seconds, before.rss, peak_rss(g.pid), after.rss))
    if http and SANITIZED:
        tap.skip("its memory", "a sanitizer keeps what was freed")
    elif http:                  # by now the gate remembers as many sessions as it does at most
        tap.ok(after.dirty - before.dirty < 1024, "and its memory has not grown (%d KiB, %d before)" % (after.dirty, before.dirty))
tap.eq(g.stop(), 0, "the gate stops cleanly", g.text()[-2000:])
used("the crowd")

# --- half-open, each kind at least once -----------------------------------------------------------------------------------------------
g = Gate({"listen.http": "127.0.0.1:0", "limit.sessions": "16", **stuck.LIMITS})
rnd = random.Random(seed)
for http in False, True:
    h = halfopen.HalfOpen(tap, g, http, 30, 2 * len(stuck.kinds(http)), 1, rnd, tag="http" if http else "git")
    h.run()
    note(", ".join("%s %s" % r for r in zip(halfopen.HEAD, h.row)))
tap.eq(g.stop(), 0, "the gate stops cleanly", g.text()[-2000:])
used("the half-open")

# --- floods ---------------------------------------------------------------------------------------------------------------------------
g = Gate({"listen.http": "127.0.0.1:0", "limit.sessions": "16", "limit.waiting": "100", "gate.logLevel": "debug", **flood.LIMITS})
g.repo()
before = Level(g)
for kind, http in ("silent", False), ("half", False), ("junk", True), ("again", True):
    f = flood.Flood(tap, g, kind, http, 3, 160, kind)
    f.run()
    note(", ".join("%s %s" % r for r in zip(flood.HEAD, f.row)))
after = Level(g)
tap.eq((after.fds, after.kids), (before.fds, before.kids), "descriptors and processes of the gate are what they were before the floods")
finish(tap, g)
