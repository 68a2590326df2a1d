#!/usr/bin/python3
"""git-gate doctor: each check passes where all is well, and fails with a reason and a cure of its own where one thing is not. One row, one thing
that is broken: that check fails, and no other but those that need it.
"""
from servers import *

tap = Tap()
server = Sshd(path("up"))
if server.missing():
    skip_all(server.missing())
os.makedirs(path("up"))


def write(name, text, mode=0o644):
    with open(path(name), "w") as f:
        f.write(text)
    os.chmod(path(name), mode)
    return path(name)


def key(name, command):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path(name)], check=True, env=ENV, stdin=subprocess.DEVNULL, timeout=PATIENCE)
    if command:
        with open(os.path.join(server.dir, "authorized"), "a") as f:
            f.write('restrict,command="%s" %s' % (command, read(path(name) + ".pub")))
    return path(name)


SHELL = 'git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"'
key("id", SHELL)
key("reader", "case $SSH_ORIGINAL_COMMAND in git-receive-pack*) echo ERROR: Permission to r.git denied to deploy key. >&2; exit 1;; esac; " + SHELL)
key("stuck", "exec sleep 1000")
key("stranger", None)
try:
    server.start()
except PermissionError as e:
    skip_all(str(e).replace("\n", " "))
host_key = " ".join(read(os.path.join(server.dir, "host.pub")).split()[:2])
write("known", "[127.0.0.1]:%d %s\n" % (server.port, host_key))
write("known.empty", "")
write("known.revoked", "[127.0.0.1]:%d %s\n@revoked [127.0.0.1]:%d %s\n" % (server.port, host_key, server.port, host_key))
write("known.other", "[127.0.0.1]:%d %s\n" % (server.port, " ".join(read(path("stranger.pub")).split()[:2])))

# stand-ins for scanners: hook.scannerCommand DIR MANIFEST
SCAN = "#!/bin/sh\n[ -f \"$2\" ] || exit 9\n"
write("finds", SCAN + "f=$(grep -rlE 'AKIA[A-Z0-9]{16}' \"$1\") || exit 0\nprintf '%s\\t2\\taws\\n' \"$(basename \"$f\")\"\nexit 1\n", 0o755)
write("half", SCAN + "f=$(grep -rlE 'AKIA[A-Z0-9]{16}' \"$1\") || exit 9\nprintf '%s\\t2\\taws\\n' \"$(basename \"$f\")\"\nexit 1\n", 0o755)
write("passes", SCAN + "exit 0\n", 0o755)
write("alarms", SCAN + "printf '%s\\t1\\tany\\n' $(ls \"$1\")\nexit 1\n", 0o755)
write("crashes", SCAN + "echo 'out of luck' >&2\nkill -9 $$\n", 0o755)
write("unknown", SCAN + "echo 'bad flag' >&2\nexit 126\n", 0o755)
write("hangs", SCAN + "exec sleep 1000\n", 0o755)
write("plain", SCAN, 0o644)

r = path("up", "r.git")
git("init", "-q", "--bare", r)
w = path("work")
git("init", "-q", w)
commit(w, "one")
git("push", "-q", r, "HEAD:main", cwd=w)

hooks = path("hooks")
os.mkdir(hooks)
for name in "pre-receive", "post-receive":
    shutil.copy("/bin/true", os.path.join(hooks, name))
base, conf, scratch = path("base"), path("conf"), path("scratch")
os.mkdir(base)
os.mkdir(scratch)


def url(name="r.git"):
    return "ssh://127.0.0.1:%d%s" % (server.port, path("up", name))


g = Gate({"gate.exportAll": "false"}, base=base, start=False)
own = {k: v for k, v in g.settings.items() if not k.startswith("listen.")}
write("conf", "".join("[%s]\n\t%s = %s\n" % (*k.split("."), v) for k, v in
                      {**own, "hook.path": hooks, "hook.dir": path("steps"), "hook.scratch": scratch, "hook.scanner": "command",
                       "hook.scannerCommand": path("finds"), "limit.scan": "1m"}.items()))


def run(*args, settings=(), prefix=()):
    more = [a for s in settings for a in ("-c", s)]
    return subprocess.run([*prefix, GATE, *args, "--config", conf, *more], env=ENV, cwd=TMP, capture_output=True, text=True, timeout=PATIENCE * 2)


for args in (["m.git", "--upstream", url(), "--identity", path("id"), "--known-hosts", path("known")], ["--local", "own.git"]):
    a = run("add", *args)
    tap.eq(a.returncode, 0, "add %s" % args[0], a.stderr)
