"""Rules for CPUs and memory: the replicas fit the pods, and the pods request the resources that they have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from deployments.cluster.generated import OVERLAY
from deployments.cluster.manifests import Object, Pod
from deployments.cluster.tree import Tree

_UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}

MIN_NODES = 2
"""With a single node, losing it would lose all calls."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """The replicas that a deployment starts with, and the resources of each."""

    name: str
    count: int
    cpus: float
    per_node: int | None


def faults(tree: Tree) -> Iterator[str]:
    """Yield a sentence for each fault."""
    for pod in tree.product_pods:
        yield from _pod_faults(pod)
    yield from _group_faults(tree)
    yield from _sum_faults(tree)
    yield from _disruption_faults(tree)


def _pod_faults(pod: Pod) -> Iterator[str]:
    resources = pod.ray_container.get("resources", {})
    requests, limits = resources.get("requests", {}), resources.get("limits", {})
    if "cpu" in limits:
        yield f"{pod}: it has a limit of CPU; remove it, throttling is heard as gaps."
    if requests.get("memory") is None or requests.get("memory") != limits.get("memory"):
        yield f"{pod}: request and limit of memory must be the same, or a busy neighbor ends the pod."
    if (cpus := pod.start_params.get("num-cpus")) is None:
        yield f'{pod}: rayStartParams must say num-cpus, as "3", or Ray counts the whole node.'
    elif amount(str(requests.get("cpu", "0"))) < float(cpus):
        yield f"{pod}: Ray is told of {cpus} CPUs, the pod asks for {requests.get('cpu', 0)}; ask for as many."


def _group_faults(tree: Tree) -> Iterator[str]:
    cluster = tree.spec["rayClusterConfig"]
    head = tree.product_pods[0]
    if head.start_params.get("num-cpus") != "0":
        yield f'{head}: rayStartParams must say num-cpus "0": a call on the head would end with it.'
    if amount(head.ray_container["resources"]["requests"]["memory"]) < 8 * 2**30:
        yield f"{head}: the head needs 8Gi of memory at least; GCS and dashboard grow."
    for group in cluster["workerGroupSpecs"]:
        who = f"{tree.manifests.product}, group {group['groupName']}"
        if group["minReplicas"] < MIN_NODES:
            yield f"{who}: minReplicas must be {MIN_NODES} at least, or one lost node is all calls lost."
        if group["maxReplicas"] < group["minReplicas"]:
            yield f"{who}: maxReplicas is less than minReplicas; raise it."
    if not cluster.get("enableInTreeAutoscaling"):
        yield f"{tree.manifests.product}: enableInTreeAutoscaling must be true, or more calls bring no more nodes."
    elif cluster.get("autoscalerOptions", {}).get("version") != "v2":
        yield f"{tree.manifests.product}: autoscalerOptions.version must be v2."


def _sum_faults(tree: Tree) -> Iterator[str]:
    groups = tree.spec["rayClusterConfig"]["workerGroupSpecs"]
    nodes = sum(group["minReplicas"] for group in groups)
    largest = max(float(pod.start_params.get("num-cpus", "0")) for pod in tree.workers)
    available = sum(
        group["minReplicas"] * float(pod.start_params.get("num-cpus", "0"))
        for group, pod in zip(groups, tree.workers, strict=True)
    )
    requested = 0.0
    for one in replicas(tree.serve_config):
        requested += one.count * one.cpus
        if one.cpus <= 0:
            yield f"{OVERLAY}: {one.name} must say num_cpus above 0, or no autoscaler sees what it needs."
        if one.cpus > largest:
            yield f"{OVERLAY}: {one.name} asks for {one.cpus:g} CPUs and no worker has more than {largest:g}; lower it."
        if one.per_node is not None and one.count > one.per_node * nodes:
            yield (
                f"{OVERLAY}: {one.count} replicas of {one.name}, at most {one.per_node} on a node, do not fit {nodes} "
                "workers; raise max_replicas_per_node, or minReplicas in cluster.yaml."
            )
    if requested > available:
        yield (
            f"cluster.yaml: the replicas ask for {requested:g} CPUs at least and the workers have {available:g}; raise "
            "minReplicas or num-cpus, or a new cluster is never complete and an upgrade never ends."
        )


def replicas(serve_config: Object) -> Iterator[Replicas]:
    """Yield the replicas that each deployment starts with."""
    for application in serve_config["applications"]:
        for deployment in application["deployments"]:
            scaling = deployment.get("autoscaling_config")
            yield Replicas(
                name=deployment["name"],
                count=int(scaling["min_replicas"] if scaling else deployment.get("num_replicas", 1)),
                cpus=float(deployment.get("ray_actor_options", {}).get("num_cpus", 0)),
                per_node=deployment.get("max_replicas_per_node"),
            )


def _disruption_faults(tree: Tree) -> Iterator[str]:
    workers = {group["groupName"]: group["minReplicas"] for group in tree.spec["rayClusterConfig"]["workerGroupSpecs"]}
    budgets = {
        one.body["spec"]["selector"].get("matchLabels", {}).get("ray.io/group"): one
        for one in tree.manifests.of_kind("PodDisruptionBudget")
    }
    for group, count in workers.items():
        if (budget := budgets.get(group)) is None:
            yield f"k8s/disruption.yaml: group {group} has no PodDisruptionBudget; add one, minAvailable {count - 1}."
            continue
        spec = budget.body["spec"]
        if "maxUnavailable" in spec or not isinstance(spec.get("minAvailable"), int):
            yield f"{budget}: pods of an operator can only have minAvailable, as a number; set it to {count - 1}."
        elif not 1 <= spec["minAvailable"] < count:
            yield (
                f"{budget}: minAvailable is {spec['minAvailable']}, and group {group} has {count} workers at least; "
                f"set it to {count - 1}, or no node can be upgraded, or all at once."
            )


def amount(quantity: str) -> float:
    """Convert a quantity of Kubernetes (`500m`, `8Gi`) to a number."""
    found = re.fullmatch(r"([0-9.]+)(m|[KMGT]i|[kMGT])?", str(quantity))
    if found is None:
        raise ValueError(f"{quantity} is not a quantity")
    return float(found[1]) / 1000 if found[2] == "m" else float(found[1]) * _UNITS[found[2] or ""]
