#!/usr/bin/python3
"""listen.admin: what is answered to whom, readiness with its reasons, a service of its own whose end, trouble or lack never touches the
gate, and one scrape by a real Prometheus."""
import urllib.request

from adminweb import *

tap = Tap()
latch = Latch()
g = Gate({"listen.admin": "127.0.0.1:0", "deadline.commands": "10m", "deadline.drain": "1m"}, hooks=Hooks(pre_receive="cat >/dev/null; " + latch.command).dir)
g.repo()
work = g.work("work")
admin = Admin(g)


def environment(pid):
    return read("/proc/%d/status" % pid)


# --- answers --------------------------------------------------------------------------------------------------------------

for url, kind, begins in (("/", "text/html; charset=utf-8", "<!DOCTYPE html>"), ("/metrics", "text/plain; version=0.0.4; charset=utf-8", "# HELP git_gate_"),
                          ("/livez", "text/plain; charset=utf-8", "alive\n"), ("/readyz", "text/plain; charset=utf-8", "ready\n")):
    status, headers, body = admin.get(url)
    tap.ok((status, headers["Content-Type"]) == (200, kind) and body.startswith(begins), "GET " + url, status, headers, body[:200])
    tap.ok("default-src 'none'" in headers["Content-Security-Policy"] and headers["X-Content-Type-Options"] == "nosniff" and
           headers["Cache-Control"] == "no-store" and headers["Connection"] == "close", "its headers", headers)
    if url != "/":
        tap.eq(admin.get(url, "HEAD")[::2], (200, ""), "HEAD " + url)
mine, theirs = parse(g.cli("metrics").stdout)[0], parse(admin.get("/metrics")[2])[0]
tap.eq(sorted(mine), sorted(theirs), "the metrics are those of git-gate metrics")
promtool(tap, admin.get("/metrics")[2], "promtool has nothing to say of them")
for method in "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW":
    status, headers, body = admin.get("/", method)
    tap.ok(status == 405 and headers["Allow"] == "GET, HEAD", "%s is refused" % method, status, headers)
for url in "/x", "/metrics/", "//", "/..%2f", "/index.html", "/metrics%00", "/" + "x" * 2000:
    tap.eq(admin.get(url)[0], 404, "there is no %.20s" % url)
for host, want in (("evil.example", 403), ("127.0.0.1.evil.example:80", 403), ("x" * 300, 403), ("localhost", 200), ("LOCALHOST:9", 200), ("[::1]:9421", 200),
                   ("127.0.0.1", 200)):
    tap.eq(admin.get("/", headers={"Host": host})[0], want, "Host: %.30s" % host)

# --- what it is -----------------------------------------------------------------------------------------------------------

status = environment(admin.pid())
tap.ok("NoNewPrivs:\t1" in status and "CapEff:\t0000000000000000" in status and "CapPrm:\t0000000000000000" in status, "it has no privileges", status)
if os.geteuid() == 0:
    tap.ok("Uid:\t65534\t65534\t65534\t65534" in status, "nor is it root", status)
