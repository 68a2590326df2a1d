#!/usr/bin/python3
"""The gate and its HTTP clients: limits, idle connections, pressure, stop, drain, reload, observe, kill, and a gate that dies."""
import shutil
import threading

from httppush import *

tap = Tap()
latch = Latch()
hooks = Hooks(pre_receive="cat >/dev/null; [ ! -f held ] || { %s; }" % latch.command)
HTTP = {"listen.http": "127.0.0.1:0", "deadline.init": "40s", "deadline.drain": "60s"}
AT_ONCE = 15                    # seconds: less than any deadline that is not under test here
git("init", "-q", path("work"))
commit(path("work"), "file", os.urandom(300000))
OID, PACK = pack_of(path("work"))


def gate(**settings):
    g = Gate({**HTTP, **{k.replace("_", "."): v for k, v in settings.items()}}, hooks=hooks.dir)
    g.repo("r.git")
    g.repo("s.git")
    return g


def idle(g, repo="r.git"):
    """A connection between two requests."""
    c = Http(g, repo)
    assert c.get() == 200
    c.in_phase("keep-alive")
    return c


def mid_pack(g, ref="topic", repo="r.git"):
    c = Http(g, repo)
    c.post()
    c.chunk(commands(OID, "refs/heads/" + ref))
    c.chunk(PACK[:len(PACK) // 2])
    c.in_phase("pack")
    return c


def finish_push(c):
    c.chunk(PACK[len(PACK) // 2:])
    c.end()
    return c.reply()


def in_hook(g, repo="r.git"):
    open(os.path.join(g.base, repo, "held"), "w").close()
    p = popen(["git", "push", "-q", g.http(repo), "HEAD:held"], cwd=path("work"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    latch.reached()
    os.unlink(os.path.join(g.base, repo, "held"))
    return p


def push(g, repo="r.git", ref="other"):
    begun = time.monotonic()
    r = git("push", "-q", g.http(repo), "HEAD:" + ref, cwd=path("work"), check=False)
    return r.returncode, time.monotonic() - begun


def not_recorded(g, what, *clients):
    peers = [c.peer for c in clients]
    tap.eq([e for e in g.events("session.reaped") + g.events("session.observed") + g.ask("reaped") if e["peer"] in peers], [],
           "%s: none is recorded as ended" % what)


def closed(what, *clients):
    for c in clients:
        wait_for(c.ended, "%s to be closed" % what)
    tap.ok(True, "%s: closed" % what)


# --- limits: a connection that is kept takes nobody's place --------------------------------------------------------------------
g = gate(limit_sessionsPerRepo="1")
kept = [idle(g) for _ in range(3)]
code, took = push(g)
tap.ok(code == 0 and took < AT_ONCE, "limit.sessionsPerRepo: idle connections are no sessions of it", took)
busy = mid_pack(g)
p = popen(["git", "push", "-q", g.http("r.git"), "HEAD:held-back"], cwd=path("work"), stderr=subprocess.PIPE, text=True)
wait_for(lambda: g.status()["waiting"] == 1, "the second push to be held")
kept[0].send(kept[0].head())
wait_for(lambda: g.status()["waiting"] == 2, "a request on a kept connection to be held like any other")
tap.eq(finish_push(busy)[0], 200, "limit.sessionsPerRepo: the first push ends, its connection is kept")
tap.eq((kept[0].reply()[0], p.wait(AT_ONCE)), (200, 0), "limit.sessionsPerRepo: and those that were held go on at once", p.stderr.read())
tap.eq([c.get() for c in kept], [200] * 3, "the kept connections are used again")
not_recorded(g, "limit.sessionsPerRepo", *kept)
g.stop()
closed("stopped", *kept)

for name in ("limit.sessionsPerPeer", "limit.sessions"):
    for mode in ("enforce", "observe"):
        g = gate(**{name: "2", "reaper.mode": mode})
        kept = [idle(g), idle(g)]
        code, took = push(g)
        what = "%s, %s" % (name, mode)
        tap.ok(code == 0 and took < AT_ONCE, "%s: an idle connection makes room (%.1fs)" % (what, took))
        not_recorded(g, what, *kept)
        tap.ok(any(wait_for(lambda: [c.ended() for c in kept], "")), "%s: it was closed" % what)
        g.stop()
g = gate(limit_sessions="2")
old, busy = idle(g), mid_pack(g)
code, took = push(g)
tap.ok(code == 0 and old.ended() and not busy.ended(), "pressure: the idle one goes, not the one mid-pack")
tap.eq(finish_push(busy)[0], 200, "pressure: which succeeds")
not_recorded(g, "pressure", old, busy)


class Restless(threading.Thread):
    """A client that asks again as soon as it has its answer, or before (ahead requests at once), until it is told that this was the last."""

    def __init__(self, g, ahead):
        super().__init__(daemon=True)
        self.c, self.ahead, self.statuses, self.wrong = Http(g), ahead, [], None
        self.start()

    def run(self):
        try:
            self.c.send(self.c.head() * (self.ahead - 1))
            while not self.c.last:
                self.c.send(self.c.head())
                self.statuses.append(self.c.reply()[0])
        except (OSError, EOFError) as e:
            self.wrong = repr(e)


for ahead in 1, 3:
    g = gate(limit_sessions="2")
    restless = [Restless(g, ahead), Restless(g, ahead)]
    wait_for(lambda: all(len(r.statuses) > 3 for r in restless), "both to be served")
    code, took = push(g)
    what = "pressure: clients that are never silent, %d requests at once" % ahead
    tap.ok(code == 0, "%s: another gets its place" % what, took, *g.sessions())
    gone = wait_for(lambda: [r for r in restless if not r.is_alive()], "one to be told")
    tap.eq([(r.c.last, r.wrong, set(r.statuses)) for r in gone], [(True, None, {200})] * len(gone), "%s: whose last reply says so, and is whole" % what)
    rest = [r for r in restless if r not in gone]
    seen = [len(r.statuses) for r in rest]
    wait_for(lambda: all(len(r.statuses) > n or not r.is_alive() for r, n in zip(rest, seen)), "the other to be served on")
    not_recorded(g, what, *[r.c for r in restless])
    wait_for(lambda: not g.status()["waiting"], "nobody to wait")
    kept = Http(g)
    tap.eq(([kept.get(), kept.get()], kept.last), ([200, 200], False), "%s: when nobody waits, connections are kept" % what)
    tap.eq(g.stop(), 0, "%s: nor do they hold up the stop" % what)
    for r in restless:
        r.join(PATIENCE)

# --- stop, drain ------------------------------------------------------------------------------------------------------------------
g.stop()
g = gate()
p, kept = in_hook(g), [idle(g), idle(g, "s.git")]
late = mid_pack(g, "late", "s.git")
os.kill(g.pid, signal.SIGTERM)
closed("TERM: idle connections", *kept)
tap.ok(p.poll() is None and g.process.poll() is None, "TERM: the push in its hook goes on")
tap.eq(finish_push(late)[0], 200, "TERM: and so does the one mid-pack, whose connection is not kept for long")
latch.release()
begun = time.monotonic()
code, out = end(p)
tap.eq((code, g.process.wait(PATIENCE)), (0, 0), "TERM: the push succeeds, and the gate stops", out)
tap.ok(time.monotonic() - begun < AT_ONCE, "TERM: idle connections do not hold up the stop", time.monotonic() - begun)
tap.eq([e["reason"] for e in g.events("session.reaped")], [], "TERM: nobody was ended")

g = gate()
kept = idle(g)
g.cli("drain")
closed("drain: the idle connection", kept)
not_recorded(g, "drain", kept)
g.cli("resume")
kept = idle(g)
tap.eq((push(g)[0], kept.get()), (0, 200), "resume: connections are kept again")

# --- kill -----------------------------------------------------------------------------------------------------------------------
c = mid_pack(g)
tap.eq(g.cli("kill", c.session()["id"]).returncode, 0, "kill: done")
status, body = c.reply()
tap.ok(status == 200 and b"\x02git-gate: ended by the operator" in body and b"unpack unpack-objects abnormal exit" in body,
       "kill: git's report, and who did it", status, body)
c2 = Http(g)
c2.post()
c2.in_phase("commands")
g.cli("kill", c2.session()["id"])
status, body = c2.reply()
tap.ok(status == 408 and b"ended by the operator" in body, "kill before the commands: a status", status, body)

# reason and signal arrive together, as on a machine that is busy: the reason counts
patient = gate(deadline_grace="60s")
c3 = Http(patient)
c3.post()
c3.in_phase("commands")
pid = c3.session()["pid"]
os.kill(pid, signal.SIGSTOP)
wait_for(lambda: proc_stat(pid)[0] == "T", "the stop")
patient.cli("kill", c3.session()["id"])
wait_for(lambda: int(re.search(r"ShdPnd:\s*(\w+)", read("/proc/%d/status" % pid))[1], 16) & 1, "the gate's SIGHUP")
os.kill(pid, signal.SIGCONT)
status, body = c3.reply()
tap.ok(status == 408 and b"ended by the operator" in body, "kill of one that does not run just then: the same", status, body)
patient.stop()
p = in_hook(g)
held = [s for s in g.sessions() if s["phase"] == "hook"][0]
g.cli("kill", held["id"])
code, out = end(p)
tap.ok(code in (1, 128), "kill in a hook: the push fails", out)
wait_for(lambda: len(g.reaped(reason="operator")) == 3, "three to be recorded")
tap.eq(fsck(os.path.join(g.base, "r.git")), "", "kill: fsck is clean")
g.stop()

# --- reload -----------------------------------------------------------------------------------------------------------------------
config = path("reload.conf")


def configure(init):
    with open(config, "w") as f:
        f.write("[deadline]\n\tinit = %s\n" % init)


configure("40s")
g = Gate({**{k: v for k, v in HTTP.items() if k != "deadline.init"}}, hooks=hooks.dir, start=False)
del g.settings["deadline.init"]
g.repo()
g.launch("--config", config).ready()
kept, c = idle(g), mid_pack(g)
configure("1s")
tap.eq(g.cli("reload").returncode, 0, "reload: done")
closed("reload: a kept connection has the new deadline.init", kept)
tap.eq(finish_push(c)[0], 200, "reload: a push goes on")
not_recorded(g, "reload", kept, c)
g.stop()

# --- observe ----------------------------------------------------------------------------------------------------------------------
g = Gate({"listen.http": "127.0.0.1:0", "reaper.mode": "observe"}, hooks=hooks.dir)
g.repo()
kept, c, silent = idle(g), mid_pack(g), Http(g)
for k, reason in ((c, "idle"), (silent, "init")):
    wait_for(lambda: g.events("session.observed", peer=k.peer, reason=reason), "observed: " + reason)
closed("observe: a kept connection, as in enforce", kept)
tap.eq((finish_push(c)[0], silent.get()), (200, 200), "observe: the others go on")
tap.eq([len(g.events("session.observed", peer=k.peer)) for k in (kept, c, silent)], [0, 1, 1], "observe: each was logged once")
g.stop()

# --- a gate that dies -----------------------------------------------------------------------------------------------------------------
g = Gate({**HTTP}, hooks=hooks.dir)
repo = g.repo()
kept, c, p = idle(g), mid_pack(g), in_hook(g)
os.kill(g.pid, signal.SIGKILL)
g.process.wait()
g.start()
status, body = c.reply()
tap.ok(status == 200 and b"unpacker error" in body, "predecessor: the one mid-pack has git's report", status, body, *g.ask("reaped"))
closed("predecessor: the idle one", kept)
code, out = end(p)
tap.ok(code in (1, 128), "predecessor: the push in a hook fails", out)
g.settle()
wait_for(lambda: not leftovers(repo), "leftovers to be removed")
tap.eq(fsck(repo), "", "predecessor: fsck is clean")
tap.eq(push(g, ref="after")[0], 0, "predecessor: the next push succeeds")
after_death = g

# --- a gate that is restarted between the two requests of a push -------------------------------------------------------------------------
between = Latch()
with open(path("work", ".git", "hooks", "pre-push"), "w") as f:
    f.write("#!/bin/sh\ncat >/dev/null\n%s\n" % between.command)
os.chmod(f.name, 0o755)
certificate = Hooks(pre_receive="cat >/dev/null; env | grep ^GIT_PUSH_CERT_NONCE_STATUS >%s; true" % path("certificate"))
g = Gate({**HTTP, "listen.http": "127.0.0.1:%d" % free_port()}, hooks=certificate.dir)
repo = g.repo("r.git", "receive.certNonceSeed=x", "receive.certNonceSlop=3600")
for how, ref in (([], "unsigned"), (["--signed"], "signed")):
    if how and not shutil.which("gpg"):
        tap.skip("restarted: a signed push", "no gpg")
        continue
    if how:
        os.mkdir(path("gpg"), 0o700)
        subprocess.run(["gpg", "--batch", "--passphrase", "", "--quick-generate-key", "Test <test@example.invalid>", "default", "default"],
                       env={**ENV, "GNUPGHOME": path("gpg")}, capture_output=True, check=True, timeout=PATIENCE)
    p = popen(["git", "push", "-q", *how, g.http("r.git"), "HEAD:" + ref], cwd=path("work"), env={**ENV, "GNUPGHOME": path("gpg")},
              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    between.reached()
    tap.eq(g.stop(), 0, "restarted: a push that has its advertisement does not hold up the stop")
    g.start()
    between.release()
    code, out = end(p)
    tap.eq((code, git("rev-parse", "refs/heads/" + ref, cwd=repo, check=False).stdout), (0, git("rev-parse", "HEAD", cwd=path("work")).stdout),
           "restarted: %s push goes on with the new gate" % ref, out)
    if how:
        tap.eq(read(path("certificate")), "GIT_PUSH_CERT_NONCE_STATUS=OK\n", "restarted: the nonce of the old gate still holds")
        subprocess.run(["gpgconf", "--kill", "all"], env={**ENV, "GNUPGHOME": path("gpg")}, capture_output=True, timeout=PATIENCE)
    tap.eq((g.reaped(), fsck(repo), leftovers(repo)), ([], "", []), "restarted: nobody was ended, the repository is sound")
finish(tap, after_death, g)
