#!/usr/bin/python3
"""The log never holds the gate up, never costs it memory, and cannot be forged: each event is one line, whoever chose its words."""
import fcntl
import re

from gate import *

MEMORY_KIB = 64 * 1024
FORGED = '{"time":"x","event":"session.reaped","priority":"notice","message":"forged"}'
TEXT_LINE = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [a-z]+\.[a-z-]+: .+')
NAMES = {line.split('"')[1] for line in open(os.path.join(ROOT, "base", "event.def")) if line.startswith("EV(")}
tap = Tap()


class LogGate(Gate):
    """A gate whose stderr is given, or a file as usual; its log is read as bytes."""

    def __init__(self, form, stderr=None, **kw):
        self.form, self.stderr = form, stderr
        super().__init__({"gate.log": form}, start=False, **kw)
        if stderr is None:
            self.launch()
        else:
            self.process = popen(self.args(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)
        self.ready(lambda _: self.cli("status").returncode == 0)
        self.repo()
        self.pushes = 0

    def push_one(self, work):
        self.pushes += 1
        r = git("push", self.url("r.git"), "HEAD:refs/heads/n%d" % self.pushes, cwd=work, check=False)
        return r.returncode == 0 or note(r.stderr)

    def peak(self):
        return int(re.search(r"VmHWM:\s*(\d+)", read("/proc/%d/status" % self.pid)).group(1))

    def raw_log(self):
        return read(self.log, "rb")


def bad_lines(form, data):
    """What is not exactly one event, or has bytes in it that drive a terminal."""
    lines = data.split(b"\n")
    bad = lines[-1:] if lines[-1] else []
    for line in lines[:-1]:
        try:
            text = line.decode()
            fine = all(c >= " " and not "\x7f" <= c < "\xa0" for c in text)
            if form == "json":
                fine = fine and json.loads(text)["event"] in NAMES
            else:
                fine = fine and bool(TEXT_LINE.fullmatch(text)) and text.split(" ")[1][:-1] in NAMES
        except ValueError:
            fine = False
        if not fine:
            bad.append(line[:300])
    return bad


def count(form, data, event):
    """Events of a name, or what passes for one."""
    start = rb'\{"time":"[^"]*","event":"%s"' if form == "json" else rb"\S+ %s: "
    return len(re.findall(b"(?m)^" + start % re.escape(event).encode(), data))


git("init", "-q", path("work"))
work = path("work")
commit(work, "first", "first\n")
oid, pack = pack_of(work)


# --- stderr is a pipe that nobody reads, then somebody does -----------------------------------------------------------------

def available(fd):
    """Read what is there."""
    data = b""
    try:
        while more := os.read(fd, 65536):
            data += more
    except BlockingIOError:
        pass
    return data


def full_pipe(form):
    r, w = os.pipe()
    fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(r, False)
    g = LogGate(form, stderr=w)
    results = []
    while not g.status()["dropped_events"] and len(results) < 100:
        results.append(g.push_one(work))
    results += [g.push_one(work) for _ in range(5)]
    tap.ok(all(results), "%s: pushes succeed while the log is full" % form)
    g.settle()
    dropped = g.status()["dropped_events"]
    tap.ok(dropped >= 10, "%s: drops are counted (%d)" % (form, dropped))
    tap.eq(fcntl.fcntl(w, fcntl.F_GETFL) & os.O_NONBLOCK, 0, "%s: the flags of the shared descriptor are as they were" % form)
    data = available(r)
    tap.ok(0 < len(data) <= 4096, "%s: the pipe was full" % form, len(data))
    tap.ok(g.push_one(work), "%s: a push when the log is read again" % form)
    g.settle()
    data += available(r)
    told = [int(n) for n in re.findall(rb"(\d+) events were lost", data)]
    tap.eq(count(form, data, "log.dropped"), len(told), "%s: what was lost is said in log.dropped" % form)
    tap.eq(sum(told), g.status()["dropped_events"], "%s: and it is the number counted" % form)
    tap.ok(told and data.index(b"log.dropped") > 2048, "%s: said once there was room again" % form, told)
    tap.eq(bad_lines(form, data), [], "%s: no line is torn" % form)

    # the reader goes away
    os.close(r)
    tap.ok(g.push_one(work) and g.push_one(work), "%s: pushes succeed after the log's reader has gone" % form)
    g.settle()
    tap.ok(g.status()["dropped_events"] > sum(told), "%s: drops are counted" % form)
    os.close(w)
    tap.eq(g.stop(), 0, "%s: it stops cleanly without a reader" % form)
    tap.eq((fsck(os.path.join(g.base, "r.git")), with_environment("GIT_GATE_INSTANCE=" + g.instance)), ("", []), "%s: all is well" % form)


# --- started without stderr -------------------------------------------------------------------------------------------------

def closed_stderr(form):
    g = LogGate(form, stderr=subprocess.DEVNULL, prefix=("/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"))
    tap.ok(all([g.push_one(work) for _ in range(3)]), "%s: pushes succeed without stdin, stdout and stderr" % form)
    g.settle()
    fds = {n: os.readlink("/proc/%d/fd/%d" % (g.pid, n)) for n in range(3) if os.path.exists("/proc/%d/fd/%d" % (g.pid, n))}
    tap.eq([f for f in fds.values() if f != "/dev/null"], [], "%s: nothing of the gate's has their numbers" % form, fds)
    tap.eq(g.stop(), 0, "%s: it stops cleanly" % form)
    tap.eq(fsck(os.path.join(g.base, "r.git")), "", "%s: fsck is clean" % form)


# --- a hook that says too much ----------------------------------------------------------------------------------------------

def chatty_hooks(form):
    hooks = Hooks()
    g = LogGate(form, hooks=hooks.dir)
    for what, script in (
            ("60 MB without a newline", "head -c 60000000 /dev/zero | tr '\\0' x >&2"),
            ("60 MB of NULs", "head -c 60000000 /dev/zero >&2"),
            ("60 MB of ESC sequences", "yes \"$(printf '\\033[2J\\033]0;x\\007\\233')\" | tr -d '\\n' | head -c 60000000 >&2"),
            ("text, NUL, text", "printf 'before\\0after\\nnext\\r\\033[1mbold\\n' >&2")):
        hooks.set(reference_transaction='cat >/dev/null; [ "$1" = prepared ] || exit 0; echo started >&2; %s; echo; exit 0' % script)
        tap.ok(g.push_one(work), "%s: a hook that writes %s: the push succeeds" % (form, what))
    g.settle()
    data = g.raw_log()
    tap.ok(data.count(b"started") == 4 and b"x" * 900 in data, "%s: it is in the log" % form, data[:3000])
    tap.ok(len(data) < 64 * 1024, "%s: in bounds (%d bytes)" % (form, len(data)))
    # git-daemon, through which it comes, ends a line at a NUL
    tap.ok(b"before" in data and b"bold" in data, "%s: what surrounds control characters is shown" % form,
           [line for line in data.split(b"\n") if b"before" in line or b"next" in line])

    hooks.set(reference_transaction='cat >/dev/null; [ "$1" = prepared ] || exit 0; seq 30000 | sed \'s/.*/%s/\' >&2' % FORGED)
    before = count(form, data, "session.log")
    tap.ok(g.push_one(work), "%s: a hook that writes 30 000 lines: the push succeeds" % form)
    g.settle()
    data = g.raw_log()
    over = [int(n) for n in re.findall(rb"(\d+) lines of its log were over the rate", data)]
    kept = count(form, data, "session.log") - before
    tap.ok(len(over) == 1 and kept + over[0] == 30000, "%s: session.closed says how many were dropped" % form, kept, over)
    tap.ok(kept < 1500, "%s: few of them are in the log (%d)" % (form, kept))
    tap.eq(count(form, data, "session.reaped"), 0, "%s: none of them passes for an event" % form)
    tap.eq(bad_lines(form, data), [], "%s: each line is one event, without control characters" % form)
    tap.ok(g.peak() < MEMORY_KIB, "%s: the gate's memory stays small (%d KiB)" % (form, g.peak()))
    tap.eq(g.status()["dropped_events"], 0, "%s: no event of the gate's own was lost" % form)
    tap.eq(fsck(os.path.join(g.base, "r.git")), "", "%s: fsck is clean" % form)
    tap.eq(g.stop(), 0, "%s: it stops cleanly" % form)


# --- words of a client ------------------------------------------------------------------------------------------------------

def forging_client(form):
    g = LogGate(form)
    stamp = b"2026-01-01T00:00:00.000Z session.reaped: forged"
    evil = [b"\n" + FORGED.encode() + b"\n", b"\n" + stamp + b"\n", b"\x1b[2J\x1b]0;title\x07", b"\"quoted\" \\ reason=forged session=x", b"\r\x0b\x0c\x85",
            b"\xc2\x9b2J \xc2\x85 \xe2\x80\xa8 \xe2\x80\xae", b"\xff\xfe\xc3\x28", b"%s%n%n%d", b"k=v " * 300, b"\x01\x02\x7f"]
    for text in evil:
        # as a path that is not there, as a service, as the host, as a ref, and as bytes that are no request at all
        for head in (b"git-receive-pack /%s\0host=x\0" % text, b"git-upload-pack %s\0host=x\0" % text, b"git-%s /r.git\0host=x\0" % text,
                     b"git-receive-pack /r.git\0host=%s\0\0version=1\0" % text):
            c = Raw(g, request=False)
            c.packet(head)
            c.s.shutdown(socket.SHUT_WR)
            c.rest()
        c = Raw(g, request=False)
        c.s.sendall(text)
        c.s.shutdown(socket.SHUT_WR)
        c.rest()
        for capabilities in ("report-status", "report-status side-band-64k"):
            c = Raw(g)
            c.advertisement()
            c.packet(b"%s %s refs/heads/%s\0%s" % (b"0" * 40, oid.encode(), text, capabilities.encode()))
            c.s.sendall(b"0000" + pack)
            c.s.shutdown(socket.SHUT_WR)
            c.rest()
        # and as a repository that is there
        try:
            name = text.replace(b"/", b"_")[:200] + b".git"
            os.makedirs(os.path.join(g.base.encode(), name))
            subprocess.run([b"git", b"init", b"-q", b"--bare", os.path.join(g.base.encode(), name)], env=ENV, check=True)
            c = Raw(g, request=False)
            c.packet(b"git-receive-pack /" + name + b"\0host=x\0")
            c.advertisement()
            c.commands(oid, "refs/heads/main")
            c.s.sendall(pack)
            shown = g.sessions()
            answer = c.rest()
            tap.ok(b"ok refs/heads/main" in answer, "%s: a push to a repository named %r" % (form, name[:30]), answer, shown)
        except OSError as e:
            tap.ok(False, "%s: a repository named %r" % (form, name[:30]), e)
    g.settle()
    data = g.raw_log()
    tap.ok(count(form, data, "session.opened") >= 2 * len(evil), "%s: sessions are in the log" % form)
    tap.eq(bad_lines(form, data), [], "%s: each event is one line, without control characters" % form)
    for event in ("session.reaped", "session.killed", "session.stray", "gate.error"):
        tap.eq(count(form, data, event), 0, "%s: no %s was forged" % (form, event))
    if form == "text":
        # key=value after the message is the gate's: a client's words with '=' in them are quoted
        unquoted = [line for line in data.split(b"\n") if b" reason=forged" in re.sub(rb'"(\\.|[^"\\])*"', b"", line)]
        tap.eq(unquoted, [], "text: no field was forged")
    tap.eq(g.ask("reaped"), [], "%s: nothing was reaped" % form)
    tap.eq(g.cli("reaped", "--all").returncode, 0, "%s: the table can be shown" % form)
    tap.ok(b"\x1b" not in g.cli("reaped", "--all").stdout.encode(), "%s: and drives no terminal" % form)
    tap.eq(g.stop(), 0, "%s: it stops cleanly" % form)


for form in ("json", "text"):
    full_pipe(form)
    closed_stderr(form)
    chatty_hooks(form)
    forging_client(form)
tap.done()
