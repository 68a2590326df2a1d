#!/usr/bin/python3
"""docs/operating.md stays true: every command on the page is one that there is, with its options; every setting and event is known; every link leads
somewhere; what explain says stands there as it says it. Then the operator's walk and the runbook on a real gate, step by step: exit status, the
words that the page leads one to, and the labels and columns that it shows.
"""
import shlex

from scanrepo import GREP, KEY, script
from sshd import upstream
from terminal import *

tap = Tap()
PAGE = read(os.path.join(ROOT, "docs", "operating.md"))
BLOCKS = [(b.splitlines()[0], [x for x in b.splitlines()[1:] if x.strip()])
          for b in re.findall(r"(?m)^    \$ ((?:.*\n)(?:    (?!\$ ).*\n|\n(?=    (?!\$ )))*)", PAGE)]
BLOCKS = [(c, [x[4:] for x in lines]) for c, lines in BLOCKS]
COMMANDS = {c for c, _ in BLOCKS} | set(re.findall(r"`((?:git-gate|git|journalctl|systemctl|df) [^`]+)`", PAGE))


def run(*args, **kw):
    return subprocess.run(args, env=ENV, cwd=TMP, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, **kw)


# --- the page by itself -----------------------------------------------------------------------------------------------------

ours = [shlex.split(c)[1:] for c in sorted(COMMANDS) if c.startswith("git-gate ") and "`" not in c]
# "git-gate COMMAND --help", and what the gate and its clients print
ours = [a for a in ours if a[0].islower() or a[0].startswith("-")]
tap.ok(len(BLOCKS) > 20 and len({a[0] for a in ours}) >= 14, "there are %d commands with output, of %d kinds" % (len(BLOCKS), len({a[0] for a in ours})), *ours)
for args in ours:
    r = run(GATE, *args, "--help")
    tap.ok(r.returncode == 0 and r.stdout.startswith("Usage: git-gate %s" % args[0]) and not r.stderr, "there is git-gate %s" % " ".join(args), r)
words = set(re.findall(r"`([a-z]+(?:\.NAME)?\.[A-Za-z-]+)(?: = [^`]*)?`", PAGE)) | set(re.findall(r"GIT_GATE_EVENT=([a-z.-]+)", PAGE))
words |= set(re.findall(r"config/?\S* ([a-z]+\.[A-Za-z]+) ", PAGE))
unknown = [w for w in sorted(words) if run(GATE, "explain", w).returncode]
tap.eq((len(words) > 15, unknown), (True, []), "settings and events of the page are known")
anchors = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"(?m)^#+ (.*)", PAGE)}
for text, file, anchor in re.findall(r"\[([^\]]+)\]\(([^)#]*)(?:#([^)]*))?\)", PAGE):
    target = read(os.path.join(ROOT, "docs", file)) if file else PAGE
    there = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"(?m)^#+ (.*)", target)}
    tap.ok(target and (not anchor or anchor in there), "the link to %s#%s leads somewhere" % (file, anchor), sorted(there))
tap.ok("(docs/operating.md)" in read(os.path.join(ROOT, "README.md")), "README leads to it")
for command, lines in BLOCKS:
    if command.startswith("git-gate explain"):
        said = run(GATE, *shlex.split(command)[1:]).stdout.splitlines()
        tap.eq([x for x in lines if x.strip() != "…" and x not in said], [], "what %s says is what the page says" % command)


def labels(lines):
    """Labels and the names of columns: what a page may count on."""
    found = set()
    for line in lines:
        line = line.split("…")[0]
        found |= {m[0] for m in [re.match(r"[a-z][a-z ]*:", line)] if m}
        columns = line.split()
        if len(columns) > 3 and all(re.fullmatch(r"[A-Z][A-Z/-]*", x) for x in columns):
            found |= set(columns)
    return found


def shown(command, r, code=0, *expect):
    """A step of the page, done: r is what came. What the page shows of that command has the same labels and columns."""
    out = r.stdout + r.stderr
    missing = [w for w in expect if not re.search(w, out)]
    tap.ok(r.returncode == code and not missing, "%s: exit status %d, and %s" % (command, code, ", ".join(expect)), missing, r)
    kind = command.split()[:2]
    wanted = set().union(*[labels(lines) for c, lines in BLOCKS if c.split()[:2] == kind and " ".join(c.split()[2:3]) != "--watch"])
    return wanted - labels(out.splitlines())


# --- the gate ----------------------------------------------------------------------------------------------------------------

up, base, work, conf = upstream(), path("git"), path("work"), path("config")
git("init", "-q", work)
commit(work, "first", "first\n")
settings = {"listen.git": "127.0.0.1:0", "listen.http": "off", "gate.basePath": base, "gate.exportAll": "true", "gate.log": "json", "hook.scanner": "command",
            "hook.scannerCommand": script(GREP.replace(KEY, "AKIA[A-Z2-7]{16}")), "hook.path": os.path.join(BUILD, "hooks"), "hook.dir": path("steps"), "deadline.idle": "1m",
            "deadline.commands": "10m", "limit.sessions": "2", **up.mirrored(base, "app.git", seed=work)}
