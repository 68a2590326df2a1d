#!/usr/bin/python3
"""The examples of sidecar/examples, each by what knows its form, and each broken once, so that it is known to look: compose by docker-compose
itself, Kubernetes by the types and schemas of its API and the rules of the Pod Security Standard "restricted", Quadlet by the keys that Podman
5 documents (Debian 12 has no Podman with Quadlet: a list of names, not the generator). The settings in them by git-gate check-config.
"""
import copy

from kube import *

try:
    import yaml
except ImportError:
    skip_all("python3-yaml is not installed")

tap = Tap()
EXAMPLES = os.path.join(ROOT, "sidecar", "examples")
DRAIN = 20      # seconds, deadline.drain; ending what is left takes a few graces more


def example(*parts):
    return read(os.path.join(EXAMPLES, *parts))


def settings(env, what, **want):
    """What check-config says to an example's variables."""
    env = {k: str(v) for k, v in env.items() if k.startswith("GIT_GATE_")}
    r = subprocess.run([GATE, "check-config", "--config", "/dev/null"], env={**ENV, **env}, capture_output=True, text=True, timeout=PATIENCE)
    tap.eq(r.returncode, 0, "%s: git-gate takes the settings" % what, r.stderr)
    found = {line.split(" = ")[0].strip(): line.split(" = ")[1].split("    #")[0].strip() for line in r.stdout.splitlines() if " = " in line}
    for key, value in {"repo.app.git.upstream": "ssh://git@upstream.example/team/app.git", "gate.log": "json", **want}.items():
        tap.eq(found.get(key), value, "%s: %s" % (what, key))
    wrong = dict(env, GIT_GATE_DEADLINE__IDEL="3s")
    r = subprocess.run([GATE, "check-config", "--config", "/dev/null"], env={**ENV, **wrong}, capture_output=True, text=True, timeout=PATIENCE)
    tap.eq(r.returncode, 2, "%s: broken once, a setting is refused" % what, r.stdout)


# --- compose --------------------------------------------------------------------------------------------------------------

def compose(text):
    with open(path("compose.yaml"), "w") as f:
        f.write(text)
    return run(["docker-compose", "-f", path("compose.yaml"), "config"])


text = example("compose", "compose.yaml")
if shutil.which("docker-compose"):
    r = compose(text)
    tap.eq(r.returncode, 0, "compose: docker-compose takes it", r.stderr)
    made = yaml.safe_load(r.stdout)
    for a, b, say in (("stop_grace_period", "stop_grace_perid", "Unsupported config option"), ("condition: service_healthy", "condition: 3", "condition"),
                      ("cap_drop: [ALL]", "cap_drop: ALL", "cap_drop"), ("repositories:/srv/git", "repositoris:/srv/git", "repositoris")):
        r = compose(text.replace(a, b, 1))
        tap.ok(r.returncode != 0 and say in r.stderr, "compose: broken once, refused: %s" % b, r.returncode, r.stderr)
    gate, agent = made["services"]["gate"], made["services"]["agent"]
    tap.ok(int(gate["stop_grace_period"].rstrip("s")) >= 2 * DRAIN, "compose: stop_grace_period is longer than a drain", gate["stop_grace_period"])
    tap.eq((list(agent["networks"]), made["networks"]["inside"]["internal"]), (["inside"], True), "compose: the agent's only network has no way out")
    tap.eq([v for v in agent.get("volumes", []) if v], [], "compose: the agent has none of the gate's volumes")
    tap.eq((gate["read_only"], gate["cap_drop"], gate["security_opt"]), (True, ["ALL"], ["no-new-privileges:true"]), "compose: the gate has no privilege")
    tap.eq(gate["healthcheck"]["test"], ["CMD", "git-gate", "health"], "compose: its health check takes no session")
    settings(gate["environment"], "compose", **{"access.allow": made["networks"]["inside"]["ipam"]["config"][0]["subnet"]})
else:
    tap.skip("compose", "docker-compose is not installed")

# --- Kubernetes -----------------------------------------------------------------------------------------------------------

