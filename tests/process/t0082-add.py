#!/usr/bin/python3
"""git-gate add, client, remove and doctor, with a real sshd on loopback as upstream: each makes all of it or nothing, and says what is wrong
and what to do. Every row of the tables is a way in which it fails.
"""
from servers import *

tap = Tap()
server = Sshd(path("up"))
if server.missing():
    skip_all(server.missing())
os.makedirs(path("up"))
AUTHORIZED = os.path.join(server.dir, "authorized")
HOST = "127.0.0.1:%d" % server.port


def key(name, command):
    """A key of ours that upstream accepts for one command."""
    file = path(name)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True, env=ENV, stdin=subprocess.DEVNULL, timeout=PATIENCE)
    if command:
        with open(AUTHORIZED, "a") as f:
            f.write('restrict,command="%s" %s' % (command, read(file + ".pub")))
    return file


def write(name, text, mode=0o644):
    with open(path(name), "w") as f:
        f.write(text)
    os.chmod(path(name), mode)
    return path(name)


SHELL = 'git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"'
key("id", SHELL)
key("reader", 'case $SSH_ORIGINAL_COMMAND in git-receive-pack*) echo ERROR: The key you are authenticating with has been marked as read only. >&2; '
              'exit 1;; esac; %s' % SHELL)
key("stuck", "echo x >>%s; exec sleep 1000" % path("stuck.at"))
key("racer", "mkdir -p %s; %s" % (path("made", "race.git"), SHELL))
key("stranger", None)
key("open", None)
os.chmod(path("open"), 0o644)
write("garbage", "no key\n", 0o600)
write("public", read(path("id.pub")), 0o600)
shutil.copy(key("stranger2", None), path("locked"))
subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", path("locked")], check=True, env=ENV, capture_output=True, timeout=PATIENCE)
try:
    server.start()
except PermissionError as e:
    skip_all(str(e).replace("\n", " "))

HOST_KEY = " ".join(read(os.path.join(server.dir, "host.pub")).split()[:2])
OTHER_KEY = " ".join(read(path("stranger.pub")).split()[:2])
write("known", "[127.0.0.1]:%d %s\n" % (server.port, HOST_KEY))
write("known.empty", "")
write("known.other", "[127.0.0.1]:%d %s\n" % (server.port, OTHER_KEY))


def upstream(name, *init, commits=2, branch="main"):
    """A repository with a branch, another one, and a tag."""
    d, w = path("up", name), path(name + ".work")
    git("init", "-q", "--bare", *init, d)
    git("symbolic-ref", "HEAD", "refs/heads/" + branch, cwd=d)
    if commits:
        git("init", "-q", *init, "-b", branch, w)
        for i in range(commits):
            commit(w, "file%d" % i, "%d\n" % i)
        git("tag", "-a", "-m", "one", "v1", cwd=w)
        git("push", "-q", d, "HEAD:" + branch, "HEAD~1:refs/heads/other", "v1", cwd=w)
    return d


def url(name):
    return "ssh://127.0.0.1:%d%s" % (server.port, path("up", name))


def refs(repo):
    return git("for-each-ref", "--format=%(refname) %(objectname)", cwd=repo).stdout


class Place:
    """A base directory with a configuration that has comments and a mode of its own."""

    def __init__(self, name, settings=""):
        self.base, self.config = path(name), path(name + ".conf")
        os.makedirs(self.base, mode=0o755)
        self.first = ("# of the operator's own\n[gate]\n\tbasePath = %s ; here\n\tcontrol = %s\n[listen]\n\tgit = 127.0.0.1:9418\n\thttp = 127.0.0.1:9420\n"
                      "[deadline]\n\tconnect = 30s\n\trefresh = 60s\n%s# the end\n" % (self.base, path(name + ".control"), settings))
        write(name + ".conf", self.first, 0o640)

    def run(self, *args, prefix=(), **kw):
        r = subprocess.run([*prefix, GATE, *args, "--config", self.config], env=ENV, cwd=TMP, capture_output=True, text=True, timeout=PATIENCE, **kw)
        return r

    def state(self):
        """All that a command may have left."""
        found = []
        for top, dirs, files in os.walk(self.base):
            found += [os.path.join(top, f) for f in dirs + files]
        return sorted(found), read(self.config), sorted(f for f in os.listdir(TMP) if f.startswith(os.path.basename(self.config)))


def mirror(name, up="r.git", identity="id", known="known"):
    return ["add", name, "--upstream", url(up), "--identity", path(identity), "--known-hosts", path(known)]


