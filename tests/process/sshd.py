"""A real sshd on loopback, run by whoever runs the test (root or not), with keys and a file of host keys of its own.

Sshd is the server; Upstream is one whose key may run git and nothing else, over bare repositories of a directory, and which can be told
to be a bad one; Silent accepts connections and never says a word.
"""
from gate import *

SSHD = "/usr/sbin/sshd"


def missing():
    """Why it cannot run here; '' if it can."""
    if not os.path.exists(SSHD):
        return "there is no sshd"
    if os.geteuid() == 0 and not os.path.isdir("/run/sshd"):
        os.makedirs("/run/sshd", exist_ok=True)        # as Debian's own start of sshd does
    return ""


def keygen(file):
    """A new key pair; returns the private one's path."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True, env=ENV, stdin=subprocess.DEVNULL, timeout=PATIENCE)
    return file


def listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Sshd:
    """command: what the client's key may run, a line for sh, with the client's own in $SSH_ORIGINAL_COMMAND; more: lines of its configuration."""

    count = 0

    def __init__(self, command='git-shell -c "$SSH_ORIGINAL_COMMAND"', more=""):
        Sshd.count += 1
        self.port, self.dir = free_port(), path("sshd%d" % Sshd.count)
        os.makedirs(self.dir, mode=0o700)
        self.log = os.path.join(self.dir, "log")
        self.identity, self.known_hosts = keygen(os.path.join(self.dir, "id")), os.path.join(self.dir, "known_hosts")
        self.config = os.path.join(self.dir, "config")
        # the account's shell reads what is in its home first, bash too when sshd runs it: that may take any time, or wait for a lock
        self.home = os.path.join(self.dir, "home")
        os.mkdir(self.home)
        self.process = None
        self.marks = ["HOME=" + self.home]      # in the environment of who was logged in
        atexit.register(self.stop)
        with open(os.path.join(self.dir, "authorized"), "w") as f:
            f.write('restrict,command="%s" %s' % (command.replace('"', '\\"'), read(self.identity + ".pub")))
        with open(self.known_hosts, "w") as f:
            f.write(self.host_line(keygen(os.path.join(self.dir, "host"))))
        with open(self.config, "w") as f:
            # ssh's first choice of a key exchange, against computers that are not there yet, takes a tenth of a second of the client's processor
            f.write("Port %d\nListenAddress 127.0.0.1\nHostKey %s/host\nAuthorizedKeysFile %s/authorized\nStrictModes no\nUsePAM no\nKexAlgorithms curve25519-sha256\n"
                    "PidFile none\nPermitRootLogin yes\nMaxStartups 500\nMaxSessions 500\nAcceptEnv GIT_PROTOCOL\nSetEnv HOME=%s\n%s"
                    % (self.port, self.dir, self.dir, self.home, more))
        self.ssh = ["ssh", "-F", "none", "-i", self.identity, "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
                    "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "SendEnv=GIT_PROTOCOL", "-o", "BatchMode=yes",
                    "-p", str(self.port), "127.0.0.1"]

    def host_line(self, key):
        """A line of a known_hosts file that pins a key for this server."""
        return "[127.0.0.1]:%d %s\n" % (self.port, " ".join(read(key + ".pub").split()[:2]))

    @property
    def command(self):
        return [SSHD, "-D", "-e", "-f", self.config]

    def start(self):
        with open(self.log, "ab") as log:
            self.process = popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: listening(self.port) or self.process.poll() is not None, "sshd to listen")
        self.try_login()
        if self.process.poll() is not None:     # the port was taken meanwhile: who listens there is somebody else
            raise RuntimeError("sshd did not start: " + read(self.log))
        return self

    def try_login(self):
        """PermissionError when this account cannot log in, whatever the key."""
        r = subprocess.run(self.ssh + ["git-upload-pack '/nothing'"], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
        if "Permission denied" in r.stderr:
            raise PermissionError("this account cannot log in with a key: " + r.stderr)

    def url(self, directory):
        return "ssh://127.0.0.1:%d%s" % (self.port, directory)

    def stop(self):
        """The listener, the connections that it serves, and what they left behind, which sshd's end does not reach."""
        below = []
        if self.process and self.process.poll() is None:
            below = [p for p in tree(self.process.pid) if p != self.process.pid]
            self.process.terminate()
            self.process.wait(PATIENCE)
        for p in below + [p for mark in self.marks for p in with_environment(mark)]:
            try:
                os.kill(p, signal.SIGKILL)
            except ProcessLookupError:
                pass


