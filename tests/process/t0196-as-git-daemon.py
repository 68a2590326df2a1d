#!/usr/bin/python3
"""What git:// serves is what git-daemon with the same settings would: for each kind of repository, path, service and form of a request either both refuse, or the
client gets the same bytes from both. What the gate alone refuses is listed here, with its words.
"""
from gate import *

tap = Tap()
base = path("git")
os.makedirs(base)
seed = path("seed")
git("init", "-q", seed)
commit(seed, "a", "a\n")
git("tag", "-am", "one", "v1", cwd=seed)


def bare(name, *config, branch="main"):
    d = os.path.join(base, name)
    git("clone", "-q", "--bare", seed, d)
    for c in config:
        git("config", *c.split("=", 1), cwd=d)
    return d


def put(d, name, text):
    with open(os.path.join(d, name), "w") as f:
        f.write(text)


# --- repositories ------------------------------------------------------------------------------------------------------

bare("r.git")
bare("deep/er/r.git")
bare("no-suffix")
git("clone", "-q", seed, os.path.join(base, "tree"))
for name in "tree.git.git", "-x.git", ".hidden.git", "a b.git", "ü.git", "~x.git", "..x.git", "x..git", "x\ty.git", "r.git.git":
    bare(name)
git("init", "-q", "--bare", os.path.join(base, "unborn.git"))
git("init", "-q", "--bare", "--object-format=sha256", os.path.join(base, "sha256.git"))
put(bare("detached.git"), "HEAD", git("rev-parse", "HEAD", cwd=seed).stdout)
put(bare("dangling.git"), "HEAD", "ref: refs/heads/none\n")
put(bare("head-outside.git"), "HEAD", "ref: ../../etc/passwd\n")
put(bare("head-nonsense.git"), "HEAD", "nonsense\n")
put(bare("head-empty.git"), "HEAD", "")
d = bare("head-link.git")
os.unlink(os.path.join(d, "HEAD"))
os.symlink("refs/heads/main", os.path.join(d, "HEAD"))
os.unlink(os.path.join(bare("no-head.git"), "HEAD"))
shutil.rmtree(os.path.join(bare("no-objects.git"), "objects"))
d = bare("no-refs.git")
shutil.rmtree(os.path.join(d, "refs"))
put(bare("no-config.git"), "config", "")
os.unlink(os.path.join(bare("config-gone.git"), "config"))
put(bare("config-broken.git"), "config", "[core\n")
put(bare("format-99.git"), "config", "[core]\n\trepositoryFormatVersion = 99\n\tbare = true\n")
put(bare("unknown-extension.git"), "config", "[core]\n\trepositoryFormatVersion = 1\n\tbare = true\n[extensions]\n\tunknown = 1\n")
bare("not-bare.git", "core.bare=false")
bare("worktree.git", "core.bare=false", "core.worktree=" + path("elsewhere"))
bare("packed.git")
git("pack-refs", "--all", cwd=os.path.join(base, "packed.git"))
put(os.path.join(base, "r.git", "objects", "info"), "alternates", "")
d = bare("alternates.git")
put(os.path.join(d, "objects", "info"), "alternates", os.path.join(seed, ".git", "objects") + "\n" + path("nowhere") + "\n")
bare("broken-ref.git")
put(os.path.join(base, "broken-ref.git", "refs", "heads"), "broken", "nonsense\n")
put(path(""), "included", "[uploadpack]\n\thideRefs = refs/tags\n[receive]\n\thideRefs = refs/tags\n")
bare("includes.git", "include.path=" + path("included"))
bare("includes-missing.git", "include.path=" + path("missing"))
bare("hides.git", "transfer.hideRefs=refs/tags")
bare("off.git", "daemon.uploadpack=false", "daemon.receivepack=false", "daemon.uploadarch=false")
bare("on.git", "daemon.uploadpack=true", "daemon.receivepack=true", "daemon.uploadarch=true")
bare("daemon-nonsense.git", "daemon.uploadpack=nonsense", "daemon.receivepack=nonsense")
bare("settings.git", "uploadpack.allowFilter=true", "uploadpack.allowAnySHA1InWant=true", "receive.advertisePushOptions=true", "receive.advertiseAtomic=false",
     "transfer.advertiseSID=true", "receive.certNonceSeed=", "protocol.version=1", "safe.directory=none", "core.sharedRepository=world")
