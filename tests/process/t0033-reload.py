#!/usr/bin/python3
"""reload and SIGHUP: all or nothing, live, and no session notices; drain and resume."""
from gate import *

tap = Tap()

# a git that is slow, or hangs, when it is asked to read a configuration
os.mkdir(path("bin"))
with open(path("bin", "git"), "w") as f:
    f.write("""#!/bin/sh
if [ "$1" = config ]; then
	[ -e %s ] && exec sleep 100
	[ -e %s ] && sleep 0.2
fi
exec %s "$@"
""" % (path("hang"), path("slow"), shutil.which("git")))
os.chmod(path("bin", "git"), 0o755)


def configure(settings, text=""):
    """Write the file that the gate reads."""
    with open(path("config"), "w") as f:
        for key, value in settings.items():
            section, name = key.split(".")
            f.write("[%s]\n\t%s = %s\n" % (section, name, value))
        f.write(text)


def touch(name, there=True):
    if there:
        open(path(name), "w").close()
    elif os.path.exists(path(name)):
        os.unlink(path(name))


def push_well(what):
    push_well.n += 1
    code, out = end(g.push(work, "well%d" % push_well.n))
    tap.eq(code, 0, "%s: a push succeeds" % what, out)


push_well.n = 0
g = Gate(start=False, env={"PATH": path("bin") + ":" + ENV["PATH"]})
for key in [k for k in g.settings if k.startswith("deadline.")]:
    del g.settings[key]
configure(PATIENT)
g.start("--config", path("config"))
repo, work = g.repo(), g.work("work")
instance = g.status()["instance"]

# --- what changed ---------------------------------------------------------------------------------------------------------

tap.eq(g.ask("reload"), {"changed": [], "added": [], "removed": [], "restart": []}, "reload of the same file")
tap.eq([e["message"] for e in g.events("gate.reloaded")], ["nothing changed"], "the event says so")
raw = Raw(g)
raw.advertisement()
wait_for(lambda: g.sessions()[0]["phase"] == "commands", "the phase")
wait_for(lambda: g.sessions()[0]["quiet_ms"] > 1500, "it to be silent for longer than the limit to come")
tap.eq(len(g.sessions()), 1, "a silent session under a long limit is there")
configure({**PATIENT, "deadline.commands": "1s", "deadline.grace": "200ms", "limit.sessions": "1"})
begun = time.monotonic()
r = g.cli("reload")
tap.eq((r.returncode, r.stdout, r.stderr), (0, "deadline.commands changed\ndeadline.grace changed\nlimit.sessions changed\n", ""), "reload says what changed")
tap.eq(g.events("gate.reloaded")[-1]["message"], "deadline.commands, deadline.grace, limit.sessions changed", "so does the event")
raw.rest()
took = time.monotonic() - begun
ended = wait_for(g.reaped, "the record")[0]
tap.eq((ended["reason"], ended["limit_ms"]), ("commands", 1000), "the session that was silent already is judged by the new limit")
tap.ok(took < 1 + BUSY, "soon (%.1f s)" % took)
tap.eq((g.status()["limit_sessions"], g.status()["instance"]), (1, instance), "limit.sessions is the new one, the gate the same")

configure({**PATIENT, "limit.sessions": "1"})
g.ask("reload")
first, second = Raw(g), Raw(g)
first.advertisement()
wait_for(lambda: g.status()["waiting"] == 1, "the second to wait")
configure({**PATIENT, "limit.sessions": "2"})
g.ask("reload")
tap.ok(second.advertisement() is not None, "a client that waits is served at once when limit.sessions is raised")
configure({**PATIENT, "limit.sessions": "2", "deadline.commands": "500ms", "reaper.mode": "observe"})
g.ask("reload")
wait_for(lambda: len(g.events("session.observed")) >= 2, "both to be observed")
tap.eq((len(g.sessions()), g.status()["mode"]), (2, "observe"), "reaper.mode=observe applies to them")
configure({**PATIENT, "deadline.commands": "500ms"})
g.ask("reload")
for c in first, second:
    c.rest()
wait_for(lambda: len(g.reaped()) == 3, "their records")
tap.eq([e["reason"] for e in g.reaped()], ["commands"] * 3, "and so does enforce")

# sessions of a repository that are held when limit.sessionsPerRepo is taken away, and one that began before it was set
configure({**PATIENT, "limit.sessionsPerRepo": "1"})
g.ask("reload")
first, second = Raw(g), Raw(g)
wait_for(lambda: g.status()["waiting"] == 1, "one to be held")
configure(PATIENT)
g.ask("reload")
tap.ok(first.advertisement() is not None and second.advertisement() is not None, "a held session goes on when limit.sessionsPerRepo is taken away")
early = Raw(g, request=False)
wait_for(lambda: len(g.sessions()) == 3, "a session without a request")
configure({**PATIENT, "limit.sessionsPerRepo": "1"})
g.ask("reload")
early.packet(b"git-receive-pack /r.git\0host=x\0")
tap.eq(wait_for(lambda: g.status()["waiting"], "it to be held"), 1, "one that asks after the limit was set waits by it, though it connected before")
for c in first, second:
    c.close()