g.settings = {k: v for k, v in g.settings.items() if k.startswith("listen.")}
g.start("--config", conf)

# --- all is well ------------------------------------------------------------------------------------------------------------

GATE_CHECKS = ["settings", "gate", "cgroups", "base path", "hooks", "steps", "scratch", "scanner", "limits"]
# those of the machine are in t0155; what a shared machine may lack is no failure
MACHINE_CHECKS = ["system calls", "/proc", "processes", "descendants", "connections", "ptrace rules", "ending", "evidence", "git", "hook version", "clock",
                  "descriptors", "process limit", "backlog", "room", "file system", "others", "control", "journal"]
REPO_CHECKS = ["repository", "objects", "identity", "known hosts", "upstream", "push"]


def rows(*args, **kw):
    """{(repository, check): row} of --json."""
    d = run("doctor", "--json", *args, **kw)
    try:
        v = json.loads(d.stdout)
    except ValueError:
        v = []
    failed = [x for x in v if x["result"] == "failed"]
    tap.eq(d.returncode, 1 if failed or not v else 0, "doctor %s: the exit status" % " ".join((*args, *kw.get("settings", ()))), d.stdout, d.stderr)
    return {(x["repo"], x["check"]): x for x in v}


def results(v):
    return {k: "ok" if k[1] in MACHINE_CHECKS and x["result"] == "warn" else x["result"] for k, x in v.items()}


v = rows()
want = {**{("", c): "ok" for c in GATE_CHECKS + MACHINE_CHECKS}, **{("m.git", c): "ok" for c in REPO_CHECKS},
        **{("own.git", c): "ok" if c in ("repository", "objects") else "skipped" for c in REPO_CHECKS}}
tap.eq(results(v), want, "all is well", v)
tap.eq(list(v), list(want), "in this order")
tap.eq(set(rows("m.git")), {k for k in want if k[0] in ("", "m.git") and k[1] not in MACHINE_CHECKS}, "one repository")
d = run("doctor")
tap.ok(re.match(r"ok       settings: %s\nok       gate: " % re.escape(conf), d.stdout) and len(d.stdout.splitlines()) == len(want),
       "a line for each", d.stdout, d.stderr)
tap.eq(os.listdir(scratch), [], "nothing is left of the planted secret")
tap.eq(git("rev-parse", "main", cwd=r).stdout, git("rev-parse", "HEAD", cwd=w).stdout, "upstream is as it was")

# --- one thing is broken -----------------------------------------------------------------------------------------------------

m = os.path.join(base, "m.git")
silent = socket.socket()
silent.bind(("127.0.0.1", 0))
silent.listen()
write("known.silent", "[127.0.0.1]:%d %s\n" % (silent.getsockname()[1], host_key))
nobody = free_port()
write("known.nobody", "[127.0.0.1]:%d %s\n" % (nobody, host_key))
os.makedirs(path("bad-steps", "pre-receive.d"))
write("bad-steps/pre-receive.d/10-check", "#!/bin/sh\n")
os.makedirs(path("good-steps", "pre-receive.d"))
write("good-steps/pre-receive.d/10-check", "#!/bin/sh\n", 0o755)
write("good-steps/pre-receive.d/10-check.bak", "#!/bin/sh\n")
os.mkdir(path("no-hooks"))
shutil.copytree(hooks, path("flat-hooks"))
os.chmod(path("flat-hooks", "post-receive"), 0o644)
os.chmod(key("open", None), 0o644)
SECTION = "repo.m.git."


def moved(old, new):
    return lambda: os.rename(old, new), lambda: os.rename(new, old)


def unlinked(file):
    text = read(file, "rb")
    return lambda: os.unlink(file), lambda: open(file, "wb").write(text)