for name in os.listdir(base):       # linked within, and chains of links
    if name == "r.git":
        os.symlink(name, os.path.join(base, "link.git"))
        os.symlink("link.git", os.path.join(base, "links"))
os.symlink("loop.git", os.path.join(base, "loop.git"))
put(bare("exported.git"), "git-daemon-export-ok", "")
os.makedirs(os.path.join(base, "empty.git"))
put(base, "file.git", "no repository\n")

REPOS = sorted(os.listdir(base))
PATHS = ["/r.git", "/r", "/r.git/", "/r.git///", "/r/", "//r.git", "/./r.git", "/r.git/.", "/r.git/..", "/deep/../r.git", "/deep/er/r", "/deep//er/r.git", "/deep/er", "/deep",
         "/tree", "/tree/", "/tree/.git", "/tree/.git/", "/tree.git", "/tree/.git/objects", "/r.git/objects", "/r.git/HEAD", "r.git", "./r.git", "", "/", "//", ".", "/.", "/..", "/...",
         "/r.git\n", "/r.git\n\n", "/r.git ", " /r.git", "/r.git\r", "/R.GIT", "/r.git\\", "/r.git%00", "/r%2egit", "~/r.git", "/~/r.git", "/~root/r.git", base + "/r.git",
         "/" + "x" * 4000, "/" + "x" * 255, "/" + "x/" * 2000, "/r.git" + "/" * 3000, "/no-suffix.git", "/no-suffix", "/link", "/links", "/loop", "/-x", "/x"]
# behind the path
EXTRAS = {"no host": b"", "a host": b"\0host=x\0", "a host with a port": b"\0host=x:9418\0", "a host without its end": b"\0host=x", "an empty host": b"\0host=\0", "hosts": b"\0host=x\0host=y\0",
          "version 0": b"\0host=x\0\0version=0\0", "version 1": b"\0host=x\0\0version=1\0", "version 2": b"\0host=x\0\0version=2\0", "version 3": b"\0host=x\0\0version=3\0",
          "version 2, no host": b"\0\0version=2\0", "version 2, cut": b"\0host=x\0\0version=2", "version 2 in the host": b"\0host=x\0version=2\0", "versions": b"\0host=x\0\0version=1\0version=2\0",
          "versions, backwards": b"\0host=x\0\0version=2\0version=1\0", "version 2 and more": b"\0host=x\0\0version=2\0object-format=sha256\0x\0", "more and version 2": b"\0host=x\0\0x\0version=2\0",
          "a colon": b"\0host=x\0\0version=1:version=2\0", "an empty one": b"\0host=x\0\0\0version=2\0", "a line end": b"\0host=x\0\0version=2\n\0", "nothing but NULs": b"\0" * 9, "junk": b"\0\1\2\3\xff\0",
          "junk behind the host": b"\0host=x\0\1\2\0", "a capital host": b"\0HOST=x\0\0version=2\0", "long": b"\0host=x\0\0version=2\0" + b"y" * 30000, "a variable": b"\0host=x\0\0GIT_DIR=/etc\0version=2\0",
          "a host with a NUL too many": b"\0host=x\0\0\0", "a space": b"\0host=x\0\0 version=2\0"}


# --- who is asked ------------------------------------------------------------------------------------------------------

g = Gate({"gate.uploadArchive": "true"}, base=base)
strict = Gate({"gate.exportAll": "false", "gate.receivePack": "false"}, base=base)
CONFIG = ["core.hooksPath=" + os.path.join(BUILD, "hooks"), "receive.fsckObjects=true"]
SERVE = ["--enable=receive-pack", "--enable=upload-pack"]
OPTIONS = {g: ["--export-all", *SERVE, "--enable=upload-archive"],
           strict: ["--disable=receive-pack", "--forbid-override=receive-pack", "--enable=upload-pack", "--disable=upload-archive", "--forbid-override=upload-archive"]}


