"""Rules for the timeouts of everything that could cut a call.

The load balancer's timeout ends a WebSocket, so the product must move the caller before that. When pods or clusters
stop, calls have `GRACE_S` to move or to end, and everything in their path must wait for that long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from convonet.settings import VARIABLES
from deployments.cluster.manifests import Object, Pod
from deployments.cluster.tree import Tree

GRACE_S = 3_600
"""Maximum time for which GKE waits for a pod, and for which its load balancer drains connections."""

LOAD_BALANCER_KEEP_ALIVE_S = 600
"""Time for which Google's load balancer keeps an idle connection to us. It can't be changed."""

KILL_MARGIN_S = 30
"""Part of a pod's grace period that must be left when Ray has stopped waiting."""

MIN_PRE_STOP_S = 10
"""Time for two health checks, after which a load balancer sends nothing more to a pod."""


def faults(tree: Tree) -> Iterator[str]:
    """Yield a sentence for each period that is too short or too long."""
    yield from _socket_life(tree)
    yield from _clusters_end(tree)
    for pod in tree.workers:
        yield from _pods_end(pod)
        yield from _replicas_end(tree, pod)


def _socket_life(tree: Tree) -> Iterator[str]:
    product_moves_s = _max_socket_life_s(tree)
    for one in tree.manifests.of_kind("GCPBackendPolicy"):
        life = one.body["spec"].get("default", {}).get("timeoutSec", 30)
        if life <= product_moves_s:
            yield (
                f"{one}: timeoutSec is {life} s and ends every call at that age; set it to more than the "
                f"{product_moves_s:g} s after which the product moves a caller (CONVONET_MAX_SOCKET_LIFE_S), as 7200."
            )
        draining = one.body["spec"].get("default", {}).get("connectionDraining", {}).get("drainingTimeoutSec", 0)
        if draining != GRACE_S:
            yield f"{one}: drainingTimeoutSec is {draining}; set it to {GRACE_S}, for as long as pods are waited for."
    for one in tree.manifests.of_kind("HealthCheckPolicy"):
        check = one.body["spec"]["default"]
        if check["timeoutSec"] > check["checkIntervalSec"]:
            yield f"{one}: timeoutSec is longer than checkIntervalSec; Google refuses that, make it shorter."
    keep_alive = tree.serve_config["http_options"].get("keep_alive_timeout_s", 90)
    if keep_alive <= LOAD_BALANCER_KEEP_ALIVE_S:
        yield (
            f"k8s/serve_overlay.yaml: keep_alive_timeout_s is {keep_alive}; set it to more than the "
            f"{LOAD_BALANCER_KEEP_ALIVE_S} s for which the load balancer keeps a connection, as 620, or requests meet "
            "connections that were just closed (502)."
        )


def _max_socket_life_s(tree: Tree) -> float:
    """Return the age at which the product moves a caller by itself."""
    name = "CONVONET_MAX_SOCKET_LIFE_S"
    default = float(VARIABLES[name].default)
    try:
        return float(tree.environment.get(name, default))
    except ValueError:
        # `environment` reports a value that is not a number
        return default


def _clusters_end(tree: Tree) -> Iterator[str]:
    delay = tree.spec.get("rayClusterDeletionDelaySeconds", 60)
    if delay < GRACE_S:
        yield (
            f"{tree.manifests.product}: rayClusterDeletionDelaySeconds is {delay}; set it to {GRACE_S}, or an upgrade "
            "cuts the calls of the old cluster."
        )
    hard_stop = int(tree.environment.get("RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S", "120"))
    if hard_stop < GRACE_S:
        yield (
            f"ray.env: RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S is {hard_stop}; set it to {GRACE_S}, or all calls of a node "
            "end that long after a voice replica has come or gone."
        )


def _pods_end(pod: Pod) -> Iterator[str]:
    grace = pod.spec.get("terminationGracePeriodSeconds", 30)
    if grace < GRACE_S:
        yield (
            f"{pod}: terminationGracePeriodSeconds is {grace}, too short for its calls to move or to end; set it to "
            f"{GRACE_S}."
        )
    elif grace > GRACE_S:
        yield f"{pod}: terminationGracePeriodSeconds is {grace}, but GKE waits {GRACE_S} s at most; set it to that."
    pause = pre_stop_s(pod.ray_container)
    if pause < MIN_PRE_STOP_S:
        yield (
            f"{pod}: preStop must sleep for {MIN_PRE_STOP_S} s at least, as 15: until the load balancer has dropped "
            "the pod, callers who are moved come back to it."
        )
    drain = _drain_s(pod)
    if drain + pause + KILL_MARGIN_S > grace:
        yield (
            f"{pod}: RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S ({drain:.0f} s) after preStop ({pause:.0f} s) leaves less "
            f"than {KILL_MARGIN_S} s of the {grace} s until Kubernetes kills the pod; make it shorter."
        )
    elif drain < GRACE_S - 2 * (pause + KILL_MARGIN_S):
        yield (
            f"{pod}: RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S is {drain:.0f} s, so Ray ends calls long before the pod has "
            f"to; set it to {grace - 60}."
        )


def _replicas_end(tree: Tree, pod: Pod) -> Iterator[str]:
    for application in tree.serve_config["applications"]:
        for deployment in application["deployments"]:
            stop = deployment.get("graceful_shutdown_timeout_s", 20)
            if stop + KILL_MARGIN_S > _drain_s(pod):
                yield (
                    f"k8s/serve_overlay.yaml: {deployment['name']} may take {stop} s to stop, and Ray waits for "
                    f"{_drain_s(pod):.0f} s when a pod goes; lower graceful_shutdown_timeout_s."
                )


def _drain_s(pod: Pod) -> float:
    """Return the time that Ray waits for a node to become empty."""
    variables = {one["name"]: one.get("value") for one in pod.ray_container.get("env", ())}
    return float(variables.get("RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S") or 30)


def pre_stop_s(container: Object) -> float:
    """Return the seconds that a container's preStop sleeps; 0 when it does something else."""
    hook: Mapping[str, Object] = container.get("lifecycle", {}).get("preStop", {})
    if "sleep" in hook:
        return float(hook["sleep"]["seconds"])
    match hook.get("exec", {}).get("command"):
        case ["sleep", seconds]:
            return float(seconds)
    return 0.0