def section(place, name):
    r = git("config", "--file", place.config, "--null", "--get-regexp", r"^repo\.%s\." % re.escape(name), check=False)
    return dict(entry.split("\n", 1) for entry in r.stdout.split("\0") if entry)


class Silent:
    """Listens and says nothing."""

    def __init__(self):
        self.s = socket.socket()
        self.s.bind(("127.0.0.1", 0))
        self.s.listen()
        self.port = self.s.getsockname()[1]


# --- what is made -----------------------------------------------------------------------------------------------------

upstream("r.git", branch="trunk")
git("update-ref", "refs/notes/x", "trunk", cwd=path("up", "r.git"))
mirrored = refs(path("up", "r.git"))
git("update-ref", "refs/pull/1/head", "trunk", cwd=path("up", "r.git"))     # as forges make them
upstream("s256.git", "--object-format=sha256")
LONG = "x" * 250 + "/" + "y" * 250
upstream("long.git", branch=LONG)
upstream("empty.git", commits=0)
upstream("empty256.git", "--object-format=sha256", commits=0)
p = Place("made")
os.umask(0o022)
for name, up, head, form in (("r.git", "r.git", "refs/heads/trunk", "sha1"), ("org/deep/s.git", "s256.git", "refs/heads/main", "sha256"),
                             ("e.git", "empty.git", "refs/heads/main", "sha1"), ("e256.git", "empty256.git", "refs/heads/main", "sha256"),
                             ("long.git", "long.git", "refs/heads/main", "sha1"), # HEAD's own name is too long for us
                             ("with space's.git", "r.git", "refs/heads/trunk", "sha1")):
    r = p.run(*mirror(name, up))
    d = os.path.join(p.base, name)
    if not tap.eq(r.returncode, 0, "add %s" % name, r.stdout, r.stderr):
        continue
    tap.eq(refs(d), mirrored if up == "r.git" else refs(path("up", up)), "%s has what upstream has" % name)
    tap.eq(git("symbolic-ref", "HEAD", cwd=d).stdout.strip(), head, "and its HEAD")
    tap.eq(git("rev-parse", "--show-object-format", cwd=d).stdout.strip(), form, "and its object format")
    tap.eq(section(p, name), {"repo.%s.%s" % (name, k): v for k, v in (("identityfile", path("id")), ("knownhostsfile", path("known")),
                                                                      ("upstream", url(up)))}, "its settings")
    tap.eq([git("config", k, cwd=d).stdout.strip() for k in ("core.bare", "receive.advertisePushOptions", "uploadpack.allowFilter")],
           ["true"] * 3, "its own configuration")
    tap.ok("git-gate reload" in r.stdout and "insteadOf" in r.stdout, "it says what to do next", r.stdout)
r = p.run("add", "--local", "own.git")
tap.eq((r.returncode, section(p, "own.git")), (0, {"repo.own.git.upstream": ""}), "add --local", r.stdout, r.stderr)
tap.ok("git clone git://127.0.0.1:9418/own.git" in r.stdout, "it says how to clone it", r.stdout)
tap.eq(os.listdir(os.path.join(p.base, "org")), ["deep"], "directories of a name are made")
tap.ok(read(p.config).startswith(p.first[:-len("# the end\n")]) and "# the end\n" in read(p.config), "comments survive", read(p.config))
tap.eq(os.stat(p.config).st_mode & 0o777, 0o640, "and the file's mode")
tap.eq([f for f in os.listdir(p.base) if f.startswith(".")], [], "nothing else is left below gate.basePath")
r = p.run("check-config")
tap.eq(r.returncode, 0, "the settings are good", r.stderr)

# --- what is refused leaves nothing -----------------------------------------------------------------------------------------

silent = Silent()
write("known.silent", "[127.0.0.1]:%d %s\n" % (silent.port, HOST_KEY))
nobody = free_port()
write("known.nobody", "[127.0.0.1]:%d %s\n" % (nobody, HOST_KEY))
git("init", "-q", "--bare", os.path.join(p.base, "bare.git"))
os.mkdir(os.path.join(p.base, "dir"))


def at(port, name="r.git"):
    return "ssh://127.0.0.1:%d%s" % (port, path("up", name))


def args(name="new.git", up=None, identity="id", known="known", *more):
    return ["add", name, "--upstream", up or url("r.git"), "--identity", path(identity), "--known-hosts", path(known), *more]