def request(service, where, extra=b"\0host=x\0"):
    data = b"git-%s %s%s" % (service.encode(), where.encode(), extra)
    return b"%04x" % (len(data) + 4) + data


def answer(s, data):
    """Everything that comes, once the client has said all that it says."""
    s.settimeout(PATIENCE)
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    got = b""
    try:
        while more := s.recv(65536):
            got += more
    except OSError:
        pass
    return got


def of_gate(gate, data):
    with socket.create_connection(("127.0.0.1", gate.port)) as s:
        return answer(s, data)


def of_daemon(gate, data):
    ours, its = socket.socketpair()
    env = {**ENV, "LC_ALL": "C", "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "1", "GIT_CONFIG_COUNT": str(len(CONFIG)), "GIT_GATE_SESSION": "x",
           **{"GIT_CONFIG_%s_%d" % (k, i): v for i, c in enumerate(CONFIG) for k, v in zip(("KEY", "VALUE"), c.split("=", 1))}}
    with ours, its:
        p = popen(["git", "daemon", "--inetd", "--log-destination=none", "--informative-errors", "--timeout=0", "--init-timeout=60", "--base-path=" + base, *OPTIONS[gate]],
                  stdin=its, stdout=its, stderr=subprocess.DEVNULL, env=env)
        its.close()
        got = answer(ours, data)
        p.wait()
    return got


def same_for(got):
    """Without what differs each time: ids, and where the side band of an archive is cut."""
    if got.startswith(b"0008ACK\n0000"):
        at, bands = 12, {}
        while (n := int(got[at:at + 4] or b"0", 16)) > 4:
            bands[got[at + 4]] = bands.get(got[at + 4], b"") + got[at + 5:at + n]
            at += n
        return bands
    return re.sub(rb"session-id=\S+|push-cert=\S+", b"", got)


def refused(got):
    return not got or got[4:7] == b"ERR" or b"git-gate" in got


differs = []


def compare(what, data, gate=g):
    mine, its = of_gate(gate, data), of_daemon(gate, data)
    if refused(its) and refused(mine):
        return False
    if same_for(mine) != same_for(its):
        differs.append("%s: gate %r, git-daemon %r" % (what, mine[:120], its[:120]))
    return True


# each end of a session: a client that has read what it wanted
END = b"0000"
served = {}
for gate, names in (g, REPOS), (strict, ("r.git", "exported.git", "on.git", "off.git", "daemon-nonsense.git")):
    for service in "upload-pack", "receive-pack":
        for name in names:
            served[gate, service, name] = compare("%s of %s%s" % (service, name, ", where little is on" if gate is strict else ""), request(service, "/" + name) + END, gate)
for where in PATHS:
    served[where] = compare("path %.40r" % where, request("upload-pack", where) + END)
for name, extra in EXTRAS.items():
    for service in "upload-pack", "receive-pack":
        served[service, name] = compare("%s, %s" % (service, name), request(service, "/r.git", extra) + END)
for service in "upload-archive", "upload-pac", "upload-packs", "shell", "receive-pack --help", "UPLOAD-PACK", "upload-pack\n", "":
    served[service] = compare("service %r" % service, request(service, "/r.git") + END)
served["archive"] = compare("an archive", request("upload-archive", "/r.git") + b"0012argument HEAD\n" + END)
tap.eq(differs, [], "%d requests: what one refuses the other does, and what is served is the same to the byte" % len(served))
note("served: %d" % sum(served.values()))
tap.ok(40 < sum(served.values()) < len(served) - 40, "of both kinds there are many")
tap.eq([k[1:] for k, v in served.items() if v and k[0] is strict], [("upload-pack", "exported.git")], "where little is on, only what is exported is served")
tap.eq([e for e in EXTRAS if not served["upload-pack", e]], ["hosts", "version 2 in the host", "junk", "junk behind the host"],
       "what follows the path is one host, or none, and behind a NUL what an older git does not look at")
finish(tap, g, strict)
