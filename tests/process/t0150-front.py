#!/usr/bin/python3
"""Three gates behind examples/fleet/haproxy.cfg: a repository is always at the same one, whatever the transport and however its path is
written; pushes and fetches of any form come through; clients are known by their own address; what the front ends, and what it does not."""
import ssl

from front import *
from kube import by_schema, by_types, can_check

if missing():
    skip_all(missing())
tap = Tap()
NAMES = ["team%d/r%d.git" % (i % 5, i) for i in range(12)]
FLEET = os.path.dirname(EXAMPLE)

r = subprocess.run([HAPROXY, "-c", "-dW", "-f", "/dev/stdin"], input=re.sub(r"crt \S+", "crt " + certificate(TMP)[0], read(EXAMPLE)), capture_output=True, text=True, env=ENV,
                   timeout=PATIENCE)
tap.ok(r.returncode == 0, "haproxy has nothing to say of the example", r.stdout, r.stderr)

hooks = Hooks()
latch = Latch()
SETTINGS = {"listen.http": "127.0.0.1:0", "listen.admin": "127.0.0.1:0", "access.proxyFrom": "127.0.0.1", "access.allow": "127.0.0.1",
            "deadline.packStart": "10m"}
gates = [Gate(SETTINGS, hooks=hooks.dir) for _ in range(3)]
for g in gates:
    for name in NAMES:
        g.repo(name)
# what is under test is shorter than in the example: the request of git://
front = Front(gates, lambda text: text.replace("inspect-delay 15s", "inspect-delay 2s"))


def at(repo):
    """(gate, transport) of the sessions that a repository has had."""
    return {(i, e["transport"]) for i, g in enumerate(gates) for e in g.events("session.opened", repo=repo)}


# --- a repository is always at the same gate ------------------------------------------------------------------------------------------------

for name in NAMES:
    git("ls-remote", front.git(name))
    git("ls-remote", front.https(name), env=front.client())
where = {name: at(name) for name in NAMES}
tap.eq([name for name, seen in where.items() if len({g for g, _ in seen}) != 1 or {t for _, t in seen} != {"git", "http"}], [], "each at one gate, over both transports")
share = [sum((i, "git") in seen for seen in where.values()) for i in range(3)]
tap.ok(min(share) >= 1, "and all three have some", share)
name = NAMES[7]
stem = name[:-4]
for path_of in stem, name, name + "/", stem + "/":
    git("ls-remote", front.git(path_of))
for path_of in stem, name, name + "/", stem + "/":
    git("ls-remote", front.https(path_of), env=front.client())
tap.eq(at(name), where[name], "whatever way its path is written")
r = git("ls-remote", front.https(name.replace("team", "%74eam")), env=front.client(), check=False)
tap.eq((r.returncode, at(name)), (0, where[name]), "with an escape in it", r.stderr)

# --- what comes through ----------------------------------------------------------------------------------------------------------------------

work = path("work")
git("init", "-q", work)
commit(work, "big", os.urandom(3 << 20))
for i, (url, more) in enumerate(((front.git(name), ()), (front.https(name), ()), (front.https(name), ("-c", "http.postBuffer=70000")))):
    r = git(*more, "push", url, "HEAD:refs/heads/b%d" % i, "HEAD:refs/heads/c%d" % i, cwd=work, env=front.client(), check=False)
    tap.eq(r.returncode, 0, "a push of 3 MB: %s" % " ".join((url.split(":")[0],) + more), r.stderr)
    r = git("clone", "-q", "-b", "b%d" % i, url, path("clone%d" % i), env=front.client(), check=False)
    tap.eq(r.returncode, 0, "and a clone", r.stderr)
r = git("ls-remote", front.https(name), check=False, env={"GIT_SSL_CAINFO": "/dev/null"})
tap.ok(r.returncode and "certificate" in r.stderr, "a client that does not know the certificate goes no further", r.stderr)


class Through:
    """The front as Raw's gate."""

    port = front.git_port


home = gates[next(iter(where[name]))[0]]
c = Raw(Through, "git-upload-pack", name)
wait_for(lambda: home.events("session.opened", peer=c.peer), "the session")
tap.ok(True, "git://: the gate knows the client's own address and port")
c.close()
with socket.create_connection(("127.0.0.1", front.https_port)) as s:
    context = ssl.create_default_context(cafile=front.ca)
    with context.wrap_socket(s, server_hostname="127.0.0.1") as t:
        mine = "%s:%d" % t.getsockname()
        t.sendall(("GET /%s/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.77\r\nConnection: close\r\n\r\n" % name).encode())
        text = t.makefile("rb").read()
tap.ok(text.startswith(b"HTTP/1.1 200") and home.events("session.opened", peer=mine) and b"192.0.2.77" not in home.text().encode(),
       "https:// too, and X-Forwarded-For is nothing to it", text[:200])

# --- what is ended, by whom ------------------------------------------------------------------------------------------------------------------

c = Raw(Through, "git-receive-pack", name)
c.advertisement()
told = c.rest()
tap.ok(b"git-gate: no command for" in told and b"deadline.commands" in told, "a stuck client reads the gate's reason", told)
begun = time.monotonic()
c = Raw(Through, request=False)
c.s.sendall(b"0032git-upload-pack /te")
tap.eq((c.rest(), 2 <= time.monotonic() - begun), (b"", True), "half a request is ended by the front, in its time")
c = Raw(Through, request=False)
request = ("git-upload-pack /%s\0host=x\0" % name).encode()
request = b"%04x" % (len(request) + 4) + request
for i in range(len(request)):
    c.s.sendall(request[i:i + 1])
