#!/usr/bin/python3
"""As PID 1 where there is next to nothing: a root that cannot be written to, a uid that nobody knows, no HOME, no /tmp, descriptors 0 to 2
closed, no capability. Clone and push work, and no socket sits on descriptors 0 to 2 of anything but git."""
from pidone import *

tap = Tap()
UID = 54321
SCRIPT = """
set -e
root=$1 base=$2 control=$3 build=$4 hooks=$5; shift 5
mount --make-rprivate / 2>/dev/null || :
mount -t tmpfs none "$root"
cd "$root"
mkdir -p usr etc dev proc srv/git run/git-gate gate hooks
for d in bin sbin lib lib64; do [ -L /$d ] && ln -s usr/$d $d || { [ -d /$d ] && mkdir $d && mount --rbind /$d $d && mount -o remount,bind,ro $d; } || :; done
# nobody knows the uid here, and git has no configuration
: >etc/passwd
cp /etc/ld.so.cache etc/ 2>/dev/null || :
for n in null urandom; do : >dev/$n; mount --bind /dev/$n dev/$n; done
mount --rbind /usr usr
mount -o remount,bind,ro usr
for pair in "$build gate" "$hooks hooks"; do set -- $pair "$@"; mount --bind "$1" $2; mount -o remount,bind,ro $2; shift 2; done
mount --bind "$base" srv/git
mount --bind "$control" run/git-gate
mount -t proc proc proc
mount -o remount,bind,ro "$root"
cd "$root"
exec chroot . setpriv --no-new-privs --ambient-caps=-all --inh-caps=-all --bounding-set=-all env -i PATH=/usr/bin:/bin sh -c 'exec "$@" 0<&- 1>&- 2>&-' sh "$@"
"""
NAMESPACES = ["unshare", "--user", "--map-user=%d" % UID, "--map-group=%d" % UID, "--keep-caps", "--mount", "--pid", "--fork", "--kill-child"]
for tool in "unshare", "setpriv", "chroot":
    if not shutil.which(tool):
        skip_all(tool + " is not installed")
if subprocess.run(NAMESPACES + ["sh", "-c", "mount -t tmpfs none /mnt && mount -t proc proc /mnt"], env=ENV, capture_output=True).returncode:
    skip_all("no namespaces to mount in can be made here")

# what the hook was given, and what every process of the session has open
REPORT = """cat >/dev/null
{
	id -u; getent passwd $(id -u) || echo unknown
	echo "HOME=${HOME-unset}"
	for d in / /etc /tmp /usr /dev /run /gate /hooks; do ( : >$d/x ) 2>/dev/null && echo "writable $d"; done
	for p in /proc/[0-9]*; do
		for n in 0 1 2; do echo "fd $(tr '\\0' ' ' <$p/cmdline | cut -d' ' -f1-2)|$n|$(readlink $p/fd/$n)"; done
	done
} >/srv/git/seen 2>/dev/null
"""
hooks = Hooks(pre_receive=REPORT)
g = Gate({"gate.basePath": "/srv/git", "gate.control": "/run/git-gate/control", "hook.path": "/hooks", "deadline.drain": "5s",
          "service.idle.command": "sleep 1000"}, start=False)
root = path("root")
os.makedirs(root)
os.makedirs(os.path.dirname(g.control))
g.prefix = NAMESPACES + ["sh", "-c", SCRIPT, "sh", root, g.base, os.path.dirname(g.control), BUILD, hooks.dir]
args = g.args()
args[args.index(GATE)] = "/gate/git-gate"
g.args = lambda: args
g.launch()
g.ready(lambda _: g.cli("health").returncode == 0)
tap.eq(g.pid, 1, "it serves, as PID 1")
main = wait_for(lambda: [p for p in tree(g.process.pid) if cmdline(p).startswith("/gate/git-gate run")], "the gate")[0]
inner = dict(re.findall(r"(?m)^(\w+):\s+(.*)$", read("/proc/%d/status" % main)))
tap.eq((int(inner["CapEff"], 16), int(inner["CapPrm"], 16), inner["NoNewPrivs"]), (0, 0, "1"), "without any capability")
g.repo()
w = g.work("work")
code, out = end(g.push(w))
tap.eq(code, 0, "a push succeeds", out)
r = git("clone", "-q", g.url("r.git"), path("clone"), check=False)
tap.eq((r.returncode, os.listdir(path("clone")).count("first")), (0, 1), "a clone too", r.stderr)
seen = read(os.path.join(g.base, "seen")).splitlines()
tap.eq(seen[:3], [str(UID), "unknown", "HOME=unset"], "the hook runs as a uid without a name, without HOME")
tap.eq([line for line in seen if line.startswith("writable")], [], "and can write to nothing but the base path")
fds = [line[3:].split("|") for line in seen if line.startswith("fd ")]
who = {f[0].strip(): {} for f in fds}
for name, n, to in fds:
    who[name.strip()][n] = to.split(":")[0]
socks = sorted(name for name, v in who.items() if "socket" in v.values())
tap.ok(any("receive-pack" in n for n in socks) and all("git-daemon" in n or "receive-pack" in n for n in socks),
       "only git-daemon and receive-pack have the client's socket on 0 to 2", who)
own = who.get("/gate/git-gate run", {})
tap.eq(own, {"0": "/dev/null", "1": "/dev/null", "2": "/dev/null"}, "the gate's own are /dev/null", who)
tap.eq(who.get("sleep 1000", {}).get("0"), "/dev/null", "and so is a service's stdin", who)
c = Raw(g)
c.advertisement()
tap.ok(b"deadline.commands" in c.rest(), "a stuck client is ended and told")
tap.eq([e["steps"][:2] for e in wait_for(g.reaped, "the record")], [["told", "hangup"]], "the record")
tap.eq(g.status()["reduced_evidence"], False, "with full evidence")
c = Raw(g)                              # a push that dies in the middle, to be cleaned up after
oid, pack = pack_of(w)
c.advertisement()
c.commands(oid, "refs/heads/half")
c.s.sendall(pack[:30])
tap.ok(b"deadline.idle" in c.rest(), "one that stops in the middle of its pack too")
wait_for(lambda: not g.sessions() and not leftovers(os.path.join(g.base, "r.git")), "leftovers to be removed")
tap.eq(fsck(os.path.join(g.base, "r.git")), "", "fsck is clean")
os.kill(main, signal.SIGTERM)
tap.eq(g.process.wait(PATIENCE), 0, "it stops with 0")
tap.done()
