"""The serve config of a cluster: that of a laptop with an overlay."""

import yaml

from deployments.cluster import generated
from deployments.cluster.capacity import replicas
from deployments.config_check import read_config
from deployments.launch.product import ray_env
from deployments.launch.steps import ROOT
from tests.launch.test_ray_flags import is_read_by_ray

LAPTOP = read_config(ROOT / "serve_config.yaml")
CLUSTER = generated.serve_config(ROOT)


def deployments(config):
    return {one["name"]: one for application in config["applications"] for one in application["deployments"]}


def test_cluster_yaml_has_the_generated_serve_config():
    assert list(generated.stale(ROOT)) == [], "run `make cluster`"
    manifest = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    assert yaml.safe_load(manifest["spec"]["serveConfigV2"]) == CLUSTER


def test_a_cluster_has_the_same_applications_and_deployments():
    def applications(config):
        return [{k: v for k, v in one.items() if k != "deployments"} for one in config["applications"]]

    assert applications(CLUSTER) == applications(LAPTOP)
    assert deployments(CLUSTER).keys() == deployments(LAPTOP).keys()


def test_every_replica_requests_cpus():
    cpus = {one.name: one.cpus for one in replicas(CLUSTER)}
    assert cpus.pop("Voice") == cpus.pop("Speech") == 1
    assert cpus.pop("AgentRouter") == 0.5
    assert set(cpus.values()) == {0.1}


def test_voice_agent_and_speech_scale_and_the_two_single_replicas_do_not():
    found = deployments(CLUSTER)
    for name in ("Voice", "AgentRouter", "Speech"):
        scaling = found[name]["autoscaling_config"]
        assert 2 <= scaling["min_replicas"] < scaling["max_replicas"]
        assert "num_replicas" not in found[name]
    for name in ("CallCenter", "Monitor"):
        assert found[name]["num_replicas"] == 1


def test_values_that_the_overlay_lacks_stay():
    laptop, cluster = deployments(LAPTOP), deployments(CLUSTER)
    assert cluster["Monitor"]["graceful_shutdown_timeout_s"] == laptop["Monitor"]["graceful_shutdown_timeout_s"]
    for key in ("target_ongoing_requests", "policy"):
        assert cluster["AgentRouter"]["autoscaling_config"][key] == laptop["AgentRouter"]["autoscaling_config"][key]


def test_the_flags_of_a_cluster_are_those_of_ray_env_and_each_is_one_that_ray_reads():
    flags = generated.ray_flags(ROOT)
    assert {name: flags[name] for name in ray_env()} == ray_env()
    assert all(is_read_by_ray(name) for name in generated.CLUSTER_FLAGS)
    written = yaml.safe_load((ROOT / generated.RAY_FLAGS).read_text())["data"]
    assert written == flags