tap.ok(c.advertisement() is not None and {g for g, _ in at(name)} == {g for g, _ in where[name]}, "a request in single bytes is read to its end")
c.close()
for junk in b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x02\x00" + b"\0" * 40, b"0000":
    c = Raw(Through, request=False)
    c.s.sendall(junk)
    c.s.settimeout(PATIENCE)
    tap.ok(len(c.rest()) < 200, "%r gets no answer of git's" % junk[:8])
hooks.set(pre_receive="cat >/dev/null; " + latch.command)
p = popen(["git", "push", front.https(name), "HEAD:refs/heads/slow"], cwd=work, env={**ENV, **front.client()}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
q = popen(["git", "push", front.git(name), "HEAD:refs/heads/slow2"], cwd=work, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
latch.reached(2)

# --- a gate that dies, with pushes in flight: they are not sent again ----------------------------------------------------------------------

count = lambda: sum(len(g.events("session.opened", repo=name, service="receive-pack")) for g in gates)
before = count()
os.kill(home.pid, signal.SIGKILL)
wait_for(lambda: not alive(home.pid), "its ports to be closed")
hooks.set(pre_receive="cat >/dev/null")
for url in front.git(name), front.https(name):
    r = git("ls-remote", url, env=front.client(), check=False)
    tap.eq(r.returncode, 0, "another gate serves it at once: %s" % url.split(":")[0], r.stderr)
front.wait_up(2)
home.start()
codes = [end(p), end(q)]
tap.ok(codes[0][0] and codes[1][0], "pushes in flight are ended by the gate's successor", codes)
tap.eq((before >= 2, count()), (True, 0), "and nobody has sent them again")
front.stop()

# --- the examples -----------------------------------------------------------------------------------------------------------------------


def check_config(text, what):
    text = re.sub(r"(identityFile|knownHostsFile) = .*", r"\1 = " + os.path.abspath(__file__), text)
    text = text.replace("/usr/local/share/git-gate/scanners", os.path.join(ROOT, "examples/scanners"))
    with open(path("example"), "w") as f:
        f.write(text)
    r = subprocess.run([GATE, "check-config", "--config", path("example")], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
    tap.eq((r.returncode, r.stderr), (0, ""), "git-gate takes the configuration of %s" % what)


check_config(read(os.path.join(FLEET, "config")), "examples/fleet")
try:
    import yaml
    documents = {(d["kind"], d["metadata"]["name"]): d for d in yaml.safe_load_all(read(os.path.join(FLEET, "statefulset.yaml")))}
except ImportError:
    documents = None
    tap.skip("the examples for Kubernetes", "there is no python3-yaml")
if documents:
    check_config(documents["ConfigMap", "git-gate"]["data"]["config"], "the StatefulSet")
    pod = documents["StatefulSet", "git-gate"]["spec"]["template"]["spec"]
    main = pod["containers"][0]
    grace = pod["terminationGracePeriodSeconds"]
    tap.ok(grace > 5 + 20 + 8 * 2 + 2, "a pod has time to drain: deadline.lameDuck, deadline.drain, the escalation", grace)
    restricted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    for d in documents.values():
        spec = d["spec"].get("template", {}).get("spec") if "spec" in d else None
        for c in (spec["containers"] + spec.get("initContainers", [])) if spec else []:
            tap.eq((c["securityContext"], spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["seccompProfile"]),
                   (restricted, True, {"type": "RuntimeDefault"}), "%s is restricted" % c["name"])
    if can_check():
        named = {re.sub(r"\W", "", "".join(key)): d for key, d in documents.items()}
        said, r = by_types({**named, "broken": {**documents["StatefulSet", "git-gate"], "specs": {}}})
        tap.eq({n: s for n, s in said.items() if s and n != "broken"}, {}, "Kubernetes: each object has the keys of its type", r.stdout, r.stderr)
        tap.ok(said["broken"], "and one with another key has not", r.stdout)
        said, r = by_schema([*documents.values(), {**documents["Service", "git-gate"], "spec": {"ports": "9418"}}])
        tap.ok(said[:-1] == [[]] * len(documents) and said[-1], "Kubernetes: the values are of their types", said, r.stderr)
    else:
        tap.skip("Kubernetes: types and schemas", "no node, or npm could not install them")
    theirs = documents["ConfigMap", "git-gate-front"]["data"]["haproxy.cfg"]
    # the same lines but for addresses, names, and what the container has by itself
    want = re.sub(r"(?m)^# (HAProxy \(2|docs/fleet).*\n|^\t(user|group|chroot|log) .*\n", "", read(EXAMPLE)).replace("192.0.2.10:443", "*:8443").replace("192.0.2.10:", "*:")
    for i in range(3):
        want = want.replace("192.0.2.1%d:" % (i + 1), "git-gate-%d.git-gate:" % i)
    got = re.sub(r"(?m)^\tlog .*\n|^resolvers cluster\n(\t.*\n)+\n", "", theirs).replace("resolvers cluster init-addr none ", "")
    tap.eq(got.strip().splitlines(), want.strip().splitlines(), "the front in Kubernetes is examples/fleet/haproxy.cfg")
    if HAPROXY:
        r = subprocess.run([HAPROXY, "-c", "-f", "/dev/stdin"], input=theirs.replace("/etc/haproxy/gate.pem", certificate(TMP)[0]), capture_output=True, text=True,
                           env=ENV, timeout=PATIENCE)
        tap.eq(r.returncode, 0, "HAProxy takes it", r.stdout, r.stderr)
finish(tap, *gates)
