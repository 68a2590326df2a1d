#!/usr/bin/python3
"""Where a watch ends: what it leaves alone when it is told to stop, at its limit of descriptors, beside other gates, behind a socketpair."""
from servers import *

tap = Tap()
base = path("srv")
repo = os.path.join(base, "r.git")
os.makedirs(base)
git("init", "-q", "--bare", repo)
work = path("work")
git("init", "-q", work)
commit(work, "first", os.urandom(8 << 20))
git("push", "-q", repo, "HEAD:main", cwd=work)
OID, PACK = pack_of(work)


def found(watch, peer):
    return wait_for(lambda: [s for s in watch.ask("sessions") if s["peer"] == peer and s["service"]], "the session of %s to be found" % peer)[0]


def stops_at_once():
    """Told to stop while a session is being ended: it finds none of the others again, and ends none of them."""
    d = Daemon(base).start()
    w = Watch(d.process.pid, base, deadline__commands="1m", deadline__grace="1s", deadline__drain="500ms")
    going, healthy = Raw(d), Raw(d)
    for c in (going, healthy):
        c.advertisement()
    one, other = found(w, going.peer), found(w, healthy.peer)
    for p in tree(one["pid"]):
        os.kill(p, signal.SIGSTOP)        # it takes a SIGKILL to end it: two graces
    w.ask("kill", one["id"])
    w.process.terminate()
    tap.eq(w.process.wait(PATIENCE), 0, "a watch that is told to stop ends what it was ending, and stops")
    tap.eq([e["session"] for e in w.events("session.reaped")], [one["id"]], "and nothing else", w.events())
    tap.ok(alive(other["pid"]), "a healthy session of the server goes on")
    healthy.s.sendall(b"0000")
    tap.eq(healthy.rest(), b"", "and ends as it likes")
    d.stop()


stops_at_once()
tap.done()