tree_id = git("rev-parse", "main^{tree}", cwd=r).stdout.strip()
ROWS = (  # what, settings or (do, undo), repository, check, what stands in text and cure
    ("no gate", ["gate.control=" + path("nowhere")], "", "gate", "no gate is running", "git-gate run"),
    ("another gate", ["gate.basePath=" + scratch], "", "gate", "serves %s" % base, "--config"),
    ("no hooks", ["hook.path=" + path("no-hooks")], "", "hooks", "pre-receive: No such file", "hook.path"),
    ("a hook that cannot be run", ["hook.path=" + path("flat-hooks")], "", "hooks", "post-receive is no program", "chmod 755"),
    ("a step that cannot be run", ["hook.dir=" + path("bad-steps")], "", "steps", "10-check: Permission denied", "chmod +x"),
    ("no scratch directory", ["hook.scratch=" + path("nowhere")], "", "scratch", "nowhere: No such file", "hook.scratch"),
    ("too little room", ["limit.scan=1024g"], "", "scratch", "has room for", "limit.scan"),
    ("no scanner", ["hook.scanner=unset"], "", "scanner", "every push is refused", "gitleaks"),
    ("a scanner that is not there", ["hook.scannerCommand=/nowhere/scan"], "", "settings", "'/nowhere/scan' cannot be run", "install it"),
    ("a scanner that is not installed", ["hook.scanner=betterleaks"], "", "scanner", "betterleaks cannot be run", "PATH"),
    ("a scanner that is no program", ["hook.scannerCommand=" + path("plain")], "", "settings", "plain' cannot be run", "Permission denied"),
    ("a scanner that finds nothing", ["hook.scannerCommand=" + path("passes")], "", "scanner", "does not find a planted AWS key", "rules"),
    ("a scanner that finds everything", ["hook.scannerCommand=" + path("alarms")], "", "scanner", "a secret where there is none", "rules"),
    ("a scanner that crashes", ["hook.scannerCommand=" + path("crashes")], "", "scanner", "killed by signal 9", "out of luck"),
    ("a scanner of an unknown status", ["hook.scannerCommand=" + path("unknown")], "", "scanner", "126", "bad flag"),
    ("a scanner that hangs", ["hook.scannerCommand=" + path("hangs"), "deadline.scan=1s"], "", "scanner", "did not end within 1s", ""),
    ("a scanner that fails where there is nothing", ["hook.scannerCommand=" + path("half")], "", "scanner", "9", "half"),
    ("limits that contradict", ["deadline.hook=1m"], "", "limits", "deadline.hook (1m00s) is shorter", "raise deadline.hook"),
    ("no repository", moved(m, m + ".away"), "m.git", "repository", "m.git: No such file", "git-gate remove m.git"),
    ("a repository that is none", moved(os.path.join(m, "HEAD"), os.path.join(m, "HEAD.away")), "m.git", "repository", "not a git directory", ""),
    ("one that is not served", unlinked(os.path.join(m, "git-daemon-export-ok")), "m.git", "repository", "is not served", "touch " + m),
    ("a mirror that has lost its upstream", [SECTION + "upstream="], "m.git", "repository", "the settings name none", "write its [repo] section"),
    ("a damaged repository", moved(os.path.join(m, "objects", tree_id[:2]), os.path.join(m, "objects", "away")), "m.git", "objects", "missing",
     "add it again"),
    ("no identity", [SECTION + "identityFile=" + path("nothing")], "m.git", "identity", "nothing: No such file", "able to read it"),
    ("an open identity", [SECTION + "identityFile=" + path("open")], "m.git", "identity", "others can read it", "chmod 600"),
    ("a host that is not pinned", [SECTION + "knownHostsFile=" + path("known.empty")], "m.git", "known hosts", "no host key for [127.0.0.1]:%d" % server.port,
     "ssh-keyscan"),
    ("a host on ssh's own port", [SECTION + "upstream=ssh://127.0.0.1/r.git"], "m.git", "known hosts", "no host key for 127.0.0.1", "ssh-keyscan"),
    ("a host key that has changed", [SECTION + "knownHostsFile=" + path("known.other")], "m.git", "upstream", "another host key than the pinned one (offered SHA256:",
     "known.other"),
    ("a host key that is revoked", [SECTION + "knownHostsFile=" + path("known.revoked")], "m.git", "upstream", "marked as revoked", "known.revoked"),
    ("a key that is refused", [SECTION + "identityFile=" + path("stranger")], "m.git", "upstream", "refuses the key", "stranger"),
    ("nobody listens", [SECTION + "upstream=ssh://127.0.0.1:%d/r.git" % nobody, SECTION + "knownHostsFile=" + path("known.nobody")], "m.git", "upstream",
     "does not listen on that port", "host and port"),
    ("a host that says nothing", [SECTION + "upstream=ssh://127.0.0.1:%d/r.git" % silent.getsockname()[1], "deadline.connect=1s",
                                  SECTION + "knownHostsFile=" + path("known.silent")], "m.git", "upstream", "does not answer in time", "host and port"),
    ("an upstream that hangs", [SECTION + "identityFile=" + path("stuck"), "deadline.refresh=2s"], "m.git", "upstream", "takes too long", "deadline.refresh"),
    ("no such repository", [SECTION + "upstream=" + url("nothing.git")], "m.git", "upstream", "has no such repository", "path of its URL"),
    ("a key that may only read", [SECTION + "identityFile=" + path("reader")], "m.git", "push", "lets this key read only", "allow it to push"),
)
for what, broken, repo, check, text, cure in ROWS:
    settings = broken if isinstance(broken, list) else ()
    if not settings:
        broken[0]()
    begun = time.monotonic()
    v = rows(*([repo] if repo else ["own.git"]), settings=settings)
    if not settings:
        broken[1]()
    row = v.get((repo, check), {"result": None, "text": "", "cure": ""})
    tap.ok(row["result"] == "failed" and text in row["text"] + row["cure"] and cure in row["text"] + row["cure"],
           "%s (%.1fs)" % (what, time.monotonic() - begun), row)
    tap.ok("@@" not in row["text"] and "NASTY" not in row["text"] and len(row["text"]) < 400, "in few words", row)
    failed = [k for k, x in v.items() if x["result"] == "failed" and not (what == "another gate" and k[1] == "repository")]
    tap.eq(failed, [(repo, check)], "and nothing else", v)
