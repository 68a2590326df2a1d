"""Objects of Kubernetes, checked by the types and schemas of its API (make test-deps puts them into BUILD/kubernetes)."""
from gate import *

NODE_MODULES = os.path.join(BUILD, "kubernetes", "node_modules")


def can_check():
    return shutil.which("node") and os.path.isdir(NODE_MODULES)


def run(args, **kw):
    return subprocess.run(args, env=ENV, cwd=TMP, capture_output=True, text=True, timeout=2 * PATIENCE, **kw)


CHECK = """
import { readFileSync } from "node:fs";
for (const { schema, object } of JSON.parse(readFileSync(0))) {
    const { validate } = await import(`%s/kubernetes-models/_schemas/${schema}.js`);
    console.log(JSON.stringify(validate(object) ? [] : validate.errors));
}
""" % NODE_MODULES
KINDS = {"Pod": ("IPod", "v1/Pod", "IoK8sApiCoreV1Pod"), "Secret": ("ISecret", "v1/Secret", "IoK8sApiCoreV1Secret"),
         "NetworkPolicy": ("INetworkPolicy", "networking.k8s.io/v1/NetworkPolicy", "IoK8sApiNetworkingV1NetworkPolicy"),
         "ConfigMap": ("IConfigMap", "v1/ConfigMap", "IoK8sApiCoreV1ConfigMap"), "Service": ("IService", "v1/Service", "IoK8sApiCoreV1Service"),
         "StatefulSet": ("IStatefulSet", "apps/v1/StatefulSet", "IoK8sApiAppsV1StatefulSet"),
         "Deployment": ("IDeployment", "apps/v1/Deployment", "IoK8sApiAppsV1Deployment"),
         "PodDisruptionBudget": ("IPodDisruptionBudget", "policy/v1/PodDisruptionBudget", "IoK8sApiPolicyV1PodDisruptionBudget")}


def by_types(files):
    """{name: object}: what the compiler says of each as a literal of its type. A key that the type has not is an error."""
    os.makedirs(path("types"), exist_ok=True)
    if not os.path.exists(path("types", "node_modules")):
        os.symlink(NODE_MODULES, path("types", "node_modules"))
    for name, o in files.items():
        t, module, _ = KINDS[o["kind"]]
        with open(path("types", name + ".mts"), "w") as f:
            f.write('import type { %s } from "kubernetes-models/%s";\nexport const x: %s = %s;\n' % (t, module, t, json.dumps(o)))
    r = run(["node", os.path.join(NODE_MODULES, "typescript", "bin", "tsc"), "--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext",
             "--target", "es2022", *(path("types", n + ".mts") for n in files)])
    return {n: [line for line in r.stdout.splitlines() if n + ".mts" in line] for n in files}, r


def by_schema(objects):
    """What the schemas say of each: types and forms of values."""
    with open(path("check.mjs"), "w") as f:
        f.write(CHECK)
    r = run(["node", path("check.mjs")], input=json.dumps([{"schema": KINDS[o["kind"]][2], "object": o} for o in objects]))
    return [json.loads(line) for line in r.stdout.splitlines()], r
