#!/usr/bin/python3
"""What serving takes, in system calls and programs, which no load of the machine changes: an advertisement over HTTP and a fetch over git:// start one
program of git's, and so does a push; a small reply goes out in one segment; what git-gate says of it itself is byte for byte what git http-backend would say."""
import gzip

from gate import *
from rawhttp import Http, request, rpc

tap = Tap()
if not shutil.which("strace"):
    skip_all("there is no strace")
g = Gate({"listen.http": "127.0.0.1:0", **PATIENT})
repo, work = g.repo(), g.work("work")
git("config", "http.receivepack", "true", cwd=repo)         # as other servers need it: no reason to ask
git("config", "uploadpack.allowFilter", "true", cwd=repo)
for i in range(20):
    git("push", "-q", repo, "HEAD:refs/heads/b%d" % i, cwd=work)


EXEC_PATH = git("--exec-path").stdout.strip()

# --- the same as git http-backend ---------------------------------------------------------------------------------------------
def advert(service, protocol=None, method="GET", gate=g):
    headers = ["Connection: close"] + (["Git-Protocol: " + protocol] if protocol else [])
    r = Http(gate, request(method, "/r.git/info/refs?service=git-" + service, headers)).reply(method)
    return r.status, [(n, v) for n, v in r.headers if n in ("Expires", "Pragma", "Cache-Control", "Content-Type")], r.body