ROWS = (  # what, arguments, exit code, and what stands in the text: the culprit and the cure
    ("a name that is set", args("r.git"), 1, "r.git exists", "git-gate remove r.git"),
    ("a name that is there", args("dir"), 1, "dir exists", "another name"),
    ("a name that git takes for another", args("bare"), 1, "bare.git exists", "another name"),
    ("a name in a repository", args("bare.git/x.git"), 1, "bare.git is a repository", "another name"),
    ("a name with ..", args("a/../../x.git"), 2, "has a part '..'", ""),
    ("a name with a slash at its begin", args("/x.git"), 2, "begins with a slash", "below gate.basePath"),
    ("a name with a slash at its end", args("x.git/"), 2, "empty part", ""),
    ("a name with a tab", args("a\tb.git"), 2, "control character", ""),
    ("a name with a line end", args("a\nb.git"), 2, "control character", ""),
    ("a hidden name", args(".x.git"), 2, "begins with a dot", ""),
    ("no name", args(""), 2, "is empty", ""),
    ("a name that is no text", args(b"\xff.git"), 2, "is not UTF-8", ""),
    ("a name that is too long", args("x" * 300), 2, "too long", ""),
    ("no upstream", ["add", "x.git"], 2, "--upstream URL is missing", "--local"),
    ("no identity", ["add", "x.git", "--upstream", url("r.git")], 2, "--identity FILE is missing", ""),
    ("no known hosts", ["add", "x.git", "--upstream", url("r.git"), "--identity", path("id")], 2, "--known-hosts FILE is missing", ""),
    ("local with an upstream", args("x.git", None, "id", "known", "--local"), 2, "--local", "takes no --upstream"),
    ("an upstream in scp form", args(up="git@127.0.0.1:r.git"), 2, "ssh://git@127.0.0.1/r.git", ""),
    ("an upstream over https", args(up="https://127.0.0.1/r.git"), 2, "upstream", "ssh://[USER@]HOST"),
    ("an upstream that is a path", args(up=path("up", "r.git")), 2, "upstream", "ssh://[USER@]HOST"),
    ("an upstream that is an option", args(up="ssh://-oProxyCommand=touch%20x/r.git"), 2, "upstream", "ssh://[USER@]HOST"),
    ("an identity that is not there", args(identity="nothing"), 1, "nothing: No such file", "able to read it"),
    ("an identity that is a directory", args(identity="up"), 1, "not a regular file", ""),
    ("an identity that others can read", args(identity="open"), 1, "others can read it (mode 644)", "chmod 600 " + path("open")),
    ("an identity that is no key", args(identity="garbage"), 1, "identity file %s: ssh-keygen: " % path("garbage"), "private key without a passphrase"),
    ("an identity that is a public key", args(identity="public"), 1, "identity file %s: ssh-keygen: " % path("public"), "private key"),
    ("an identity with a passphrase", args(identity="locked"), 1, "incorrect passphrase", "ssh-keygen -p takes one away"),
    ("an identity that upstream does not know", args(identity="stranger"), 1, "refuses the key", "stranger"),
    ("an identity that may only read", args(identity="reader"), 1, "lets this key read only", "allow it to push"),
    ("known hosts that are not there", args(known="nothing"), 1, "nothing: No such file", ""),
    ("a host that is not in known hosts", args(known="known.empty"), 1, "no host key for [127.0.0.1]:%d" % server.port,
     "ssh-keyscan -p %d 127.0.0.1" % server.port),
    ("another host key than the pinned one", args(known="known.other"), 1, "another host key than the pinned one", "known.other"),
    ("a port where nobody listens", args(up=at(nobody), known="known.nobody"), 1, "does not listen on that port", "host and port"),
    ("a host that says nothing", args("x.git", at(silent.port), "id", "known.silent", "-c", "deadline.connect=1s"), 1, "does not answer in time (deadline.connect)", "host and port"),
    ("an upstream that never ends", args("x.git", None, "stuck", "known", "-c", "deadline.refresh=2s"), 1, "takes too long", "deadline.refresh"),
    ("an upstream without that repository", args(up=url("nothing.git")), 1, "has no such repository", "path of its URL"),
    ("a base path that is not there", args("x.git", None, "id", "known", "-c", "gate.basePath=" + path("nowhere")), 1, "nowhere (gate.basePath): No such", ""),
    ("a bad setting", args("x.git", None, "id", "known", "-c", "deadline.idel=3s"), 2, "did you mean 'deadline.idle'", ""),
    ("a host for clients that is none", ["client", "r.git", "--host", "a b"], 2, "--host 'a b'", "without a port"),
    ("lines for one that is not set", ["client", "r.gti"], 1, "no repository 'r.gti'", "did you mean 'r.git'"),
    ("removal of one that is not set", ["remove", "r.gti"], 1, "no repository 'r.gti'", "did you mean 'r.git'"),
)
before = p.state()
for what, line, code, culprit, cure in ROWS:
    begun = time.monotonic()
    r = p.run(*line)
    took = time.monotonic() - begun
    text = r.stderr
    tap.ok(r.returncode == code and culprit in text and cure in text, "refused: %s (%.1fs)" % (what, took), r.returncode, r.stdout, text)
    now = p.state()
    if not tap.ok(now == before, "and nothing is left of it", set(now[0]) ^ set(before[0]), now[1], now[2]):
        break