for key, value in settings.items():
    git("config", "--file", conf, key, value)
g = Gate(base=base, start=False)
g.settings = {"gate.control": g.control}
git("init", "-q", "--bare", os.path.join(base, "site.git"))
g.launch("--config", conf).ready()
url = g.url("app.git")


def ask(*args):
    return g.cli(*args, *(("--config", conf) if args[0] in ("reload", "doctor") else ()))


def check_config():
    return run(GATE, "check-config", "--config", conf)


def push_part(ref, n):
    """A push that stops after n bytes of its pack."""
    oid, pack = pack_of(work)
    c = Raw(g, repo="site.git")
    c.advertisement()
    c.commands(oid, "refs/heads/" + ref)
    c.s.sendall(pack[:n])
    return c


def id_of(c, phase):
    """Once its deadline counts."""
    return wait_for(lambda: [s["id"] for s in g.sessions() if s["peer"] == c.peer and s["phase"] == phase and s["deadline"]], "%s to be in %s" % (c.peer, phase))[0]


def change(key, value):
    git("config", "--file", conf, key, value)
    missing = shown("git-gate reload", ask("reload"), 0, "^%s changed$" % re.escape(key))
    tap.eq(missing, set(), "%s = %s" % (key, value))


# --- the walk -----------------------------------------------------------------------------------------------------------------

commit(work, "large", os.urandom(400000))
stuck = push_part("main", 150000)
id = id_of(stuck, "pack")
t = Terminal([GATE, "sessions", "--watch", "--control", g.control], 150)
t.shows(r"(?m)^ID +DEADLINE +LIMIT +PHASE +REPO +AGE +QUIET .*\n%s +\[[#.]{10}\] +1m00s +pack +site.git" % id)
t.type("q")
tap.eq(t.end(), 0, "find it: sessions --watch has it, and q ends that")
t.close()
r = ask("show", id)
live = r.stdout
shown("git-gate show ID", r, 0, "phase: +pack", "turn: +client", r"deadline: +deadline.idle: \S+ of 1m00s \[", "unpack-objects|index-pack", r"(?m)^ *\S+ +\S+ +pack$")
shown("git-gate kill ID", ask("kill", id, "--reason", "client hangs since 03:12, ticket 4711"), 0, "session %s is being ended" % id)
tap.ok(b"git-gate: ended by the operator, session " + id.encode() in stuck.rest(), "end it: the client reads that")
wait_for(lambda: g.reaped(id=id), "the record")
missing = shown("git-gate reaped --since 2h", ask("reaped", "--since", "2h", "--journal", ""), 0, "%s  operator +site.git +pack" % id)
tap.eq(missing, set(), "its columns are those of the page")
r = ask("show", id)
missing = shown("git-gate show ID", r, 0, "turn: the client's, in phase pack; silent for", "tcp: 15[0-9]{4} bytes received", r"unpack.*: read fd 0 \(client\)")
tap.eq(missing - labels(live.splitlines()), set(), "live or ended, show has all the labels of the page")
change("deadline.idle", "20s")
git("config", "--file", conf, "deadline.idle", "2x")
shown("git-gate reload", ask("reload"), 1, "deadline.idle: '2x' is not a duration; write 15s, 500ms, 2m or never", "nothing was reloaded")
shown("git-gate check-config", check_config(), 2, "deadline.idle: '2x' is not a duration")
git("config", "--file", conf, "deadline.idle", "20s")
shown("git-gate check-config", check_config(), 0, r"(?m)^deadline.idle += 20s +# file ")
missing = shown("git-gate status", ask("status"), 0, "(?m)^ended .*of them by the gate 1: operator 1", "(?m)^waiting +0; turned away so far: 0", "(?m)^evidence +complete",
                "(?m)^log +0 events were lost", "(?m)^last error  ")
tap.eq(missing, set(), "its columns are those of the page")
stuck = push_part("again", 150000)
shown("git-gate show ID", ask("show", id_of(stuck, "pack")), 0, r"deadline: +deadline.idle: \S+ of 20.0s")
stuck.close()

# --- the deadline that is shown is that of the phase that is shown ----------------------------------------------------------------

# a look once in deadline.idle / 8 while upstream is asked, so for up to 2.5 s the policy has not seen that it is the client's turn
quiet = Raw(g, repo="app.git")
quiet.advertisement()
rows = []


def counted():
    found = [s for s in g.sessions() if s["peer"] == quiet.peer]
    rows.extend((s["phase"], s["deadline"]) for s in found)
    return rows and rows[-1][1] == "deadline.commands"