def backend(service, protocol):
    env = {**ENV, "LC_ALL": "C", "GIT_PROJECT_ROOT": g.base, "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": "GET", "REMOTE_USER": "x",
           "PATH_INFO": "/r.git/info/refs", "QUERY_STRING": "service=git-" + service, **({"HTTP_GIT_PROTOCOL": protocol} if protocol else {})}
    out = subprocess.run([EXEC_PATH + "/git-http-backend"], env=env, capture_output=True, check=True).stdout
    head, _, body = out.partition(b"\r\n\r\n")
    return 200, [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")], body


for service in "upload-pack", "receive-pack":
    for protocol in None, "version=1", "version=2", "version=2:version=1", "x:version=2", "version=3":
        status, headers, body = backend(service, protocol)
        tap.eq(advert(service, protocol), (status, headers, body), "%s %s: git http-backend says the same" % (service, protocol))
    tap.eq(advert(service, method="HEAD"), (200, backend(service, None)[1], b""), "%s: HEAD" % service)
closed = Gate({"listen.http": "127.0.0.1:0", "gate.uploadPack": "false", "gate.receivePack": "false", "gate.uploadArchive": "true", **PATIENT}, base=g.base)
for service in "upload-pack", "receive-pack":
    tap.eq(advert(service, gate=closed)[0], 403, "%s is off at the gate: 403" % service)
with open(path("included"), "w") as f:
    f.write("[http]\n\tuploadpack = no\n")
git("config", "include.path", path("included"), cwd=repo)
tap.eq(advert("upload-pack")[0], 403, "a file that the repository's configuration includes says no: 403")
git("config", "--unset", "include.path", cwd=repo)


# --- a push: packed, it is git http-backend's; else git-gate says and sets what that would ------------------------------------
seen = path("hook-env")
pushed = Gate({"listen.http": "127.0.0.1:0", **PATIENT}, base=g.base, hooks=Hooks(pre_receive="cat >/dev/null; env | sort >" + seen).dir)
oid, pack = pack_of(work)


def refs_of(d):
    return dict(reversed(line.split(" ", 1)) for line in git("for-each-ref", "--format=%(objectname) %(refname)", cwd=d).stdout.splitlines())


def push_of(ref, capabilities):
    command = b"%s %s %s\0%s" % (b"0" * 40, oid.encode(), ref.encode(), capabilities.encode())
    return b"%04x" % (len(command) + 4) + command + b"0000" + pack


def posted(body, packed, headers=()):
    """Status, head and body of the reply, with what the hook had in its environment."""
    with open(seen, "w"):
        pass
    more = [*headers, "Connection: close"] + (["Content-Encoding: gzip"] if packed else [])
    r = Http(pushed, rpc("receive-pack", gzip.compress(body) if packed else body, more)).reply()
    pushed.settle()
    own = r"(GIT_GATE_SESSION|GIT_QUARANTINE_PATH|GIT_OBJECT_DIRECTORY|HTTP_CONTENT_ENCODING|REMOTE_PORT|_)="
    return r.status, [(n, v) for n, v in r.headers if n not in ("Date", "Content-Length")], r.body, [
        re.sub(r"^PATH=(%s:)+" % re.escape(EXEC_PATH), "PATH=", x) for x in read(seen).splitlines() if not re.match(own, x)]      # each git adds it once more


for i, (what, capabilities, headers) in enumerate((
        ("a push", "report-status side-band-64k", []), ("a push without side-band", "report-status", []), ("a push that wants no report", "", []),
        ("a push of version 1", "report-status object-format=sha1", ["Git-Protocol: version=1"]), ("a user's push", "report-status-v2 quiet", ["Authorization: Basic dTpw"]))):
    ref = "refs/heads/posted%d" % i
    got = posted(push_of(ref, capabilities), False, headers)
    git("update-ref", "-d", ref, cwd=repo)
    want = posted(push_of(ref, capabilities), True, headers)
    # what is packed and answered by nothing is no success: nobody can tell it from what could not be unpacked
    tap.eq((got[0], got[1], got[2]), (200, want[1], want[2]) if capabilities else (200, got[1], b""), "%s: the reply is git http-backend's" % what)
    tap.ok(len(got[3]) > 20, "%s: the hook was there" % what, got[3])
    tap.eq(got[3], want[3], "%s: its environment is what git http-backend makes" % what)
    tap.ok("GIT_COMMITTER_EMAIL=anonymous@http.127.0.0.1" in got[3] and refs_of(repo).get(ref) == oid, "%s: and the branch is there" % what, got[3])
r = Http(pushed, rpc("receive-pack", b"0000", ["Connection: close"])).reply()
tap.eq((r.status, r.body, r["Content-Type"]), (200, b"", "application/x-git-receive-pack-result"), "a probe: an empty reply", r)
r = Http(pushed, rpc("receive-pack", b"junk", ["Connection: close"])).reply()
tap.eq(r.status, 500, "what is no packet: no empty success", r)


# --- what it takes ------------------------------------------------------------------------------------------------------------
def trace(what):
    """The lines of strace over the gate and all below it while what() happens."""
    out = path("trace")
    p = popen(["strace", "-f", "-qq", "-s", "4096", "-o", out, "-e", "trace=execve,sendto,ppoll,epoll_wait,alarm", "-p", str(g.pid)], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: re.search(r"(?m)^TracerPid:\s+%d$" % p.pid, read("/proc/%d/status" % g.pid)), "strace to be there")
    what()
    g.settle()
    p.terminate()
    p.wait()
    return read(out).splitlines()


def programs(lines):
    """Without the gate's look for what was left behind, which is nobody's request and comes when it has time."""
    return [m[1] for m in (re.search(r'execve\("[^"]*", \[("[^\]]*)\]', x) for x in lines) if m and not m[1].startswith('"git-gate", "cleanup"')]


def names(lines):
    return [re.sub(r'"|,.*', "", p).split("/")[-1] for p in programs(lines)]


lines = trace(lambda: advert("upload-pack"))
tap.eq(names(lines), ["git-gate-http", "git"], "an advertisement over HTTP: git-gate-http and one program of git's", *programs(lines))


def one_segment(lines):
    sent = [x for x in lines if re.search(r"sendto\(0, ", x)]
    return sent and all("MSG_MORE" in x for x in sent[:-1]) and "MSG_MORE" not in sent[-1]


# on a busy machine git may take longer than a small reply is waited for: then there are more
traces = []
while len(traces) < 20 and not any(one_segment(t) for t in traces):
    traces.append(trace(lambda: advert("upload-pack")) if traces else lines)
tap.ok(one_segment(traces[-1]), "its reply is one segment", *traces[-1])
git("config", "http.uploadpack", "yes", cwd=repo)
lines = trace(lambda: advert("upload-pack"))
tap.eq(names(lines), ["git-gate-http", "git-http-backend", "git"], "where a setting may refuse it, git http-backend is asked", *programs(lines))


git("config", "--unset", "http.uploadpack", cwd=repo)
lines = trace(lambda: git("push", "-q", g.http("r.git"), "HEAD:refs/heads/traced", cwd=work))
ours = [p for p in programs(lines) if p.startswith(('"git-gate', '"git-http-backend"')) or '"config"' in p or "receive-pack" in p or "hooks" in p]
tap.eq([re.sub(r'"|,.*', "", p).split("/")[-1] for p in ours], ["git-gate-http", "git", "git", "pre-receive", "post-receive"],
       "a push over HTTP: nothing besides what git and the hooks are", *programs(lines))

# --- git:// ---------------------------------------------------------------------------------------------------------------------
lines = trace(lambda: git("ls-remote", g.url("r.git")))
tap.eq(names(lines), ["git-gate-session", "git"], "a fetch over git://: git-gate-session and one program of git's", *programs(lines))
alarms = [int(x) for line in lines for x in re.findall(r"\balarm\((\d+)", line)]        # it may be shown in two parts
tap.ok(len(alarms) > 1 and alarms[0] > 0 and alarms[-1] == 0, "the backstop of its request is taken back", alarms)
git("config", "daemon.uploadpack", "true", cwd=repo)
lines = trace(lambda: git("ls-remote", g.url("r.git")))
tap.eq(names(lines), ["git-gate-session", "git"], "a setting that says true does not refuse it", *programs(lines))
git("config", "daemon.uploadpack", "yes", cwd=repo)
lines = trace(lambda: git("ls-remote", g.url("r.git")))
tap.eq(names(lines), ["git-gate-session", "git-daemon", "git"], "where a setting may refuse it, git-daemon is asked", *programs(lines))
tap.eq((g.reaped(), g.events("session.kept")), ([], []), "the gate ended nothing")
finish(tap, g, closed, pushed)
