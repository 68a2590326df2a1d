#!/usr/bin/python3
"""access.allow and gate.public: what may not be listened on without them, what the turned away read, what it costs, and a reload."""
import http.client

from gate import *

tap = Tap()
PUBLIC = "is reached by others than this machine; set access.allow to who may connect, or gate.public = true"


def check_config(*settings):
    return subprocess.run([GATE, "check-config", *[a for s in settings for a in ("-c", s)]], env=ENV, capture_output=True, text=True, timeout=PATIENCE)


def run(*settings, prefix=()):
    g = Gate({"listen.git": "127.0.0.1:0"}, start=False)
    return subprocess.run([*prefix, *g.args(), *[a for s in settings for a in ("-c", s)]], env=ENV, capture_output=True, text=True, timeout=PATIENCE)


# --- what may not be listened on --------------------------------------------------------------------------------------------

for key, value in (("listen.git", "0.0.0.0:0"), ("listen.http", "[::]:0"), ("listen.admin", "192.0.2.1:1")):
    r = check_config("%s=%s" % (key, value))
    tap.eq((r.returncode, r.stderr), (2, "git-gate: %s (command line): '%s' %s\n" % (key, value, PUBLIC)), "check-config: %s = %s" % (key, value))
    r = run("%s=%s" % (key, value))
    tap.ok(r.returncode == 2 and PUBLIC in r.stderr, "nor does it start with it", r)
    for cure in "access.allow=10.0.0.0/8", "gate.public=true":
        tap.eq(check_config("%s=%s" % (key, value), cure).returncode, 0, "with %s it is well" % cure)
r = check_config("access.allow=10.0.0.1/8")
tap.ok(r.returncode == 2 and "10.0.0.0/8" in r.stderr, "the net that was meant is named", r)

ADOPT = ("bash", "-c", 'f=$1; shift; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=git exec "$@" 3<&$f')


def inherited(family, address):
    s = socket.socket(family)
    s.bind((address, 0))
    s.listen()
    return s


everywhere = inherited(socket.AF_INET, "0.0.0.0")
g = Gate(start=False)
adopt = ADOPT + ("-", str(everywhere.fileno()))
r = subprocess.run([*adopt, *g.args()], env=ENV, capture_output=True, text=True, timeout=PATIENCE, pass_fds=[everywhere.fileno()])
tap.ok(r.returncode == 2 and "LISTEN_FDS: descriptor 3 (git): '0.0.0.0:%d' %s" % (everywhere.getsockname()[1], PUBLIC) in r.stderr, "one that is inherited", r)

config = path("config")


def configure(*lines):
    with open(config, "w") as f:
        f.write("[access]\n" + "".join("\tallow = %s\n" % n for n in lines))


configure("127.0.0.1")
h = Gate(start=False, prefix=adopt)
h.start("--config", config, pass_fds=[everywhere.fileno()])
h.repo()
tap.eq(git("ls-remote", h.url("r.git")).returncode, 0, "with access.allow it is served")
configure()
r = h.cli("reload")
tap.ok(r.returncode == 1 and PUBLIC in r.stderr, "a reload may not take that away: %s" % r.stderr.strip()[:60], r)
tap.ok(h.events("gate.reload-failed") and git("ls-remote", h.url("r.git")).returncode == 0, "and all is as before")

# --- who is turned away, how ------------------------------------------------------------------------------------------------

configure("127.0.0.2", "10.0.0.0/8")
g = Gate({"listen.git": "0.0.0.0:0", "listen.http": "127.0.0.1:0", "listen.admin": "127.0.0.1:0", "limit.sessions": "1"}, start=False).start("--config", config)
g.repo()
work = g.work("work")
admin = int(wait_for(lambda: re.findall(r"listening on http://127\.0\.0\.1:(\d+)/", g.text()), "git-gate-admin to listen")[-1])


