#!/usr/bin/python3
"""Hostile text wherever a client, a hook or an operator puts some, over both transports, in every output: what is for people has no control character and
one line for each session or event, what is for programs parses and forges nothing, the metrics have none of it. At the end a table says which text
came as far as which output.
"""
from adminweb import parse, promtool
from gate import *

import urllib.parse

tap = Tap()
# Each has a word of its own, so that it is found again however it is written.
TEXTS = {
    "escapes": b"\x1b[2J\x1b]0;owned\x07\x1b[31mzz00\x08\x7f", "newlines": b"zz01\r\n2026-01-01T00:00:00.000Z session.reaped: forged session=00000001\n",
    "no UTF-8": b"\xff\xfe\xc0\xafzz02\xed\xa0\x80\xf5\xe6\xbc", "C1": b"\xc2\x9b31mzz03\x9b31m\xc2\x85", "C1, as UTF-8": b"\xc2\x9b31mzz17\xc2\x90",
    "markup": b"<script>alert(1)<&amp;zz04\">",
    "quotes": b"'\"`$(id)\\ \\n\\x1bzz05", "formats": b"%s%n%1000d%%zz06%", "directions": "\u202ezz07\u2066\u200f\u2028\u2029\u061c".encode(),
    "wide": "漢字👩‍👩‍👧e\u0301zz08\u200b".encode(), "fields": b"zz09 session=ffffffff reason=idle\tGIT_GATE_EVENT=x",
    "JSON": b'zz10","event":"session.reaped","x":"\\u0000', "metrics": b'zz11"} 1\ngit_gate_up 9\n# TYPE x', "long": b"zz12" + b"x" * 240,
    "long and wide": b"zz13" + "漢".encode() * 75, "braces": b"{{{zz14}}}[[]]", "options": b"--zz15 -rf *", "percent": b"%1b%0a%00zz16%ff",
}
WORD = {name: re.search(rb"zz\d\d", text)[0].decode() for name, text in TEXTS.items()}
EVENTS = set(re.findall(r'EV\(\w+, "([^"]+)"', read(os.path.join(ROOT, "base", "event.def"))))
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
NO_END = {k: "10m" for k in SCALED if k != "deadline.grace"}
seen = {}               # (text, output): it came there


def note_seen(output, data):
    for name, word in WORD.items():
        if word in data:
            seen[name, output] = True


def decoded(output, data, what):
    try:
        text = data.decode()
    except UnicodeDecodeError as e:
        tap.ok(False, "%s %s: is UTF-8" % (what, output), e, data[max(0, e.start - 80):e.end + 80])
        text = data.decode(errors="replace")
    note_seen(output, text)
    return text


def for_people(output, data, what):
    text = decoded(output, data, what)
    bad = CONTROL.search(text)
    tap.ok(not bad, "%s %s: nothing drives a terminal" % (what, output), bad and ascii(text[max(0, bad.start() - 80):bad.end() + 80]))
    return text.split("\n")[:-1]


