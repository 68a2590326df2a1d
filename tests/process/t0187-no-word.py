#!/usr/bin/python3
"""A push whose hook says nothing, because it cannot be run, is killed, or does not reach the gate, is refused, and the gate notes what it has not
heard; so it does when git itself refuses a push. Of healthy ones nothing is noted. A refresh that fails so is in the log too."""
from mirror import *
from sshd import missing

tap = Tap()
HOOK = os.path.join(BUILD, "git-gate-hook")
hooks, own = path("hooks"), path("hooks", "git-gate-hook")
os.mkdir(hooks)
for name in "pre-receive", "post-receive":
    os.symlink("git-gate-hook", os.path.join(hooks, name))
scanner, scratch = path("scanner"), path("scratch")
os.mkdir(scratch, 0o700)
put_script(scanner, "exit 0")


def hook(body='exec -a "$0" %s "$@"' % HOOK, interpreter="/bin/bash"):
    """What stands in the place of git-gate-hook."""
    with open(own + ".new", "w") as f:
        f.write("#!%s\n%s\n" % (interpreter, body))
    os.chmod(f.name, 0o755)
    os.rename(f.name, own)


hook()
g = Gate({**PATIENT, "listen.http": "127.0.0.1:0", "hook.scanner": "command", "hook.scannerCommand": scanner, "hook.scratch": scratch}, hooks=hooks)
repo, work = g.repo("r.git", "receive.unpackLimit=1"), g.work("work")
URLS = {"git": g.url("r.git"), "http": g.http("r.git")}


def noted():
    """What is on record of pushes, from the beginning of the last one on."""
    return [(e["event"], e["message"]) for e in g.events()[seen:] if e["event"].startswith("push.") and e["event"] != "push.scanned"]


def push(transport, *args):
    """Exit code and what the client reads of a push of something new; the session is over by then."""
    global seen
    seen = len(g.events())
    commit(work, "f", "%s %d\n" % (transport, tap.n))
    r = git("push", URLS[transport], *(args or ("HEAD:refs/heads/b%d" % tap.n,)), cwd=work, check=False)
    g.settle()
    return r.returncode, r.stderr


NEVER = "without a word of its hook"
for what, body, event, words in (
        ("cannot be run", None, "push.step-failed", "cannot run"),
        ("is killed at once", "kill -9 $$", "push.step-failed", "died of signal 9"),
        ("does not reach the gate", "GIT_GATE_CONTROL=%s exec -a \"$0\" %s" % (path("nowhere"), HOOK), "push.rejected", NEVER),
        ("is killed at work", None, "push.step-failed", "scan: the push is over, and its hook has not said")):
    if body:
        hook(body)
    elif what == "cannot be run":
        hook("", path("no-interpreter"))
    else:
        hook()
        put_script(scanner, "kill -9 $(cut -d' ' -f4 /proc/$$/stat)")
    for transport in URLS:
        code, said = push(transport)
        tap.ok(code and "rejected" in said, "over %s, a hook that %s: the push is refused" % (transport, what), said)
        got = noted()
        tap.ok(len(got) == 1 and got[0][0] == event and words in got[0][1], "over %s, a hook that %s: it is noted, once" % (transport, what), *got, *g.events()[-12:])
    hook()
put_script(scanner, "exit 0")

# git itself refuses: a pack that is none
seen = len(g.events())
oid, pack = pack_of(work)
raw = Raw(g)
raw.advertisement()
raw.commands(oid, "refs/heads/broken")
raw.s.sendall(pack[:-20] + b"x" * 20)
said = raw.rest()
raw.close()
g.settle()
tap.ok(b"unpack" in said and [e for e, m in noted() if NEVER in m] == ["push.rejected"], "git refuses a broken pack: it is noted", said, *noted())