def talk(port, data, source="127.0.0.1"):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE, source_address=(source, 0)) as s:
        try:
            s.sendall(data)
        except OSError:
            pass
        return b"".join(iter(lambda: s.recv(65536), b"")).decode()


def ask_admin(source="127.0.0.1"):
    c = http.client.HTTPConnection("127.0.0.1", admin, timeout=PATIENCE, source_address=(source, 0))
    c.request("GET", "/livez")
    r = c.getresponse()
    return r.status, r.read().decode()


TOLD = "127.0.0.1 may not connect here (access.allow)"
LINE = "git-upload-pack /r.git\0host=x\0"
REQUEST = ("%04x%s" % (len(LINE) + 4, LINE)).encode()
HTTP = b"GET /r.git/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
r = git("ls-remote", g.url("r.git"), check=False)
tap.ok(r.returncode == 128 and "fatal: remote error: git-gate: " + TOLD in r.stderr, "git reads why", r)
r = git("push", g.url("r.git"), "HEAD:main", cwd=work, check=False)
tap.ok(r.returncode == 128 and TOLD in r.stderr, "also when it pushes", r)
r = git("ls-remote", g.http("r.git"), check=False)
tap.ok(r.returncode == 128 and "403" in r.stderr, "over HTTP it is 403", r)
answer = talk(g.http_port, HTTP)
tap.ok(answer.startswith("HTTP/1.1 403 Forbidden\r\n") and answer.endswith("\r\n\r\ngit-gate: %s\n" % TOLD) and "Retry-After" not in answer, "and says why", answer)
tap.ok(TOLD in talk(g.port, REQUEST + b"x" * 60000), "not a reset, though more was sent")
tap.ok("r.git" not in talk(g.port, REQUEST, "127.0.0.2") and "HEAD" not in talk(g.port, REQUEST), "one that may connect is served")
tap.ok(talk(g.http_port, HTTP, "127.0.0.2").startswith("HTTP/1.1 200 "), "over HTTP too")
tap.eq(ask_admin(), (403, "your address may not connect here (access.allow)\n"), "listen.admin")
tap.eq(ask_admin("127.0.0.2"), (200, "alive\n"), "and who may")
e = g.events("session.refused")[0]
tap.eq((e["reason"], e["transport"], e["message"], e["peer"].split(":")[0]), ("access", "git", TOLD, "127.0.0.1"), "the event")

# --- what it costs ----------------------------------------------------------------------------------------------------------

holder = socket.create_connection(("127.0.0.1", g.port), source_address=("127.0.0.2", 0))      # the only place
wait_for(lambda: len(g.sessions()) == 1, "the only place to be taken")
before, processes = len(g.events("session.refused")), len(g.processes())
for _ in range(300):
    tap.n += 0 if TOLD in talk(g.port, b"") else tap.ok(False, "one of a crowd was not told")
tap.eq((g.status()["waiting"], len(g.sessions())), (0, 1), "a crowd of them takes no place in the waiting room", g.status())
tap.eq((len(g.processes()), len(g.events("session.accepted"))), (processes, 3), "nor a process")
logged = len(g.events("session.refused")) - before
tap.ok(logged <= 20 + PATIENCE, "and few lines of the log: %d of 300" % logged)
holder.close()
wait_for(lambda: not g.sessions(), "the place to be free")

# --- a reload ---------------------------------------------------------------------------------------------------------------

configure("127.0.0.1")
tap.eq(g.ask("reload")["changed"], ["access.allow"], "a reload")
tap.eq(git("push", g.url("r.git"), "HEAD:main", cwd=work).returncode, 0, "who may connect now is served")
wait_for(lambda: "may not connect" in talk(g.port, REQUEST, "127.0.0.2") and "more since" in g.events("session.refused")[-1]["message"],
         "who may not any more is told, and the record counts those that had none")
wait_for(lambda: ask_admin() == (200, "alive\n") and ask_admin("127.0.0.2")[0] == 403, "git-gate-admin to hear of it")
finish(tap, g, h)
