#!/usr/bin/python3
"""libsystemd is loaded where something is asked of it, and not for a gate that systemd did not start; where it cannot be loaded, whatever needs it says so,
with the cure, and nothing else is in the way."""
from gate import *

tap = Tap()
NAME = "libsystemd.so.0"
broken, lacking = path("broken"), path("lacking")
os.mkdir(broken)
open(os.path.join(broken, NAME), "w").close()
os.mkdir(lacking)
# a library that is none of systemd's, by its name
other = re.search(r"(/\S*libjansson\S*)", subprocess.run(["ldd", GATE], capture_output=True, text=True, check=True).stdout)[1]
os.symlink(other, os.path.join(lacking, NAME))

g = Gate({**PATIENT, "listen.http": "127.0.0.1:0"})
g.repo()
work = g.work("work")


def push(gate, name):
    return git("push", "-q", gate.url("r.git"), "HEAD:refs/heads/" + name, cwd=work, check=False).returncode


tap.eq(push(g, "a"), 0, "a push")
tap.ok("systemd" not in read("/proc/%d/maps" % g.pid), "a gate that systemd did not start has no library of its")
for name, directory, why in ("cannot be loaded", broken, "file too short"), ("lacks something", lacking, "undefined symbol: sd_listen_fds_with_names"):
    without = {"LD_LIBRARY_PATH": directory}
    for variable, value in ("LISTEN_FDS", "1"), ("WATCHDOG_USEC", "1000000"):
        bad = Gate(PATIENT, env={**without, variable: value}, start=False).launch()
        code = bad.process.wait(PATIENCE)
        said = bad.text().splitlines()[-1]
        tap.eq((code, [x for x in (variable + " is set", why, "install libsystemd0") if x not in said]), (2, []),
               "it %s: with %s a gate does not start, and says why" % (name, variable), said)
    good = Gate({**PATIENT, "gate.basePath": g.base}, env=without)
    tap.eq(push(good, "of-" + name.split()[0]), 0, "it %s: without them a gate serves" % name)
    good.stop()

    def reaped(*more):
        return subprocess.run([GATE, "reaped", "--all", "--json", "--control", g.control, *more], env={**ENV, **without}, capture_output=True, text=True,
                              timeout=PATIENCE)

    r = reaped()
    tap.eq((r.returncode, r.stderr, [x["source"] for x in json.loads(r.stdout)][:1]), (0, "", ["memory"]), "it %s: reaped shows what the gate remembers" % name)
    r = reaped("--journal", path())
    tap.ok(r.stderr.startswith("git-gate: the journal cannot be read: ") and why in r.stderr and "install libsystemd0" in r.stderr,
           "it %s: reaped --journal says why not" % name, r.stderr)
g.stop()
finish(tap, g)