tap.ok(early.advertisement() is not None, "until the others are gone")
early.close()
g.settle()

configure({**PATIENT, "hook.scanner": "unset", "gate.uploadPack": "false", "gate.logLevel": "err"})
for key in "hook.scanner", "gate.logLevel":
    del g.settings[key]
g.stop()
configure({**PATIENT, "hook.scanner": "none", "gate.logLevel": "debug"})
g.start("--config", path("config"))
push_well("hook.scanner=none")
configure({**PATIENT, "hook.scanner": "unset", "gate.uploadPack": "false", "gate.logLevel": "notice"})
tap.eq(sorted(g.ask("reload")["changed"]), ["gate.logLevel", "gate.uploadPack", "hook.scanner"], "services, scanner and log level change")
code, out = end(g.push(work, "unscanned"))
tap.ok(code and "scanner" in out, "hook.scanner applies to new pushes", out)
r = git("ls-remote", g.url("r.git"), check=False)
tap.ok(r.returncode, "gate.uploadPack applies to new fetches", r.stderr)
n = len(g.events())
raw = Raw(g)
raw.advertisement()
raw.close()
g.settle()
tap.eq([e for e in g.events()[n:] if e["event"] in ("session.accepted", "session.opened", "session.closed")], [], "gate.logLevel applies")
configure({**PATIENT, "hook.scanner": "none", "gate.logLevel": "debug"})
g.ask("reload")
push_well("everything back")

# --- what is wrong, and what needs a restart ---------------------------------------------------------------------------------

good = {**PATIENT, "hook.scanner": "none", "gate.logLevel": "debug"}
before = g.status()
configure({**good, "deadline.idle": "1s", "deadline.idel": "1s", "limit.sessions": "many"})
r = g.cli("reload")
tap.eq((r.returncode, r.stdout), (1, ""), "a bad file: exit code 1", r)
lines = r.stderr.splitlines()
tap.ok(len(lines) == 3 and all(path("config") in line for line in lines[:2]) and "deadline.idle" in lines[0] and "limit.sessions" in lines[1]
       and "nothing was reloaded" in lines[2], "each error names file, key and cure", *lines)
failed = g.events("gate.reload-failed")
tap.eq(["git-gate: " + e["message"] for e in failed], lines[:2], "gate.reload-failed has them too")
tap.eq(g.status()["limit_sessions"], before["limit_sessions"], "the settings are as before")
configure(good, "[broken\n")
r = g.cli("reload")
tap.ok(r.returncode == 1 and "git says" in r.stderr and len(g.events("gate.reload-failed")) == 3, "a syntax error", r.stderr)
os.unlink(path("config"))
r = g.cli("reload")
tap.ok(r.returncode == 1 and path("config") in r.stderr, "a missing file", r.stderr)
configure({**good, "limit.sessions": "7"})
touch("hang")
begun = time.monotonic()
r = g.cli("reload")
took = time.monotonic() - begun
touch("hang", False)
tap.ok(r.returncode == 1 and "no answer" in r.stderr and 1.9 < took < 2 + BUSY, "a git that hangs: given up after 2 s (%.1f s)" % took, r.stderr)
tap.eq(g.status()["limit_sessions"], before["limit_sessions"], "with all of these the settings are as before")
push_well("after reloads that failed")
del g.settings["listen.git"], g.settings["gate.control"]
g.stop()
configure({**good, "listen.git": "127.0.0.1:0", "gate.control": g.control})
g.start("--config", path("config"))
port = g.port
configure({**good, "listen.git": "127.0.0.1:1", "gate.control": path("elsewhere"), "limit.sessions": "7"},
          '[service "x"]\n\tcommand = sleep 1000\n')
r = g.cli("reload")
tap.eq((r.returncode, r.stdout.splitlines()), (0, ["limit.sessions changed", "listen.git needs a restart", "gate.control needs a restart", "service.x needs a restart"]),
       "what needs a restart is told", r.stderr)
tap.eq(g.events("gate.reloaded")[-1]["message"], "limit.sessions changed; listen.git, gate.control, service.x need a restart", "by the event too")
st = g.status()
tap.eq((st["listening"], st["control"], st["services"], st["limit_sessions"]), (["git://127.0.0.1:%d" % port], g.control, [], 7), "and is as before; the rest applies")
push_well("a change that needs a restart")

# --- repositories -----------------------------------------------------------------------------------------------------------------

good.update({"listen.git": "127.0.0.1:0", "gate.control": g.control})
configure({**good, "limit.sessions": "7"})
g.ask("reload")
A, B, B2 = '[repo "a.git"]\n\tfresh = 1s\n', '[repo "d/b.git"]\n\tfresh = 1s\n', '[repo "d/b.git"]\n\tfresh = 2s\n'
for sections, more, says in ((A, {}, "repo.a.git added"), (A + B, {}, "repo.d/b.git added"), (A + B2, {}, "repo.d/b.git changed"), (B2 + A, {}, "nothing changed"),
                             (B, {"limit.sessions": "8"}, "limit.sessions, repo.d/b.git changed; repo.a.git removed"),
                             (A, {"limit.sessions": "8"}, "repo.a.git added; repo.d/b.git removed"), ("", {"limit.sessions": "8"}, "repo.a.git removed")):
    configure({**good, "limit.sessions": "7", **more}, sections)
    r = g.cli("reload")
    said = [(names, what.rsplit(" ", 1)[1]) for what in says.split("; ") for names in what.rsplit(" ", 1)[0].split(", ")]
    tap.eq((r.returncode, r.stdout, g.events("gate.reloaded")[-1]["message"]), (0, "".join("%s %s\n" % s for s in said), says), "sections: " + says)

