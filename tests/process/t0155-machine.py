#!/usr/bin/python3
"""git-gate doctor on a machine that lacks something: each row takes one thing away for real (a seccomp filter, a mount namespace, a limit, another
git), and doctor says so, and what the cure is. What cannot be taken away here (a kernel without task/TID/children or with Yama, a wrong clock, network
file systems, a full cgroup) has rows in tests/unit/machine.c only.
"""
import ctypes
import platform
import struct
from gate import *

tap = Tap()
os.chmod(TMP, 0o755)
base = path("base")
os.mkdir(base)
hooks = os.path.join(BUILD, "hooks")
ROOT_USER = os.geteuid() == 0
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
MOUNTS = ["unshare", "-m"] if ROOT_USER else ["unshare", "-Urm"]
DEFAULTS = {"gate.basePath": base, "gate.control": path("run", "control"), "hook.path": hooks, "hook.dir": path("steps"), "hook.scanner": "none"}
os.mkdir(path("run"))


def doctor(settings=None, prefix=(), program=GATE, env=None, json_=True, more=(), **kw):
    more = [*more] + [a for k, v in {**DEFAULTS, **(settings or {})}.items() for a in ("-c", "%s=%s" % (k, v))]
    return subprocess.run([*prefix, program, "doctor", *(["--json"] if json_ else []), "--config", "/dev/null", *more], env={**ENV, **(env or {})}, cwd="/",
                          capture_output=True, text=True, timeout=PATIENCE, **kw)


def rows(**kw):
    d = doctor(**kw)
    try:
        return {x["check"]: x for x in json.loads(d.stdout)}
    except ValueError:
        return {"": {"result": None, "text": d.stdout + d.stderr, "cure": ""}}


def can(prefix):
    return subprocess.run([*prefix, "true"], env=ENV, capture_output=True, timeout=PATIENCE).returncode == 0


# --- a machine that has all --------------------------------------------------------------------------------------------------------

MACHINE = ["system calls", "/proc", "processes", "descendants", "connections", "ptrace rules", "ending", "evidence", "git", "hook version", "clock",
           "descriptors", "process limit", "backlog", "room", "file system", "others", "control", "journal"]
v = rows()
tap.eq([c for c in v if c in MACHINE], MACHINE, "a row for each check, in this order", v)
tap.eq([c for c in MACHINE if c in v and v[c]["result"] == "failed"], [], "nothing is wrong with this machine", v)
sure = ["/proc", "processes", "descendants", "connections", "ending", "git", "hook version", "others", "control"]
tap.eq([v[c]["result"] for c in sure if c in v], ["ok"] * len(sure), "and what tests rely on is well", v)
d = doctor(json_=False)
for line in d.stdout.splitlines():
    note(line)