wait_for(counted, "the deadline to count")
tap.eq(set(rows) - {("commands", "deadline.commands"), ("commands", None), ("hook", "deadline.hook"), ("hook", None), ("work", None)}, set(),
       "a session in phase commands is not said to have the hook's deadline")
quiet.close()
g.settle()

# --- the runbook ----------------------------------------------------------------------------------------------------------------

commit(work, "deploy.ini", "key = %s\n" % KEY)
said = git("push", url, "HEAD:secret", cwd=work, check=False).stderr
git("reset", "-q", "--hard", "HEAD~1", cwd=work)
refused = re.search(r"hook.allowFinding, session ([0-9a-f]{8})", said)
tap.ok(refused, "refused: the client reads the session", said)
g.settle()
shown("git-gate tail ID", ask("tail", refused[1]), 0, "session.opened: ", "push.rejected: .* found 1", "session.closed: ")

full = [Raw(g, repo="app.git") for _ in range(2)]
for c in full:
    c.advertisement()
waits = popen(["git", "ls-remote", url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
wait_for(lambda: g.status()["waiting"] == 1, "one to wait")
shown("git-gate status", ask("status"), 0, r"(?m)^waiting +1, the longest for", r"(?m)^limit.sessions +2 +2 ")
missing = shown("git-gate sessions", ask("sessions"), 0, "commands +- ")
tap.eq(missing, set(), "its columns are those of the page")
for c in full:
    c.close()
tap.eq(end(waits)[0], 0, "and is served")
shown("git-gate drain", ask("drain"), 0)
shown("git-gate health --ready", ask("health", "--ready"), 1, "not ready: drained: an operator has drained the gate; git-gate resume ends that")
shown("git-gate resume", ask("resume"), 0)

change("deadline.packStart", "1s")
late = push_part("late", 0)
text = late.rest()
tap.ok(re.search(rb"git-gate: no pack for \d+\.\ds \(limit 1s, deadline.packStart\), session ", text), "a healthy push is ended: the client reads the setting", text)
wait_for(lambda: g.reaped(reason="pack-start"), "the record")
shown("git-gate reaped --since 1h --reason pack-start", ask("reaped", "--since", "1h", "--reason", "pack-start", "--journal", ""), 0, "deadline.packStart  told,")
change("deadline.packStart", "2m")
tap.eq(git("push", g.url("site.git"), "HEAD:late", cwd=work, check=False).returncode, 0, "pushed again it is taken")

shown("git-gate doctor", ask("doctor"), 0, "(?m)^ok +system calls: ", "(?m)^ok +ending: every step")
shown("git-gate doctor app.git", ask("doctor", "app.git"), 0, "ok +app.git upstream", "ok +app.git push")
os.rename(up.config, up.config + ".away")
up.process.terminate()
up.process.wait(PATIENCE)
shown("git-gate doctor app.git", ask("doctor", "app.git"), 1, "ok +app.git known hosts", "failed +app.git upstream: .*does not listen on that port", "skipped +app.git push: needs upstream")

g.settle()
shown("git-gate cleanup --base DIR", run(GATE, "cleanup", "--base", base), 0)
t = Terminal([GATE, "tail", "--lines", "500", "--control", g.control], 300, 100)
t.shows("gate.ready: (.*\n)+.*push.rejected: ")
tap.ok(True, "git-gate tail --lines 500 has the last events")
t.type("\x03")
t.end()
t.close()
change("reaper.mode", "observe")
shown("git-gate report", ask("report"), 0, ", observe: ", r"enforce would have ended \d+ of them: \d+ finished well \(false alarms\), \d+ failed, \d+ still run")
missing = shown("git-gate tune", ask("tune"), 0, "deadline.packStart +2m00s +\\d+")
tap.eq(missing - {"to have it so:"}, set(), "its columns are those of the page")
change("reaper.mode", "enforce")
shown("git-gate run", run(GATE, "run", "--config", conf, "-c", "gate.control=" + g.control), 2, r"another git-gate \(pid %d\) uses .*: stop it, or set gate.control" % g.pid)
shown("git-gate run", run(GATE, "run", "--config", conf, "-c", "gate.control=%s.2" % g.control, "-c", "listen.git=127.0.0.1:%d" % g.port), 2,
      r"cannot listen on 127.0.0.1:\d+ \(listen.git\): Address already in use; stop what uses the port \(ss -ltnp shows it\), or change the setting")
shown("git-gate run", run(GATE, "run", "-c", "gate.control=%s.2" % g.control, "-c", "gate.basePath=" + path("nothing")), 2,
      "gate.basePath: .*: No such file or directory; create it, or set gate.basePath")
shown("git-gate health", ask("health"), 0, "^healthy")
tap.eq(g.stop(), 0, "the gate stops")
shown("git-gate health", ask("health"), 3, r"no gate is running \(nothing listens on ")
tap.done()