# somebody else holds the configuration: found when all else is done
write("made.conf.lock", "")
r = p.run(*args())
tap.ok(r.returncode == 1 and "cannot change %s" % p.config in r.stderr and "%s.lock" % p.config in r.stderr, "refused: a configuration that is locked", r.stderr)
os.unlink(path("made.conf.lock"))
tap.eq(p.state(), before, "and nothing is left of it")

# git fails in the middle of the settings, and again when they are taken back
os.mkdir(path("tools"))
put_script(path("tools", "git"), 'case "$*" in *knownHostsFile*|*--remove-section*) exit 3;; esac; exec %s "$@"' % shutil.which("git"))
r = p.run(*args(), prefix=("env", "PATH=%s:%s" % (path("tools"), ENV["PATH"])))
tap.ok(r.returncode == 1 and r.stderr.count("cannot change %s: git: exit status 3" % p.config) == 2, "refused: settings that cannot be written, nor taken back", r.stderr)
tap.eq(section(p, "new.git"), {"repo.new.git.identityfile": path("id")}, "what is left of them")
git("config", "--file", p.config, "--remove-section", "repo.new.git")
tap.eq(p.state(), before, "and nothing is left of it")

# somebody else makes the directory meanwhile: the settings are written by then
r = p.run(*args("race.git", None, "racer"))
tap.ok(r.returncode == 1 and "cannot move" in r.stderr and "File exists" in r.stderr, "refused: a name that was taken meanwhile", r.stderr)
os.rmdir(path("made", "race.git"))
tap.eq(p.state(), before, "and nothing is left of it")

