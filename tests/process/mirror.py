"""A bare repository whose pushes go on to an upstream, without a gate: build/hook-forward is its pre-receive and post-receive, clients push
over file://, and what the hooks tell the gate is read from a socket of the test's.
"""
from gate import *
from sshd import Silent, Sshd, Upstream, keygen, upstream

HOOK = os.path.join(BUILD, "hook-forward")
ZERO = "0" * 40


class Control:
    """Stands in for the gate's control socket: takes every request."""

    def __init__(self):
        self.path, self.requests = tempfile.mktemp(prefix="control.", dir=TMP), []
        self.s = socket.socket(socket.AF_UNIX)
        self.s.bind(self.path)
        self.s.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            c, _ = self.s.accept()
            try:
                with c, c.makefile("r") as f:
                    self.requests.append(json.loads(f.readline()))
                    c.sendall(b'{"ok": true, "data": {}}\n')
            except (OSError, ValueError):       # who asked has waited long enough: this is no reason to serve nobody any more
                pass

    def events(self, name=None, session=None):
        return [r for r in self.requests if r["cmd"] == "event" and name in (None, r["event"]) and session in (None, r["id"])]


class Mirror:
    count = 0

    def __init__(self, upstream, *options, url=None, **settings):
        Mirror.count += 1
        self.upstream, self.control = upstream, Control()
        self.dir = path("mirror%d.git" % Mirror.count)
        self.up = upstream.repo("r%d.git" % Mirror.count, *options) if upstream else None
        git("init", "-q", "--bare", *options, self.dir)
        hooks = path("hooks%d" % Mirror.count)
        os.makedirs(hooks)
        for hook in ("pre-receive", "post-receive"):
            os.symlink(HOOK, os.path.join(hooks, hook))
        for key, value in (("core.hooksPath", hooks), ("receive.advertisePushOptions", "true"), ("receive.denyDeleteCurrent", "ignore"),
                           ("receive.fsckObjects", "true")):
            git("config", key, value, cwd=self.dir)
        self.conf = path("conf%d.json" % Mirror.count)
        self.settings = {
            "repo": "r.git", "peer": "127.0.0.1:1", "transport": "git", "scanner": "none", "scanner_command": [], "scanner_config": "",
            "scratch": TMP, "dir": "", "allow_finding": [], "allow_ref": [], "deny_ref": [], "allow_delete": True, "allow_force": True,
            "limit_refs": 0, "limit_object": 0, "limit_scan": 0, "own": [], "hook_ms": 60000, "scan_ms": 60000, "step_ms": 60000,
            "forward_ms": 60000, "connect_ms": 10000, "refresh_ms": 30000, "upstream": url or (upstream.url(self.up) if upstream else ""),
            "identity_file": upstream.identity if upstream else "", "known_hosts_file": upstream.known_hosts if upstream else "",
            "fresh_ms": 0, "on_stale": "refuse",
        }
        self.set(**settings)
        self.sessions = 0

    def set(self, **settings):
        self.settings.update(settings)
        with open(self.conf + ".new", "w") as f:
            json.dump(self.settings, f)
        os.rename(self.conf + ".new", self.conf)

    def env(self, session="s0", **more):
        return {**ENV, "HOOK_CONF": self.conf, "GIT_GATE_SESSION": session, "GIT_GATE_CONTROL": self.control.path,
                # what must not reach ssh
                "SSH_AUTH_SOCK": path("no-agent"), "DISPLAY": ":9", "SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force",
                "GIT_SSH_COMMAND": "false", **more}

    def begin(self, work, *args, **more):
        """A push in the background, for end()."""
        self.sessions += 1
        return popen(["git", "push", "file://" + self.dir, *args], cwd=work, env=self.env("s%d" % self.sessions, **more),
                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")

    def push(self, work, *args, patience=PATIENCE, **more):
        """Exit code, output and seconds."""
        begun = time.monotonic()
        code, text = end(self.begin(work, *args, **more), patience)
        return code, text, time.monotonic() - begun

    def refresh(self, patience=PATIENCE, **more):
        return end(self.begin_refresh(**more), patience)

    def begin_refresh(self, **more):
        """A refresh in the background, for end()."""
        return popen([HOOK, "refresh", self.dir], env=self.env("refresh", **more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def refs(self, repo=None):
        """name → id"""
        lines = git("for-each-ref", "--format=%(refname) %(objectname)", cwd=repo or self.dir).stdout.splitlines()
        return dict(line.split() for line in lines)

    def same(self):
        """Both sides have the same references; '' or the difference."""
        here, there = self.refs(), self.refs(self.up)
        return "" if here == there else "here: %s\nthere: %s" % (sorted(here.items())[:20], sorted(there.items())[:20])

    def unlocked(self):
        """Wait until nobody holds the lock."""
        wait_for(lambda: subprocess.run(["flock", "-n", os.path.join(self.dir, "git-gate.lock"), "true"]).returncode == 0,
                 "the lock to be free")

    def left(self):
        return [f for f in os.listdir(self.dir) if f.startswith("git-gate.forward")] + leftovers(self.dir)
