#!/usr/bin/python3
"""What is wrong is said at once, with culprit and cure: settings and surroundings to the operator, requests to the client."""
import re
import shutil

from gate import *

tap = Tap()
ROOT_USER = os.geteuid() == 0
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
os.chmod(TMP, 0o755)

# --- the operator -------------------------------------------------------------------------------------------------------


def file(name, text, mode=0o644):
    with open(path(name), "w") as f:
        f.write(text)
    os.chmod(f.name, mode)
    return f.name


def stub(name, script):
    """A directory whose git is that script."""
    os.mkdir(path(name))
    file(name + "/git", "#!/bin/sh\n" + script + "\n", 0o755)
    return path(name)


port = free_port()
taken = socket.create_server(("127.0.0.1", 0))
taken_at = "127.0.0.1:%d" % taken.getsockname()[1]
os.mkdir(path("empty"), 0o555)
os.mkdir(path("locked"), 0)
os.chmod(file("unreadable", "[limit]\n\tsessions = 4\n"), 0)
GOOD = "127.0.0.1:%d" % port
NOT_ROOT, UID = (NOBODY, 65534) if ROOT_USER else ([], os.geteuid())
OLD = 'case $1 in version) echo "git version 2.35.1";; *) exec %s "$@";; esac' % shutil.which("git")
NO_DAEMON = 'case $1 in --exec-path) echo %s;; *) exec %s "$@";; esac' % (path("empty"), shutil.which("git"))
hanging = Latch()
deep, long = path("no", "such", "directory"), "/run/" + "x" * 200
syntax = file("syntax", "[limit]\n\tsessions = 4\n[deadline\n")
unknown = file("unknown", "[limit]\n\tsesions = 4\n")
binary = file("binary", "\x7fELF\x01\x02\0\0\xff" * 100)
PUBLIC = ["-c", "gate.public=true"]
two = PUBLIC + ["-c", "listen.git=" + GOOD, "-c", "listen.git=192.0.2.1:9418"]

