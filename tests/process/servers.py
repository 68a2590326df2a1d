"""Git servers that are not ours, for tests that watch them: stand-alone git daemon, sshd with git-shell, lighttpd with git http-backend.

Each is a process of the test's, on a free port, over the repositories of a directory; `url` is a git:// URL for clients that speak git by
hand (through tests/torture/bridge where the server speaks something else), `native` what real git uses.
"""
import sshd
from gate import *
from sshd import listening
from tortured import tortured

BRIDGE = os.path.join(ROOT, "tests", "torture", "bridge")
LIGHTTPD = "/usr/sbin/lighttpd"


class Server:
    """What the three have in common."""

    logs = ()               # files that it writes to, beside its terminal

    def __init__(self, name, base, command, **kw):
        self.name, self.base, self.command, self.log = name, base, command, path(name + ".log")
        self.kw = kw
        self.bridge = None
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.kw)
        self.wait()
        return self

    def wait(self):
        """Until it serves: what ends instead, or does not come to it, is shown with its own words."""
        try:
            wait_for(lambda: self.process.poll() is not None or self.serves(), "%s to serve" % self.name)
        except TimeoutError as e:
            raise TimeoutError("%s: %s" % (e, self.words()))
        if self.process.poll() is not None:
            raise RuntimeError("%s ended with %d before it served: %s" % (self.name, self.process.returncode, self.words()))

    def serves(self):
        return listening(self.port)

    def words(self):
        """What it said last, to its terminal and to its log."""
        return " ".join(" ".join(read(f)[-1000:].split()) for f in (self.log, *self.logs)) or "it says nothing"

    def bridged(self, *args):
        p = popen([BRIDGE, *args], stdout=subprocess.PIPE, text=True)
        self.bridge = p
        return "git://127.0.0.1:%d/r.git" % int(p.stdout.readline())

    def stop(self):
        for p in (self.bridge, self.process):
            if p and p.poll() is None:
                p.terminate()
                p.wait(PATIENCE)


class Daemon(Server):
    def __init__(self, base, *more):
        self.port = free_port()
        exec_path = git("--exec-path").stdout.strip()
        super().__init__("git-daemon", base, [
            exec_path + "/git-daemon", "--reuseaddr", "--listen=127.0.0.1", "--port=%d" % self.port, "--base-path=" + base, "--export-all",
            "--enable=receive-pack", "--max-connections=0", *more])

    def native(self, repo="r.git"):
        return "git://127.0.0.1:%d/%s" % (self.port, repo)

    def url(self):
        return self.native()


class Sshd(Server):
    """sshd of whoever runs the test, with a key that may run git-shell and nothing else."""

    def __init__(self, base, more=""):
        self.daemon = sshd.Sshd(more=more)
        self.port, self.dir, self.ssh = self.daemon.port, self.daemon.dir, self.daemon.ssh
        super().__init__("sshd", base, self.daemon.command)

    missing = staticmethod(sshd.missing)

    def start(self):
        super().start()
        self.daemon.try_login()
        return self

    def native(self, repo="r.git"):
        return self.daemon.url(os.path.join(self.base, repo))

    def env(self):
        return {"GIT_SSH_COMMAND": " ".join(self.ssh[:-3])}

    def url(self):
        return self.bridged("ssh", *self.ssh).replace("/r.git", os.path.join(self.base, "r.git"))


class Lighttpd(Server):
    """more: lines of its configuration."""

    def __init__(self, base, stream=2, more="server.max-read-idle = 600\nserver.max-write-idle = 600\n"):
        self.port = free_port()
        self.conf, self.logs = path("lighttpd%d.conf" % self.port), [path("lighttpd.error")]
        exec_path = git("--exec-path").stdout.strip()
        with open(self.conf, "w") as f:
            f.write('server.bind = "127.0.0.1"\nserver.port = %d\nserver.document-root = "%s"\nserver.errorlog = "%s"\n'
                    'server.breakagelog = "%s"\nserver.upload-dirs = ( "%s" )\n'
                    'server.modules = ( "mod_setenv", "mod_alias", "mod_cgi" )\n'
                    'server.stream-request-body = %d\nserver.stream-response-body = %d\n'
                    '%s'
                    'setenv.add-environment = ( "GIT_PROJECT_ROOT" => "%s", "GIT_HTTP_EXPORT_ALL" => "1", "REMOTE_USER" => "test",\n'
                    '  "GIT_CONFIG_GLOBAL" => "%s" )\n'
                    'alias.url = ( "/" => "%s/git-http-backend/" )\ncgi.assign = ( "" => "" )\n'
                    % (self.port, base, path("lighttpd.error"), path("lighttpd.breakage"), TMP, stream, stream, more, base,
                       ENV["GIT_CONFIG_GLOBAL"], exec_path))
        super().__init__("lighttpd", base, [LIGHTTPD, "-D", "-f", self.conf])

    @staticmethod
    def missing():
        return "" if os.path.exists(LIGHTTPD) else "there is no lighttpd"

    def native(self, repo="r.git"):
        return "http://127.0.0.1:%d/%s" % (self.port, repo)

    def url(self):
        return self.bridged("http", "http://127.0.0.1:%d" % self.port)


class Watch:
    """git-gate watch on a process, with the short deadlines."""

    def __init__(self, pid, base, *args, prefix=(), **settings):
        self.log, self.control, self.parsed = path("watch%d.log" % pid), path("watch%d" % pid), Events()
        all_settings = {**SCALED, "rate.window": "4s", "gate.log": "json", "gate.logLevel": "debug", "gate.basePath": base,
                        "gate.control": self.control, **{k.replace("__", "."): v for k, v in settings.items()}}
        command = [*prefix, GATE, "watch", "--pid", str(pid), *args]
        for k, v in all_settings.items():
            command += ["-c", "%s=%s" % (k, v)]
        with open(self.log, "wb") as log:
            self.process = popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: self.process.poll() is not None or self.events("watch.started"), "the watch to start")
        if self.process.poll() is not None:
            raise RuntimeError("the watch did not start: " + read(self.log))

    def events(self, name=None, **fields):
        return [e for e in self.parsed.events(self.log) if (name is None or e["event"] == name) and all(e.get(k) == v for k, v in fields.items())]

    def sessions(self):
        return told(self.control, "sessions")

    def ask(self, *args):
        r = subprocess.run([GATE, *args, "--control", self.control, "--json"], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
        if r.returncode:
            raise RuntimeError("git-gate %s: %s" % (" ".join(args), r.stderr))
        return json.loads(r.stdout)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(PATIENCE)


def play(server, kinds, limit="15s"):
    """What git-gate-torture saw of these kinds, by name. Behind a bridge it could not tell whose a quarantine is, and would wait for it."""
    return {c["kind"]: c for c in tortured(server.url(), kinds, None if server.bridge else os.path.join(server.base, "r.git"), limit)}
