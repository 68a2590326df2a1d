#!/usr/bin/python3
"""The image of sidecar/Containerfile, and the root file system of sidecar/rootfs.sh that stands for it where no image can be pulled: the same packages,
places, user and way of starting; and nothing in it that no package of the list brings.
"""
from gate import *

tap = Tap()
CONTAINERFILE = read(os.path.join(ROOT, "sidecar", "Containerfile"))
PACKAGES = [line for line in read(os.path.join(ROOT, "sidecar", "packages")).split("\n") if line and line[0] != "#"]


def stages(text):
    """[(line of FROM, {instruction: [arguments]})]"""
    found = []
    for line in re.sub(r"\\\n", "", text).splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append((rest, {}))
        elif word.isupper():
            found[-1][1].setdefault(word, []).append(" ".join(rest.split()))
    return found


build, minimal, image = stages(CONTAINERFILE)

# --- what starts, and as whom ---------------------------------------------------------------------------------------------

for key, want in (("USER", ["9418:9418"]), ("ENTRYPOINT", ['["git-gate", "run"]']), ("STOPSIGNAL", ["SIGTERM"]), ("EXPOSE", ["9418 9420"]),
                  ("HEALTHCHECK", ['--interval=30s --timeout=6s --start-period=5s CMD ["git-gate", "health"]'])):
    tap.eq((image[1][key], minimal[1][key]), (want, want), "both images: %s" % key)
tap.ok("XDG_RUNTIME_DIR=/run" in image[1]["ENV"][0] and "XDG_RUNTIME_DIR=/run" in minimal[1]["ENV"][0], "both images: where the control socket is")
tap.eq((build[0].split()[0], image[0]), ("debian:bookworm-slim",) * 2, "built on what it runs on")

# --- packages -------------------------------------------------------------------------------------------------------------

deps = re.search(r"^DEPS\s*:=((?:.*\\\n)*.*)", read(os.path.join(ROOT, "Makefile")), re.M)[1].replace("\\\n", " ").split()
asked = re.search(r"--no-install-recommends (.*?) && make|--no-install-recommends (.*)", build[1]["RUN"][0])
asked = set((asked[1] or asked[2]).split()) - {"$(grep", "-v", "'^#'", "/tmp/packages)"}
tap.eq(sorted(asked), sorted(set(deps) | {"binutils", "busybox-static"}), "what the build stage installs is `make deps`, strip, and a shell")
tap.ok("$(grep -v '^#' /tmp/packages)" in image[1]["RUN"][0] and "$(grep -v '^#' /tmp/packages)" in build[1]["RUN"][0],
       "both stages install the packages of the list")
for script, stage in (("rootfs.sh /minimal", build), ("ours.sh /out/usr/local /image/usr/local", build), ("/tmp/setup.sh", image)):
    tap.ok(any(script in run for run in stage[1]["RUN"]), "the Containerfile runs %s" % script)
recipe = read(os.path.join(ROOT, "sidecar", "rootfs.sh"))
for script in "setup.sh", "ours.sh":
    tap.ok("/sidecar/%s" % script in recipe, "and so does rootfs.sh: %s" % script)

# --- what is in it --------------------------------------------------------------------------------------------------------

missing = [p for p in PACKAGES + ["busybox-static", "binutils"] if subprocess.run(["dpkg", "-s", p], capture_output=True).returncode]
if os.geteuid() or missing:
    tap.skip("the root file system", "not root" if os.geteuid() else "not installed: %s" % " ".join(missing))
    tap.done()


def closure(names):
    """These packages and all that they depend on, as they are installed here."""
    text = subprocess.run(["dpkg-query", "-W", "-f", "${Package}\t${Provides}\t${Pre-Depends},${Depends}\n"], capture_output=True, text=True, check=True).stdout
    needs, provided = {}, {}
    for line in text.splitlines():
        name, provides, depends = line.split("\t")
        needs[name] = [re.split(r"[ :(]", d.strip())[0] for d in re.split(r"[,|]", depends) if d.strip()]
        for p in provides.split(","):
            provided.setdefault(p.strip().split(" ")[0], []).append(name)
    found, todo = set(), list(names)
    while todo:
        n = todo.pop()
        for n in [n] if n in needs else provided.get(n, []):
            if n not in found:
                found.add(n)
                todo += needs[n]
    return found


