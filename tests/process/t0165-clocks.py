#!/usr/bin/python3
"""Clocks: the wall clock is set, forth and back, while sessions run; the gate, or the machine, stands still for longer than every deadline; a
gate in a time namespace of its own. No healthy session is ended for it, and a stuck one is, when its time has come.

The gate's clocks are moved by a library before libc (LD_PRELOAD): every clock of ours and libev's is asked there.
"""
import mmap
import struct

from gate import *

if SANITIZED:
    skip_all("a sanitizer's library must come first, not ours")
tap = Tap()
SHIFT = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
static volatile long *by; /* seconds: of the wall clock, of the others */
static int (*real)(clockid_t, struct timespec *);
__attribute__((constructor)) static void begin(void)
{
	int fd = open(getenv("TEST_CLOCKS"), O_RDONLY | O_CLOEXEC);
	by = mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0);
	real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
}
int clock_gettime(clockid_t id, struct timespec *t)
{
	int r;
	if (!real)
		begin();
	r = real(id, t);
	if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
		t->tv_sec += by[0];
	else if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_BOOTTIME)
		t->tv_sec += by[1];
	return r;
}
time_t time(time_t *ret)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	if (ret)
		*ret = t.tv_sec;
	return t.tv_sec;
}
int gettimeofday(struct timeval *ret, void *zone)
{
	struct timespec t;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &t);
	ret->tv_sec = t.tv_sec;
	ret->tv_usec = t.tv_nsec / 1000;
	return 0;
}
"""
with open(path("shift.c"), "w") as f:
    f.write(SHIFT)
subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", path("shift.so"), path("shift.c")], check=True, env={**os.environ, **ENV})
with open(path("clocks"), "w+b") as f:
    f.write(bytes(16))
    f.flush()
    clocks = mmap.mmap(f.fileno(), 16)
DAY, YEAR, HOUR = 86400, 365 * 86400, 3600


def move(wall=0, other=0):
    clocks[:16] = struct.pack("ll", struct.unpack("ll", clocks[:16])[0] + wall, struct.unpack("ll", clocks[:16])[1] + other)


DEADLINE = 20           # seconds, of those that must not be ended: what the test does meanwhile takes a fraction of it
LONG = {"deadline." + k: "%ds" % DEADLINE for k in ("init", "commands", "packStart", "idle")}
SHIFTED = {"LD_PRELOAD": path("shift.so"), "TEST_CLOCKS": path("clocks")}
latch = Latch()
hooks = Hooks(pre_receive="cat >/dev/null; case $PWD in */hook.git) %s;; esac" % latch.command)
work = path("work")
git("init", "-q", work)
commit(work, "first", os.urandom(100000))
oid, pack = pack_of(work)


class Healthy:
    """Pushes that stand in each phase, and are finished later."""

    count = 0

    def __init__(self, g, *but):
        Healthy.count += 1
        self.g, self.c, self.ref = g, {}, "refs/heads/topic%d" % Healthy.count
        for name in [n for n in ("request", "commands", "pack-start", "pack", "hook") if n not in but]:
            g.repo(name + ".git", "receive.unpackLimit=1")
            self.c[name] = Raw(g, repo=name + ".git", request=name != "request")
        for name, c in self.c.items():
            if name != "request":
                c.advertisement()
            if name not in ("request", "commands"):
                c.commands(oid, self.ref)
            if name in ("pack", "hook"):
                c.s.sendall(pack if name == "hook" else pack[:50000])
        latch.reached()
        wait_for(lambda: sorted(s["phase"] for s in g.sessions()) == sorted(self.c), "one push in each phase")

    def finish(self, what):
        g, told = self.g, {}
        latch.release()
        for name, c in self.c.items():
            if name == "request":
                c.packet(b"git-receive-pack /request.git\0host=x\0")
                c.advertisement()
            if name in ("request", "commands"):
                c.commands(oid, self.ref)
            if name != "hook":
                c.s.sendall(pack[50000 if name == "pack" else 0:])
        for name, c in self.c.items():
            told[name] = ("ok " + self.ref).encode() in c.rest()
            c.close()
        tap.ok(all(told.values()), "%s: a push that stood in each phase goes on and succeeds" % what, told, *g.reaped())
        g.settle()
        tap.eq(g.reaped(), [], "%s: nobody was ended" % what)
        for name in self.c:
            d = os.path.join(g.base, name + ".git")
            wait_for(lambda: not leftovers(d), "%s: leftovers to be removed" % what)
            tap.eq(fsck(d), "", "%s: %s: fsck is clean" % (what, name))


def served(g, what):
    r = git("push", "-q", "--force", g.url("pack.git"), "HEAD:main", cwd=work, check=False)
    s = git("ls-remote", g.http("pack.git"), "main", check=False)
    tap.ok(r.returncode == 0 and oid in s.stdout and g.cli("health").returncode == 0, "%s: the gate serves" % what, r.stderr, s.stderr)


# --- the wall clock is set -----------------------------------------------------------------------------------------------------------
g = Gate({**LONG, "listen.http": "127.0.0.1:0", "deadline.drain": "2s"}, hooks=hooks.dir, env=SHIFTED)
short = Gate({"listen.http": "127.0.0.1:0"}, hooks=hooks.dir, env=SHIFTED)
short.repo("stuck.git")
for what, step in ("a day forth", DAY), ("a day back", -DAY), ("twenty years back", -20 * YEAR), ("and forth again", 20 * YEAR):
    healthy = Healthy(g) if step in (DAY, -20 * YEAR) else None
    stuck = Raw(short, repo="stuck.git")
    stuck.advertisement()
    begun = time.monotonic()
    move(wall=step)
    text = stuck.rest()
    took = time.monotonic() - begun
    tap.ok(b"no command for" in text and took > COMMANDS - 1, "wall clock %s: a stuck client is ended when its time has come (%.1f s), and reads why" % (what, took), text)
    if healthy:
        healthy.finish("wall clock " + what)
        served(g, "wall clock " + what)
short.settle()
rec = short.reaped()
tap.eq([(r["reason"], r["limit_ms"], r["quiet_ms"] < 1000 * PATIENCE) for r in rec], [("commands", 3000, True)] * 4, "their records", *rec)
finish_short = short.stop()
tap.eq((finish_short, short.events("gate.error")), (0, []), "that gate stops cleanly")

# --- the machine stands still ----------------------------------------------------------------------------------------------------------


def used(g):
    return {s["repo"]: s["deadline_used_ms"] for s in g.sessions() if s["deadline_used_ms"] is not None and s["phase"] != "hook"}


def stood_still(g, what):
    wait_for(lambda: any("could not look at its sessions" in e["message"] for e in g.events("gate.limited")), "%s: gate.limited to say so" % what)
    before = g.status()["uptime_ms"]
    # by then every session was judged again, if it was silent for too long
    wait_for(lambda: g.status()["uptime_ms"] > before + 4000, "the gate to have looked a few times")
    clocks_used = used(g)
    tap.ok(clocks_used and max(clocks_used.values()) < 1000 * DEADLINE, "%s: the time in which it could not look counts against nobody" % what, clocks_used)


full = Gate({**LONG, "limit.sessions": "1", "deadline.wait": "%ds" % DEADLINE}, hooks=hooks.dir, env=SHIFTED)
full.repo()
first = Raw(full)
first.advertisement()
waits = Raw(full)
wait_for(lambda: full.status()["waiting"] == 1, "a client to wait for a place")
healthy = Healthy(g)
move(other=HOUR)
stood_still(g, "an hour's sleep")
healthy.finish("an hour's sleep")
served(g, "an hour's sleep")
wait_for(lambda: full.events("gate.limited"), "the other gate to look")
before = full.status()["uptime_ms"]
wait_for(lambda: full.status()["uptime_ms"] > before + 2500, "the waiting room to be looked at")
tap.eq((full.reaped(), full.status()["waiting"]), ([], 1), "an hour's sleep: who waits for a place waits on")
first.close()
tap.ok("capabilities^{}" in (waits.advertisement() or {}), "and is served then")
waits.close()
full.settle()
tap.eq(full.stop(), 0, "that gate stops cleanly")

# --- while a session is being ended: git, which is slow to go, has its time from then on ----------------------------------------------------
real = git("--exec-path").stdout.strip()
os.makedirs(path("deaf", "core"))
put_script(path("deaf", "core", "git-daemon"), "trap '' HUP\nexec %s/git-daemon \"$@\"" % real)
put_script(path("deaf", "git"), '[ "$1" != --exec-path ] || { echo %s; exit; }\nexec %s "$@"' % (path("deaf", "core"), shutil.which("git")))
GRACE_S = 30
ending = Gate({"deadline.grace": "%ds" % GRACE_S}, env={**SHIFTED, "PATH": path("deaf") + ":" + ENV["PATH"]})
ending.repo()
c = Raw(ending)
c.advertisement()
wait_for(lambda: ending.events("session.ending"), "its first step")
move(other=HOUR)
before = ending.status()["uptime_ms"]
wait_for(lambda: ending.status()["uptime_ms"] > before + 2000, "the gate to have looked")
tap.eq([e["steps"] for e in ending.events("session.ending")], ["told,hangup"], "an hour's sleep while a session is ended: no step follows at once", *ending.reaped())
# once: a machine that stands still again and again does not keep it
wait_for(lambda: move(other=GRACE_S) or ending.reaped(), "it to be ended")
tap.eq(len(ending.events("session.reaped")), 1, "and it is ended then", *ending.events("session.ending"))
c.close()
ending.settle()
tap.eq(ending.stop(), 0, "that gate stops cleanly")

# --- the gate alone is stopped, for longer than every deadline ----------------------------------------------------------------------------
g.offset = os.path.getsize(g.log)       # events from here on
healthy = Healthy(g, "request")         # git-gate-session runs on, and has a clock of its own for it
os.kill(g.pid, signal.SIGSTOP)
wait_for(lambda: state(g.pid) == "T", "the gate to be stopped")
begun = time.monotonic()
wait_for(lambda: time.monotonic() - begun > DEADLINE + 1, "every deadline to pass")
os.kill(g.pid, signal.SIGCONT)
stood_still(g, "a gate that was stopped")
healthy.finish("a gate that was stopped")
served(g, "a gate that was stopped")
g.settle()
tap.eq((g.stop(), g.events("gate.error") + g.events("scan.failed")), (0, []), "it stops cleanly, without an error")

# --- a time namespace --------------------------------------------------------------------------------------------------------------------
UNSHARE = ["unshare", "-T", "--boottime", str(10 * DAY), "--monotonic", str(20 * DAY), "--fork", "--kill-child"]
for prefix in UNSHARE, UNSHARE[:1] + ["-Ur"] + UNSHARE[1:]:
    can = subprocess.run(prefix + ["true"], env=ENV, capture_output=True, text=True)
    if can.returncode == 0:
        break
if can.returncode:
    tap.skip("a time namespace", can.stderr.strip())
    tap.done()
g = Gate({"listen.http": "127.0.0.1:0"}, hooks=hooks.dir, prefix=prefix)
repo = g.repo("pack.git", "receive.unpackLimit=1")
served(g, "in a time namespace")
c = Raw(g, repo="pack.git")
c.advertisement()
c.commands(oid, "refs/heads/topic")
c.s.sendall(pack[:50000])
text = c.rest()
tap.ok(b"git-gate: " in text, "in a time namespace: a stuck push is ended and told", text)
tap.eq([(r["reason"], r["quiet_ms"] < 1000 * PATIENCE) for r in wait_for(g.reaped, "its record")], [("idle", True)], "its record", *g.reaped())
os.makedirs(os.path.join(repo, "objects", "tmp_objdir-incoming-old"))
c = Raw(g, repo="pack.git")
c.advertisement()
c.commands(oid, "refs/heads/topic")
c.s.sendall(pack[:50000])
c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
c.close()
g.settle()
wait_for(lambda: not [x for x in leftovers(repo) if not x.endswith("-old")], "leftovers to be removed")
tap.eq(fsck(repo), "", "in a time namespace: fsck is clean")
finish(tap, g)
