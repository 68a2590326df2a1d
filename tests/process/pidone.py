"""A gate as PID 1 of a namespace of its own, and git that waits at a step of the gate's start; for the tests that want them."""
import re
import shutil

from gate import *

ROOT_USER = os.geteuid() == 0
UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"] + ([] if ROOT_USER else ["--user", "--map-current-user"])
NSENTER = ["-p", "-m"] + ([] if ROOT_USER else ["-U", "--preserve-credentials"])


def can_unshare(*more):
    return subprocess.run(UNSHARE + list(more) + ["true"], env=ENV, capture_output=True).returncode == 0


def is_one(pid):
    """PID 1 of its namespace, and the gate."""
    try:
        numbers = re.search(r"(?m)^NSpid:(.*)", read("/proc/%d/status" % pid))
        return os.readlink("/proc/%d/exe" % pid) == GATE and numbers and numbers[1].split()[-1] == "1"
    except OSError:
        return False


def outer(g):
    """The gate's pid outside: it is below unshare, and whatever else the prefix has."""
    return wait_for(lambda: [p for p in tree(g.process.pid) if is_one(p)], "PID 1 to be there")[0]


def inside(pid, *command):
    """Run a command in the namespaces of a process."""
    return subprocess.run(["nsenter", "-t", str(pid), *NSENTER, *command], env=ENV, cwd="/", text=True, capture_output=True, timeout=PATIENCE)


def states(pid):
    """pid, state and parent of every process in the namespace of pid, as seen from inside."""
    r = inside(pid, "sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null")
    return [re.fullmatch(r"(\d+) \(.*\) (\S) (\d+) .*", line).groups() for line in r.stdout.splitlines()]


def start_held(g, stage, latch, *more):
    """Start it with a git that waits in the command given, once: SIGHUP has it read the configuration again."""
    bin_dir = tempfile.mkdtemp(prefix="bin.", dir=TMP)
    with open(os.path.join(bin_dir, "git"), "w") as f:
        f.write('#!/bin/sh\ncase "$1" in %s) mkdir %s/once 2>/dev/null && { %s; } ;; esac\nexec %s "$@"\n'
                % (stage, bin_dir, latch.command, shutil.which("git")))
    os.chmod(f.name, 0o755)
    g.env = {**g.env, "PATH": bin_dir + ":" + ENV["PATH"]}
    g.launch(*more)
    latch.reached()
