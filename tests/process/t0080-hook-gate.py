#!/usr/bin/python3
"""What a hook asks of its gate, and tells it, over the control socket: settings of its repository, step, events; and what becomes of
a push when the gate does not answer."""
from gate import *

tap = Tap()
latch = Latch()
hooks = Hooks(pre_receive="cat >/dev/null; env >%s; %s" % (path("env"), latch.command))
HOOK = os.path.join(BUILD, "git-gate-hook")


def configure(text):
    with open(path("config"), "w") as f:
        f.write(text)


configure("""[hook]
	allowRef = refs/heads/*
	denyRef = refs/heads/never
[repo "team/a b.git"]
	upstream = ssh://git@host.example:2222/a.git
	identityFile = key
	knownHostsFile = /etc/known
	allowRef = *
	allowForce = false
	refs = 5
	onStale = serve
""")
# what is in the file is not set on the command line, which would hide it
g = Gate({**PATIENT, "listen.http": "127.0.0.1:0", "limit.sessions": "300"}, hooks=hooks.dir, start=False)
g.start("--config", path("config"))
repo, other = g.repo(), g.repo("team/a b.git", "http.receivepack=true")
work = g.work("work")


def data(cmd, **more):
    a = g.request(cmd=cmd, **more)
    return a["data"] if a and a["ok"] else a