# the hook is taken away behind the look for it: git takes the push, and nothing has looked at that
seen = len(g.events())
raw = Raw(g)
raw.advertisement()
os.rename(hooks, hooks + ".away")
os.mkdir(hooks)
raw.commands(oid, "refs/heads/unseen")
raw.s.sendall(pack)
said = raw.rest()
raw.close()
g.settle()
os.rmdir(hooks)
os.rename(hooks + ".away", hooks)
got = [e for e in g.events("push.step-failed", key="hook.path") if "not in hook.path any more" in e["message"]]
tap.ok(b"ok refs/heads/unseen" in said and len(got) == 1, "the hook is taken away while a push runs: it is noted that git took what nobody looked at", said, *noted())

# healthy ones
for transport in URLS:
    for what, args in (("a push", ()), ("the same again", ("HEAD:refs/heads/b%d" % tap.n,)), ("a deletion", (":refs/heads/b%d" % tap.n,)), ("nothing to push", ("HEAD:refs/heads/m",))):
        if what == "nothing to push":
            push(transport, *args)
            seen = len(g.events())
            code, said = (lambda r: (r.returncode, r.stderr))(git("push", URLS[transport], *args, cwd=work, check=False))
            g.settle()
        else:
            code, said = push(transport, *args)
        tap.eq((code, noted()), (0, []), "over %s, %s: nothing is noted" % (transport, what), said)
    git("clone", "-q", URLS[transport], path("clone-" + transport))
raw = Raw(g)
raw.advertisement()
raw.s.sendall(b"0000")
raw.rest()
raw.close()
g.settle()
tap.eq(noted(), [], "a client that has nothing to push: nothing is noted")
tap.eq(fsck(repo), "", "the repository is sound")
tap.eq(g.reaped(), [], "nobody was ended")

# an operator's own hook owes the gate nothing
o = Gate({**PATIENT, "listen.http": "127.0.0.1:0"}, hooks=Hooks().dir)
o.repo("r.git")
for url in o.url("r.git"), o.http("r.git"):
    git("push", "-q", url, "HEAD:refs/heads/own%d" % tap.n, cwd=work)
    o.settle()
    tap.eq(o.events("push.rejected") + o.events("push.step-failed"), [], "an operator's own hook: nothing is noted of a push over %s" % url.split(":")[0])

# --- a refresh ---------------------------------------------------------------------------------------------------------------------
if missing():
    tap.skip("a refresh that nobody hears of", missing())
    finish(tap, g, o)
up = Upstream().start()
base, programs = path("mirrors"), path("programs")
os.mkdir(base)
os.mkdir(programs)
for name in "git-gate", "git-gate-session", "git-gate-http":
    shutil.copy(os.path.join(BUILD, name), programs)
m = Gate({**PATIENT, "listen.http": "127.0.0.1:0", **up.mirrored(base, seed=work)}, base=base, start=False)
m.args = lambda: [os.path.join(programs, "git-gate") if a == GATE else a for a in Gate.args(m)]
own = os.path.join(programs, "git-gate-hook")
hook()
m.start()
for what, body, words in (("is killed", "kill -9 $$", "ended by signal 9"), ("ends without a word", "exit 3", "git-gate-hook failed"),
                          ("does not reach the gate", "GIT_GATE_CONTROL=%s exec %s \"$@\"" % (path("nowhere"), HOOK), "the gate that began this session does not run any more")):
    for url in m.url("r.git"), m.http("r.git"):
        hook(body)
        r = git("ls-remote", url, check=False)
        m.settle()
        tap.ok(r.returncode and "git-gate: the repository cannot be brought up to date" in r.stderr, "over %s, a refresh that %s: the client is told" % (url.split(":")[0], what), r.stderr)
        got = [e["message"] for e in m.events("session.log") if "git-gate: refused: the repository cannot be brought up to date" in e["message"] and words in e["message"]]
        tap.ok(len(got) == 1 + (url == m.http("r.git")), "and it is in the log", *m.events()[-5:])
        hook()
        tap.eq(git("ls-remote", url, check=False).returncode, 0, "the next one is served")
finish(tap, g, o, m)