# what is wrong; settings, or arguments after them; environment; as nobody; what the line must say
for what, more, env, other, texts in (
        ("an unknown key", {"limit.sesions": "4"}, {}, False, ["command line", "limit.sesions", "limit.sessions"]),
        ("an unknown key in a file", ["--config", unknown], {}, False, [unknown, "limit.sesions", "limit.sessions"]),
        ("a key without a section", {"sessions": "4"}, {}, False, ["command line", "'sessions'", "limit.sessions"]),
        ("a duration without a unit", {"deadline.idle": "15"}, {}, False, ["deadline.idle", "'15'", "unit", "15s"]),
        ("a negative duration", {"deadline.idle": "-1s"}, {}, False, ["deadline.idle", "'-1s'", "15s"]),
        ("a duration that overflows", {"deadline.idle": "9" * 30 + "s"}, {}, False, ["deadline.idle", "range", "100ms to"]),
        ("an empty duration", {"deadline.idle": ""}, {}, False, ["deadline.idle", "''", "15s"]),
        ("a stop that never comes", {"deadline.lameDuck": "never"}, {}, False, ["deadline.lameDuck", "'never'", "0 to"]),
        ("a negative number", {"limit.sessions": "-1"}, {}, False, ["limit.sessions", "'-1'", "1 to"]),
        ("a number that overflows", {"limit.sessions": "9" * 30}, {}, False, ["limit.sessions", "range", "1 to"]),
        ("limit.sessions=0", {"limit.sessions": "0"}, {}, False, ["limit.sessions", "'0'", "1 to"]),
        ("a size that overflows", {"rate.min": "9" * 30 + "g"}, {}, False, ["rate.min", "range"]),
        ("a bad boolean", {"gate.exportAll": "maybe"}, {}, False, ["gate.exportAll", "'maybe'", "true or false"]),
        ("a bad choice", {"reaper.mode": "enforced"}, {}, False, ["reaper.mode", "'enforced'", "enforce or observe"]),
        ("a value with control characters", {"reaper.mode": "a\nb\x1b[31m"}, {}, False, ["reaper.mode", "\\n", "\\x1b"]),
        ("a syntax error in the file", ["--config", syntax], {}, False, [syntax, "git says: bad config line 3"]),
        ("a file that is no text", ["--config", binary], {}, False, [binary, "git says: bad config line 1"]),
        ("a missing file", ["--config", path("none")], {}, False, [path("none"), "No such file"]),
        ("a directory as the file", ["--config", path("empty")], {}, False, [path("empty"), "not a regular file"]),
        ("an unreadable file", ["--config", path("unreadable")], {}, True, [path("unreadable"), "Permission denied"]),
        ("a port in use", {"listen.git": taken_at}, {}, False, [taken_at, "in use", "ss -ltnp", "listen.git"]),
        ("an address that is not ours", {"listen.git": "192.0.2.1:9418", "gate.public": "true"}, {}, False, ["192.0.2.1:9418", "assign", "listen.git"]),
        ("one of two addresses bad", two, {}, False, ["192.0.2.1:9418", "assign", "listen.git"]),
        ("no port", {"listen.git": "127.0.0.1"}, {}, False, ["listen.git", "'127.0.0.1'", "port"]),
        ("a name in place of an address", {"listen.git": "git.example:9418"}, {}, False, ["listen.git", "'git.example:9418'"]),
        ("nothing to listen on", {"listen.git": "off"}, {}, False, ["nothing to listen on", "listen.git"]),
        ("base path missing", {"gate.basePath": path("none")}, {}, False, ["gate.basePath", path("none"), "create it"]),
        ("base path a file", {"gate.basePath": unknown}, {}, False, ["gate.basePath", unknown, "not a directory"]),
        ("base path unreadable", {"gate.basePath": path("locked")}, {}, True, ["gate.basePath", path("locked"), "uid %d" % UID]),
        ("git missing", {}, {"PATH": path("empty")}, False, ["git is not in PATH", path("empty"), "install"]),
        ("git missing, with a file", ["--config", file("good", "")], {"PATH": path("empty")}, False, ["git", "PATH"]),
        ("git too old", {}, {"PATH": stub("old", OLD) + ":/usr/bin:/bin"}, False, [path("old", "git"), "2.35", "2.36"]),
        ("git that hangs", {}, {"PATH": stub("hangs", hanging.command) + ":/usr/bin:/bin"}, False, [path("hangs", "git"), "not answer"]),
        ("git that fails", {}, {"PATH": stub("fails", "echo broken >&2; exit 3")}, False, [path("fails", "git"), "broken"]),
        ("git that is none", {}, {"PATH": stub("greets", "echo hello")}, False, [path("greets", "git"), "hello", "no version"]),
        ("git-daemon missing", {}, {"PATH": stub("nodaemon", NO_DAEMON)}, False, [path("empty", "git-daemon"), "package"]),
        ("control socket's path too long", {"gate.control": long}, {}, False, ["gate.control", "107 bytes"]),
        ("control socket in a missing directory", {"gate.control": deep + "/control"}, {}, False, ["gate.control", deep, "No such file"]),
        ("control socket below a file", {"gate.control": unknown + "/control"}, {}, False, ["gate.control", unknown, "ot a directory"]),
        ("control socket's directory not ours", {"gate.control": path("empty", "control")}, {}, True,
         ["gate.control", path("empty"), "Permission denied"])):
    if other and ROOT_USER and not shutil.which("setpriv"):
        tap.skip(what, "no setpriv to become another user with")
        continue
    bad = Gate({"listen.git": GOOD, **(more if isinstance(more, dict) else {})}, env=env, start=False, prefix=NOT_ROOT if other else (),
               control=path("c%d" % tap.n))
    os.chmod(bad.dir, 0o755)
    if more is two:
        del bad.settings["listen.git"]
    if other and "gate.control" not in more:
        os.mkdir(path("n%d" % tap.n), 0o777)
        os.chmod(path("n%d" % tap.n), 0o777)
        bad.settings["gate.control"] = path("n%d" % tap.n, "control")
    begin = time.monotonic()
    bad.launch(*(more if isinstance(more, list) else []))
    try:
        code = bad.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        code = "none: it serves"
        bad.process.kill()
    seconds = time.monotonic() - begin
    tap.eq(code, 2, "%s: exit code" % what, bad.text())
    tap.ok(seconds < (10 if "hangs" in what else 0) + BUSY, "%s: at once (%.2fs)" % (what, seconds))
    said = bad.text()
    tap.ok(said.startswith("git-gate: ") and said.count("\n") == 1 and said.endswith("\n"), "%s: one line" % what, said)
    tap.eq([t for t in texts if t not in said], [], "%s: culprit and cure are named" % what, said)
tap.ok(not os.path.exists(path("no")), "nothing was made on the way")
with socket.socket() as s:
    tap.ok(s.connect_ex(("127.0.0.1", port)) != 0, "nothing listens")


def check_config(*args):
    r = subprocess.run([GATE, "check-config", *args], env=ENV, cwd=TMP, capture_output=True, text=True, timeout=PATIENCE)
    return r.returncode, r.stdout, r.stderr


