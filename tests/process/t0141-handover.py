#!/usr/bin/python3
"""From one gate to the next, as systemd does it with its sockets: who waits in the queue, an HTTP push whose requests meet different
gates, kept connections, and a push that is in flight when its gate is told to stop."""
from gate import *

PASS = ("bash", "-c", 'a=$1 b=$2; shift 2; LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=git:http exec "$@" 3<&$a 4<&$b')
git_sock, http_sock = (socket.create_server(("127.0.0.1", 0), backlog=64) for _ in range(2))
GIT_URL = "git://127.0.0.1:%d/r.git" % git_sock.getsockname()[1]
HTTP_URL = "http://127.0.0.1:%d/r.git" % http_sock.getsockname()[1]
tap = Tap()
latch = Latch()                 # in the server's pre-receive hook
hooks = Hooks(pre_receive='cat >/dev/null; [ ! -e %s ] || { %s; }' % (path("hold"), latch.command))
g = Gate({"deadline.drain": "10m", "deadline.init": "10m", "deadline.commands": "10m", "deadline.packStart": "10m", "deadline.idle": "10m"},
         hooks=hooks.dir, start=False, prefix=PASS + ("bash", str(git_sock.fileno()), str(http_sock.fileno())))
for transport in ("git", "http"):
    del g.settings["listen." + transport]
repo = g.repo()


def begin():
    return g.start(pass_fds=[git_sock.fileno(), http_sock.fileno()])


def over(e):
    """The gate has stopped, without an error and without ending anybody."""
    tap.eq((g.process.wait(PATIENCE), g.events("gate.error") + g.events("session.reaped") + g.events("session.stray")), (0, []), e, g.text()[-2000:])


def tip(branch):
    return git("rev-parse", "--verify", "-q", "refs/heads/" + branch, cwd=repo, check=False).stdout.strip()


def client(name, url):
    """A work tree whose pre-push hook waits at a latch, and the push from it."""
    work, hold = path(name), Latch()
    git("init", "-q", work)
    commit(work, "much", os.urandom(300000))
    put_script(os.path.join(work, ".git", "hooks", "pre-push"), hold.command)
    return work, hold, popen(["git", "-c", "http.postBuffer=65536", "push", url, "HEAD:" + name], cwd=work, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)


def arrived(work, p, branch, what):
    code, out = end(p)
    tap.eq((code, tip(branch)), (0, git("rev-parse", "HEAD", cwd=work).stdout.strip()), what, out)


# --- who comes while no gate runs ---------------------------------------------------------------------------------------

early = [popen(["git", "ls-remote", url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for url in (GIT_URL, HTTP_URL)]
begin()
for p, url in zip(early, (GIT_URL, HTTP_URL)):
    code, out = end(p)
    tap.eq(code, 0, "a client who came before the gate is served: " + url.split(":")[0], out)

# --- an HTTP push: the advertisement of one gate, the rest to the next ------------------------------------------------------

work, hold, p = client("between", HTTP_URL)
hold.reached()                          # git has the advertisement, and asks its own hook
first = g.pid
os.kill(first, signal.SIGTERM)
over("the gate stops, though the client is not done: its connection is idle")
begin()
hold.release()
arrived(work, p, "between", "an HTTP push between two requests goes on at the next gate")
tap.ok(g.pid != first and g.events("session.opened", service="receive-pack"), "which is another, and took the push")

# --- pushes in flight: one held by the server's hook, one by its client ------------------------------------------------------

for name, url in (("inhook-git", GIT_URL), ("inhook-http", HTTP_URL)):
    open(path("hold"), "w").close()
    work, hold, p = client(name, url)
    hold.reached()
    hold.release()
    latch.reached()
    os.unlink(path("hold"))
    os.kill(g.pid, signal.SIGTERM)
    wait_for(lambda: g.events("gate.stopping"), "the gate to stop")
    queued = popen(["git", "ls-remote", url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    tap.eq(g.process.poll(), None, name + ": the gate waits for the push")
    latch.release()
    arrived(work, p, name, name + ": which finishes")
    over(name + ": then the gate stops")
    begin()
    code, out = end(queued)
    tap.eq(code, 0, name + ": who came meanwhile is served by the next", out)
work, hold, p = client("slow", GIT_URL)
hold.reached()
os.kill(g.pid, signal.SIGTERM)
wait_for(lambda: g.events("gate.stopping"), "the gate to stop")
hold.release()
arrived(work, p, "slow", "a git:// push whose client thinks when the gate is told to stop finishes there")
over("then it stops")
begin()

# --- kept connections -------------------------------------------------------------------------------------------------------

REQUEST = b"GET /r.git/HEAD HTTP/1.1\r\nHost: x\r\n\r\n"


def answer(s):
    """The head and body of one answer; b"" at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = s.recv(65536)
        if not more:
            return data
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    while len(body) < int(re.search(rb"(?i)content-length: (\d+)", head)[1]):
        body += s.recv(65536)
    return head


outcomes = []
for n in range(6):
    kept = socket.create_connection(http_sock.getsockname(), timeout=PATIENCE)
    kept.sendall(REQUEST)
    if b" 200 " not in answer(kept):
        tap.ok(False, "the first request is answered")
    os.kill(g.pid, signal.SIGTERM)
    if n % 2:                           # at the same moment, as near as it gets
        try:
            kept.sendall(REQUEST)
        except BrokenPipeError:
            pass
    try:
        got = answer(kept)
        outcomes.append("answer" if b" 200 " in got else "end" if not got else repr(got))
    except ConnectionResetError:
        outcomes.append("reset")
    kept.close()
    over("kept connection %d: the gate stops" % n)
    begin()
tap.eq(set(outcomes[::2]), {"end"}, "an idle connection is closed in order", outcomes)
tap.ok(set(outcomes[1::2]) <= {"answer", "end"}, "one on which a request comes at that moment has a whole answer or none, and no reset (%s)" % outcomes)

fsck = git("fsck", "--full", "--strict", cwd=repo, check=False)
tap.eq((fsck.returncode, leftovers(repo)), (0, []), "the repository is whole, and nothing is left in it", fsck.stderr)
finish(tap, g)
