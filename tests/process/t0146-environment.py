#!/usr/bin/python3
"""Settings from environment variables: file < environment < -c, check-config names the variable, a bad one stops the start, reload, and
nothing of it reaches git, hooks, steps or services."""
from gate import *

tap = Tap()


def check_config(*args, **env):
    return subprocess.run([GATE, "check-config", *args], env={**ENV, **env}, capture_output=True, text=True, timeout=PATIENCE)


def line(text, key):
    """What check-config says of a key: value and origin."""
    return [re.split(r" += +| +# ", found)[1:] for found in text.splitlines() if found.split(" ")[0] == key]


with open(path("config"), "w") as f:
    f.write("[deadline]\n\tidle = 20s\n\tinit = 20s\n\tgrace = 900ms\n[listen]\n\tgit = 127.0.0.1:1\n\tgit = 127.0.0.1:2\n")

# --- which source wins, and that it is told -------------------------------------------------------------------------------

r = check_config("--config", path("config"), "-c", "deadline.init=40s", GIT_GATE_DEADLINE__IDLE="30s", GIT_GATE_DEADLINE__INIT="30s",
                 GIT_GATE_LISTEN__GIT="127.0.0.1:3 [::1]:4", GIT_GATE_hook__allowFinding="one 'the other'",
                 GIT_GATE_REPO__APP__NAME="Team/app.git", GIT_GATE_REPO__APP__FRESH="9s")
tap.eq(r.returncode, 0, "check-config takes variables", r.stderr)
for key, want in (
        ("deadline.idle", [["30s", "environment GIT_GATE_DEADLINE__IDLE"]]),
        ("deadline.init", [["40s", "command line"]]),
        ("deadline.grace", [["900ms", "file " + path("config")]]),
        ("deadline.hook", [["10m", "default"]]),
        ("listen.git", [[a, "environment GIT_GATE_LISTEN__GIT"] for a in ("127.0.0.1:3", "[::1]:4")]),
        ("hook.allowFinding", [[a, "environment GIT_GATE_hook__allowFinding"] for a in ("one", "the other")]),
        ("repo.Team/app.git.fresh", [["9s", "environment GIT_GATE_REPO__APP__FRESH"]])):
    tap.eq(line(r.stdout, key), want, "check-config: %s" % key, r.stdout)

# --- what is refused, by name ---------------------------------------------------------------------------------------------

for name, value, want in (
        ("GIT_GATE_DEADLINE__IDEL", "3s", "GIT_GATE_DEADLINE__IDEL: unknown key 'deadline.idel'; did you mean 'deadline.idle'?"),
        ("GIT_GATE_DEADLINE__IDLE", "3", "GIT_GATE_DEADLINE__IDLE: deadline.idle: '3' has no unit"),
        ("GIT_GATE_DEADLINE_IDLE", "3s", "GIT_GATE_DEADLINE_IDLE: is no setting; write GIT_GATE_DEADLINE__IDLE"),
        ("GIT_GATE_REPO__APP__FRESH", "3s", "GIT_GATE_REPO__APP__FRESH: is of which one? Write its name in GIT_GATE_REPO__APP__NAME"),
        ("GIT_GATE_GATE__CONTROL", "x" * 200, "gate.control (environment GIT_GATE_GATE__CONTROL): a socket's path has at most")):
    r = subprocess.run([GATE, "run", "--config", path("config")], env={**ENV, name: value}, capture_output=True, text=True, timeout=PATIENCE)
    tap.ok(r.returncode == 2 and want in r.stderr, "no start: %s" % want[:60], r.returncode, r.stderr)
r = check_config("--config", path("config"), GIT_GATE_PORT_9418_TCP_ADDR="10.0.0.1", GIT_GATE_SERVICE_HOST="10.0.0.1", GIT_GATE_SESSION="ab12")
tap.eq(r.returncode, 0, "what Kubernetes or a gate sets is left alone", r.stderr)

# --- a gate with nothing but variables, and what its children get ---------------------------------------------------------

dump = 'tr "\\0" "\\n" </proc/self/environ >%s'
os.makedirs(path("steps", "pre-receive.d"))
put_script(path("steps", "pre-receive.d", "10-env"), dump % path("env.step"))
put_script(path("service"), "%s; exec sleep 1000" % (dump % path("env.service")))
put_script(path("reaped"), "cat >/dev/null; %s" % (dump % path("env.reaped")))
os.mkdir(path("hooks"))
put_script(path("hooks", "pre-receive"), "%s; exec %s" % (dump % path("env.hook"), os.path.join(BUILD, "hooks", "pre-receive")))
g = Gate(start=False)
g.env = {"GIT_GATE_" + k.upper().replace(".", "__"): v for k, v in g.settings.items()}
g.env.update({"GIT_GATE_DEADLINE__COMMANDS": "1s", "GIT_GATE_HOOK__DIR": path("steps"), "GIT_GATE_HOOK__PATH": path("hooks"),
              "GIT_GATE_SERVICE__1__NAME": "beside", "GIT_GATE_SERVICE__1__COMMAND": path("service"),
              "GIT_GATE_REAPER__ONREAP": path("reaped")})
g.settings = {}
open(path("empty"), "w").close()
g.start("--config", path("empty"))
repo, work = g.repo(), g.work("work")
code, out = end(g.push(work))
tap.eq(code, 0, "a gate of variables alone serves a push", out)
raw = Raw(g)
raw.advertisement()
wait_for(lambda: g.reaped(reason="commands"), "the silent client to be ended")
wait_for(lambda: read(path("env.reaped")), "reaper.onReap to be run")
wait_for(lambda: read(path("env.service")), "the service to be run")
for who in ("hook", "step", "service", "reaped"):
    names = [e.split("=")[0] for e in read(path("env." + who)).splitlines()]
    tap.eq([n for n in names if n.startswith("GIT_GATE_") and "__" in n], [], "nothing of it reaches: %s" % who)
    tap.ok("PATH" in names, "which has an environment: %s" % who, names)

# --- the environment stays as it was at the start -------------------------------------------------------------------------

with open(path("empty"), "w") as f:
    f.write("[deadline]\n\tcommands = 7s\n\tscan = 7s\n")
tap.eq(g.ask("reload")["changed"], ["deadline.scan"], "reload: the file is read again, and variables win over it as before")
g.stop()
tap.done()
