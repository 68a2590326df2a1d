#!/usr/bin/python3
"""git-gate metrics after a known mix of sessions: every figure is exact; the format is what promtool takes; docs/metrics.md and the
manual name every metric. git-gate health --ready tells why not."""
from adminweb import *

tap = Tap()
latch = Latch()
g = Gate({"service.idler.command": "sleep 1000000", "listen.http": "127.0.0.1:0", "deadline.hook": "10m", "deadline.commands": "10m"},
         hooks=Hooks(pre_receive="cat >/dev/null; [ ! -e %s ] || { %s; }" % (path("hold"), latch.command)).dir)
g.repo("r.git", "http.receivepack=true")
work = g.work("work")


def check(found, want, what):
    tap.eq({k: found.get(k) for k in want}, want, what)


def total(found, name):
    return sum(v for k, v in found.items() if k.split("{")[0] == name)


def ended(**by):
    return {'git_gate_sessions_ended_total{reason="%s"}' % k.replace("_", "-"): v for k, v in by.items()}


# --- a gate that has done nothing -----------------------------------------------------------------------------------------

before = metrics_of(g)
check(before, {"git_gate_ready": 1, 'git_gate_build_info{version="%s"}' % g.status()["version"]: 1, "git_gate_observe_mode": 0,
               "git_gate_serving_sessions": 0, "git_gate_serving_sessions_limit": 64, "git_gate_waiting_clients_limit": 4096,
               'git_gate_deadline_seconds{key="deadline.idle"}': 2, 'git_gate_deadline_seconds{key="deadline.work"}': float("inf"),
               'git_gate_service_up{name="idler"}': 1, 'git_gate_service_restarts_total{name="idler"}': 0}, "at the start")
tap.ok(abs(before["git_gate_start_time_seconds"] - time.time()) < 600, "the start is a time of today")
tap.eq(total(before, "git_gate_sessions") + total(before, "git_gate_sessions_ended_total"), 0, "no session, and every series is there")

# --- a known mix ----------------------------------------------------------------------------------------------------------

for i in range(2):
    tap.eq(end(g.push(work, "p%d" % i))[0], 0, "a push")
git("clone", "-q", g.url("r.git"), path("clone"))
git("clone", "-q", g.http("r.git"), path("clone-http"))
r = Raw(g, "git-upload-pack", "none.git")       # is refused
r.rest()
r = Raw(g, request=False)                       # a stranger
r.s.sendall(b"GET / HTTP/1.0\r\n\r\n")
r.rest()
Raw(g, request=False).rest()                    # says nothing, and is ended
gone(g)
found = metrics_of(g)
check(found, ended(none=6, init=1, idle=0, operator=0), "ended, by reason")
check(found, {'git_gate_session_duration_seconds_count{service="%s"}' % s: n for s, n in
              (("receive-pack", 2), ("upload-pack", 3), ("upload-archive", 0), ("other", 2))}, "ended, by service")
check(found, {'git_gate_wait_duration_seconds_count{transport="git"}': 6, 'git_gate_wait_duration_seconds_count{transport="http"}': 1,
              'git_gate_events_total{event="session.reaped"}': 1, 'git_gate_events_total{event="session.accepted"}': 7}, "served, by transport")
tap.ok(INIT <= found['git_gate_session_duration_seconds_sum{service="other"}'] < 3 * PATIENCE, "how long they were has a sum")
sizes = sum(e["bytes_in"] for e in g.ask("reaped", "--all")), sum(e["bytes_out"] for e in g.ask("reaped", "--all"))
tap.eq((total(found, "git_gate_received_bytes_total"), total(found, "git_gate_sent_bytes_total")), sizes, "bytes are those of the records")
tap.ok(sizes[0] > 200 and sizes[1] > 400, "there were some", sizes)
for name, kind in parse(g.cli("metrics").stdout)[1].items():
    if kind != "histogram":
        continue
    by = {}
    for k, v in found.items():
        if k.startswith(name + "_bucket"):
            by.setdefault(re.sub(r',?le="[^"]*"', "", k), []).append(v)
    tap.ok(by and all(v == sorted(v) and v[-1] == found.get((k[:-2] if k.endswith("{}") else k).replace("_bucket", "_count")) for k, v in by.items()),
           "%s: buckets ascend to the count" % name, by)

# --- what lives -----------------------------------------------------------------------------------------------------------

