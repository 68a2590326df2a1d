#!/usr/bin/python3
"""git-gate token: what it writes, how it replaces the file, what it says; and rules over unix sockets, by uid and by token."""
import stat

from gate import *
from unixsock import *

tap = Tap()
DIR = path("etc")
os.makedirs(DIR)
FILE = os.path.join(DIR, "tokens")


def token(*args, file=FILE):
    return subprocess.run([GATE, "token", *args, "-c", "access.tokenFile=" + file, "-c", "gate.basePath=" + TMP], env=ENV, capture_output=True, text=True,
                          timeout=PATIENCE)


# --- the file -----------------------------------------------------------------------------------------------------------

r = token("add", "ci")
tap.ok(r.returncode == 0 and re.fullmatch(r"ggt_[A-Za-z0-9_-]{43}\n", r.stdout) and "git-gate reload" in r.stderr, "add prints a token, and what to do then", r)
tap.eq(oct(stat.S_IMODE(os.stat(FILE).st_mode)), "0o600", "the file that it makes is for its owner")
tap.ok(re.fullmatch("ci:sha256:[0-9a-f]{64}\n", read(FILE)) and r.stdout.strip() not in read(FILE), "which has its hash", read(FILE))
tap.ok(token("add", "ci2").stdout != r.stdout and token("list").stdout == "ci\nci2\n", "another one is another")
with open(FILE, "w") as f:
    f.write("# ours\n\nci:sha256:%s\n# x\nci2:sha256:%s" % ("a" * 64, "b" * 64))
os.chmod(FILE, 0o640)
os.rename(FILE, FILE + ".real")
os.symlink("tokens.real", FILE)
tap.eq((token("add", "z").returncode, token("remove", "ci").returncode), (0, 0), "one is added behind a line without an end, one is taken away")
tap.ok(re.fullmatch("# ours\n\n# x\nci2:sha256:b{64}\nz:sha256:[0-9a-f]{64}\n", read(FILE)), "comments stay", read(FILE))
tap.ok(os.path.islink(FILE) and stat.S_IMODE(os.stat(FILE).st_mode) == 0o640, "so do the link and the mode")
before = read(FILE)
for what, args, code, words in (
        ("a name that has one", ("add", "z"), 1, "z has a token already; take it away first (git-gate token remove z)"), ("a name that has none", ("remove", "zz"), 1, "zz has no token in"),
        ("a bad name", ("add", "a:b"), 2, "is no name that a token may have"), ("no name", ("remove",), 2, "NAME is missing"), ("a name too many", ("list", "z"), 2, "unexpected"),
        ("another word", ("make", "z"), 2, "write add NAME, remove NAME or list")):
    r = token(*args)
    tap.ok(r.returncode == code and words in r.stderr and not r.stdout, what, r)
r = subprocess.run([GATE, "token", "list"], env=ENV, capture_output=True, text=True)
tap.ok(r.returncode == 2 and "access.tokenFile is not set" in r.stderr, "no file is set", r)
with open(FILE + ".real.lock", "w"):
    r = token("add", "y")
tap.ok(r.returncode == 1 and "tokens.real.lock is there: somebody else" in r.stderr and os.path.exists(FILE + ".real.lock"), "a lock of somebody else's is left alone", r)
os.unlink(FILE + ".real.lock")
many = [popen([GATE, "token", "add", "n%d" % i, "-c", "access.tokenFile=" + FILE, "-c", "gate.basePath=" + TMP], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for i in range(8)]
added = ["n%d" % i for i, p in enumerate(many) if end(p)[0] == 0]
names = token("list").stdout.split()
tap.ok(added and sorted(names) == sorted(["ci2", "z"] + added), "of eight at once each is in the file, or was told no", added, names)
with open(FILE, "a") as f:
    f.write("x\n")
r = token("add", "w")
tap.ok(r.returncode == 1 and "tokens.real line %d: is no NAME" % (len(names) + 4) in r.stderr and read(FILE).endswith("x\n"), "a file with a bad line is not changed", r)
os.chmod(FILE, 0o660)
r = token("list")
tap.ok(r.returncode == 1 and "may be written by others" in r.stderr, "nor is one that others may write believed", r)
tap.eq(os.listdir(DIR).count("tokens.real.lock"), 0, "no lock is left")
r = subprocess.run([GATE, "run", "-c", "access.tokenFile=" + FILE, "-c", "gate.basePath=" + TMP], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.ok(r.returncode == 2 and "access.tokenFile (command line): '%s' may be written by others (mode 0660): chmod go-w" % FILE in r.stderr, "nothing starts with it", r)

# --- unix sockets -------------------------------------------------------------------------------------------------------

me = os.geteuid()
tokens = path("tokens")
secret = token("add", "ann", file=tokens).stdout.strip()
hooks = Hooks(pre_receive='cat >/dev/null; echo "$REMOTE_USER" >>' + path("users"))
GIT, HTTP, CONFIG = path("git.sock"), path("http.sock"), path("config")


def configure(push):
    with open(CONFIG, "w") as f:
        f.write("[access]\n\ttokenFile = %s\n\tallowFetch = any\n\tallowPush = %s\n" % (tokens, push))


configure("uid:%d" % me)
g = Gate({"listen.git": "unix:" + GIT, "listen.http": "unix:" + HTTP}, hooks=hooks.dir, start=False)
g.start("--config", CONFIG)
g.repo()
work = path("work")
git("init", "-q", work)
urls = relay(GIT).url("git", "r.git"), relay(HTTP).url("http", "r.git")
named = urls[1].replace("://", "://ann:%s@" % secret)
commit(work, "a")
tap.eq([git("push", u, "HEAD:main", cwd=work, check=False).returncode for u in urls[:1]], [0], "who is named by uid may push over a unix socket")
commit(work, "b")
r = git("push", "-v", named, "HEAD:main", cwd=work, check=False)
tap.eq(r.returncode, 0, "with a token too", r.stderr)
configure("user:ann")
tap.eq(g.cli("reload").returncode, 0, "the rule changes")
commit(work, "c")
r = git("push", urls[0], "HEAD:main", cwd=work, check=False)
tap.ok(r.returncode == 128 and "you may not push to r.git" in r.stderr, "a uid alone is no token", r.stderr)
r = git("-c", "http.extraHeader=Authorization: Bearer " + secret, "push", urls[1], "HEAD:main", cwd=work, check=False)
tap.eq(r.returncode, 0, "over HTTP on a unix socket a token counts", r.stderr)
users = read(path("users")).split()
tap.eq((users[0], users[-1]), ("uid:%d" % me, "ann"), "the hook is told the uid, or whose token it was", users)
finish(tap, g)
