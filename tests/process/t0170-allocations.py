#!/usr/bin/python3
"""Allocations that fail, one by one, in a start and in a running gate, its sessions' programs and git-gate itself: nobody dies or lies.

A sample by chance (SEED= repeats it). ALLOC=all: each one, and a Markdown table (make faults-alloc). The other programs: t0182, t0183.
"""
import select
import signal

import alloc
from gate import *

tap = Tap()
if not alloc.works():
    skip_all("a sanitizer has an allocator of its own")
sweeps = alloc.Sweeps(tap)
sweep, rng, ALL, SEED = sweeps.sweep, sweeps.rng, sweeps.all, sweeps.seed


# --- a start -----------------------------------------------------------------------------------------------------------

start = alloc.Faults("git-gate")
conf, log = path("conf"), path("start.log")
os.makedirs(path("base"))
with open(path("tokens"), "w") as f:
    os.fchmod(f.fileno(), 0o600)
with open(conf, "w") as f:
    f.write("[gate]\nbasePath = base\ncontrol = ctl\nlog = json\nlogLevel = debug\n[listen]\ngit = 127.0.0.1:0\nhttp = 127.0.0.1:0\nadmin = 127.0.0.1:0\n"
            "[hook]\nscanner = none\n[reaper]\nonReap = /bin/true\n[access]\nallow = 127.0.0.0/8\ntokenFile = tokens\n"
            "[service \"x\"]\ncommand = sleep 1000\nessential = true\n[repo \"r.git\"]\nallowPush = any\n")


def launch():
    with open(log, "wb") as out:
        return popen([GATE, "run", "--config", "conf"], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                     env={**ENV, **start.env, "GIT_GATE_DEADLINE__IDLE": "3s"})


def ready():
    return '"event":"gate.ready"' in read(log)


def start_once(n):
    """It serves, and stops when it is told; or it says why not, and ends."""
    dead = launch()         # who is killed leaves a lock with its name, for the next to look after it
    wait_for(ready, "a gate to kill")
    dead.kill()
    dead.wait()
    start.arm(n)
    p = launch()
    wait_for(lambda: p.poll() is not None or ready(), "the start to come to an end")
    if p.poll() is None:
        start.disarm()
        p.send_signal(signal.SIGTERM)
        code = p.wait(PATIENCE)
        return "" if code == 0 else "exit code %s after SIGTERM: %s" % (code, read(log)[-300:])
    text = read(log).strip()
    clear = p.returncode in (1, 2) and ("memory" in text)
    return "" if clear else "exit code %s: %s" % (p.returncode, text[-300:])


tap.eq(start_once(0), "", "a start without a fault")
sweep("start", start_once, start.count, 15, start)

# --- what a gate that was killed has left: a start that fails leaves it to the next --------------------------------------

