#!/usr/bin/python3
"""reaper.onReap: a command for each session that the gate ended, with its record; whatever the command does, the gate goes on."""
from gate import *

tap = Tap()
told = path("told")
script = path("on-reap")
big = path("big")


def command(body):
    """Replaces the command; the gate starts it anew each time."""
    put_script(script, body)


command('cat >>%s' % told)
g = Gate({"reaper.onReap": "%s 'two words' x" % script, "deadline.onReap": "1s"})
repo = g.repo("r.git")


def stuck(n=1):
    """Clients that say nothing, and are ended for it; returns their records in the gate's memory, newest first."""
    before = len(g.reaped())
    clients = [Raw(g) for _ in range(n)]
    for c in clients:
        c.advertisement()
    wait_for(lambda: len(g.reaped()) == before + n, "%d reaped" % n)
    for c in clients:
        c.close()
    return g.reaped()[:n]


def records():
    return [json.loads(line) for line in read(told).splitlines()] if os.path.exists(told) else []


def failures(text=""):
    return [e for e in g.events("onreap.failed") if text in e["message"]]


# --- the record ------------------------------------------------------------------------------------------------------------
command('{ printf "%%s|" "$@" >&2; echo >&2; cat; } >>%s; env | sort >%s; ls /proc/self/fd >%s' % (told, path("env"), path("fds")))
one = stuck()[0]
wait_for(lambda: records(), "the record")
got = records()[0]
whole = json.loads(g.cli("show", "--json", one["id"]).stdout)
tap.eq(got, whole, "the record is what show prints")
tap.eq((got["reason"], got["key"], got["repo"]), ("commands", "deadline.commands", "r.git"), "it names reason, key and repository")
wait_for(lambda: g.events("onreap.log", session=one["id"]), "what it prints")
tap.eq([e["message"] for e in g.events("onreap.log", session=one["id"])], ["two words|x|"], "its arguments are split as quoted, and what it prints is in the log")
wait_for(lambda: os.path.exists(path("fds")) and read(path("fds")), "its descriptors")
names = sorted(l.split("=")[0] for l in read(path("env")).splitlines())
tap.eq([n for n in names if n not in ("_", "PWD", "SHLVL", "OLDPWD")], ["LC_ALL", "PATH"], "its environment is PATH and LC_ALL")
tap.ok(len(read(path("fds")).split()) <= 4, "it has no descriptor of the gate's", read(path("fds")))
tap.eq(failures(), [], "and nothing failed")

# --- who is not told of ------------------------------------------------------------------------------------------------------
work = g.work("work")
commit(work, "f")
tap.eq(g.push(work).wait(PATIENCE), 0, "a healthy push")
wait_for(lambda: not g.sessions(), "its end")
tap.eq(len(records()), 1, "is no record")

# --- commands that misbehave ------------------------------------------------------------------------------------------------
rows = [
    ("fails", "exit 3", "its exit status is 3"),
    ("dies", "kill -9 $$", "it was ended by signal 9"),
    ("does not read its input", "exec <&-; exit 4", "its exit status is 4"),
    ("hangs, and has children", "sleep 1000 & sleep 1001", "it took longer than deadline.onReap"),
    ("ignores signals", "trap '' TERM HUP INT; while :; do sleep 1; done", "it took longer than deadline.onReap"),
]
for name, body, want in rows:
    command(body)
    before = len(failures(want))
    pushed = stuck()
    wait_for(lambda: len(failures(want)) > before, "onreap.failed of " + name)
    tap.eq(failures(want)[-1]["session"], pushed[0]["id"], "one that %s is an event" % name)
wait_for(lambda: not [p for p in g.processes() if "sleep" in cmdline(p)], "the processes of the commands gone")
tap.ok(True, "and no process of theirs is left")

command("head -c 3000000 /dev/zero | tr '\\0' 'x'; yes \"$(printf 'a\\033[31mb')\" | head -n 5000")
before = len(g.events("onreap.log"))
stuck()
wait_for(lambda: failures("over the rate"), "what was over the rate")
lines = g.events("onreap.log")[before:]
tap.ok(len(lines) <= 260 and all(len(e["message"]) < 1300 for e in lines) and "\x1b" not in g.text(),
       "one that prints megabytes is cut, and cannot drive a terminal", len(lines))

os.unlink(script)
stuck()
wait_for(lambda: failures("cannot be started"), "the missing command")
tap.ok("No such file" in failures("cannot be started")[-1]["message"], "one that is missing is an event")

# --- a slow command, and many sessions --------------------------------------------------------------------------------------
command('sleep 0.05; cat >>%s' % told)
before = len(records())
ended = stuck(40)
wait_for(lambda: len(records()) >= before + 40, "40 records")
tap.eq(sorted(r["id"] for r in records()[before:]), sorted(e["id"] for e in ended), "of 40 at once each is given once, and whole")
tap.eq(g.status()["sessions"], 0, "and the gate waits for none")

# --- a reload ---------------------------------------------------------------------------------------------------------------
r = g.cli("reload")
tap.eq(r.returncode, 0, "reload", r.stderr)

# --- the stop ---------------------------------------------------------------------------------------------------------------
command('trap "" TERM; sleep 0.3; cat >>%s' % told)
before = len(records())
c = Raw(g)
c.advertisement()
g.stop()
tap.eq(len(records()), before + 1, "who is ended by a stop is given too")
c.close()

# --- commands that hang for long, and more sessions than wait -----------------------------------------------------------------
command("sleep 1000")
many = 4 + 256 + 10
first = g
g = Gate({"reaper.onReap": script, "deadline.onReap": "10m", "deadline.init": "1s", "limit.sessions": str(many), "limit.sessionsPerPeer": str(many)})
clients = [Raw(g, request=False) for _ in range(many)]
wait_for(lambda: failures("were not given"), "what was left out")
tap.ok(len(g.processes()) > 4 and not failures("the gate stops"), "what is left out is said while the commands hang")
wait_for(lambda: len(g.reaped()) == many, "all to be ended")
for c in clients:
    c.close()
g.stop()
left = [int(re.search(r"(\d+) records were not given", e["message"])[1]) for e in failures("were not given")]
tap.eq((sum(left), len(failures("it was ended"))), (many - 4, 4), "after the stop each is accounted for", *left)
g = first

r = subprocess.run([GATE, "check-config", "-c", "reaper.onReap=relative x"], capture_output=True, text=True)
tap.ok(r.returncode == 2 and "reaper.onReap" in r.stderr and "absolute path" in r.stderr, "a relative path is refused", r.stderr)
r = subprocess.run([GATE, "check-config", "-c", "reaper.onReap=/nonexistent/x"], capture_output=True, text=True)
tap.ok(r.returncode == 2 and "reaper.onReap" in r.stderr and "cannot be run" in r.stderr, "so is a missing program", r.stderr)
finish(tap, g)