# --- SIGHUP ---------------------------------------------------------------------------------------------------------------------

configure({**good, "limit.sessions": "9"})
n = len(g.events("gate.reloaded"))
os.kill(g.pid, signal.SIGHUP)
wait_for(lambda: len(g.events("gate.reloaded")) > n, "SIGHUP to reload")
tap.eq((g.events("gate.reloaded")[-1]["message"], g.status()["limit_sessions"]), ("limit.sessions changed", 9), "SIGHUP reloads")
configure({**good, "limit.sessions": "0"})
n = len(g.events("gate.reload-failed"))
os.kill(g.pid, signal.SIGHUP)
wait_for(lambda: len(g.events("gate.reload-failed")) > n, "SIGHUP to fail")
tap.ok("limit.sessions" in g.events("gate.reload-failed")[-1]["message"] and g.status()["limit_sessions"] == 9, "SIGHUP with a bad file changes nothing")

# --- reloads while pushes run: git's exit is waited for in the loop's callback, and nobody else's status is lost ----------------

touch("slow")
n = len(g.ask("reaped", "--all"))
pushes, results, reloads, done = [], [], 0, 0
while reloads < 20 or done < 40:
    while len(pushes) < 4 and done + len(pushes) < 40:
        pushes.append(g.push(work, "busy%d" % (done + len(pushes))))
    if reloads < 20:
        configure({**good, "limit.sessions": str(20 + reloads)})
        if reloads % 2:
            os.kill(g.pid, signal.SIGHUP)
            wait_for(lambda: g.status()["limit_sessions"] == 20 + reloads, "SIGHUP to reload")
        else:
            g.ask("reload")
        reloads += 1
    results.append(end(pushes.pop(0)))
    done += 1
touch("slow", False)
tap.eq([out for code, out in results if code], [], "40 pushes during 20 reloads all succeed")
g.settle()
ended = g.ask("reaped", "--all")[:-n or None]
tap.eq((len(ended), {e["status"] for e in ended}, {e["reason"] for e in ended}), (40, {0}, {None}), "each is recorded with its exit status")
tap.eq([p for p in tree(g.pid) if p != g.pid and (proc_stat(p) or "-")[0] == "Z"], [], "no zombie is left")
tap.eq(g.status()["limit_sessions"], 39, "the last reload holds")
tap.eq(fsck(repo), "", "fsck is clean")

# --- drain and resume -------------------------------------------------------------------------------------------------------------

latch = Latch()
hooks = Hooks(pre_receive="cat >/dev/null; " + latch.command)
configure({**good, "limit.sessions": "1"})
g.ask("reload")
g.settings["hook.path"] = hooks.dir
g.stop()
g.start("--config", path("config"))
running = g.push(work, "running")
latch.reached()
waiting = Raw(g)
wait_for(lambda: g.status()["waiting"] == 1, "a client to wait")
r = g.cli("drain")
tap.eq((r.returncode, r.stdout), (0, "no new client is served; 1 sessions may finish\n"), "drain", r.stderr)
tap.ok(b"ERR git-gate: the gate is drained, try again later" in waiting.rest(), "who waits is told")
tap.ok(b"ERR git-gate: the gate is drained, try again later" in Raw(g).rest(), "who comes is told")
r = git("ls-remote", g.url("r.git"), check=False)
tap.ok(r.returncode and "the gate is drained" in r.stderr, "git shows it", r.stderr)
tap.eq(g.status()["draining"], True, "status tells")
tap.eq((g.cli("health").returncode, g.ask("drain"), len(g.events("gate.drained"))), (0, {"sessions": 1, "lame_duck_ms": 0}, 1), "it is healthy; a second drain changes nothing")
latch.release()
code, out = end(running)
tap.eq(code, 0, "the session that ran finishes", out)
g.settle()
tap.eq(g.process.poll(), None, "the gate goes on")
g.ask("reload")
tap.eq(g.status()["draining"], True, "a reload does not end the drain")
tap.eq((g.cli("resume").stdout, g.ask("resume"), g.status()["draining"], len(g.events("gate.resumed"))), ("new clients are served\n", {}, False, 1), "resume")
again = g.push(work, "again")
latch.reached()
latch.release()
code, out = end(again)
tap.eq(code, 0, "a push succeeds again", out)
g.ask("drain")
tap.eq(g.stop(), 0, "a drained gate stops cleanly")
tap.eq(g.cli("reload").returncode, 3, "reload without a gate: exit code 3")
g.start("--config", path("config"))
finish(tap, g)