# What an upstream is told to be, for the connections from then on; the first word chooses, the rest is for it.
BAD = r'''
import os, subprocess, sys, threading, time
how, command = sys.argv[1].split(), ["git-shell", "-c", sys.argv[2]]
push = "receive-pack" in sys.argv[2]
if how[0] == "asleep":                          # logged in, and nothing comes
    open(how[1], "a").write("x")
    while True:
        time.sleep(3600)
if how[0] == "slow" and not push:               # as stops, and tells its references after so many seconds
    time.sleep(float(how[3]))
if how[0] == "gone" or (how[0] == "nolist" and not push):
    sys.exit(1)
if not push:
    os.execvp(command[0], command)
p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def advertisement():
    while True:
        head = p.stdout.read(4)
        n = int(head, 16)
        os.write(1, head + p.stdout.read(max(n - 4, 0)))
        if n == 0:
            return
def feed(limit=None):
    done = 0
    while limit is None or done < limit:
        data = os.read(0, 65536 if limit is None else min(65536, limit - done))
        if not data:
            break
        done += len(data)
        p.stdin.write(data)
        p.stdin.flush()
advertisement()
if how[0] in ("stops", "slow"):                 # takes so many bytes, then reads no more and says nothing
    feed(int(how[1]))
    open(how[2], "a").write("x")
    while True:
        time.sleep(3600)
threading.Thread(target=feed, daemon=True).start()
if how[0] in ("mute", "nolist"):                # does all of it, then the connection ends without the answer
    p.stdout.read()
    p.wait()
    os._exit(1)
if how[0] == "hasty":                           # the connection ends while upstream is still at work: when a file is there
    while not os.path.exists(how[1]):
        time.sleep(0.01)
    os._exit(1)
'''


class Upstream(Sshd):
    """Bare repositories below a directory, for a key that may run git's commands on them."""

    def __init__(self):
        self.mode, self.bad = path("upstream-mode%d" % (Sshd.count + 1)), path("bad-upstream.py")
        with open(self.bad, "w") as f:
            f.write(BAD)
        serve = path("serve%d" % (Sshd.count + 1))
        with open(serve, "w") as f:
            f.write('#!/bin/sh\nexport TEST_UPSTREAM="%s"\nexport GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL="%s" HOME="%s"\n'
                    'echo "$SSH_ORIGINAL_COMMAND" >>"%s.log"\n'
                    'repo=${SSH_ORIGINAL_COMMAND##*/} mode="%s"\n[ -e "$mode.${repo%%?}" ] && mode="$mode.${repo%%?}"\n'
                    'if [ -s "$mode" ]; then exec python3 "%s" "$(cat "$mode")" "$SSH_ORIGINAL_COMMAND"; fi\n'
                    'exec git-shell -c "$SSH_ORIGINAL_COMMAND"\n'
                    % (serve, ENV["GIT_CONFIG_GLOBAL"], TMP, self.mode, self.mode, self.bad))
        os.chmod(serve, 0o755)
        super().__init__(serve)
        self.marks.append("TEST_UPSTREAM=" + serve)
        self.base = os.path.join(self.dir, "git")
        os.makedirs(self.base)

    def repo(self, name="r.git", *options):
        d = os.path.join(self.base, name)
        git("init", "-q", "--bare", *options, d)
        git("config", "receive.advertisePushOptions", "true", cwd=d)
        git("config", "receive.denyDeleteCurrent", "ignore", cwd=d)
        return d

    def mirrored(self, base, name="r.git", *options, seed=None):
        """A repository here, with what seed's HEAD is as main, and a gate's mirror of it below base; the gate's settings for it."""
        here, there = os.path.join(base, name), self.repo(name, *options)
        if seed:
            git("push", "-q", there, "HEAD:main", cwd=seed)
        git("clone", "-q", "--bare", there, here)
        git("remote", "remove", "origin", cwd=here)
        git("config", "receive.advertisePushOptions", "true", cwd=here)
        return {"repo.%s.%s" % (name, key): value for key, value in (
            ("upstream", self.url(there)), ("identityFile", self.identity), ("knownHostsFile", self.known_hosts), ("fresh", "0"))}

    def behave(self, how="", repo=None):
        """'' is well; see BAD. For all repositories, or for one, NAME.git, whatever all are told."""
        mode = self.mode + "." + repo if repo else self.mode
        with open(self.mode + ".new", "w") as f:
            f.write(how)
        os.rename(self.mode + ".new", mode)

    def served(self):
        """The commands that clients ran."""
        return read(self.mode + ".log").splitlines()

    def forget(self):
        open(self.mode + ".log", "w").close()


class Silent:
    """Accepts, and never speaks."""

    def __init__(self, port=0):
        self.s = socket.create_server(("127.0.0.1", port))
        self.port = self.s.getsockname()[1]
        self.taken = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                self.taken.append(self.s.accept()[0])
            except OSError:
                return

    def close(self):
        self.s.shutdown(socket.SHUT_RDWR)
        self.s.close()
        for s in self.taken:
            s.close()

    def url(self, directory):
        return "ssh://127.0.0.1:%d%s" % (self.port, directory)


def upstream():
    """A good one that runs; where none can, the whole test is skipped."""
    if missing():
        skip_all(missing())
    try:
        return Upstream().start()
    except PermissionError as e:
        skip_all(str(e).replace("\n", " "))