tap.eq(os.listdir(scratch), [], "nothing is left of the planted secrets")
p = popen([GATE, "doctor", "own.git", "--config", conf, "-c", "hook.scannerCommand=" + path("hangs")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
scanner = wait_for(lambda: [k for k in tree(p.pid) if cmdline(k) == "sleep 1000"], "the scanner")[0]
p.send_signal(signal.SIGTERM)
code, out = end(p)
tap.ok(code == 1 and "hangs was interrupted" in out, "told to stop while the scanner runs", code, out)
tap.eq((os.listdir(scratch), alive(scanner)), ([], False), "and nothing is left of it, nor of the planted secret")
tap.eq(results(rows()), want, "all is well again")
tap.ok("1 before a push" in rows(settings=["hook.dir=" + path("good-steps")])["", "steps"]["text"], "steps are counted")
v = rows("own.git", settings=["hook.scanner=none"])
tap.eq(v["", "scanner"]["result"], "skipped", "a gate without a scanner")
d = run("doctor", "--json", settings=["deadline.idel=3s"])
v = json.loads(d.stdout)
tap.ok(d.returncode == 1 and [(x["check"], x["result"]) for x in v] == [("settings", "failed")] and "did you mean" in v[0]["text"] and d.stderr == "", "bad settings", v, d.stderr)
v = rows("m.git", settings=["gate.receivePack=false"])
tap.eq((v["m.git", "push"]["result"], v["m.git", "push"]["text"]), ("skipped", "gate.receivePack is off"), "a gate that takes no pushes")
commit(w, "two")
git("push", "-q", r, "HEAD:main", cwd=w)
v = rows("m.git")
tap.eq((v["m.git", "push"]["result"], "upstream is ahead" in v["m.git", "push"]["text"]), ("ok", True), "upstream has more than the gate", v)
os.mkdir(path("tools"))
put_script(path("tools", "ssh-keygen"), 'case "$*" in -F*) echo out of luck >&2; exit 3;; esac; exec %s "$@"' % shutil.which("ssh-keygen"))
v = rows("m.git", prefix=("env", "PATH=%s:%s" % (path("tools"), ENV["PATH"])))
tap.ok(v["m.git", "known hosts"]["result"] == "failed" and "out of luck" in v["m.git", "known hosts"]["text"], "ssh-keygen fails", v)
v = rows("nothing.git")
tap.ok(v["nothing.git", "repository"]["result"] == "failed" and "git-gate add nothing.git" in v["nothing.git", "repository"]["cure"], "an unknown name", v)

# --- who asks -----------------------------------------------------------------------------------------------------------------

if os.geteuid() == 0:
    os.chmod(TMP, 0o755)
    v = rows("m.git", prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
    tap.ok(v["", "base path"]["result"] == "failed" and "as that user or as root" in v["", "base path"]["cure"], "as somebody else", v)
    tap.ok(v["m.git", "identity"]["result"] == "failed", "who cannot read the key", v)
    for top, dirs, files in os.walk(base):
        for f in [top] + [os.path.join(top, f) for f in files]:
            os.chown(f, 65534, 65534)
    v = rows("m.git")
    tap.ok(v["", "scratch"]["result"] == "failed" and "uid 65534 has to be able" in v["", "scratch"]["cure"], "root asks as the gate's user", v)
    os.chown(scratch, 65534, 65534)
    os.chown(path("id"), 65534, 65534)
    v = rows("m.git", settings=["gate.control=" + g.control, SECTION + "upstream=" + url().replace("://", "://root@")])
    tap.eq({k: x for k, x in results(v).items() if x != "ok"}, {("", "gate"): "failed", ("", "cgroups"): "skipped"}, "and then finds all well but the gate, which is another user's", v)
else:
    tap.skip("as another user", "not root")
finish(tap, g)