open(path("hold"), "w").close()
p = g.push(work, "held")
latch.reached()
quiet = Raw(g)
quiet.advertisement()
phases = ['git_gate_sessions{phase="%s",transport="git"}' % p for p in ("hook", "commands")]
live = wait_for(lambda: (m := metrics_of(g)) and [m[p] for p in phases] == [1, 1] and m, "both to be seen in their phases")
tap.eq(live["git_gate_serving_sessions"], 2, "live sessions by phase")
tap.eq(total(live, "git_gate_sessions"), 2, "and there is no other")
tap.ok(all(live[k] >= v for k, v in found.items() if re.search(r"_(total|sum|count|bucket)\b", k)), "counters do not fall",
       *[k for k, v in found.items() if re.search(r"_(total|sum|count|bucket)\b", k) and live[k] < v])

# --- steps and events of hooks --------------------------------------------------------------------------------------------

id = next(s["id"] for s in g.sessions() if s["phase"] == "hook")
for step in "scan", "forward", "", "forward", "my-own", "":
    ask_gate(g, cmd="step", id=id, step=step)
for event, more in (("push.scanned", {"objects": 40, "commits": 3, "bytes": 12345}), ("push.scanned", {"objects": "many"}), ("push.rejected", {"reason": "finding"}),
                    ("push.rejected", {"reason": "limit"}), ("push.rejected", {}), ("push.step-failed", {"reason": "scan"}), ("push.forwarded", {}),
                    ("push.forward-failed", {}), ("push.diverged", {}), ("refresh.done", {"duration_ms": 1500}), ("refresh.failed", {})):
    ask_gate(g, cmd="event", id=id, event=event, message="x", **more)
found = metrics_of(g)
check(found, {'git_gate_hook_step_duration_seconds_count{step="%s"}' % k: v for k, v in
              (("scan", 1), ("forward", 2), ("other", 1), ("lock", 0), ("step", 0), ("refresh", 1))}, "steps of hooks")
check(found, {'git_gate_hook_step_duration_seconds_bucket{step="refresh",le="1"}': 0,
              'git_gate_hook_step_duration_seconds_bucket{step="refresh",le="2.5"}': 1,
              'git_gate_hook_step_duration_seconds_sum{step="refresh"}': 1.5}, "a refresh says how long it was")
check(found, {"git_gate_scanned_objects_total": 40, "git_gate_scanned_commits_total": 3, "git_gate_scanned_bytes_total": 12345, 'git_gate_scans_total{outcome="clean"}': 2,
              'git_gate_scans_total{outcome="finding"}': 1, 'git_gate_scans_total{outcome="failed"}': 1,
              **{'git_gate_pushes_rejected_total{reason="%s"}' % k: 1 for k in ("finding", "limit", "rule")},
              **{'git_gate_forwards_total{outcome="%s"}' % k: 1 for k in ("forwarded", "failed", "diverged")},
              **{'git_gate_refreshes_total{outcome="%s"}' % k: 1 for k in ("done", "failed")}}, "events of hooks")
g.ask("kill", next(s["id"] for s in g.sessions() if s["phase"] == "commands"))
quiet.rest()
os.unlink(path("hold"))
latch.release()
tap.eq(end(p)[0], 0, "the push that was held")
gone(g)
check(metrics_of(g), ended(operator=1, none=7, init=1), "an operator's is counted as that")

# --- silences of those that end by themselves -----------------------------------------------------------------------------

o = Gate({"reaper.mode": "observe"})
o.repo()
slow = Raw(o)
slow.advertisement()
wait_for(lambda: o.events("session.observed"), "its silence to be as long as its limit")
slow.s.sendall(b"0000")
slow.rest()
gone(o)
found = metrics_of(o)
check(found, {"git_gate_observe_mode": 1, "git_gate_sessions_observed_total": 1, **ended(none=1, commands=0),
              'git_gate_session_quiet_seconds_count{key="deadline.commands"}': 1, 'git_gate_session_quiet_seconds_bucket{key="deadline.commands",le="2.5"}': 0,
              'git_gate_session_quiet_seconds_count{key="deadline.idle"}': 0}, "observe mode: the silence of a session that ended by itself")
tap.ok(found['git_gate_session_quiet_seconds_sum{key="deadline.commands"}'] >= COMMANDS, "which was as long as its limit")
o.stop()

# --- a scan by the gate's own hook ----------------------------------------------------------------------------------------

with open(path("scanner"), "w") as f:
    f.write("#!/bin/sh\nexit 0\n")