def held(url, *args, **kw):
    """A push that stands in its hook, and its session."""
    p = popen(["git", "push", *args, url, "HEAD:refs/heads/p%d" % tap.n], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    latch.reached()
    return p, wait_for(lambda: [s for s in g.sessions() if s["phase"] == "hook"], "the phase hook")[0]


def let_go(p):
    latch.release()
    code, out = end(p)
    tap.eq(code, 0, "and the push succeeds", out)


# --- settings -------------------------------------------------------------------------------------------------------------

p, s = held(g.url("r.git"))
env = dict(line.split("=", 1) for line in read(path("env")).splitlines())
tap.eq((env["GIT_GATE_CONTROL"], env["GIT_GATE_SESSION"], "GIT_GATE_SCANNER" in env), (g.control, s["id"], False), "the hook knows whom to ask, and no settings")
got = data("push", id=s["id"])
tap.eq((got["repo"], got["peer"], got["transport"], got["scanner"]), ("r.git", s["peer"], "git", "none"), "push: the session's repository, and what is set for all")
tap.eq((got["upstream"], got["identity_file"], got["allow_ref"], got["deny_ref"], got["allow_force"], got["limit_refs"]),
       ("", "", ["refs/heads/*"], ["refs/heads/never"], True, 0), "it has no section of its own")

# --- steps ------------------------------------------------------------------------------------------------------------------

tap.eq((data("step", id=s["id"], step="scan"), g.sessions()[0]["step"], g.ask("show", s["id"])["step"]), ({}, "scan", "scan"), "step: told, and in sessions and show")
r = g.cli("sessions")
tap.ok("hook: scan" in r.stdout and "STEP" not in r.stdout, "sessions shows it behind the phase", r.stdout)
r = g.cli("show", s["id"])
tap.ok("phase: hook: scan" in " ".join(r.stdout.split()) and "step:" not in r.stdout, "so does show", r.stdout)
for step in "a b", "x" * 32, "\x1b[1m", "é", 7, None:
    tap.ok(g.request(cmd="step", id=s["id"], step=step)["error"].startswith("a step is a word"), "no step: %r" % step)
tap.eq(g.sessions()[0]["step"], "scan", "it is as it was")
tap.eq((data("step", id=s["id"], step="x" * 31), g.sessions()[0]["step"]), ({}, "x" * 31), "31 letters are a step")
tap.eq((data("step", id=s["id"], step=""), g.sessions()[0]["step"]), ({}, ""), "nothing any more")
tap.ok(re.search(r"\bhook +- ", g.cli("sessions").stdout), "and the phase stands alone")

# --- events -----------------------------------------------------------------------------------------------------------------

tap.eq(data("event", id=s["id"], event="push.scanned", message="3 commits \x1b[1m\n", reason="why", key="deadline.scan"), {}, "event")
e = g.events("push.scanned")
if tap.eq(len(e), 1, "it is recorded"):
    tap.eq({k: e[0].get(k) for k in ("session", "repo", "peer", "service", "transport", "reason", "key")},
           {"session": s["id"], "repo": "r.git", "peer": s["peer"], "service": "receive-pack", "transport": "git", "reason": "why", "key": "deadline.scan"}, "with the session's fields")
    tap.ok("3 commits" in e[0]["message"] and "\x1b" not in g.text(), "outside text is escaped", e[0])
for more in ({"event": "session.reaped", "message": "x"}, {"event": "push.", "message": "x"}, {"event": "push.nothing", "message": "x"}, {"event": "gate.stopped", "message": "x"},
             {"event": "push.scanned"}, {"event": "push.scanned", "message": 7}, {"message": "x"}, {"event": ["push.scanned"], "message": "x"}):
    tap.ok("an event of a hook" in g.request(cmd="event", id=s["id"], **more).get("error", ""), "no event: %s" % more)
tap.eq(data("event", id=s["id"], event="refresh.done", message="x" * 3000, reason="r" * 65, key="k" * 639), {}, "a long message")
e = g.events("refresh.done")[0]
tap.ok(len(e["message"]) < 2100 and "reason" not in e and e["key"].startswith("k" * 150), "is bounded, and so are reason and key", e)
for _ in range(60):
    data("event", id=s["id"], event="push.allowed", message="again")
tap.eq(len(g.events("push.allowed")), 48, "50 events of one request are recorded")
let_go(p)
wait_for(lambda: g.events("session.closed", session=s["id"]), "the end of the session")
tap.ok("12 events of its hooks were too many" in g.events("session.closed", session=s["id"])[0]["message"], "and the rest is counted", g.events("session.closed"))

# --- whose hook it is ---------------------------------------------------------------------------------------------------------

for cmd in ({"cmd": "push"}, {"cmd": "step", "step": "scan"}, {"cmd": "event", "event": "push.scanned", "message": "x"}):
    tap.ok("no session" in g.request(**cmd, id=s["id"])["error"], "%s of a session that has ended" % cmd["cmd"])
    tap.ok("needs an id" in g.request(**cmd)["error"] and "needs an id" in g.request(**cmd, id=7)["error"], "%s of none" % cmd["cmd"])
raw = Raw(g, request=False)
s = wait_for(g.sessions, "a session")[0]
tap.ok("not known" in g.request(cmd="push", id=s["id"])["error"], "push of a session whose repository is not known yet")
raw.close()
g.settle()

p, s = held(g.http("team/a%20b.git"))
got = data("push", id=s["id"])
tap.eq((got["repo"], got["transport"], got["upstream"], got["identity_file"], got["known_hosts_file"]),
       ("team/a b.git", "http", "ssh://git@host.example:2222/a.git", path("key"), "/etc/known"), "a repository with a section, over HTTP")
tap.eq((got["allow_ref"], got["deny_ref"], got["allow_force"], got["allow_delete"], got["limit_refs"], got["on_stale"]),
       (["*"], ["refs/heads/never"], False, True, 5, "serve"), "what is its own is in the place of what is set for all")
configure("[limit]\n\trefs = 9\n[repo \"team/a b.git\"]\n\tfresh = 9s\n[repo \"new\"]\n\tobject = 1k\n")
changed = g.ask("reload")
tap.eq(changed, {"changed": ["limit.refs", "hook.allowRef", "hook.denyRef", "repo.team/a b.git"], "added": ["repo.new"], "removed": [], "restart": []}, "a reload takes sections over")
got = data("push", id=s["id"])
tap.eq((got["upstream"], got["allow_ref"], got["limit_refs"], got["fresh_ms"]), ("", [], 9, 9000), "for the push that runs, too")
configure("[repo \"team/a b.git\"]\n\tupstream = git@host:a.git\n")
r = g.cli("reload")
tap.ok(r.returncode and "repo.team/a b.git.upstream" in r.stderr and "write ssh://git@host/a.git" in r.stderr, "with an error in one nothing is", r.stderr)
tap.eq(data("push", id=s["id"])["fresh_ms"], 9000, "and all is as before")
let_go(p)

# --- the hook itself ----------------------------------------------------------------------------------------------------------

hooks.set(pre_receive="exec %s pre-receive" % HOOK)
code, out = end(g.push(work, "well"))
tap.eq(code, 0, "git-gate-hook accepts with hook.scanner=none", out)
for setting, said in (("unset", "no scanner is configured (hook.scanner)"), ("gitleaks", "hook.scanner")):
    u = Gate({**PATIENT, "hook.scanner": setting}, hooks=hooks.dir)
    u.repo()
    code, out = end(u.push(work, "no"))
    tap.ok(code and "push refused" in out and said in out, "hook.scanner=%s: it refuses" % setting, out)
    u.stop()
for what, script, said in (("no GIT_GATE_CONTROL", "unset GIT_GATE_CONTROL", "GIT_GATE_CONTROL is not set"),
                           ("nobody listens", "GIT_GATE_CONTROL=%s; export GIT_GATE_CONTROL" % path("nobody"), "does not run any more"),
                           ("another's session", "GIT_GATE_SESSION=00000000; export GIT_GATE_SESSION", "no session")):
    hooks.set(pre_receive="%s; exec %s pre-receive" % (script, HOOK))
    code, out = end(g.push(work, "no"))
    tap.ok(code and "push refused" in out and said in out and path("") not in out, "%s: refused, with the reason" % what, out)

# --- a gate that does not answer, and many at once ---------------------------------------------------------------------------------

hooks.set(pre_receive="kill -STOP %d; %s pre-receive; s=$?; kill -CONT %d; exit $s" % (g.pid, HOOK, g.pid))
begin = time.monotonic()
code, out = end(g.push(work, "no"))
tap.ok(code and "did not answer within 5 s" in out, "a gate that hangs: refused", out)
tap.ok(time.monotonic() - begin < 20, "within bounds (%.1fs)" % (time.monotonic() - begin))

hooks.set(pre_receive="cat >/dev/null; %s; exec %s pre-receive </dev/null" % (latch.command, HOOK))
pushes = [g.push(work, "many%d" % i) for i in range(64)]
latch.reached(64)
silent = []
for _ in range(200):
    c = socket.socket(socket.AF_UNIX)
    c.connect(g.control)
    silent.append(c)
latch.release(64)
ends = [end(p) for p in pushes]
tap.eq([out for code, out in ends if code], [], "64 hooks ask at once, beside 200 clients that say nothing: every push succeeds")
for c in silent:
    c.close()
finish(tap, g)
