#!/usr/bin/python3
"""The unit files, without a systemd that runs: verified, alike, exposed no more than docs/systemd.md explains; PREFIX; --gate."""
from gate import *

UNITS = ["git-gate.service", "git-gate@.service"] + ["git-gate-%s%s.socket" % (t, at) for t in ("git", "http") for at in ("", "@")]
WORST = 1.5             # by systemd-analyze: 0 is a process that can do nothing
tap = Tap()
if not shutil.which("systemd-analyze"):
    skip_all("systemd-analyze is not installed")


def unit(name, bindir="/usr/bin"):
    return subprocess.run([os.path.join(ROOT, "systemd", "unit"), name, bindir], capture_output=True, text=True, timeout=PATIENCE)


def analyze(*args):
    return subprocess.run(["systemd-analyze", *args], capture_output=True, text=True, timeout=PATIENCE, env=ENV)


# --- the files --------------------------------------------------------------------------------------------------------

os.makedirs(path("units"))
text = {}
for name in UNITS:
    made = unit(name, BUILD)            # so that ExecStart= is there
    text[name] = made.stdout
    tap.ok(made.returncode == 0 and made.stdout and not re.search(r"@[a-z]+@|@[A-Z]+@", made.stdout), name + " is made whole", made.stderr)
    with open(path("units", name), "w") as f:
        f.write(made.stdout)
tap.eq(unit("git-gate.timer").returncode, 2, "another is none")
verified = analyze("verify", "--man=no", *(path("units", name) for name in UNITS))
tap.eq((verified.returncode, verified.stdout + verified.stderr), (0, ""), "systemd-analyze verify has nothing to say")


def directives(name):
    """The lines that are none of comment, section and blank."""
    return [line for line in text[name].splitlines() if line and line[0] not in "#["]


def differ(a, b):
    return sorted({line.split("=")[0] for line in set(directives(a)) ^ set(directives(b))})


tap.eq(differ("git-gate.service", "git-gate@.service"),
       ["Also", "Description", "ExecReload", "ExecStart", "ReadWritePaths", "RuntimeDirectory", "Slice", "StateDirectory",
        "StateDirectoryMode"],
       "the template differs in names and places only")
tap.eq(differ("git-gate-git.socket", "git-gate-http.socket"), ["Description", "FileDescriptorName", "ListenStream"], "so do the sockets")
for name in UNITS[:2]:
    bare, reason = [], False
    section = ""
    for line in text[name].splitlines():
        if line.startswith("["):
            section, reason = line, False
        elif not line:
            reason = False
        elif line.startswith("#"):
            reason = True
        elif section == "[Service]" and not reason and line.split("=")[0] not in ("Type", "NotifyAccess", "ExecStart"):
            bare.append(line)
    tap.eq(bare, [], name + ": a reason above every line")

# --- what is left open ------------------------------------------------------------------------------------------------

doc = read(os.path.join(ROOT, "docs", "systemd.md"))
table = doc[doc.index("## What is left open"):]
explained = {m.replace(r"\|", "|") for m in re.findall(r"(?m)^\| `(.+?)` \| .", table)}
for name in UNITS[:2]:
    report = analyze("security", "--offline=yes", "--no-pager", path("units", name))
    figure = re.search(r"Overall exposure level for \S+: (\d+\.\d)", report.stdout)
    tap.ok(figure and float(figure[1]) <= WORST, "%s: exposure %s, at most %s" % (name, figure and figure[1], WORST), report.stdout, report.stderr)
    tap.ok(figure and "says %s " % figure[1] in table, "docs/systemd.md has that figure")
    rows = analyze("security", "--offline=yes", "--no-pager", "--json=short", path("units", name))
    # a null: does not apply; "0": nothing is open
    still = {r["name"] for r in json.loads(rows.stdout) if r["exposure"] and float(r["exposure"]) > 0}
    tap.eq(sorted(still - explained), [], name + ": docs/systemd.md explains each exposure")
    tap.eq(sorted(explained - still), [], name + ": and no other")

# --- another PREFIX -----------------------------------------------------------------------------------------------------