root = path("rootfs")
# with other flags than those of this build make would build all of it anew, and the tests that follow would run that
flags = {k: os.environ[k] for k in ("CC", "CFLAGS", "CPPFLAGS", "LDFLAGS", "SAN") if k in os.environ}
before = os.stat(GATE).st_ino
r = subprocess.run([os.path.join(ROOT, "sidecar", "rootfs.sh"), root], env={**ENV, "O": BUILD, **flags}, capture_output=True, text=True, timeout=4 * PATIENCE)
tap.eq(r.returncode, 0, "rootfs.sh makes it", r.stderr)
tap.eq(os.stat(GATE).st_ino, before, "from what was built before")
files = [os.path.join(d, f)[len(root):] for d, _, names in os.walk(root) for f in names if not os.path.islink(os.path.join(d, f))]
ours = [f for f in files if f.startswith("/usr/local/")]
debian = [f for f in files if not f.startswith(("/usr/local/", "/etc/"))]
tap.eq(sorted(f for f in ours if "/scanners/" not in f),
       sorted(["/usr/local/bin/git-gate"] + ["/usr/local/libexec/git-gate/git-gate-" + p for p in ("admin", "hook", "http", "session")]),
       "ours: the programs, and no torture, manual or unit")
may = closure(PACKAGES + ["busybox-static"])


def spellings(f):
    """As dpkg may have it: /lib is a link to /usr/lib, /bin to /usr/bin."""
    return {f, re.sub("^/usr(?=/lib|/bin)", "", f), "/usr" + f}


owners = {}
for line in subprocess.run(["dpkg-query", "-S", *set().union(*map(spellings, debian))], capture_output=True, text=True).stdout.splitlines():
    names, _, f = line.rpartition(": ")
    owners.setdefault(f, set()).update(n.strip().split(":")[0] for n in names.split(","))
strange = [f for f in debian if not set().union(*(owners.get(n, set()) for n in spellings(f))) & may]
tap.eq(strange, [], "Debian's: each file is of a package that the image installs, or that it needs")
open(root + "/dev/null", "w").close()     # a runtime makes a device there
for args in (["git-gate", "version"], ["git", "version"], ["ssh", "-V"], ["/bin/sh", "-c", "grep -q git-gate /proc/self/nothing || true"]):
    r = subprocess.run(["/usr/sbin/chroot", root, *args], env={"PATH": "/usr/local/bin:/usr/bin:/bin"}, capture_output=True, text=True, timeout=PATIENCE)
    tap.eq(r.returncode, 0, "it runs there: %s" % args[0], r.stderr)
for f in ours:
    if "/scanners/" not in f:
        r = subprocess.run(["/usr/sbin/chroot", root, "/lib64/ld-linux-x86-64.so.2", "--list", f], capture_output=True, text=True, timeout=PATIENCE)
        tap.ok(r.returncode == 0 and "not found" not in r.stdout, "its libraries are there: %s" % f, r.stdout, r.stderr)
        tap.ok("not stripped" not in subprocess.run(["file", root + f], capture_output=True, text=True).stdout if shutil.which("file") else True,
               "it has no symbols: %s" % f)
st = os.stat(root + "/srv/git")
tap.eq((st.st_uid, st.st_gid, st.st_mode & 0o7777), (9418, 0, 0o775), "/srv/git is the gate's")
tap.eq([os.stat(root + d).st_mode & 0o7777 for d in ("/run", "/tmp")], [0o1777] * 2, "/run and /tmp are for all")
tap.ok("git:x:9418:9418:" in read(root + "/etc/passwd") and os.readlink(root + "/var/lib/extrausers/passwd") == "/run/git-gate.passwd"
       and "passwd: files extrausers" in read(root + "/etc/nsswitch.conf"), "users: git, and a place for one more")
size = sum(os.path.getsize(root + f) for f in files)
tap.ok(size < 48 << 20, "it is small: %d KiB" % (size >> 10))
r = subprocess.run([os.path.join(ROOT, "sidecar", "size.sh"), root], capture_output=True, text=True, timeout=PATIENCE)
parts = [int(line.split()[0]) for line in r.stdout.splitlines()]
tap.ok(len(parts) > 5 and abs(sum(parts[:-1]) - parts[-1]) <= len(parts), "size.sh tells it by part", r.stdout, r.stderr)
tap.done()