def records(output, lines, what, as_json):
    """Lines of a log: each is one event that there is."""
    bad, names = [], []
    for line in lines:
        try:
            e = json.loads(line)["event"] if as_json else re.match(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ ([a-z.-]+): ", line)[1]
        except (ValueError, KeyError, TypeError):
            e = None
        names.append(e)
        if e not in EVENTS:
            bad.append(line)
    tap.eq(bad, [], "%s %s: every line is an event" % (what, output))
    return names


class Scene:
    """A gate and who misuses it."""

    def __init__(self, log):
        self.what = "log %s:" % log
        noise = path("noise-" + log)
        with open(noise, "wb") as f:
            f.write(b"\n".join(TEXTS.values()) + b"\nnul\0nul\rcr\n" + b"x" * 5000 + b"\xff\n")
        self.latch = Latch()
        argv = path("argv-" + log)
        with open(argv, "wb") as f:
            f.write(b"".join(TEXTS.values())[:900])
        hooks = Hooks(pre_receive='cat %s >&2\nif [ "$GIT_PUSH_OPTION_0" = hold ]; then sh -c \'%s\' "$(cat %s)"; fi\nexec %s/hooks/pre-receive'
                      % (noise, self.latch.command, argv, BUILD))
        self.g = g = Gate({"listen.http": "127.0.0.1:0", "gate.log": log, "limit.sessions": "200", "hook.denyRef": "refs/heads/no/**", **NO_END}, hooks=hooks.dir, start=False)
        g.launch().ready(lambda _: g.cli("health").returncode == 0 and "gate.ready" in g.text())
        self.clients, self.names = [], {}
        for name, text in TEXTS.items():
            d = os.path.join(os.fsencode(g.base), text + b".git")
            os.makedirs(d)
            subprocess.run(["git", "init", "-q", "--bare", d], env=ENV, check=True)
        self.tails = {}
        for args in (), ("--json",):
            file = path("tail-%s%d" % (log, len(args)))
            with open(file, "wb") as out:
                self.tails[args] = popen([GATE, "tail", "--lines", "500", *args, "--control", g.control], stdout=out, stderr=out), file

    def run(self, *args):
        return subprocess.run([GATE, *args, "--control", self.g.control], env=ENV, capture_output=True, timeout=PATIENCE)

    def enter(self):
        """Who stays: repositories, hosts and agents over git://, paths, headers and agents over HTTP."""
        for text in TEXTS.values():
            c = Raw(self.g, request=False)
            c.packet(b"git-receive-pack /" + text + b".git\0host=" + text + b"\0\0version=1\0agent=" + text + b"\0")
            self.clients.append(c.s)
            s = socket.create_connection(("127.0.0.1", self.g.http_port), timeout=PATIENCE)
            flat = re.sub(rb"[\r\n\0]", b"?", text)
            s.sendall(b"POST /" + urllib.parse.quote(text, safe="").encode() + b".git/git-receive-pack HTTP/1.1\r\nHost: x\r\nUser-Agent: " + flat +
                      b"\r\nX-Forwarded-For: " + flat + b"\r\nReferer: " + flat + b"\r\nContent-Type: application/x-git-receive-pack-request\r\nContent-Length: 1000\r\n\r\n0")
            self.clients.append(s)
        for c in self.clients[::2]:
            c.recv(4)

    def pass_by(self):
        """Who is turned away at once: requests of no kind, services, versions, targets and headers that there are not."""
        for text in TEXTS.values():
            flat = re.sub(rb"[\r\n\0 ]", b"?", text)
            for port, data in ((self.g.port, text), (self.g.port, b"%04x" % (len(text) + 5) + text + b"\0"),
                               (self.g.port, b"%04xgit-%s /r\0" % (len(text) + 12, text)), (self.g.port, b"%04xgit-upload-pack /%s/no\0host=x\0" % (len(text) + 32, text)),
                               (self.g.http_port, text + b"\r\n\r\n"), (self.g.http_port, b"GET /" + flat + b" HTTP/1.1\r\nHost: " + flat + b"\r\n\r\n"),
                               (self.g.http_port, b"GET /x.git/info/refs?service=" + flat + b" HTTP/1.1\r\nHost: x\r\n" + flat + b": y\r\nConnection: close\r\n\r\n")):
                with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as s:
                    try:
                        s.sendall(data)
                        s.shutdown(socket.SHUT_WR)
                        while s.recv(65536):
                            pass
                    except OSError:
                        pass

    def push(self):
        """Names of references that git takes, all of them denied, and those that it does not; options; what the hook says."""
        g, w = self.g, path("work-" + self.what[4:-1])
        g.repo("r.git", "receive.advertisePushOptions=true")
        git("init", "-q", w)
        commit(w, "first", "first\n")
        oid, pack = pack_of(w)
        good = [re.sub(rb"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@{", b"_", t)[:200] for t in TEXTS.values()]
        for refs in [[b"refs/heads/no/" + t for t in good]] + [[b"refs/heads/" + t] for t in TEXTS.values()]:
            for options in b"", b" push-options":
                if options and len(refs) == 1:
                    continue
                c = Raw(g)
                c.advertisement()
                for i, ref in enumerate(refs):
                    c.packet(b"0" * 40 + b" " + oid.encode() + b" " + ref + (b"\0report-status" + options if not i else b""))
                c.s.sendall(b"0000")
                if options:
                    for t in TEXTS.values():
                        c.packet(t)
                    c.s.sendall(b"0000")
                try:
                    c.s.sendall(pack)
                    c.rest()
                except OSError:
                    pass
                c.close()
        text = [t for t in TEXTS.values() if b"\n" not in t]
        r = subprocess.run([b"git", b"push"] + [x for t in text for x in (b"-o", t)] + [g.http("r.git").encode()] + [b"HEAD:refs/heads/no/" + t for t in good],
                           cwd=w, env=ENV, capture_output=True, timeout=PATIENCE)
        tap.ok(r.returncode and b"denied" in r.stderr, "%s a push over HTTP with all of them is judged by its names" % self.what, r)
        self.held = popen(["git", "push", "-o", "hold", g.url("r.git"), "HEAD:held"], cwd=w, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.latch.reached()

    def ask(self, now, *args, rows=None):
        """A command as text and as JSON; rows: how many rows its table has."""
        output = " ".join(args[:1])
        r, j = self.run(*args), self.run(*args, "--json")
        what = "%s %s," % (self.what, now)
        tap.ok(r.returncode == j.returncode == 0 and not r.stderr, "%s %s: is answered" % (what, output), r, j)
        lines = for_people(output, r.stdout, what)
        data = json.loads(decoded(output + " --json", j.stdout, what))
        if rows:
            tap.eq((len(lines) - 1, len(data)), (rows, rows), "%s %s: a row for each" % (what, output), *lines)
            ids = {e["id"] for e in data}
            tap.eq([x for x in lines[1:] if not set(re.findall(r"\b[0-9a-f]{8}\b", x[:60])) & ids], [], "%s %s: which begins as one" % (what, output))
        return data

    def look(self, now):
        g = self.g
        for args in (("status",), ("report",), ("tune",)):
            self.ask(now, *args)
        text = decoded("metrics", self.run("metrics").stdout, "%s %s," % (self.what, now))
        tap.ok(parse(text)[0] and not [w for w in WORD.values() if w in text], "%s %s, metrics: parse, and have none of it" % (self.what, now), text[:500])
        promtool(tap, text, "%s %s, metrics: promtool has nothing to say" % (self.what, now))

    def leave(self, live):
        for s, text in zip(live, list(TEXTS.values()) * 4):
            reason = re.sub(b"\0", b"", text)
            r = self.run("kill", s["id"], "--reason=" + reason.decode(errors="surrogateescape"))
            # on a busy machine one that ends by itself may still have been among the live
            if r.returncode not in (0, 2) and s["id"] in {x["id"] for x in self.g.sessions()}:
                tap.ok(False, "%s kill --reason=%r" % (self.what, reason), r)
            if r.returncode:
                self.run("kill", s["id"])
        self.latch.release()
        self.held.wait(PATIENCE)
        for s in self.clients:
            s.close()
        self.g.settle()

    def play(self):
        g = self.g
        self.enter()
        self.pass_by()
        self.push()
        live = wait_for(lambda: (lambda s: len(s) >= len(TEXTS) + 1 and s)(g.sessions()), "the sessions")
        wait_for(lambda: not [s for s in g.sessions() if s["phase"] == "closing"], "those that end to have ended")
        live = self.ask("live", "sessions", rows=len(g.sessions()))
        for s in live:
            self.ask("live", "show", s["id"])
        self.look("live")
        self.leave(live)
        ended = g.ask("reaped", "--journal", "")
        self.ask("ended", "reaped", "--journal", "", rows=len(ended))
        self.ask("ended", "reaped", "--all", "--journal", "", rows=len(g.ask("reaped", "--all", "--journal", "")))
        for e in ended:
            self.ask("ended", "show", e["id"])
        self.look("ended")
        tap.eq(g.stop(), 0, "%s the gate stops" % self.what)
        ids = {e["id"] for e in ended}
        with open(g.log, "rb") as f:
            log = f.read()
        name = "log " + g.settings["gate.log"]
        as_json = g.settings["gate.log"] == "json"
        lines = for_people(name, log, self.what)
        names = records(name, lines, self.what, as_json)
        tap.eq(names.count("session.reaped"), len(ids), "%s %s: no verdict is forged" % (self.what, name))
        tap.eq({"push.rejected", "session.log", "session.killed", "session.refused"} - set(names), set(), "%s %s: (all of it was tried)" % (self.what, name))
        for args, (process, file) in self.tails.items():
            process.terminate()
            process.wait(PATIENCE)
            with open(file, "rb") as f:
                lines = for_people("tail" + " ".join(("",) + args), f.read(), self.what)
            records("tail" + " ".join(("",) + args), [x for x in lines if not x.startswith("git-gate: ")], self.what, bool(args))


scenes = [Scene("json"), Scene("text")]
for scene in scenes:
    scene.play()
outputs = sorted({o for _, o in seen})
note("%-14s %s" % ("", "  ".join(outputs)))
for name in TEXTS:
    note("%-14s %s" % (name, "  ".join(("x" if (name, o) in seen else ".").center(len(o)) for o in outputs)))
for output in ("sessions", "sessions --json", "show", "show --json", "reaped", "reaped --json", "tail", "tail --json", "log json", "log text"):
    tap.eq([n for n in TEXTS if (n, output) not in seen], [], "%s: each of the texts came there" % output)
tap.done()
