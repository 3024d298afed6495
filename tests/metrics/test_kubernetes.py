"""Prometheus and Grafana for a cluster: consistent manifests and a configuration that Prometheus accepts."""

import copy
import json
import re
import shutil
import subprocess

import pytest
import yaml

from tests.fixtures.servers import require_tool
from tests.metrics import queries

ROOT = queries.MONITORING
KUSTOMIZATION = yaml.safe_load((ROOT / "kustomization.yaml").read_text())
CONFIG = yaml.safe_load((ROOT / "kubernetes" / "prometheus.yml").read_text())


def pod(name, address, port, phase="Running", **labels):
    """A pod's port as Kubernetes describes it."""
    told = {"pod_name": name, "pod_container_port_name": port, "pod_phase": phase}
    told |= {f"pod_label_{label}": value for label, value in labels.items()}
    return {"targets": [address], "labels": {f"__meta_kubernetes_{label}": value for label, value in told.items()}}


PODS = [
    pod("worker-1", "10.0.0.1:8080", "metrics", ray_io_cluster="convonet-a"),
    pod("worker-1", "10.0.0.1:8000", "serve", ray_io_cluster="convonet-a"),
    pod("worker-2", "10.0.0.2:8080", "metrics", phase="Pending", ray_io_cluster="convonet-a"),
    pod("grafana-1", "10.0.0.3:8080", "metrics"),
]


def objects():
    """All objects of the manifests."""
    return [item for name in KUSTOMIZATION["resources"] for item in yaml.safe_load_all((ROOT / name).read_text())]


def pods():
    """The pod of each workload, by its name."""
    return {
        item["metadata"]["name"]: item["spec"]["template"]["spec"]
        for item in objects()
        if item["kind"] in {"Deployment", "StatefulSet"}
    }


def config_maps():
    """The keys of each generated config map."""
    return {
        generated["name"]: {name.rpartition("/")[2] for name in generated["files"]}
        for generated in KUSTOMIZATION["configMapGenerator"]
    }


@pytest.fixture
def folder(tmp_path):
    """The config map as the pod has it. Debian's Prometheus can't discover pods: a file lists them."""
    (generated,) = (each for each in KUSTOMIZATION["configMapGenerator"] if each["name"] == "prometheus")
    for name in generated["files"]:
        shutil.copy(ROOT / name, tmp_path)
    config = copy.deepcopy(CONFIG)
    (job,) = config["scrape_configs"]
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod", "namespaces": {"own_namespace": True}}]
    job["file_sd_configs"] = [{"files": [str(tmp_path / "pods.json")]}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    (tmp_path / "pods.json").write_text(json.dumps(PODS))
    return tmp_path


def promtool(*arguments):
    done = subprocess.run([require_tool("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_prometheus_takes_the_configuration_of_its_config_map(folder):
    assert "1 rule files found" in promtool("check", "config", str(folder / "prometheus.yml"))


def test_the_metrics_of_rays_running_pods_are_scraped_and_nothing_else(folder):
    found = json.loads(
        promtool("check", "service-discovery", "--timeout=2s", str(folder / "prometheus.yml"), "convonet")
    )
    kept = [target["labels"] for target in found if target.get("labels")]
    assert [(labels["pod"], labels["ray_io_cluster"]) for labels in kept] == [("worker-1", "convonet-a")]


def test_the_alerts_know_the_job_by_its_name():
    (job,) = CONFIG["scrape_configs"]
    jobs = {name for rule in queries.rules() for name in re.findall(r'job="(\w+)"', rule["expr"])}
    assert jobs == {job["job_name"]}


def test_every_config_map_is_made_from_files_that_exist_or_may_be_missing():
    made = config_maps()
    for generated in KUSTOMIZATION["configMapGenerator"]:
        assert all((ROOT / name).is_file() for name in generated["files"])
    for made_of in pods().values():
        for volume in made_of["volumes"]:
            if "configMap" in volume:
                assert volume["configMap"].get("optional") or volume["configMap"]["name"] in made


def test_grafana_finds_its_files_where_its_provisioning_says():
    (container,) = pods()["grafana"]["containers"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    providers = yaml.safe_load((ROOT / "grafana" / "dashboards.yml").read_text())["providers"]
    assert all(provider["options"]["path"] in mounts for provider in providers)
    for mount in mounts.values():
        if "subPath" in mount:
            assert mount["subPath"] in config_maps()["grafana-provisioning"]
    (source,) = yaml.safe_load((ROOT / "grafana" / "datasource.yml").read_text())["datasources"]
    assert source["url"].removeprefix("$") in {variable["name"] for variable in container["env"]}


def test_each_service_selects_a_workload_and_each_port_has_its_name():
    services = {item["metadata"]["name"]: item["spec"] for item in objects() if item["kind"] == "Service"}
    assert services.keys() == pods().keys()
    for name, service in services.items():
        (container,) = pods()[name]["containers"]
        assert {port["targetPort"] for port in service["ports"]} == {port["name"] for port in container["ports"]}


def test_no_pod_runs_as_root_and_none_writes_outside_its_volumes():
    for made_of in pods().values():
        assert made_of["securityContext"]["runAsNonRoot"]
        assert all(container["securityContext"]["readOnlyRootFilesystem"] for container in made_of["containers"])


def test_whom_a_policy_lets_in_is_a_workload_or_ray_and_its_ports_are_theirs():
    ports = {
        name: {port["containerPort"] for container in made_of["containers"] for port in container["ports"]}
        for name, made_of in pods().items()
    }
    for item in objects():
        if item["kind"] != "NetworkPolicy":
            continue
        (rule,) = item["spec"]["ingress"]
        for peer in rule["from"]:
            labels = peer["podSelector"]["matchLabels"]
            assert labels.get("app.kubernetes.io/name", "prometheus") in ports
        closed = item["spec"]["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/name")
        assert {port["port"] for port in rule["ports"]} == ports.get(closed, {8080})
