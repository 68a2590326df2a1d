"""What the benches share: what processes cost at rest, as the kernel counts it, and what was measured on which machine."""
import os
import re
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from gate import *                                                      # noqa: E402
from sshd import listening                                              # noqa: E402

MEMORY = "Rss", "Pss", "Private_Dirty"


def memory(pids):
    """Sums over the processes, in KiB. Pss shares a page among all that map it, whoever they are; Private_Dirty depends on nobody else."""
    texts = [read("/proc/%d/smaps_rollup" % p) for p in pids]
    return {key: sum(int(m[1]) for m in (re.search(r"(?m)^%s:\s+(\d+)" % key, t) for t in texts) if m) for key in MEMORY}


def activity(pids):
    """CPU time in ms and voluntary context switches since they were started, over all their threads."""
    run = switches = 0
    for p in pids:
        for t in os.listdir("/proc/%d/task" % p):
            run += int(read("/proc/%d/task/%s/schedstat" % (p, t)).split()[0])
            switches += int(re.search(r"(?m)^voluntary_ctxt_switches:\s+(\d+)", read("/proc/%d/task/%s/status" % (p, t)))[1])
    return run / 1e6, switches


def machine():
    u = os.uname()
    model = re.search(r"(?m)^model name\s*:\s*(.*)", read("/proc/cpuinfo"))
    return "%d cores (%s), %s %s, %s, load %s" % (os.cpu_count(), model[1] if model else u.machine, u.sysname, u.release,
                                                git("--version").stdout.strip(), read("/proc/loadavg").split()[0])


def version(package):
    """Of an installed Debian package, or None."""
    r = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package], capture_output=True, text=True)
    status, _, v = r.stdout.partition(" ")
    return v if status == "installed" else None


def git_daemon(base, most):
    """A stand-alone git daemon over the directory: the process, and its port once it listens."""
    port = free_port()
    d = popen([git("--exec-path").stdout.strip() + "/git-daemon", "--reuseaddr", "--listen=127.0.0.1", "--port=%d" % port, "--base-path=" + base,
               "--export-all", "--enable=receive-pack", "--max-connections=%d" % most], stderr=subprocess.DEVNULL)

    wait_for(lambda: listening(port), "git daemon to listen")
    return d, port


def table(*rows):
    for i, r in enumerate(rows):
        print("| %s |" % " | ".join(r), flush=True)
        if i == 0:
            print("|---%s|" % ("|--:" * (len(r) - 1)), flush=True)


def median(values):
    return statistics.median(values)


def verdict(ratio):
    """Of ours divided by theirs; less is better."""
    return "best" if ratio <= 1 else "within 5 %" if ratio <= 1.05 else "behind by %.0f %%" % (100 * (ratio - 1))


def judged(mine, figures):
    """Three cells: the best of the others, our figure divided by its, and what that means. figures: name -> figure, less is better."""
    others = {name: v for name, v in figures.items() if name != mine and v is not None}
    if figures.get(mine) is None or not others:
        return "-", "-", "nobody to compare with" if figures.get(mine) is not None else "**no figure**"
    best = min(others, key=others.get)
    ours, theirs = figures[mine], others[best]
    if not theirs:
        return best, "-", "best" if not ours else "behind: %.3g beside 0" % ours
    return best, "%.2f" % (ours / theirs), verdict(ours / theirs)