some = file("some", "[limit]\n\tsessions = 4\n[deadline]\n\tidle = 1m\n[listen]\n\tgit = 127.0.0.1:1\n\tgit = \"[::1]:1\"\n")
code, out, err = check_config("--config", some, "-c", "deadline.idle=20s")
tap.eq((code, err), (0, ""), "check-config: nothing is wrong")
rows = [re.fullmatch(r"(\S+) += (.*?) *    # (.*)", line) for line in out.splitlines()]
tap.ok(all(rows) and len(rows) > 25, "check-config: every line is a key, a value and an origin", out)
values = [r.groups() for r in rows]
for want in ("deadline.idle", "20s", "command line"), ("limit.sessions", "4", "file " + some), ("deadline.init", "15s", "default"), \
        ("listen.git", "127.0.0.1:1", "file " + some), ("listen.git", "[::1]:1", "file " + some):
    tap.ok(want in values, "check-config: %s = %s from %s" % want, *[v for v in values if v[0] == want[0]])
file("again", "".join("[%s]\n\t%s = %s\n" % (*k.split("."), '"%s"' % v.replace('"', '\\"') if "#" in v else v) for k, v, _ in values if v))
again = check_config("--config", path("again"))[1]
tap.eq([line.rsplit("    # ", 1)[0].split() for line in again.splitlines()], [line.rsplit("    # ", 1)[0].split() for line in out.splitlines()],
       "check-config: what it prints can be read back")
wrong = file("wrong", "[limit]\n\tsesions = 4\n\tsessions = none\n[deadline]\n\tidle = 1\n")
code, out, err = check_config("--config", wrong, "-c", "reaper.mode=x", "-c", "listen.git=y")
tap.eq((code, out, err.count("\n")), (2, "", 5), "check-config: five errors", err)
tap.eq([t for t in ("sesions", "'none'", "'1'", "'x'", "'y'") if t not in err], [], "check-config: all of them", err)

# --- the client ---------------------------------------------------------------------------------------------------------

g = Gate({"listen.git": GOOD, "listen.http": "127.0.0.1:0"})
g.process.send_signal(0)
repo, work = g.repo(), g.work("work")
git("push", "-q", "origin", "HEAD:main", cwd=work)


def run(what, push, url):
    begin = time.monotonic()
    if push:
        r = git("push", url, "HEAD:b%d" % tap.n, cwd=work, check=False)
    else:
        r = git("ls-remote", url, cwd=work, check=False)
    seconds = time.monotonic() - begin
    tap.ok(seconds < BUSY, "%s: %s ends at once (%.2fs)" % (what, url.split(":")[0] + (" push" if push else " fetch"), seconds))
    return r


def urls(gate, name, transports):
    return [{"git": gate.url, "http": gate.http}[t](name) for t in transports]


def refused(gate, what, push, text, name="r.git", transports=("git", "http")):
    for url in urls(gate, name, transports):
        r = run(what, push, url)
        tap.ok(r.returncode != 0 and text in r.stderr, "%s: %s is refused, and the client is told" % (what, "push" if push else "fetch"), url, r.stderr)


def served(gate, what, push, name="r.git", transports=("git", "http")):
    for url in urls(gate, name, transports):
        r = run(what, push, url)
        tap.eq(r.returncode, 0, "%s: %s is served" % (what, "push" if push else "fetch"), url, r.stderr)


def variant(**settings):
    return Gate({"gate.basePath": g.base, "listen.http": "127.0.0.1:0", **{k.replace("_", "."): v for k, v in settings.items()}})


for push in False, True:
    refused(g, "missing repository", push, "no such repository", "missing.git")
    outside = path("outside.git")
    shutil.copytree(repo, outside) if not push else None
    os.symlink(outside, os.path.join(g.base, "link.git")) if not push else None
    refused(g, "a symlink that leaves the base path", push, "outside the base path", "link.git")
    for name in "../../outside.git", "x/../r.git", "./../r.git":
        refused(g, name, push, "repository", name, transports=["git"])         # curl asks for another path
hostile = g.repo("off.git", "daemon.receivepack=false")
refused(g, "daemon.receivepack=false", True, "not enabled", "off.git")
served(g, "daemon.receivepack=false", False, "off.git")
raw = Raw(g, "git-foo")
tap.ok(b"ERR git-gate: unknown service git-foo" in raw.rest(), "an unknown service is refused, and the client is told")
r = git("archive", "--remote=" + g.url("r.git"), "HEAD", check=False)
tap.ok(r.returncode != 0 and "not enabled" in r.stderr, "git archive --remote: refused, and the client is told", r.stderr)