tap.eq(read("/proc/%d/comm" % admin.pid()).strip(), "git-gate-admin", "it is a process of its own")
tap.eq([s["state"] for s in g.status()["services"]], ["up"], "and a service")
r = subprocess.run([GATE, *g.args()[1:], "-c", "service.git-gate-admin.command=true"], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.ok(r.returncode == 2 and "listen.admin" in r.stderr and "rename the service" in r.stderr, "no other service has its name", r)
r = subprocess.run([GATE, "check-config", "-c", "listen.git=off", "-c", "listen.http=off", "-c", "listen.admin=127.0.0.1:1"], env=ENV, capture_output=True,
                   text=True, timeout=PATIENCE)
tap.ok(r.returncode == 2 and "nothing to listen on" in r.stderr, "with nothing else there is nothing to listen on", r)
r = subprocess.run([os.path.join(BUILD, "git-gate-admin")], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.ok(r.returncode == 2 and "usage" in r.stderr, "its usage", r)

# --- ready ----------------------------------------------------------------------------------------------------------------

readyz = lambda: admin.get("/readyz")[::2]
g.cli("drain")
tap.ok(wait_for(lambda: readyz()[0] == 503 and readyz()[1].startswith("not ready: drained: "), "/readyz to say that it is drained"), "drained: 503 and why")
tap.eq(admin.get("/livez")[0], 200, "and alive")
g.cli("resume")
wait_for(lambda: readyz() == (200, "ready\n"), "/readyz to be ready again")

# --- a scrape by Prometheus -----------------------------------------------------------------------------------------------

if not shutil.which("prometheus"):
    tap.skip("a real Prometheus scrapes it", "prometheus is not installed")
else:
    port = free_port()
    with open(path("prometheus.yml"), "w") as f:
        f.write("global:\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\nscrape_configs:\n  - job_name: gate\n    static_configs:\n"
                "      - targets: ['127.0.0.1:%d']\n" % admin.port)
    p = popen(["prometheus", "--config.file=" + path("prometheus.yml"), "--storage.tsdb.path=" + path("prometheus"), "--web.listen-address=127.0.0.1:%d" % port,
               "--log.level=warn"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def query(what):
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/api/v1/query?query=%s" % (port, what), timeout=PATIENCE) as r:
                return json.load(r)["data"]["result"]
        except OSError:
            return None

    up = wait_for(lambda: [r for r in query("up") or [] if r["value"][1] == "1"], "Prometheus to have scraped it")
    tap.eq(up[0]["metric"]["instance"], "127.0.0.1:%d" % admin.port, "a real Prometheus scrapes it")
    got = {r["metric"]["reason"] for r in query("git_gate_sessions_ended_total")}
    tap.ok({"none", "init", "idle", "operator"} <= got, "and has the figures", got)
    tap.eq(len(query("git_gate_session_duration_seconds_bucket%7Bservice=%22receive-pack%22%7D")), 12, "with the buckets of a histogram")
    p.terminate()
    tap.eq(p.wait(PATIENCE), 0, "it ends")

# --- its trouble is not the gate's ----------------------------------------------------------------------------------------

quiet = Raw(g)
quiet.advertisement()
p = g.push(work)
latch.reached()
for n in range(2):
    old = admin.pid()
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: (new := admin.pid()) and new != old, "it to be started again")
    admin = Admin(g)
    wait_for(lambda: g.status()["services"][0]["state"] == "up", "it to be up")
    admin = Admin(g)
    tap.eq(admin.get("/livez")[0], 200, "killed, it is started again")
tap.eq(len(g.sessions()), 2, "no session is touched")
os.kill(g.pid, signal.SIGSTOP)
wait_for(lambda: admin.get("/livez")[0] == 503, "what was asked before to be forgotten")
admin.get("/metrics")
begin = time.monotonic()
status, _, body = admin.get("/livez")
seconds = time.monotonic() - begin
tap.ok(status == 503 and "not alive: the gate does not answer" in body and seconds < 5 + BUSY, "a gate that hangs is not alive (%.1f s)" % seconds, body)
tap.eq(admin.get("/metrics")[0], 503, "and gives no metrics")
status, headers, body = admin.get("/")
tap.ok(status == 503 and "the gate does not answer" in body and headers["Content-Type"].startswith("text/html"), "the page says so", body)
os.kill(g.pid, signal.SIGCONT)
wait_for(lambda: admin.get("/livez")[0] == 200, "it to be alive again")

taken = socket.create_server(("127.0.0.1", 0))
other = Gate({"listen.admin": "127.0.0.1:%d" % taken.getsockname()[1], "listen.git": "127.0.0.1:0"})
wait_for(lambda: other.events("service.exited"), "git-gate-admin to fail")
tap.ok("port" in other.text() and "listen.admin" in other.text(), "a port that is taken is said")
tap.eq(other.cli("health", "--ready").stdout, "ready\n", "and the gate serves")
taken.close()
wait_for(lambda: other.status()["services"][0]["state"] == "up", "it to find the port free")
other_admin = Admin(other)
tap.eq(other_admin.get("/readyz")[0], 200, "it serves once the port is free")
orphan = other_admin.pid()
other.process.kill()
other.process.wait(PATIENCE)
wait_for(lambda: not alive(orphan), "it to end with a gate that was killed")

with open(path("config"), "w") as f:
    f.write("")
plain = Gate(start=False).start("--config", path("config"))
tap.eq(plain.status()["services"], [], "off by default")
with open(path("config"), "w") as f:
    f.write("[listen]\n\tadmin = 127.0.0.1:9\n")
tap.eq(plain.ask("reload"), {"changed": [], "added": [], "removed": [], "restart": ["listen.admin"]}, "a change needs a restart")
plain.stop()

# --- while the gate stops -------------------------------------------------------------------------------------------------

g.ask("kill", next(s["id"] for s in g.sessions() if s["phase"] == "commands"))
os.kill(g.pid, signal.SIGTERM)
wait_for(lambda: readyz()[0] == 503 and "not ready: stopping: " in readyz()[1], "/readyz to say that it stops")
tap.ok(True, "while sessions finish it is there, and says that the gate is stopping")
pid = admin.pid()
latch.release()
tap.eq(end(p)[0], 0, "the push that was under way")
g.process.wait(PATIENCE)
tap.ok(not alive(pid), "it ends with the gate")
finish(tap, g)