start.arm()
heir = Gate(env=start.env)
total = start.disarm()[0]
heir.repo()
stuck = Raw(heir)
stuck.advertisement()
os.kill(heir.pid, signal.SIGKILL)
heir.process.wait()
failed_starts = 0
for n in rng.sample(range(10, total // 2), 12):
    start.arm(n)
    heir.launch()
    wait_for(lambda: heir.process.poll() is not None or heir.events("gate.ready"), "the start to come to an end")
    start.disarm()
    if heir.process.poll() is None:
        break
    failed_starts += 1
else:
    heir.start()
tap.ok(wait_for(lambda: heir.reaped(reason="predecessor"), "its session to be ended"), "after %d failed starts its session is ended" % failed_starts)
stuck.close()
heir.ready()
heir.stop()

# --- a running gate ------------------------------------------------------------------------------------------------------

faults = alloc.Faults("git-gate")
g = Gate({"listen.http": "127.0.0.1:0", "reaper.onReap": "/bin/true", "limit.sessionsPerRepo": "20", "deadline.commands": "30s",
          "deadline.packStart": "30s", "deadline.idle": "30s", "deadline.init": "30s"}, env=faults.env)
repo = g.repo()
work = g.work("work")
git("push", "-q", "origin", "HEAD:main", cwd=work)
g.settle()


def shape(answer):
    """Its names and types: the values change."""
    if isinstance(answer, dict):
        return {k: shape(v) for k, v in answer.items() if k != "data" or not isinstance(v, str)}
    return [shape(v) for v in answer[:1]] if isinstance(answer, list) else None


def ask(**request):
    def once(n):
        faults.arm(n)
        try:
            a = g.request(**request)
        finally:
            faults.disarm()
        if g.process.poll() is not None:
            raise RuntimeError("the gate died: %s" % faults.where())
        if not a:
            return "no answer"
        if a["ok"]:
            return "" if not once.want or shape(a) == once.want else "a part of it is missing: %s" % json.dumps(a)[:300]
        return "" if "memory" in json.dumps(a) else "it is not said why: %s" % json.dumps(a)
    once.want = None
    faults.arm()
    once.want = shape(g.request(**request))
    return once, faults.disarm()[0]


for cmd, sample in (("health", 4), ("status", 12), ("sessions", 4), ("reaped", 4), ("report", 8), ("tune", 12), ("reload", 20), ("ready", 4),
                    ("metrics", 6), ("overview", 12), ("access", 4), ("drain", 4), ("resume", 4)):
    once, total = ask(cmd=cmd)
    sweep("answer to " + cmd, once, total, sample, faults)
once, total = ask(cmd="events", last=5)
sweep("answer to events", once, total, 8, faults)


def client(*command):
    return subprocess.run(["git", *command], cwd=work, env=ENV, capture_output=True, text=True, errors="replace", timeout=PATIENCE)


def traffic(make):
    """A client's command: it does what it should, or its client is told that memory lacks, and so is the log."""
    def once(n):
        command = make()
        faults.arm(n)
        refused = len(g.events("session.refused"))
        r = client(*command)
        wait_for(lambda: not g.processes(), "its processes to go")
        faults.disarm()
        if g.process.poll() is not None:
            raise RuntimeError("the gate died: %s" % faults.where())
        g.settle()
        if r.returncode == 0:
            return ""
        said = "out of memory" in r.stderr or "503" in r.stderr
        recorded = len(g.events("session.refused")) > refused
        again = client(*command)
        if again.returncode:
            return "and the next one fails too: %s" % again.stderr[-300:]
        return "" if said and recorded else "exit code %d, recorded: %s: %s" % (r.returncode, recorded, r.stderr[-300:])
    once(0)
    return once, faults.count


def a_push(url):
    def make():
        commit(work, "f%d" % rng.randrange(10 ** 9))
        return ["push", url, "HEAD:main"]
    return make


for what, make, sample in (("fetch, git://", lambda: ["ls-remote", g.url("r.git")], 12), ("push, git://", a_push(g.url("r.git")), 20),
                           ("fetch, http://", lambda: ["ls-remote", g.http("r.git")], 8), ("push, http://", a_push(g.http("r.git")), 20)):
    once, total = traffic(make)
    sweep(what, once, total, sample, faults)
tap.eq((fsck(repo), leftovers(repo)), ("", []), "the repository is sound, and nothing is left in it")


stuck_faults = alloc.Faults("git-gate")     # of a gate of its own: healthy clients have time
hasty = Gate({"reaper.onReap": "/bin/true", "deadline.init": "300ms"}, env=stuck_faults.env)


def reap_once(n):
    """A client that says nothing is ended, late perhaps, and recorded."""
    before, begun = hasty.status()["reaped"], len(hasty.text())
    stuck_faults.arm(n)
    c = Raw(hasty, request=False)
    c.rest()
    c.close()
    hasty.settle() if not n else wait_for(lambda: not hasty.processes(), "its processes to go")
    stuck_faults.disarm()
    if hasty.process.poll() is not None:
        raise RuntimeError("the gate died: %s" % stuck_faults.where())
    hasty.settle()
    told = stuck_faults.failed and "memory" in hasty.text()[begun:]
    return "" if hasty.status()["reaped"] == before + 1 or told else "it is not recorded"


reap_once(0)
for _ in range(2 if ALL else 1):            # which one is the nth moves with the moments of its looks: one that was passed over once is reached now
    sweep("a stuck client", reap_once, min(stuck_faults.count, 200), 10, stuck_faults)
tap.eq(hasty.stop(), 0, "its gate stops cleanly", hasty.text()[-1000:])

# all that is asked for fails, for a while: clients wait or are told, and all goes on afterwards
for what, make in (("push, git://", a_push(g.url("r.git"))), ("push, http://", a_push(g.http("r.git")))):
    for n in (range(1, 60) if ALL else sorted(rng.sample(range(1, 60), 4))):
        command = make()
        faults.arm(n, alloc.ALL)
        p = popen(["git", *command], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        wait_for(lambda: faults.failed > 5 or p.poll() is not None, "the shortage to be felt")
        faults.disarm()
        end(p)
        if client(*command).returncode or g.process.poll() is not None:
            tap.ok(False, "%s, all from the %dth on: the next one succeeds" % (what, n), g.text()[-1000:])
g.settle()
tap.eq((fsck(repo), leftovers(repo)), ("", []), "nothing at all for a while: the repository is sound, and nothing is left in it")

# one of thirty, by chance, while many come
faults.arm(one_in=30, seed=SEED * 2 + 1)
many = [popen(["git", "ls-remote", g.url("r.git") if i % 2 else g.http("r.git")], cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for i in range(16)]
told = [p.communicate(timeout=PATIENCE)[1] for p in many]
wait_for(lambda: not g.processes(), "their processes to go")
count, failed = faults.disarm()
tap.ok(failed > 0, "by chance %d of %d failed" % (failed, count))
tap.eq([t for p, t in zip(many, told) if p.returncode and "memory" not in t and "503" not in t], [], "who is refused is told why")
tap.eq(client("ls-remote", g.url("r.git")).returncode, 0, "and the next is served")
g.settle()
resting = faults.live
for _ in range(3):
    client("ls-remote", g.url("r.git"))
    g.settle()
tap.ok(abs(faults.live - resting) < 30, "nothing is kept (%d allocations, %d before)" % (faults.live, resting))
tap.eq(g.stop(), 0, "the gate stops cleanly", g.text()[-1000:])

# --- a gate that holds requests, is behind a proxy, and watches a server ---------------------------------------------------

port, exec_path = free_port(), git("--exec-path").stdout.strip()
g = Gate({"limit.sessionsPerRepo": "1", "limit.sessionsPerPeer": "9", "access.proxyFrom": "127.0.0.2", "deadline.commands": "10m", "deadline.packStart": "10m",
          "deadline.idle": "10m", "deadline.init": "10m", "service.git.watch": "true", "service.git.ready": "port:127.0.0.1:%d" % port, "service.git.command":
          "%s/git-daemon --reuseaddr --listen=127.0.0.1 --port=%d --base-path=%s --export-all --max-connections=0" % (exec_path, port, path("gate%d" % (Gate.count + 1), "git"))},
         env=faults.env)
repo = g.repo()
git("push", "-q", repo, "HEAD:main", cwd=work)
REQUEST = b"0032git-upload-pack /r.git\0host=x\0"
REQUEST = b"%04x" % len(REQUEST) + REQUEST[4:]


def up_to_refs(s):
    """What a raw connection reads, up to the end of the list of references."""
    data = b""
    while not data.endswith(b"0000"):
        more = s.recv(65536)
        if not more:
            return data
        data += more
    return data


def over():
    wait_for(lambda: not g.sessions(), "its sessions to end")


def answered(data):
    return "" if b"refs/heads/main" in data or b"memory" in data else "neither served nor told: %r" % data


def is_held():
    """A session's first process waits for the gate's answer to its request."""
    return [p for p in g.processes() if read("/proc/%d/comm" % p).startswith("git-gate-sess") and read("/proc/%d/syscall" % p).startswith("0 0x3 ")]


def held_once(n):
    first = Raw(g, "git-upload-pack")
    first.advertisement()
    faults.arm(n)
    with socket.create_connection(("127.0.0.1", g.port), timeout=PATIENCE) as s:
        s.sendall(REQUEST)
        wait_for(lambda: is_held() or select.select([s], [], [], 0)[0], "it to be held, or told")
        for _ in range(2):          # the gate has read what was asked for by then
            g.request(cmd="health")
        faults.disarm()
        first.close()
        wrong = answered(up_to_refs(s))
    over()
    return wrong


def proxied_once(n):
    faults.arm(n)
    with socket.create_connection(("127.0.0.1", g.port), timeout=PATIENCE, source_address=("127.0.0.2", 0)) as s:
        s.sendall(b"PROXY TCP4 10.9.8.7 127.0.0.1 1234 9418\r\n" + REQUEST)
        wrong = answered(up_to_refs(s))
    faults.disarm()
    over()
    return wrong


def watched_once(n):
    """It is found, late perhaps."""
    faults.arm(n)
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as s:
        s.sendall(REQUEST)
        up_to_refs(s)
        peer = "%s:%d" % s.getsockname()
        wait_for(lambda: g.events("session.opened", peer=peer), "the watched session to be found")
        faults.disarm()
    over()
    return ""


def killed_once(n):
    """It is ended, late perhaps, and who asked for that is told so, or that memory lacks: then it is asked for again."""
    c = Raw(g, "git-upload-pack")
    c.advertisement()
    which = {"cmd": "kill", "id": g.sessions()[0]["id"], "reason": "test"}
    faults.arm(n)
    a = g.request(**which)
    if not a["ok"]:
        g.request(**which)
    c.rest()
    faults.disarm()
    c.close()
    over()
    return "" if a["ok"] or "memory" in json.dumps(a) else "it is not said why: %s" % json.dumps(a)


for what, once, sample in (("a request that waits", held_once, 5), ("a client behind a proxy", proxied_once, 5), ("a watched session", watched_once, 5),
                           ("a session is to be ended", killed_once, 5)):
    tap.eq(once(0), "", what)
    sweep(what, once, min(faults.count, 200), sample, faults)
client = Raw(g, "git-upload-pack")
client.advertisement()
once, total = ask(cmd="overview")
sweep("answer to overview, with limits", once, total, 5, faults)
once, total = ask(cmd="status")
sweep("answer to status, with services", once, total, 5, faults)
client.close()
over()
pusher = Raw(g)
pusher.advertisement()
pusher.commands(git("rev-parse", "HEAD", cwd=work).stdout.strip(), "refs/heads/never")
shown = wait_for(lambda: [s for s in g.sessions() if s["phase"] == "pack-start"], "it to wait for a pack, with two threads")[0]
wait_for(lambda: "pack-start" in g.request(cmd="show", id=shown["id"])["data"]["silences"], "its silence to be counted")
once, total = ask(cmd="show", id=shown["id"])
sweep("answer to show", once, total, 5, faults)
SAID = {"cmd": "event", "id": shown["id"], "event": "push.scanned", "message": "of its hook"}
for what, args in (("step", {"cmd": "step", "id": shown["id"], "step": "scan"}), ("step that left something", {"cmd": "step", "id": shown["id"], "step": "left"}), ("event", SAID)):
    once, total = ask(**args)
    sweep("answer to a hook's %s" % what, once, total, 5, faults)
for _ in range(50):
    g.request(**SAID)
once, total = ask(**SAID)
sweep("answer to a hook's event, one too many", once, total, 5, faults)
pusher.close()
over()
for cmd, args in (("reaped", {}), ("show", {"id": shown["id"]}), ("events", {"last": 20}), ("report", {}), ("metrics", {})) if ALL else ():
    once, total = ask(cmd=cmd, **args)
    sweep("answer to %s, of what has been" % cmd, once, total, 5, faults)
tap.eq(g.stop(), 0, "this one stops cleanly, too")

# --- a reload that finds something new, and a gate that only watches -------------------------------------------------------

changing = path("changing")
git("config", "--file", changing, "limit.sessions", "1000")
g = Gate(env=faults.env, start=False)
g.start("--config", changing)


def changed_once(n):
    """It takes what is new, and says what; or says that memory lacks."""
    changed_once.value += 1
    git("config", "--file", changing, "limit.sessions", str(changed_once.value))
    faults.arm(n)
    a = g.request(cmd="reload")
    faults.disarm()
    if a["ok"]:
        return "" if a["data"]["changed"] else "it is not said what has changed: %s" % json.dumps(a)
    return "" if "memory" in json.dumps(a) else "it is not said why: %s" % json.dumps(a)


changed_once.value = 1000
tap.eq(changed_once(0), "", "a reload that finds something new")
sweep("a reload that finds something new", changed_once, faults.count, 8, faults)
git("config", "--file", changing, "limit.sessions", "none")


def wrong_once(n):
    """It says what is wrong, or that memory lacks."""
    faults.arm(n)
    a = g.request(cmd="reload")
    faults.disarm()
    return "" if not a["ok"] and re.search("memory|limit.sessions", json.dumps(a)) else "it is not said why: %s" % json.dumps(a)


tap.eq(wrong_once(0), "", "a reload that finds something wrong")
sweep("a reload that finds something wrong", wrong_once, faults.count, 8, faults)
tap.eq(g.stop(), 0, "its gate stops cleanly")
watch = alloc.Faults("git-gate")


def watch_once(n):
    """It watches, and stops when it is told; or it says why not, and ends."""
    control = path("watch-control")
    watch.arm(n)
    with open(log, "wb") as out:
        p = popen([GATE, "watch", "--pid", str(os.getpid()), "-c", "gate.control=" + control], stdout=out, stderr=out, stdin=subprocess.DEVNULL, env={**ENV, **watch.env})
    asked = [GATE, "health", "--control", control]
    wait_for(lambda: p.poll() is not None or subprocess.run(asked, env=ENV, capture_output=True, timeout=PATIENCE).returncode == 0, "the start to come to an end")
    watch.disarm()
    if p.poll() is None:
        p.send_signal(signal.SIGTERM)
        code = p.wait(PATIENCE)
        return "" if code == 0 else "exit code %s after SIGTERM: %s" % (code, read(log)[-300:])
    return "" if p.returncode in (1, 2) and "memory" in read(log) else "exit code %s: %s" % (p.returncode, read(log)[-300:])


tap.eq(watch_once(0), "", "the start of one that only watches")
sweep("the start of one that only watches", watch_once, watch.count, 5, watch)

# --- git-gate's own commands ---------------------------------------------------------------------------------------------

g = Gate()
g.repo()
faults = alloc.Faults("git-gate")


def command(*args):
    """Its result, or that memory lacks, and an exit code that says so."""
    where = [] if args[0] in ("explain", "check-config") else ["--control", g.control]

    def once(n):
        faults.arm(n)
        r = subprocess.run([GATE, *args, *where], env={**ENV, **faults.env}, cwd=TMP, capture_output=True, text=True, timeout=PATIENCE)
        faults.disarm()
        if r.returncode == once.code and "memory" not in r.stderr:
            same = args[-1] != "--json" or shape(json.loads(r.stdout)) == once.want
            return "" if same else "a part of it is missing: %s" % r.stdout[:300]
        # 0: what could be had, without that of the journal
        return "" if r.returncode in (0, 1, 2) and "memory" in r.stderr else "exit code %d: %s" % (r.returncode, r.stderr[-200:])
    faults.arm()
    r = subprocess.run([GATE, *args, *where], env={**ENV, **faults.env}, cwd=TMP, capture_output=True, text=True, timeout=PATIENCE)
    once.code, once.want = r.returncode, shape(json.loads(r.stdout)) if args[-1] == "--json" else None
    return once, faults.disarm()[0]


for args in (("status",), ("status", "--json"), ("reaped", "--all", "--json"), ("sessions", "--json"), ("metrics",), ("health",), ("report", "--json"),
             ("tune", "--json"), ("kill", "nobody"), ("show", "nobody"), ("check-config", "-c", "gate.basePath=" + g.base), ("check-config", "--gate", "nobody"), ("explain", "idle")):
    once, total = command(*args)
    sweep("git-gate " + " ".join(args[:2]), once, total, 6, faults)
tap.eq(g.stop(), 0, "the gate that was asked stops cleanly")

sweeps.done()