made = unit("git-gate.service", "/opt/gate/bin").stdout
tap.ok("ExecStart=/opt/gate/bin/git-gate run\n" in made and "/usr/bin/git-gate" not in made, "with another PREFIX the unit runs what is there", made)
dry = subprocess.run(["make", "-n", "-C", ROOT, "O=" + path("o"), "PREFIX=/opt/gate", "DESTDIR=/dest", "install"], capture_output=True, text=True, timeout=PATIENCE,
                     env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")})
# the loops of the recipes are in it as they are
tap.ok(dry.returncode == 0, "make install can be asked what it would do", dry.stderr)
for name in UNITS:
    tap.ok(re.search(r"for p in [^;]*\b%s" % re.escape(name), dry.stdout), "it installs " + name)
for what in ("/dest/opt/gate/lib/systemd/system/", "/dest/opt/gate/lib/sysusers.d/git-gate.conf", "/dest/opt/gate/lib/tmpfiles.d/git-gate.conf",
             "/dest/opt/gate/lib/systemd/catalog/git-gate.catalog"):
    tap.ok(what in dry.stdout, "to " + what)
tap.ok("systemd/unit git-gate.service /opt/gate/bin" in dry.stdout, "made for that PREFIX", dry.stdout[-3000:])

# --- one of several gates, by name ----------------------------------------------------------------------------------------


def run(*args, env=None):
    return subprocess.run([GATE, *args], env={**ENV, **(env or {})}, capture_output=True, text=True, timeout=PATIENCE)


for name in ("", ".", "..", "a/b", "a b", "x" * 65, "é"):
    r = run("status", "--gate", name)
    tap.ok(r.returncode == 2 and "--gate: a name is" in r.stderr, "no name of a gate: %r" % name[:9], r.stderr)
r = run("status", "--gate", "team", "--control", "/x")
tap.ok(r.returncode == 2 and "--gate and --control both" in r.stderr, "--gate and --control exclude one another", r.stderr)
r = run("run", "--gate", "no.such-gate_1")
tap.ok(r.returncode == 2 and "/etc/git-gate/no.such-gate_1.config" in r.stderr, "a gate whose configuration is missing does not start", r.stderr)
r = run("check-config", "-g", "team", "--config", "/dev/null")
values = dict(re.findall(r"(?m)^(\S+) += (\S+)", r.stdout))
runtime = "/run" if os.geteuid() == 0 else TMP
tap.eq((values.get("gate.basePath"), values.get("gate.control")), ("/var/lib/git-gate/team", runtime + "/git-gate@team/control"),
       "its places follow from its name")
r = run("check-config", "-g", "team", "--config", "/dev/null", "-c", "gate.basePath=/b", "-c", "gate.control=/c")
values = dict(re.findall(r"(?m)^(\S+) += (\S+)", r.stdout))
tap.eq((values.get("gate.basePath"), values.get("gate.control")), ("/b", "/c"), "but for those that are set")
# --- what is served with which sockets of systemd's -------------------------------------------------------------------------

ADOPT = ("bash", "-c", 'f=$1 n=$2; shift 2; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=$n exec "$@" 3<&$f')


def adopt(name, **listen):
    s = socket.create_server(("127.0.0.1", 0))
    q = Gate(start=False, prefix=ADOPT + ("bash", str(s.fileno()), name))
    for transport in ("git", "http"):
        q.settings.pop("listen." + transport)
        if transport in listen:
            q.settings["listen." + transport] = listen[transport]
    return q.launch(pass_fds=[s.fileno()]), s


for name, other in (("git", "http"), ("http", "git")):
    q, s = adopt(name)
    q.ready()
    tap.eq(q.status()["listening"], ["%s://127.0.0.1:%d" % (name, s.getsockname()[1])], "a socket for %s: %s is not served on its default" % (name, other))
    message = q.events("gate.ready")[0]["message"]
    tap.ok("(inherited); no %s: no socket for it is inherited, and listen.%s is not set" % (other, other) in message, "which is said", message)
    q.stop()
    q, s = adopt(name, **{other: "127.0.0.1:0", name: "127.0.0.1:1"})
    q.ready()
    tap.eq(sorted(a.split(":")[0] for a in q.status()["listening"]), ["git", "http"], "with listen.%s it is" % other)
    message = q.events("gate.ready")[0]["message"]
    tap.ok("(listen.%s; refuses clients during a restart)" % other in message and "listen.%s is not used" % name in message,
           "and what a restart does to its clients is said, and which setting is not used", message)
    q.stop()
    q, s = adopt(name, **{name: "off", other: "127.0.0.1:0"})
    tap.eq(q.process.wait(PATIENCE), 2, "listen.%s = off and a socket for it" % name)
    tap.ok("listen.%s is off, but a socket for it is inherited" % name in q.text() and "systemctl disable --now git-gate-%s.socket" % name in q.text(),
           "the error has the cure", q.text())

# --- other programs in the place of those that run -----------------------------------------------------------------------------

build = path("build")
os.makedirs(os.path.join(build, "hooks"))
for p in ("git-gate", "git-gate-session", "git-gate-http", "git-gate-hook"):
    shutil.copy(os.path.join(BUILD, p), build)
for h in ("pre-receive", "post-receive"):
    os.symlink("../git-gate-hook", os.path.join(build, "hooks", h))
q = Gate({"listen.http": "127.0.0.1:0"}, hooks=os.path.join(build, "hooks"), start=False)
started_with = GATE
q.args = lambda: [os.path.join(build, "git-gate")] + Gate.args(q)[1:]
q.start()
q.repo()
work = q.work("upgraded")
code, out = end(q.push(work))
tap.eq((code, q.events("gate.outdated")), (0, []), "a push before the upgrade", out)
for p in ("git-gate-session", "git-gate-http"):
    put_script(os.path.join(build, p), "echo 'I do not know these options' >&2; exit 2")
git("commit", "-q", "--allow-empty", "-m", "second", cwd=work)
code, out = end(q.push(work))
tap.eq(code, 0, "a push after it, though the new programs cannot be started by this gate", out)
r = git("ls-remote", "http://127.0.0.1:%d/r.git" % q.http_port, check=False)
tap.eq(r.returncode, 0, "and over HTTP", r.stderr)
tap.eq(len(q.events("gate.outdated")), 1, "that the gate is not what is installed is said, once")
os.unlink(os.path.join(build, "git-gate-session"))
git("commit", "-q", "--allow-empty", "-m", "third", cwd=work)
code, out = end(q.push(work))
tap.eq(code, 0, "nor does it matter that one is missing", out)
q.stop()

# --- a start that takes long -------------------------------------------------------------------------------------------------

sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind(path("notify"))
sock.settimeout(PATIENCE)
latch = Latch()
q = Gate({"service.slow.command": "/bin/sh -c '%s; echo >&3; exec sleep 1000'" % latch.command, "service.slow.ready": "fd", "service.slow.essential": "true",
          "service.slow.readyTimeout": "10m"}, start=False, env={"NOTIFY_SOCKET": path("notify")}).launch()
latch.reached()
tap.eq(sock.recv(4096).decode(), "EXTEND_TIMEOUT_USEC=15000000", "a gate that waits for a service asks for more time before anything else")
latch.release()
q.ready()
tap.ok(wait_for(lambda: "READY=1" in sock.recv(4096).decode(), "READY=1"), "and is ready then")
q.stop()
finish(tap, q)