tap.ok(re.search(r"(?m)^ok       ending: every step ended a process of its own$", d.stdout) and d.stderr == "", "a line for each", d.stdout, d.stderr)
tap.eq(d.returncode, 1, "exit status 1: there is no gate here", d.stdout)
if ROOT_USER:
    for what, uid in ("as an ordinary user", 65534), ("root for an ordinary user's gate", None):
        if uid is None:
            os.chown(base, 65534, 65534)
            os.chown(path("run"), 65534, 65534)
        v = rows(prefix=NOBODY if uid else ())
        bad = {c for c in MACHINE if c in v and v[c]["result"] == "failed"}
        tap.eq((bad, [v[c]["result"] for c in ("processes", "ending", "system calls") if c in v]), ({"control"} if uid else set(), ["ok"] * 3), what, v)
    # as a careful pod has it
    pod = ["unshare", "-mpfn", "--mount-proc", "sh", "-ec", "ip link set lo up; mount -o remount,hidepid=2 /proc; mount -o remount,bind,ro /; exec \"$@\"", "-",
           *NOBODY, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    if can(pod):
        v = rows(prefix=pod, settings={"gate.control": "/run/nowhere/a/control"})
        bad = {c for c in MACHINE if c in v and v[c]["result"] == "failed"}
        tap.eq(bad - {"room"}, {"file system", "control"}, "a read-only root without capabilities: only what is read-only", v)
        tap.ok("hidepid" in v["/proc"]["text"] and v["processes"]["result"] == "ok" and v["ending"]["result"] == "ok", "hidepid hides others only", v)
        tap.ok("volume" in v["file system"]["cure"] and "tmpfs at /run" in v["control"]["cure"], "and says what a container needs", v)
    else:
        tap.skip("a read-only root without capabilities", "no such namespaces here")
    os.chown(base, 0, 0)
    os.chown(path("run"), 0, 0)
else:
    tap.skip("as other users", "not root")

# --- a seccomp filter ----------------------------------------------------------------------------------------------------------------

# filter.py NUMBER ARGUMENT VALUE ERRNO PROGRAM...: that call fails (with that 32-bit argument; ARGUMENT -1: always), as a container's rules do it
FILTER = path("filter.py")
with open(FILTER, "w") as f:
    f.write('''import ctypes, os, struct, sys
nr, arg, value, err = map(int, sys.argv[1:5])
LD, JEQ, RET, ALLOW, ERRNO = 0x20, 0x15, 0x06, 0x7fff0000, 0x00050000
ops = [(LD, 0, 0, 0), (JEQ, 0, 3 if arg >= 0 else 1, nr)]
if arg >= 0:
    ops += [(LD, 0, 0, 16 + 8 * arg), (JEQ, 0, 1, value)]
ops += [(RET, 0, 0, ERRNO | err), (RET, 0, 0, ALLOW)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *o) for o in ops))
prog = struct.pack("HxxxxxxQ", len(ops), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.c_char_p(prog), 0, 0):
    sys.exit("no seccomp: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[5], sys.argv[5:])
''')
CALLS = {"x86_64": dict(pidfd_open=434, pidfd_send_signal=424, pidfd_getfd=438, statx=332, socket=41, prctl=157, getsockopt=55, shutdown=48, clock_adjtime=305),
         "aarch64": dict(pidfd_open=434, pidfd_send_signal=424, pidfd_getfd=438, statx=291, socket=198, prctl=167, getsockopt=209, shutdown=210, clock_adjtime=266)}
calls = CALLS.get(platform.machine())
EPERM, ENOSYS, EAFNOSUPPORT, ENOPROTOOPT = 1, 38, 97, 92


def filtered(name, arg=-1, value=0, err=EPERM):
    return [sys.executable, FILTER, str(calls[name]), str(arg), str(value), str(err)]


FILTERS = (  # call, argument, value, errno, check, result, what is said, cure
    ("pidfd_open", -1, 0, EPERM, "system calls", "failed", "pidfd_open fails (Operation not permitted), a seccomp filter forbids it; no session can be ended", "Docker 20.10"),
    ("pidfd_open", -1, 0, ENOSYS, "system calls", "failed", "pidfd_open fails (Function not implemented), a seccomp filter forbids it", "SystemCallFilter="),
    ("pidfd_send_signal", -1, 0, EPERM, "system calls", "failed", "pidfd_send_signal fails", "@system-service"),
    ("statx", -1, 0, ENOSYS, "system calls", "failed", "statx fails (Function not implemented), a seccomp filter forbids it; leftovers", "newer kernel"),
    ("prctl", 0, 36, EPERM, "system calls", "failed", "PR_SET_CHILD_SUBREAPER) fails", "libseccomp 2.5"),
    ("pidfd_getfd", -1, 0, EPERM, "system calls", "warn", "the clients of watched servers", "CAP_SYS_PTRACE"),
    ("socket", 0, 16, EAFNOSUPPORT, "system calls", "warn", "socket(AF_NETLINK) fails", "RestrictAddressFamilies="),
    ("socket", 0, 10, EAFNOSUPPORT, "system calls", "warn", "IPv6", ""),
    ("pidfd_send_signal", 1, 1, EPERM, "ending", "failed", "SIGHUP: Operation not permitted", "LSM"),
    ("pidfd_send_signal", 1, 9, EPERM, "ending", "failed", "SIGKILL: Operation not permitted", "LSM"),
    ("shutdown", -1, 0, EPERM, "ending", "failed", "half-close of a connection that is read from: Operation not permitted", "LSM"),
    ("getsockopt", 2, 11, ENOPROTOOPT, "connections", "failed", "TCP_INFO has 0 bytes", "gVisor"),
    ("clock_adjtime", -1, 0, EPERM, "clock", "ok", "whether it is synchronised cannot be asked", ""),
)
if calls and can(filtered("clock_adjtime")):
    for name, arg, value, err, check, result, text, cure in FILTERS:
        row = rows(prefix=filtered(name, arg, value, err)).get(check, {"result": None, "text": "", "cure": ""})
        tap.ok(row["result"] == result and text in row["text"] and cure in row["cure"],
               "%s%s: %s" % (name, "" if arg < 0 else " with %d" % value, row["text"][:150]), row)
else:
    tap.skip("a seccomp filter", "none can be set here")

# --- namespaces and limits -------------------------------------------------------------------------------------------------------------


def mounted(script):
    return [*MOUNTS, "sh", "-ec", script + "; exec \"$@\"", "-"]


def script(name, text):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    put_script(path(name), text)
    return os.path.dirname(path(name))


def git_of(name, version, exec_path):
    """A PATH with a git that says so, and is the real one for all else: the configuration is read by it."""
    return {"PATH": script(name + "/git", 'case $1 in version) echo git version %s;; --exec-path) echo %s;; *) exec %s "$@";; esac'
                           % (version, exec_path, shutil.which("git"))) + ":" + ENV["PATH"]}


exec_path = git("--exec-path").stdout.strip()
os.makedirs(path("few", "programs"))
os.symlink(shutil.which("git"), path("few", "programs", "git"))
for name in "open-hooks", "old-hooks":
    os.mkdir(path(name))
script("old/git-gate-hook", "echo 0.0.9")
for name in "pre-receive", "post-receive":
    os.symlink(os.path.join(BUILD, "git-gate-hook"), path("open-hooks", name))
    os.symlink(path("old", "git-gate-hook"), path("old-hooks", name))
os.chmod(path("open-hooks"), 0o777)
with open(path("open-tokens"), "w") as f:
    os.chmod(path("open-tokens"), 0o666)
for name in "open-base", "open-run":
    os.mkdir(path(name))
    os.chmod(path(name), 0o777)
TABLE = [  # what, how, check, result, what is said, cure
    ("git that is too old", dict(env=git_of("git1", "2.30.2", exec_path)), "git", "failed", "git version 2.30.2", "2.36 or newer"),
    ("git with a known fault", dict(env=git_of("git2", "2.38.1", exec_path)), "git", "warn", "CVE-2022-23521", "update git"),
    ("git in pieces", dict(env=git_of("git3", "2.39.5", path("few", "programs"))), "git", "failed", "git-daemon is not there", "install the rest of git"),
    ("git that does not run", dict(env={"PATH": script("git4/git", "[ \"$1\" != version ] || exit 1; exec %s \"$@\"" % shutil.which("git"))}), "git", "failed", "does not run",
     "install git"),
    ("a hook of another version", dict(settings={"hook.path": path("old-hooks")}), "hook version", "failed", "the hook is 0.0.9, and this program", "install git-gate again"),
    ("settings that anybody may change", dict(settings={"access.tokenFile": path("open-tokens")}), "others", "failed", "may write to %s" % path("open-tokens"), "chmod o-w"),
    ("hooks that anybody may change", dict(settings={"hook.path": path("open-hooks")}), "others", "failed", "may write to %s" % path("open-hooks"), "chmod o-w"),
    ("a base path that anybody may change", dict(settings={"gate.basePath": path("open-base")}), "others", "warn", path("open-base"), "chmod o-w"),
    ("a control socket anybody may replace", dict(settings={"gate.control": path("open-run", "control")}), "others", "failed", path("open-run"), "RuntimeDirectory="),
    ("no place for the control socket", dict(settings={"gate.control": "/proc/nowhere/control"}), "control", "failed", "cannot be made", "systemd-tmpfiles"),
    ("few descriptors", dict(prefix=["prlimit", "--nofile=500:500"]), "descriptors", "failed", "may have 500", "LimitNOFILE="),
    ("descriptors for sessions only", dict(prefix=["prlimit", "--nofile=1024:1024"]), "descriptors", "warn", "fewer clients can wait", "limit.waiting"),
    ("few processes", dict(prefix=["prlimit", "--nproc=400"]), "process limit", "warn", "400 processes (RLIMIT_NPROC)", "TasksMax="),
    ("no loopback", dict(prefix=[*MOUNTS, "-n"]), "connections", "warn", "no connection over 127.0.0.1", "ip link set lo up"),
    ("a short backlog", dict(prefix=[*MOUNTS, "-n", "sh", "-ec", "echo 128 >/proc/sys/net/core/somaxconn; exec \"$@\"", "-"]), "backlog", "warn", "somaxconn is 128",
     "net.core.somaxconn=4096"),
    ("no /proc", dict(prefix=mounted("mount -t tmpfs none /proc")), "/proc", "failed", "no proc file system", "mount -t proc"),
    ("and then no process is tried", dict(prefix=mounted("mount -t tmpfs none /proc")), "ending", "skipped", "needs /proc", ""),
    ("processes of others are hidden", dict(prefix=[*MOUNTS, "-pf", "--mount-proc", "sh", "-ec", "mount -o remount,hidepid=2 /proc; exec \"$@\"", "-"]), "/proc", "ok", "hidepid=", ""),
    ("another namespace's /proc", dict(prefix=[*MOUNTS, "-pf"]), "/proc", "failed", "/proc/self is not this process", "mount proc anew"),
    ("Yama's rule 3", dict(prefix=mounted("mount -t tmpfs none /proc/sys; mkdir -p /proc/sys/kernel/yama; echo 3 >/proc/sys/kernel/yama/ptrace_scope")), "ptrace rules", "warn",
     "ptrace_scope is 3", "ptrace_scope=1"),
    ("a full disk", dict(prefix=mounted("mount -t tmpfs -o size=64k,mode=755 none %s; cat /dev/zero >%s/full 2>/dev/null || :" % (base, base))), "room", "failed",
     "room for 0", "make room"),
    ("a small disk", dict(prefix=mounted("mount -t tmpfs -o size=1m,mode=755 none " + base)), "room", "warn", "1.0M", "make room"),
    ("few files", dict(prefix=mounted("mount -t tmpfs -o nr_inodes=50,mode=755 none " + base)), "room", "warn", " files", "make room"),
    ("a base path in memory", dict(prefix=mounted("mount -t tmpfs -o mode=755 none " + base)), "file system", "warn", "tmpfs", "a volume"),
    ("a read-only base path", dict(prefix=mounted("mount --bind %s %s; mount -o remount,bind,ro %s" % (base, base, base))), "file system", "failed", "read-only",
     "ReadWritePaths="),
]
for what, how, check, result, text, cure in TABLE:
    if not can(how.get("prefix", ())):
        tap.skip(what, "no such namespace here")
        continue
    v = rows(**how)
    row = v.get(check, {"result": None, "text": "", "cure": ""})
    tap.ok(row["result"] == result and text in row["text"] and cure in row["cure"], "%s: %s; %s" % (what, row["text"][-100:], row["cure"][:70]), row, v)
row = rows(env={"PATH": path("nothing")}).get("settings", {})
tap.ok(row and (row["result"] == "failed" and "git" in row["text"]), "without any git nothing can be read, and that is said", row)

# a program with capabilities of its own is closed to who has none, under whatever user
if ROOT_USER:
    caps = path("git-gate-caps")
    shutil.copy(GATE, caps)
    try:
        os.setxattr(caps, "security.capability", struct.pack("<IIIII", 0x02000000, 1 << 13, 0, 0, 0))
        v = rows(prefix=NOBODY, program=caps)
        tap.ok(v["processes"]["result"] == "warn" and "no syscall (Operation not permitted)" in v["processes"]["text"] and "one user" in v["processes"]["cure"],
               "processes that cannot be looked into: " + v["processes"]["text"][:80], v)
    except OSError as e:
        tap.skip("processes that cannot be looked into", str(e))
else:
    tap.skip("processes that cannot be looked into", "not root")

# --- a journal ----------------------------------------------------------------------------------------------------------------------------

REMOTE = "/lib/systemd/systemd-journal-remote"
if ROOT_USER and os.access(REMOTE, os.X_OK) and can(MOUNTS):
    for name, ahead in ("now", 0), ("ahead", 86400):
        usec = int((time.time() + ahead) * 1e6)
        entry = "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=1\n_BOOT_ID=%s\n_UID=0\nMESSAGE=x\n\n" % (usec, "1" * 32)
        subprocess.run([REMOTE, "-o", path(name + ".journal"), "-"], input=entry.encode(), capture_output=True, check=True, timeout=PATIENCE)
    # who holds journald's socket: a program of the test's, in the namespace
    with open(path("sink.py"), "w") as f:
        f.write("import os, socket, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\ns.bind('/run/systemd/journal/socket')\nos.chmod('/run/systemd/journal/socket', 0o666)\n"
                "sys.exit(os.spawnvp(os.P_WAIT, sys.argv[1], sys.argv[1:]))\n")

    def journal(at, file, more="", mode="644"):
        where = "/%s/log/journal" % at
        return mounted("id=00000000000000000000000000000001; mount -t tmpfs none /run; mount -t tmpfs none /var; mkdir -p /run/systemd/journal %s/$id /etc; "
                       "echo $id >/run/id; mount --bind /run/id /etc/machine-id; cp %s %s/$id/system.journal; chmod %s %s/$id/system.journal; %s" %
                       (where, path(file + ".journal"), where, mode, where, more or ":")) + [sys.executable, path("sink.py")]

    catalog = "mkdir -p /var/lib/systemd/catalog; %s --dump-catalog >/run/gg.catalog; mount -t tmpfs none /usr/lib/systemd/catalog; cp /run/gg.catalog " \
              "/usr/lib/systemd/catalog/git-gate.catalog; journalctl --update-catalog >/dev/null 2>&1" % GATE
    for what, how, check, result, text, cure in (
            ("no journald where one is asked for", dict(settings={"gate.log": "journal"}, prefix=mounted("mount -t tmpfs none /run")), "journal", "failed", "no journald",
             "start journald"),
            ("a journal in memory", dict(prefix=journal("run", "now")), "journal", "warn", "/var/log/journal has none", "mkdir /var/log/journal"),
            ("a journal that explains nothing", dict(prefix=journal("var", "now")), "journal", "warn", "catalog has no text", "journalctl --update-catalog"),
            ("a journal that is closed to who asks", dict(prefix=journal("var", "now", mode="600") + NOBODY), "journal", "warn", "you may read none", "usermod -aG systemd-journal"),
            ("a journal that is well", dict(prefix=journal("var", "now", catalog)), "journal", "ok", "keeps them, and explains them", ""),
            ("a journal from the future", dict(prefix=journal("var", "ahead")), "clock", "warn", "ahead of the clock", "timedatectl")):
        row = rows(**how).get(check, {"result": None, "text": "", "cure": ""})
        tap.ok(row["result"] == result and text in row["text"] and cure in row["cure"], "%s: %s" % (what, row["text"]), row)
else:
    tap.skip("a journal", "not root, or no systemd-journal-remote, or no mounts here")

# --- beside a gate ---------------------------------------------------------------------------------------------------------------------------

g = Gate(base=base, control=path("run", "control"), prefix=["prlimit", "--nofile=900:900"])
v = rows()
tap.ok(v["evidence"]["result"] == "ok" and v["evidence"]["text"] == "the gate misses nothing of its sessions", "a gate in the same place", v["evidence"])
said = g.status()
tap.ok(v["cgroups"]["result"] == "ok" and (said["cgroup"] or said["cgroup_unused"]) in v["cgroups"]["text"] and
       ("Delegate=yes" in v["cgroups"]["cure"]) == (not said["cgroup"]), "it says whether sessions have cgroups, and why not: " + v["cgroups"]["text"][:100], v["cgroups"])
tap.ok(v["descriptors"]["result"] == "warn" and "the gate may have 900" in v["descriptors"]["text"], "its limits are looked at, not doctor's own", v["descriptors"])
v = rows(settings={"gate.control": "/proc/nowhere/control"}, more=["--control", g.control])
tap.eq((v["evidence"]["text"], v["control"]["result"], v["control"]["text"].split(":")[0]), ("the gate misses nothing of its sessions", "ok", rows()["control"]["text"].split(":")[0]),
       "--control: the gate that is there, whatever the settings say")
v = rows(prefix=MOUNTS)
tap.ok(v["gate"]["result"] == "ok" and "not of the gate's" in v["evidence"]["text"] if ROOT_USER else True, "from another namespace: what is said is said to be of this place", v)
g.stop()
# one that has met what it could not look into, as it says: nothing on this kernel makes a real one say so
answer = json.dumps({"ok": True, "data": {"version": "0", "base_path": base, "draining": False, "reduced_evidence": True, "cgroup": "/sys/fs/cgroup/a", "cgroup_unused": None}}).encode() + b"\n"
listener = socket.socket(socket.AF_UNIX)
listener.bind(path("run", "control"))
listener.listen(8)


def answer_all():
    while True:
        try:
            s = listener.accept()[0]
        except OSError:
            return
        with s:
            if s.recv(4096):
                s.sendall(answer)


threading.Thread(target=answer_all, daemon=True).start()
v = rows()
tap.ok(v["evidence"]["result"] == "warn" and "could not look into" in v["evidence"]["text"] and "run doctor where the gate runs" in v["evidence"]["cure"],
       "a gate with reduced evidence", v["evidence"])
tap.ok(v["cgroups"]["result"] == "ok" and "below /sys/fs/cgroup/a" in v["cgroups"]["text"], "and with cgroups", v["cgroups"])
# nothing that doctor started is left
tap.eq([p for p in pids() if cmdline(p).startswith(GATE + " doctor") and alive(p)], [], "no process is left of what was tried")
finish(tap)
