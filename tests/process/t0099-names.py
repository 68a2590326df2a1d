#!/usr/bin/python3
"""No name that a client chooses is ever looked up, be it a host, a branch, an option or in what it pushes; through clone, push, scan, forward, refresh
and the operator's steps, over git:// and HTTP. All of it runs in a network of its own whose only name server is the test's, which writes down what it
is asked; that upstream's name, which the operator chose, is asked there shows that it would see it.
"""
import struct

from gate import *

INSIDE = "TEST_HAS_A_NETWORK"
if not os.environ.get(INSIDE):
    if os.geteuid() != 0 or subprocess.run(["unshare", "-mn", "true"], capture_output=True).returncode:
        skip_all("no network namespace can be made")
    shutil.rmtree(TMP)        # the next one makes its own
    os.execvpe("unshare", ["unshare", "-mn", sys.executable, os.path.abspath(__file__)], {**os.environ, INSIDE: "1"})

from scanrepo import GREP, script  # noqa: E402
from sshd import upstream  # noqa: E402

tap = Tap()
EVIL = "evil.example.invalid"
asked = []


def name_server():
    """Knows no name."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 53))

    def serve():
        while True:
            data, who = s.recvfrom(4096)
            at, labels = 12, []
            while data[at]:
                labels.append(data[at + 1:at + 1 + data[at]].decode(errors="replace"))
                at += 1 + data[at]
            asked.append(".".join(labels))
            s.sendto(data[:2] + struct.pack(">HHHHH", 0x8183, 1, 0, 0, 0) + data[12:at + 5], who)
    threading.Thread(target=serve, daemon=True).start()


def in_place_of(file, text):
    with open(path(os.path.basename(file)), "w") as f:
        f.write(text)
    subprocess.run(["mount", "--bind", f.name, os.path.realpath(file)], check=True)


subprocess.run(["mount", "--make-rprivate", "/"], check=True)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
in_place_of("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
in_place_of("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
name_server()
subprocess.run(["getent", "ahosts", "control.example.invalid"], capture_output=True)
tap.ok("control.example.invalid" in asked, "the name server is asked by who looks up a name", asked)
del asked[:]

up, base, work, steps = upstream(), path("gitbase"), path("work"), path("steps")
git("init", "-q", work)
commit(work, "first", "first\n")
sections = {**up.mirrored(base, "r.git", seed=work), **up.mirrored(base, "named.git", seed=work)}
sections["repo.named.git.upstream"] = "ssh://upstream.example.invalid:%d/x.git" % up.port
for d in "pre-receive.d", "post-receive.d":
    os.makedirs(os.path.join(steps, d))
    with open(os.path.join(steps, d, "10-step"), "w") as f:
        f.write("#!/bin/sh\ncat >/dev/null\n")
    os.chmod(f.name, 0o755)
g = Gate({"listen.http": "127.0.0.1:0", "hook.scanner": "command", "hook.scannerCommand": script(GREP), "hook.dir": steps, **PATIENT, **sections}, base=base)

for service in "git-upload-pack", "git-receive-pack", "git-upload-archive":
    for repo in "r.git", "/%s/r.git" % EVIL, "ssh://%s/r.git" % EVIL, "%s:r.git" % EVIL:
        for extra in ("host=%s\0" % EVIL, "host=%s:99\0\0version=2\0" % EVIL, "host=%s\0\0host=%s\0session-id=%s\0" % (EVIL, EVIL, EVIL)):
            c = Raw(g, service, repo, extra=extra.encode())
            c.s.sendall(b"0000")
            c.s.shutdown(socket.SHUT_WR)
            c.rest()
for target in "/r.git", "http://%s/r.git" % EVIL, "/%s/r.git" % EVIL, "//%s/r.git" % EVIL:
    for service in "git-upload-pack", "git-receive-pack":
        with socket.create_connection(("127.0.0.1", g.http_port), timeout=PATIENCE) as s:
            s.sendall(("GET %s/info/refs?service=%s HTTP/1.1\r\nHost: %s\r\n" % (target, service, EVIL) + "".join(
                "%s: %s\r\n" % (h, v % EVIL) for h, v in (("X-Forwarded-Host", "%s"), ("X-Forwarded-For", "%s"), ("Forwarded", "host=%s"), ("Proxy", "http://%s/"),
                                                          ("Referer", "http://%s/"), ("Origin", "http://%s"), ("Via", "1.1 %s"), ("User-Agent", "git/%s")))
                + "Connection: close\r\n\r\n").encode())
            while s.recv(65536):
                pass
g.settle()
tap.eq(asked, [], "requests that name hosts: nothing was asked")

for t, url in ("git", g.url("r.git")), ("http", g.http("r.git")):
    w = path("work-" + t)
    git("-c", "http.extraHeader=Host: " + EVIL, "clone", "-q", url, w)
    for file in ".gitmodules", ".lfsconfig", ".gitattributes", "pointer":
        commit(w, file, '[submodule "x"]\n\tpath = x\n\turl = https://%s/x.git\n[lfs]\n\turl = https://%s/\n%s\n' % (EVIL, EVIL, t))
    who = {"GIT_%s_%s" % (a, b): "x@" + EVIL for a in ("AUTHOR", "COMMITTER") for b in ("NAME", "EMAIL")}
    git("commit", "-q", "--amend", "-m", "see https://%s/ and mail x@%s" % (EVIL, EVIL), cwd=w, env=who)
    git("tag", "-am", EVIL, "%s-%s" % (EVIL, t), cwd=w, env=who)
    r = git("push", "-o", "url=https://%s/" % EVIL, "-o", EVIL, url, "HEAD:refs/heads/%s-%s" % (EVIL, t), "%s-%s" % (EVIL, t), cwd=w, check=False)
    tap.ok(r.returncode == 0 and "scanning 4 commits" in r.stderr and "forwarded %s-%s" % (EVIL, t) in r.stderr, "a push over %s that is full of names" % t, r.stderr)
    tap.ok(EVIL in git("ls-remote", url, cwd=w).stdout, "and a fetch that lists them")
g.settle()
tap.eq(asked, [], "nothing was asked")
r = git("ls-remote", g.url("named.git"), check=False)
tap.ok(r.returncode and "git-gate: the repository cannot be brought up to date" in r.stderr, "an upstream whose name is not known", r.stderr)
tap.eq(set(asked), {"upstream.example.invalid"}, "its name is asked, and no other")
up.stop()
finish(tap, g)
