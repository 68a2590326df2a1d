"""The servers that tests/torture/conformance.py sets side by side: git-gate, and others with the limits they come with, with short ones, and watched.

A contender is one server with one set of limits over a directory of its own. `ours` is git-gate, which is judged; the others are only looked at.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "process"), os.path.join(HERE, "..", "bench")]
from servers import *                                                   # noqa: E402
from peers import Apache, Nginx                                         # noqa: E402

HOOK_S = 6              # how long the hook of slow.git takes: longer than every short limit, and git itself speaks only every 5 s
SLOW_HOOK = "cat >/dev/null; sleep %d" % HOOK_S
WORKERS = 64            # of fcgiwrap: one for each client, so that none waits for another's end
SHORT = "rate.window=4s, deadlines: " + ", ".join("%s %s" % (k.split(".")[1], v) for k, v in SCALED.items())


class Ours(Server):
    """git-gate, both protocols, with the short deadlines; the repository decides which of them is slow in its hook."""

    def __init__(self, base, over):
        steps = base + ".steps/pre-receive.d"
        os.makedirs(steps)
        put_script(steps + "/slow", '[ "$GIT_GATE_REPO" != slow.git ] || sleep %d' % HOOK_S)
        self.over = over
        self.gate = Gate({"rate.window": "4s", "gate.uploadArchive": "true", "listen.http": "127.0.0.1:0", "hook.dir": os.path.dirname(steps),
                          "limit.sessions": "200"}, base=base, start=False)
        super().__init__("git-gate", base, [])

    def start(self):
        self.gate.start()
        self.process = self.gate.process
        return self

    def native(self, repo="r.git"):
        return self.gate.url(repo) if self.over == "git" else self.gate.http(repo)

    @staticmethod
    def missing():
        return ""

    def stop(self):
        if self.gate.stop() or self.gate.events("gate.error"):
            raise RuntimeError("the gate did not end well: " + self.gate.text()[-2000:])


class Git(Daemon):
    """Stand-alone git daemon, for every service that there is."""

    def __init__(self, base, *more):
        super().__init__(base, "--enable=upload-archive", *more)

    @staticmethod
    def missing():
        return ""


class Contender:
    """title: a column's; over: "git", "http" or "ssh"; limits: what the table says about them; make: the server over a directory.

    bridged: git-gate-torture reaches it through tests/torture/bridge, for it speaks no ssh, and what is watched needs bodies with a length: what
    lighttpd has not given to git yet, nobody can watch, and it refuses chunks when it is to pass a body on as it comes.
    """

    def __init__(self, name, over, title, limits, make, ours=False, watched=False):
        self.name, self.over, self.title, self.limits = name, over, title, limits
        self.make, self.ours, self.watched = make, ours, watched
        self.bridged = over == "ssh" or (over == "http" and watched)
        self.server = self.bridge_url = self.watch = None
        self.base = path("served", name)

    def prepare(self, many_refs):
        """Its directory and its server, not started: "" or why it cannot be. many_refs: many.git has an advertisement that fills every buffer."""
        os.makedirs(self.base)
        for repo in "r.git", "slow.git", "many.git":
            git("init", "-q", "--bare", os.path.join(self.base, repo))
            git("config", "http.receivepack", "true", cwd=os.path.join(self.base, repo))       # nginx tells git no name of a user
        if not self.ours:
            put_script(os.path.join(self.base, "slow.git", "hooks", "pre-receive"), SLOW_HOOK)
        if many_refs:
            many = os.path.join(self.base, "many.git")
            tree = git("hash-object", "-t", "tree", "-w", "--stdin", cwd=many, stdin="").stdout.strip()
            pack_refs(many, git("commit-tree", "-m", "one", tree, cwd=many).stdout.strip(), "refs/heads/" + "x" * 60, 120000)
        subprocess.run(["chmod", "-R", "a+rwX", self.base], check=True)         # apache is another user, when this is root
        self.server = self.make(self.base)
        return self.server.missing()

    def start(self):
        self.server.start()
        if self.bridged:
            self.bridge_url = self.server.url()
        if self.watched:
            self.watch = Watch(self.server.process.pid, self.base)

    def url(self, repo):
        """For git-gate-torture."""
        return self.bridge_url.replace("r.git", repo) if self.bridge_url else self.server.native(repo)

    def env(self):
        """For real git, which asks for server.native()."""
        return self.server.env() if self.over == "ssh" else {}

    def processes(self):
        """Of git, for its clients."""
        inside = os.path.realpath(self.base) + os.sep
        return [p for p in pids() if alive(p) and (cwd_of(p) + os.sep).startswith(inside) and not re.search(r" (gc|maintenance)\b", cmdline(p))]

    def left(self):
        return [os.path.join(repo, f) for repo in ("r.git", "slow.git", "many.git") for f in leftovers(os.path.join(self.base, repo))]

    def stop(self):
        if self.watch:
            self.watch.stop()
        self.server.stop()


def cwd_of(pid):
    try:
        return os.readlink("/proc/%d/cwd" % pid)
    except OSError:
        return ""


def light(limits, stream=0):
    return lambda base: Lighttpd(base, stream=stream, more=limits)


def contenders():
    """All of them, those over one protocol beside each other."""
    sshd_short = "ClientAliveInterval 1\nClientAliveCountMax 2\nLoginGraceTime 10\nChannelTimeout session:*=4s\n"
    light_short = "".join("server.max-%s-idle = 3\n" % what for what in ("read", "write", "keep-alive"))
    nginx_short = " ".join("%s 3s;" % what for what in ("client_header_timeout", "client_body_timeout", "send_timeout", "keepalive_timeout"))
    apache_short = "Timeout 3\nKeepAliveTimeout 3\nCGIDScriptTimeout 60\nRequestReadTimeout header=2-4,minrate=500 body=3,minrate=500\n"
    return [
        Contender("gate-git", "git", "git-gate", SHORT, lambda base: Ours(base, "git"), ours=True),
        Contender("daemon-short", "git", "git daemon, short", "--init-timeout=2 --timeout=3", lambda base: Git(base, "--init-timeout=2", "--timeout=3")),
        Contender("daemon", "git", "git daemon", "none, its default", Git),
        Contender("daemon-watched", "git", "git daemon, watched", "as git-gate", Git, watched=True),
        Contender("gate-http", "http", "git-gate", SHORT, lambda base: Ours(base, "http"), ours=True),
        Contender("lighttpd-short", "http", "lighttpd, short", "max-read-idle, max-write-idle, max-keep-alive-idle 3", light(light_short)),
        Contender("lighttpd", "http", "lighttpd", "its defaults: 60 s, 360 s, 5 s", light("")),
        Contender("lighttpd-watched", "http", "lighttpd, watched", "as git-gate; stream-request-body 2", light("", stream=2), watched=True),
        Contender("nginx-short", "http", "nginx, short", nginx_short.replace(" 3s;", ",").rstrip(",") + " 3s", lambda base: Nginx(base, nginx_short, WORKERS)),
        Contender("nginx", "http", "nginx", "its defaults: 60 s each", lambda base: Nginx(base, "", WORKERS)),
        Contender("apache-short", "http", "apache, short", apache_short.strip().replace("\n", ", "), lambda base: Apache(base, apache_short)),
        Contender("apache", "http", "apache", "as Debian sets them: " + Apache.DEBIAN.strip().replace("\n", ", "), Apache),
        Contender("sshd-short", "ssh", "sshd, short", sshd_short.strip().replace("\n", ", "), lambda base: Sshd(base, sshd_short)),
        Contender("sshd", "ssh", "sshd", "its defaults: LoginGraceTime 120, no other", Sshd),
        Contender("sshd-watched", "ssh", "sshd, watched", "as git-gate", Sshd, watched=True),
    ]