def restricted(pod):
    """What the Pod Security Standard "restricted" forbids: its rules, and ours for the gate."""
    spec, wrong = pod["spec"], []
    outer = spec.get("securityContext", {})
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            wrong.append(key)
    for v in spec.get("volumes", []):
        if not set(v) - {"name"} <= {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}:
            wrong.append("volume " + v["name"])
    for c in spec.get("initContainers", []) + spec["containers"]:
        own = c.get("securityContext", {})
        caps = own.get("capabilities", {})
        both = {**outer, **own}
        wrong += [c["name"] + ": " + what for what, bad in (
            ("privileged", own.get("privileged")),
            ("allowPrivilegeEscalation", own.get("allowPrivilegeEscalation") is not False),
            ("capabilities", caps.get("drop") != ["ALL"] or set(caps.get("add", [])) - {"NET_BIND_SERVICE"}),
            ("runAsNonRoot", both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0),
            ("seccompProfile", both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost")),
            ("procMount", own.get("procMount", "Default") != "Default"),
            ("hostPort", any(p.get("hostPort") for p in c.get("ports", []))),
            ("seLinuxOptions", both.get("seLinuxOptions") or both.get("sysctls")),
        ) if bad]
    return wrong


def broken(o, keys, value=None, name=None):
    """A copy in which what the keys lead to is another value, or has another name."""
    o = copy.deepcopy(o)
    at = o
    for k in keys[:-1]:
        at = at[k]
    if name:
        at[name] = at.pop(keys[-1])
    else:
        at[keys[-1]] = value
    return o


objects = {o["kind"]: o for o in yaml.safe_load_all(example("kubernetes", "agent.yaml"))}
tap.eq(sorted(objects), ["NetworkPolicy", "Pod", "Secret"], "kubernetes: all is there")
pod = objects["Pod"]
if can_check():
    bad = {"probe": broken(pod, ["spec", "initContainers", 1, "livenessProbe"], name="livenessProb"),
           "grace": broken(pod, ["spec", "terminationGracePeriodSeconds"], name="terminationGracePeriod"),
           "drop": broken(pod, ["spec", "initContainers", 1, "securityContext", "capabilities", "drop"], name="dropped"),
           "medium": broken(pod, ["spec", "volumes", 3, "emptyDir", "medium"], name="kind"),
           "egress": broken(objects["NetworkPolicy"], ["spec", "egress", 0, "to"], name="too")}
    said, r = by_types({**objects, **bad})
    for kind in objects:
        tap.eq(said[kind], [], "kubernetes: %s has the keys of its type" % kind, r.stdout, r.stderr)
    for name in bad:
        tap.ok(said[name], "kubernetes: broken once, refused: %s" % name, r.stdout, r.stderr)
    values = [broken(pod, ["spec", "terminationGracePeriodSeconds"], "75s"), broken(pod, ["spec", "initContainers", 1, "restartPolicy"], 1)]
    said, r = by_schema(list(objects.values()) + values)
    tap.eq(said[:len(objects)], [[]] * len(objects), "kubernetes: the values are of their types", r.stdout, r.stderr)
    tap.ok(len(said) == len(objects) + 2 and all(said[len(objects):]), "kubernetes: broken once, values are refused", r.stdout, r.stderr)
else:
    tap.skip("kubernetes: types and schemas", "no node, or npm could not install them")
tap.eq(restricted(pod), [], 'kubernetes: it is "restricted"')
for keys, value in ((["spec", "hostPID"], True), (["spec", "securityContext", "runAsNonRoot"], False), (["spec", "securityContext", "seccompProfile"], {}),
                    (["spec", "initContainers", 1, "securityContext", "allowPrivilegeEscalation"], True), (["spec", "volumes", 0, "hostPath"], {"path": "/"}),
                    (["spec", "containers", 0, "securityContext", "capabilities", "drop"], [])):
    tap.ok(restricted(broken(pod, keys, value)), "kubernetes: broken once, it is not: %s" % keys[-1])
gate, agent = pod["spec"]["initContainers"][1], pod["spec"]["containers"][0]
tap.eq((gate["name"], gate["restartPolicy"]), ("git-gate", "Always"), "kubernetes: the gate is a native sidecar")
tap.ok(pod["spec"]["terminationGracePeriodSeconds"] >= 2 * DRAIN, "kubernetes: there is time for a drain")
tap.eq([gate[p]["exec"]["command"] for p in ("livenessProbe", "readinessProbe")], [["git-gate", "health"], ["git-gate", "health", "--ready"]],
       "kubernetes: probes by exec")
tap.ok(gate["securityContext"]["readOnlyRootFilesystem"] and agent["securityContext"]["runAsUser"] != pod["spec"]["securityContext"]["runAsUser"],
       "kubernetes: the gate's root is read-only, and the agent is another user")
tap.eq(agent.get("volumeMounts", []), [], "kubernetes: the agent has none of the gate's volumes")
places = {m["mountPath"]: m["name"] for m in gate["volumeMounts"]}
volumes = {v["name"]: v for v in pod["spec"]["volumes"]}
tap.eq(volumes[places["/dev/shm"]]["emptyDir"]["medium"], "Memory", "kubernetes: /dev/shm is memory")
tap.eq((volumes[places["/etc/git-gate"]]["secret"]["secretName"], volumes[places["/etc/git-gate"]]["secret"]["defaultMode"]),
       (objects["Secret"]["metadata"]["name"], 0o440), "kubernetes: the key is a secret that others cannot read")
settings({e["name"]: e["value"] for e in gate["env"]}, "kubernetes", **{"listen.git": "127.0.0.1:9418"})

# --- Quadlet --------------------------------------------------------------------------------------------------------------

# podman-systemd.unit(5) of Podman 5
KEYS = {
    "Container": """AddCapability AddDevice AddHost Annotation AutoUpdate CgroupsMode ContainerName ContainersConfModule DNS DNSOption DNSSearch
        DropCapability Entrypoint Environment EnvironmentFile EnvironmentHost Exec ExposeHostPort GIDMap GlobalArgs Group GroupAdd HealthCmd
        HealthInterval HealthLogDestination HealthMaxLogCount HealthMaxLogSize HealthOnFailure HealthRetries HealthStartPeriod HealthStartupCmd
        HealthStartupInterval HealthStartupRetries HealthStartupSuccess HealthStartupTimeout HealthTimeout HostName IP IP6 Image Label
        LogDriver LogOpt Mask Memory Mount Network NetworkAlias NoNewPrivileges Notify PidsLimit Pod PodmanArgs PublishPort Pull ReadOnly
        ReadOnlyTmpfs ReloadCmd ReloadSignal Retry RetryDelay Rootfs RunInit SeccompProfile Secret SecurityLabelDisable SecurityLabelFileType
        SecurityLabelLevel SecurityLabelNested SecurityLabelType ServiceName ShmSize StartWithPod StopSignal StopTimeout SubGIDMap SubUIDMap
        Sysctl Timezone Tmpfs UIDMap Ulimit Unmask User UserNS Volume WorkingDir""",
    "Volume": """ContainersConfModule Copy Device Driver GlobalArgs Group Image Label Options PodmanArgs ServiceName Type User VolumeName""",
    "Network": """ContainersConfModule DNS DisableDNS Driver Gateway GlobalArgs IPAMDriver IPRange IPv6 InterfaceName Internal Label
        NetworkDeleteOnStop NetworkName Options PodmanArgs ServiceName Subnet""",
    "Unit": "Description After Requires", "Service": "Restart TimeoutStopSec Type RemainAfterExit", "Install": "WantedBy",
}


def quadlet(file, text, files):
    """{section: {key: [values]}}, and what is wrong."""
    found, wrong, section = {}, [], None
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            wrong += [] if section in KEYS else ["section " + section]
        elif line and not line.startswith("#"):
            key, value = line.split("=", 1)
            wrong += [] if key in KEYS.get(section, "").split() else ["key " + key]
            found.setdefault(section, {}).setdefault(key, []).append(value)
    own = file.rsplit(".", 1)[1].capitalize()
    wrong += [] if own in found else ["no [%s]" % own]
    c = found.get("Container", {})
    names = [v.split(":")[0] for v in c.get("Network", []) + c.get("Volume", [])] + c.get("EnvironmentFile", [])
    wrong += ["no file " + n for n in names if re.search(r"\.(network|volume|env)$", n) and n not in files]
    units = " ".join(sum((found.get("Unit", {}).get(k, []) for k in ("After", "Requires")), [])).split()
    wrong += ["no file for " + u for u in units if u.replace(".service", ".container") not in files]
    wrong += ["no Image"] if own == "Container" and not c.get("Image") else []
    return found, wrong


files = {f: example("quadlet", f) for f in sorted(os.listdir(os.path.join(EXAMPLES, "quadlet")))}
units = {}
for file in files:
    if not file.endswith(".env"):
        units[file], wrong = quadlet(file, files[file], files)
        tap.eq(wrong, [], "quadlet: %s" % file)
for a, b in (("StopTimeout", "StopTimeOut"), ("[Container]", "[Containr]"), ("git-gate.volume:", "git-gate2.volume:"), ("Image=", "Pull=")):
    tap.ok(quadlet("git-gate.container", files["git-gate.container"].replace(a, b), files)[1], "quadlet: broken once, refused: %s" % b)
gate, agent = units["git-gate.container"]["Container"], units["agent.container"]["Container"]
tap.ok(int(gate["StopTimeout"][0]) >= 2 * DRAIN and int(units["git-gate.container"]["Service"]["TimeoutStopSec"][0]) > int(gate["StopTimeout"][0]),
       "quadlet: there is time for a drain, and systemd waits for it")
tap.eq((gate["ReadOnly"], gate["DropCapability"], gate["NoNewPrivileges"]), (["true"], ["all"], ["true"]), "quadlet: the gate has no privilege")
network = units["git-gate-inside.network"]["Network"]
tap.eq((agent["Network"], network["Internal"], agent.get("Volume")), (["git-gate-inside.network"], ["true"], None), "quadlet: the agent's only network has no way out")
settings(dict(line.split("=", 1) for line in files["git-gate.env"].splitlines()), "quadlet", **{"access.allow": network["Subnet"][0]})
tap.done()