os.chmod(path("scanner"), 0o755)
s = Gate({"hook.scanner": "command", "hook.scannerCommand": path("scanner"), "hook.scratch": TMP, "hook.denyRef": "refs/heads/never"})
s.repo()
tap.eq(end(popen(["git", "push", s.url("r.git"), "HEAD:main"], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))[0], 0, "a push is scanned")
code, out = end(popen(["git", "push", s.url("r.git"), "HEAD:never"], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
tap.ok(code != 0, "another is refused by a rule", out)
gone(s)
check(metrics_of(s), {'git_gate_scans_total{outcome="clean"}': 1, 'git_gate_scans_total{outcome="failed"}': 0, "git_gate_scanned_commits_total": 1,
                      'git_gate_pushes_rejected_total{reason="rule"}': 1, 'git_gate_events_total{event="push.scanned"}': 1,
                      'git_gate_hook_step_duration_seconds_count{step="scan"}': 1}, "scan and refusal are counted")
told = s.events("push.scanned")[0]
check(metrics_of(s), {"git_gate_scanned_objects_total": told["objects"], "git_gate_scanned_bytes_total": told["bytes"]}, "as their event tells")
s.stop()

# --- the format, and the documents ----------------------------------------------------------------------------------------

text = g.cli("metrics").stdout
promtool(tap, text, "promtool has nothing to say of them")
types = parse(text)[1]
helps = dict(re.findall(r"(?m)^# HELP (\S+) (.*)$", text))
tap.eq(set(helps), set(types), "each has HELP and TYPE")
rows = re.findall(r"(?m)^\| `(git_gate_\w+)` \| (\w+) \| ([^|]*) \| (.*) \|$", read(os.path.join(ROOT, "docs", "metrics.md")))
table = re.findall(r'(?m)^(COUNTER|GAUGE|HISTOGRAM)\(\w+, "(\w+)", "([^"]*)", "([^"]*)"', read(os.path.join(ROOT, "supervisor", "metrics.def")))
tap.eq(rows, [(name, kind.lower(), ", ".join(labels.split()), doc) for kind, name, labels, doc in table], "docs/metrics.md has the table")
tap.eq([(n, helps.get(n)) for n, _, _, _ in rows], [(n, d) for n, _, _, d in rows], "and it is what the gate says")
rules = re.search(r"(?s)```yaml\n(.*?)```", read(os.path.join(ROOT, "docs", "metrics.md")))[1]
used = set(re.findall(r"\bgit_gate_\w+", rules))
tap.eq(sorted(n for n in used if n not in types and n.removesuffix("_bucket") not in types), [], "the alerts there use metrics that there are")
if shutil.which("promtool"):
    with open(path("rules.yml"), "w") as f:
        f.write(rules)
    r = subprocess.run(["promtool", "check", "rules", path("rules.yml")], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
    tap.eq(r.returncode, 0, "and promtool takes them", r.stdout, r.stderr)
else:
    tap.skip("promtool takes them", "promtool (package prometheus) is not installed")
tap.eq(list(types), [n for n, _, _, _ in rows], "in that order")
r = subprocess.run([GATE, "--dump-man", "git-gate.8"], env=ENV, capture_output=True, text=True, timeout=PATIENCE)
tap.eq([n for n in types if ".It Cm %s" % n not in r.stdout], [], "git-gate(8) names each")

# --- ready ----------------------------------------------------------------------------------------------------------------

r = g.cli("health", "--ready")
tap.eq((r.returncode, r.stdout), (0, "ready\n"), "health --ready", r)
g.cli("drain")
r = g.cli("health", "--ready")
tap.ok(r.returncode == 1 and r.stdout.startswith("not ready: drained: ") and not r.stderr, "drained", r)
tap.eq(g.cli("health").returncode, 0, "and healthy")
r = g.cli("health", "--ready", "--json")
tap.ok(r.returncode == 1 and json.loads(r.stdout)["ready"] is False and len(json.loads(r.stdout)["reasons"]) == 1, "as JSON", r)
check(metrics_of(g), {"git_gate_ready": 0, 'git_gate_not_ready{reason="drained"}': 1, 'git_gate_not_ready{reason="stopping"}': 0}, "and in the metrics")
g.cli("resume")
tap.eq(g.cli("health", "--ready").returncode, 0, "resumed")
slow = Gate({"service.slow.command": "sleep 1000000", "service.slow.ready": "fd", "service.slow.essential": "true"}, start=False).launch()
r = wait_for(lambda: os.path.exists(slow.control) and (r := slow.cli("health", "--ready")).stdout and r, "it to answer")
tap.ok(r.returncode == 1 and "not ready: starting: " in r.stdout, "a gate that waits for a service is starting", r)
slow.process.send_signal(signal.SIGTERM)
tap.eq(slow.process.wait(PATIENCE), 0, "it stops")
r = slow.cli("health", "--ready")
tap.eq(r.returncode, 3, "without a gate: exit code 3", r)
finish(tap, g)