# told to stop in the middle
for sig in (signal.SIGINT, signal.SIGTERM):
    q = popen([GATE, *args(identity="stuck"), "--config", p.config, "-c", "deadline.refresh=1h"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seen = len(read(path("stuck.at")))
    wait_for(lambda: len(read(path("stuck.at"))) > seen, "upstream to be asked")
    below = tree(q.pid)
    q.send_signal(sig)
    code, out = end(q)
    tap.ok(code == 1 and "interrupted" in out, "told to stop (%s) while upstream is asked" % sig.name, code, out)
    tap.eq([b for b in below if alive(b)], [], "what it had started is gone")
    tap.eq(p.state(), before, "and nothing is left of it")

# as an ordinary user, and as root for one
if os.geteuid() == 0:
    r = p.run(*args(), prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
    tap.ok(r.returncode != 0, "someone else may not", r.stderr)
    os.chmod(TMP, 0o755)
    os.chmod(p.config, 0o644)
    r = p.run(*args(), prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
    tap.ok(r.returncode == 1 and "belongs to uid 0" in r.stderr and "as that user or as root" in r.stderr, "refused: not the owner of gate.basePath", r.stderr)
    os.chmod(p.config, 0o640)
    tap.eq(p.state(), before, "and nothing is left of it")
    u = Place("users")
    os.chown(u.base, 65534, 65534)
    os.chown(u.config, 65534, 0)
    shutil.copy(path("id"), path("users.id"))
    os.chmod(path("users.id"), 0o600)
    r = u.run(*args(identity="users.id"))
    tap.ok(r.returncode == 1 and "uid 65534 has to be able to read it" in r.stderr, "for another user: the key has to be his", r.stderr)
    os.chown(path("users.id"), 65534, 65534)
    # who logs in at this sshd is root
    r = u.run("add", "new.git", "--upstream", url("r.git").replace("ssh://", "ssh://root@"), "--identity", path("users.id"), "--known-hosts", path("known"))
    tap.eq(r.returncode, 0, "as root for a gate of another user", r.stdout, r.stderr)
    tap.ok("it belongs to uid 65534" in r.stdout, "it says so", r.stdout)
    owners = {os.lstat(f).st_uid for f in u.state()[0]}
    tap.eq((owners, os.stat(u.config).st_uid, os.stat(u.config).st_mode & 0o777), ({65534}, 65534, 0o640), "all of it is his, and his configuration too")
else:
    tap.skip("as root for another user", "not root")

# --- what a client runs -------------------------------------------------------------------------------------------------

g = Gate({"listen.http": "127.0.0.1:0", "gate.exportAll": "false"}, base=p.base, control=path("made.control"), start=False)
g.settings = {k: v for k, v in g.settings.items() if k not in ("gate.basePath", "gate.control")}
g.start("--config", p.config)
for name, transport in (("r.git", "git"), ("with space's.git", "git"), ("r.git", "http")):
    r = p.run("client", name)
    groups = dict(re.findall(r"(?ms)^# (?:or )?over (\w+)://\n(.*?)(?:\n\n|\Z)", r.stdout))
    tap.eq((r.returncode, sorted(groups)), (0, ["git", "http"]), "client %s" % name, r.stdout, r.stderr)
    home = path("home-%s-%s" % (name.replace(" ", "_").replace("'", ""), transport))
    os.mkdir(home)
    env = {"HOME": home, "GIT_CONFIG_GLOBAL": os.path.join(home, "config"), "GIT_SSH_COMMAND": "false"}
    for i in range(2):
        s = subprocess.run(["sh", "-e", "-c", groups.get(transport, "false")], env={**ENV, **env}, capture_output=True, text=True, timeout=PATIENCE)
        tap.eq((s.returncode, s.stderr), (0, ""), "a shell runs them%s" % (", again" if i else ""), r.stdout)
    c = git("clone", "-q", url("r.git"), os.path.join(home, "clone"), env=env, check=False)
    tap.eq((c.returncode, c.stderr), (0, ""), "over %s://, what is cloned from upstream's URL comes through the gate" % transport)
# every form of one on the usual port, as git itself reads them
r = p.run("client", "f.git", *(a for kv in ("upstream=ssh://git@forge.example/team/f.git", "identityFile=/x", "knownHostsFile=/x") for a in ("-c", "repo.f.git." + kv)))
env = {**ENV, "GIT_CONFIG_GLOBAL": path("forms")}
for i in range(2):
    s = subprocess.run(["sh", "-e", "-c", r.stdout], env=env, capture_output=True, text=True, timeout=PATIENCE)
    tap.eq((s.returncode, s.stderr), (0, ""), "a shell runs the lines of all forms%s" % (", again" if i else ""), r.stdout)
for form in ("ssh://git@forge.example/team/f.git", "ssh://git@forge.example:22/team/f.git", "git@forge.example:team/f.git", "git@forge.example:/team/f.git"):
    tap.eq(git("ls-remote", "--get-url", form, env=env).stdout.strip(), g.url("f.git"), "%s leads to the gate" % form)
tap.eq(git("ls-remote", "--get-url", "git@forge.example:team/g.git", env=env).stdout.strip(), "git@forge.example:team/g.git", "and nothing else does")
r = p.run("client", "r.git", "--host", "gate.example")
tap.ok("git://gate.example:%d/r.git" % g.port in r.stdout and "http://gate.example:%d/r.git" % g.http_port in r.stdout, "--host", r.stdout)
r = p.run("client", "r.git", "--host", "fe80::1")
tap.ok("git://[fe80::1]:%d/" % g.port in r.stdout, "--host of IPv6", r.stdout)

# --- removal ------------------------------------------------------------------------------------------------------------

raw = Raw(g)
raw.advertisement()
s = wait_for(lambda: [s for s in g.sessions() if s["repo"] == "r.git"], "the session to be known")[0]
before = p.state()
for more in [], ["--delete"]:
    r = p.run("remove", "r.git", *more)
    tap.ok(r.returncode == 1 and s["id"] in r.stderr and "git-gate kill" in r.stderr, "refused: remove %s while a session runs" % "".join(more), r.stderr)
    tap.eq(p.state(), before, "and nothing is changed")
raw.close()
g.settle()
r = p.run("remove", "r.git")
tap.ok(r.returncode == 0 and "still there: %s" % os.path.join(p.base, "r.git") in r.stdout and "git-gate reload" in r.stdout, "remove", r.stdout, r.stderr)
tap.eq((section(p, "r.git"), os.path.isdir(os.path.join(p.base, "r.git"))), ({}, True), "its settings are gone, the repository is not")
tap.ok(section(p, "own.git") and section(p, "e.git") and "# of the operator's own" in read(p.config), "nothing else of the file is", read(p.config))
r = p.run("remove", "org/deep/s.git", "--delete")
tap.eq((r.returncode, section(p, "org/deep/s.git"), os.path.exists(os.path.join(p.base, "org/deep/s.git"))), (0, {}, False), "remove --delete", r.stderr)
tap.eq([f for f in os.listdir(p.base) if f.startswith(".")], [], "nothing else is left below gate.basePath")
r = g.cli("reload")
tap.eq(r.returncode, 0, "the gate reads the settings again", r.stderr)
finish(tap, g)