q = variant(gate_receivePack="false")
refused(q, "gate.receivePack=false", True, "not enabled")
served(q, "gate.receivePack=false", False)
p = variant(gate_exportAll="false")
refused(p, "not exported", False, "not exported")
refused(p, "not exported", True, "not exported")
file(os.path.join(repo, "git-daemon-export-ok"), "")
served(p, "exported", False)
hooks = Hooks(pre_receive=None)
h = variant(hook_path=hooks.dir)
refused(h, "hook missing", True, "pre-receive hook is missing; see hook.path")
served(h, "hook missing", False)
hooks.set(pre_receive="exit 0")
served(h, "hook there", True)
os.chmod(os.path.join(hooks.dir, "pre-receive"), 0o644)
refused(h, "hook not executable", True, "hook cannot be executed; see hook.path")
served(h, "hook not executable", False)
u = variant(hook_scanner="unset")
refused(u, "hook.scanner unset", True, "hook.scanner")
served(u, "hook.scanner unset", False)
gates = [g, q, p, h, u]

six = Gate({"gate.basePath": g.base})
six.stop()
del six.settings["listen.git"]
six_port = free_port(socket.AF_INET6)
six.start("-c", "listen.git=" + "127.0.0.1:0", "-c", "listen.git=[::1]:%d" % six_port)
tap.eq(six.status()["listening"][1], "git://[::1]:%d" % six_port, "IPv6: the address is shown right")
served(six, "IPv4 beside IPv6", True, transports=["git"])
six.url = lambda name: "git://[::1]:%d/%s" % (six_port, name)
served(six, "IPv6", True, transports=["git"])
ended = wait_for(lambda: (lambda all_of_them: len(all_of_them) == 2 and all_of_them)(six.ask("reaped", "--all")), "both sessions to be over")
peers = [e["peer"] for e in ended]
tap.ok(re.fullmatch(r"\[::1\]:\d+", peers[0]) and re.fullmatch(r"127\.0\.0\.1:\d+", peers[1]), "both peers are shown right", peers)
gates.append(six)

if not ROOT_USER:
    tap.skip("repository of another owner", "only root can give one away")
else:
    subprocess.run(["chown", "-R", "65534", g.repo("theirs.git")], check=True)
    theirs = os.path.join(g.base, "theirs.git")
    for push in False, True:
        refused(g, "repository of another owner", push, "add it to gate.safeDirectory", "theirs.git")
    e = wait_for(lambda: len(g.events("session.refused", repo="theirs.git")) > 3 and g.events("session.refused", repo="theirs.git"), "four events")
    tap.ok(len(e) == 4 and all("gate.safeDirectory" in str(x) and "65534" in str(x) for x in e), "the event names repository and cure", e)
    for value in theirs, "*":
        gates.append(variant(gate_safeDirectory=value))
        for push in False, True:
            served(gates[-1], "gate.safeDirectory=%s" % value, push, "theirs.git")
    gates.append(variant(gate_safeDirectory=repo))
    refused(gates[-1], "gate.safeDirectory of another", True, "gate.safeDirectory", "theirs.git")
# --- the command line: what is wrong, and what was probably meant ---------------------------------------------------------------
for args, code, want in (
        (["sesions"], 2, "unknown command 'sesions'; did you mean 'sessions'?"), (["xyzzy"], 2, "'git-gate --help' lists them"),
        (["help", "sesions"], 2, "did you mean 'sessions'?"), (["sessions", "--wach"], 2, "unknown option '--wach'; did you mean '--watch'?"),
        (["sessions", "--completely-else"], 2, "unknown option '--completely-else'\n"), (["sessions", "-Z"], 2, "unknown option '-Z'"),
        (["sessions", "--json=1"], 2, "'--json' takes no value"), (["reaped", "--since"], 2, "'--since' needs a value"),
        (["sessions", "extra"], 2, "unexpected argument 'extra'"), (["cleanup"], 2, "--base DIR is missing"),
        (["cleanup", "--base", TMP, "--since", "soon"], 2, "'soon' is not a number"), (["cleanup", "--base", path("none")], 1, "cannot open '%s'" % path("none")),
        (["sessions", "--control", "/" + "x" * 120], 2, "a socket's path has at most")):
    r = subprocess.run([GATE, *args], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
    tap.ok(r.returncode == code and want in r.stderr and not r.stdout, "git-gate %s: exit %d, and it says so" % (" ".join(args)[:60], code), r)

finish(tap, *gates)
