"""Mistakes in cluster.yaml and k8s/, with and without a schema: each is reported with a sentence of its own."""

import shutil

import pytest

from deployments.cluster import generated
from deployments.cluster.check import find_faults
from deployments.cluster.manifests import read_file, read_manifests
from deployments.cluster.tree import Tree
from deployments.launch.steps import ROOT

FILES = ("cluster.yaml", "kustomization.yaml", "serve_config.yaml", "ray.env", "requirements.lock")
CLUSTER, OVERLAY, SETTINGS = "cluster.yaml", generated.OVERLAY, generated.SETTINGS
GATEWAY, POLICIES = "k8s/gateway.yaml", "k8s/gateway-policies.yaml"
DISRUPTION, NETWORK, MONITORING = "k8s/disruption.yaml", "k8s/network-policy.yaml", "k8s/monitoring.yaml"
SECRETS, SEED = "k8s/secrets.example.yaml", "k8s/jobs/seed.yaml"


@pytest.fixture
def tree(tmp_path):
    """A copy of all that the check reads."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "k8s", tmp_path / "k8s")
    return tmp_path


def change(tree, file, old, new):
    """Make a mistake in a file, everywhere where it can be made."""
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new))


def test_the_manifests_as_they_are_have_no_fault():
    assert find_faults(ROOT) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        (
            "cluster.yaml",
            "rayClusterDeletionDelaySeconds:",
            "rayClusterDeletionDelaySecond:",
            "spec has no field rayClusterDeletionDelaySecond; did you mean rayClusterDeletionDelaySeconds?",
        ),
        (CLUSTER, "limits: {memory: 11Gi}", "limit: {memory: 11Gi}", "no field limit; did you mean limits?"),
        (CLUSTER, "minReplicas: 3", "minReplicas: three", "'three' is not of type 'integer'"),
        (
            "cluster.yaml",
            "Seconds: 3600\n            node",
            "Secs: 3600\n            node",
            "terminationGracePeriodSecs",
        ),
        (POLICIES, "timeoutSec: 7200", "timeoutSecs: 7200", "did you mean timeoutSec?"),
        (
            "k8s/gateway-policies.yaml",
            "drainingTimeoutSec: 3600",
            "drainingTimeoutSec: 7200",
            "greater than the maximum",
        ),
        (GATEWAY, "sectionName: https", "section: https", "no field section; did you mean sectionName?"),
        (MONITORING, "endpoints:", "endpoint:", "no field endpoint; did you mean endpoints?"),
        (DISRUPTION, "minAvailable: 2", "minAvailabel: 2", "no field minAvailabel"),
        (NETWORK, "policyTypes: [Ingress]", "policyType: [Ingress]", "no field policyType"),
        ("k8s/jobs/migrate.yaml", "backoffLimit: 3", "backofLimit: 3", "no field backofLimit"),
    ],
)
def test_a_wrong_field_is_reported_with_its_path(tree, file, old, new, sentence):
    change(tree, file, old, new)
    faults = find_faults(tree)
    assert faults
    assert all(fault.startswith(f"{file}: ") for fault in faults)
    assert any(sentence in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        # what is referred to and does not exist
        (SECRETS, "name: convonet-ray", "name: ray", "the Secret convonet-ray does not exist"),
        (SECRETS, "  auth_token:", "  authtoken:", "the Secret convonet-ray has no key auth_token"),
        (CLUSTER, "{name: convonet-ray-flags}", "{name: convonet-flags}", "the ConfigMap convonet-flags does not"),
        (CLUSTER, "serviceAccountName: convonet\n", "serviceAccountName: voice\n", "service account voice does not"),
        (GATEWAY, "sectionName: https", "sectionName: tls", "has no listener tls; it has http or https"),
        (GATEWAY, "- {name: convonet-serve-svc", "- {name: voice-svc", "there is no Service voice-svc"),
        (POLICIES, "Service, name: convonet-serve-svc", "Service, name: convonet", "its target Service convonet"),
        # labels against selectors
        (DISRUPTION, "ray.io/group: calls", "ray.io/group: voice", "no pod has the labels"),
        (NETWORK, "part-of: convonet}", "part-of: convonets}", "part-of=convonets"),
        (CLUSTER, "{ray.io/group: calls}", "{ray.io/group: workers}", "topologySpreadConstraints: no pod has"),
        (DISRUPTION, "ray.io/group: calls", "ray.io/cluster: convonet", "is another for each cluster"),
        # grace periods
        (CLUSTER, "DelaySeconds: 3600", "DelaySeconds: 60", "rayClusterDeletionDelaySeconds is 60; set it"),
        (CLUSTER, "PeriodSeconds: 3600", "PeriodSeconds: 600", "terminationGracePeriodSeconds is 600, too short"),
        (CLUSTER, "PeriodSeconds: 3600", "PeriodSeconds: 7200", "but GKE waits 3600 s at most"),
        (CLUSTER, 'S, value: "3540"', 'S, value: "3590"', "leaves less than 30 s of the 3600 s"),
        (CLUSTER, 'S, value: "3540"', 'S, value: "30"', "so Ray ends calls long before the pod has to"),
        (CLUSTER, '[sleep, "15"]', '[ray, stop]', "preStop must sleep for 10 s at least"),
        (POLICIES, "timeoutSec: 7200", "timeoutSec: 3600", "ends every call at that age"),
        (SETTINGS, 'SESSIONS_PER_ADDRESS: "200"', 'MAX_SOCKET_LIFE_S: "7200"', "the 7200 s after which the product"),
        (POLICIES, "drainingTimeoutSec: 3600", "drainingTimeoutSec: 60", "drainingTimeoutSec is 60"),
        ("ray.env", "HARD_STOP_AFTER_S=3600", "HARD_STOP_AFTER_S=120", "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S is 120"),
        (OVERLAY, "shutdown_timeout_s: 900", "shutdown_timeout_s: 3600", "Voice may take 3600 s to stop"),
        (OVERLAY, "keep_alive_timeout_s: 620", "keep_alive_timeout_s: 90", "keep_alive_timeout_s is 90"),
        # the environment
        (SETTINGS, "SESSIONS_PER_ADDRESS", "SESSION_PER_ADDRES", "did you mean CONVONET_SESSIONS_PER_ADDRESS?"),
        (SETTINGS, "CONVONET_TIMEZONE:", "HANOK_TIMEZONE:", "set CONVONET_TIMEZONE to the time zone of your callers"),
        (SETTINGS, "SET-YOUR-TIME-ZONE", "Mars/Olympus", "must be an IANA time zone"),
        (SETTINGS, "35.191.0.0/16,", "", "FORWARDED_ALLOW_IPS must have"),
        (SETTINGS, "CONVONET_DATA_DIR:", "PYTHONPATH:", "PYTHONPATH is not a setting of the product"),
        (SECRETS, "REDIS_URL", "REDIS_ULR", "convonet-secrets must have REDIS_URL"),
        (CLUSTER, "enableServiceLinks: false", "enableServiceLinks: true", "enableServiceLinks must be false"),
        (CLUSTER, "{name: RAY_GRAFANA_HOST,", "{name: GRAFANA_HOST,", "GRAFANA_HOST is neither a setting"),
        ("k8s/llm/tell-the-product.yaml", "name: LLM_MODEL", "name: LLM_MODLE", "LLM_MODLE is neither a setting"),
        # ports and probes
        (CLUSTER, "serve, containerPort: 8000", "serve, containerPort: 8001", "the port serve is 8001"),
        (GATEWAY, "port: 8000", "port: 80", "it sends callers to port 80; the product's is 8000"),
        (POLICIES, "port: 8000", "port: 8080", "it asks port 8080; the product's is 8000"),
        (POLICIES, "requestPath: /ready", "requestPath: /-/healthz", "it must ask /ready"),
        (CLUSTER, "path: /ready", "path: /health", "readinessProbe must ask /ready"),
        (MONITORING, "port: proxy-metrics", "port: haproxy", "no pod has a port haproxy"),
        (NETWORK, "{port: 9101", "{port: 9100", "Prometheus must reach port 9101"),
        (OVERLAY, "host: 0.0.0.0", "host: 127.0.0.1", "http_options.host must be 0.0.0.0"),
        # CPUs and memory
        (OVERLAY, "min_replicas: 4", "min_replicas: 6", "ask for 9.6 CPUs at least and the workers have 9"),
        (OVERLAY, "min_replicas: 4", "min_replicas: 7", "7 replicas of Voice, at most 2 on a node, do not fit"),
        (OVERLAY, "Monitor: {ray_actor_options: {num_cpus: 0.1}}", "Monitor: {}", "Monitor must say num_cpus above 0"),
        (CLUSTER, "limits: {memory: 11Gi}", 'limits: {memory: 11Gi, cpu: "3"}', "it has a limit of CPU"),
        (CLUSTER, "limits: {memory: 11Gi}", "limits: {memory: 12Gi}", "request and limit of memory must be"),
        (CLUSTER, 'num-cpus: "3"', 'num-cpus: "4"', "Ray is told of 4 CPUs, the pod asks for 3"),
        (CLUSTER, 'num-cpus: "0"', 'num-cpus: "2"', "a call on the head would end with it"),
        (CLUSTER, "minReplicas: 3", "minReplicas: 1", "one lost node is all calls lost"),
        (DISRUPTION, "minAvailable: 2", "minAvailable: 3", "no node can be upgraded, or all at once"),
        (DISRUPTION, "minAvailable: 2", "maxUnavailable: 1", "can only have minAvailable, as a number"),
        # versions and names
        (CLUSTER, "rayVersion: 2.60.0", "rayVersion: 2.59.0", "rayVersion is 2.59.0 and requirements.lock has"),
        (SEED, "0.1.0-ray2.60.0", "latest", "the image's tag must end with ray2.60.0"),
        (SEED, "0.1.0-ray", "0.2.0-ray", "must have one image"),
        (MONITORING, "namespace: convonet", "namespace: default", "it is in the namespace default"),
        ("k8s/llm/llm.yaml", "name: convonet-llm\n", f"name: {'x' * 48}\n", "the name has 48 characters; shorten it"),
        # what was chosen
        (CLUSTER, "mode: token", "mode: disabled", "authOptions.mode must be token"),
        (CLUSTER, "backend: redis", "externalStorageNamespace: convonet", "remove externalStorageNamespace"),
        (CLUSTER, "type: NewCluster", "type: None", "upgradeStrategy is None; it must be NewCluster"),
        (CLUSTER, 'safe-to-evict: "false"', 'safe-to-evict: "true"', 'safe-to-evict must be "false"'),
        (CLUSTER, "whenUnsatisfiable: DoNotSchedule", "whenUnsatisfiable: ScheduleAnyway", "spread the pods over"),
        (CLUSTER, "excludeHeadPodFromServeSvc: true", "excludeHeadPodFromServeSvc: false", "calls through the head"),
        # what Serve would ignore in silence
        ("k8s/llm/llm.yaml", "import_path:", "import_pth:", "serveConfigV2 of k8s/llm/llm.yaml"),
        (OVERLAY, "max_replicas_per_node: 2", "max_replica_per_node: 2", "unknown key"),
    ],
)  # fmt: skip
def test_a_mistake_that_no_schema_detects_is_reported(tree, file, old, new, sentence):
    change(tree, file, old, new)
    # what is generated follows, so that it is not the fault
    generated.write(tree)
    faults = find_faults(tree)
    assert any(sentence in fault for fault in faults), faults
    assert not any("run `make cluster`" in fault for fault in faults)


@pytest.mark.parametrize(
    ("file", "old", "new", "written"),
    [
        ("serve_config.yaml", "target_ongoing_requests: 20", "target_ongoing_requests: 30", "cluster.yaml"),
        ("serve_config.yaml", "name: hanok", "name: hanoi", "cluster.yaml"),
        (OVERLAY, "target_ongoing_requests: 150", "target_ongoing_requests: 200", "cluster.yaml"),
        (SETTINGS, "SET-YOUR-TIME-ZONE", "Europe/Paris", "cluster.yaml"),
        ("ray.env", "RAY_worker_niceness=0", "RAY_worker_niceness=5", generated.RAY_FLAGS),
    ],
)
def test_generated_parts_must_be_up_to_date(tree, file, old, new, written):
    change(tree, file, old, new)
    assert any(fault.startswith(f"{written} is not what") for fault in find_faults(tree))
    assert written in generated.write(tree)
    assert find_faults(tree) == []


def test_a_config_in_cluster_yaml_that_was_edited_by_hand_is_reported_and_parsed_strictly(tree):
    change(
        tree, "cluster.yaml", "          downscale_delay_s:", "          min_replica: 9\n          downscale_delay_s:"
    )
    (fault,) = find_faults(tree)
    assert fault.startswith("serveConfigV2 of cluster.yaml: unknown key")
    assert "min_replica" in fault


def test_an_overlay_of_an_unknown_deployment_is_reported(tree):
    change(tree, OVERLAY, "  Monitor:", "  Monitr:")
    assert find_faults(tree) == [f"{OVERLAY}: serve_config.yaml has no deployment called Monitr"]


def test_a_ray_service_without_a_serve_config_is_reported(tree):
    text = (tree / "cluster.yaml").read_text()
    (tree / "cluster.yaml").write_text(generated._BLOCK.sub("", text))
    assert find_faults(tree) == ["cluster.yaml has no `serveConfigV2: |`, where `make cluster` writes"]


def test_values_that_are_still_examples_are_reported(tree):
    faults = find_faults(tree, is_example=False)
    for sentence in (
        "set CONVONET_TIMEZONE",
        "the project and region of your registry",
        "the host name of your callers",
        "the address of your Redis",
        "the address of your load balancer",
    ):
        assert any(sentence in fault for fault in faults), (sentence, faults)


def test_a_tree_without_examples_has_no_faults(tree):
    for file in (CLUSTER, "k8s/jobs/migrate.yaml", "k8s/jobs/seed.yaml", "k8s/llm/llm.yaml"):
        change(tree, file, "REGION-docker.pkg.dev/PROJECT", "europe-west1-docker.pkg.dev/bell")
    change(tree, "cluster.yaml", "ray-redis.example.internal", "10.10.0.4")
    change(tree, "k8s/gateway.yaml", "calls.example.com", "calls.bell.test")
    change(tree, SETTINGS, "203.0.113.10", "34.120.1.2")
    change(tree, SETTINGS, "SET-YOUR-TIME-ZONE", "Europe/Berlin")
    generated.write(tree)
    assert find_faults(tree, is_example=False) == []


def test_the_component_adds_a_second_ray_service_and_points_the_product_to_it(tree):
    off = Tree.read(tree)
    change(tree, "kustomization.yaml", "# components:\n#   - k8s/llm", "components:\n  - k8s/llm")
    on = Tree.read(tree)
    assert [one.name for one in off.manifests.of_kind("RayService")] == ["convonet"]
    assert [one.name for one in on.manifests.of_kind("RayService")] == ["convonet", "convonet-llm"]
    for pod in on.product_pods:
        variables = {one["name"]: one.get("value") for one in pod.ray_container["env"]}
        assert variables["LLM_BASE_URL"] == "http://convonet-llm-serve-svc:8000/llm/v1"
    assert find_faults(tree) == []


def test_the_examples_of_the_stores_are_yaml_and_in_no_kustomization(tree):
    stores = {one.kind for one in read_file(tree / "k8s/examples/stores.yaml", tree)}
    assert stores == {"SQLInstance", "SQLDatabase", "RedisInstance"}
    assert not stores & {one.kind for one in read_manifests(tree).all}


def test_unsupported_features_of_kustomize_are_reported(tree):
    change(tree, "kustomization.yaml", "resources:", "namePrefix: x-\nresources:")
    assert find_faults(tree) == ["kustomization.yaml: namePrefix is not understood by `make check`"]
