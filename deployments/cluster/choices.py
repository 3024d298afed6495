"""Rules for deliberate choices that no other rule covers, so that nobody undoes them unawares."""

from __future__ import annotations

from collections.abc import Iterator

from deployments.cluster.manifests import Pod
from deployments.cluster.tree import Tree

SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
HOST = "kubernetes.io/hostname"


def faults(tree: Tree) -> Iterator[str]:
    """Yield a sentence for each choice that was undone."""
    yield from _service_faults(tree)
    yield from _store_faults(tree)
    for pod in tree.product_pods:
        yield from _pod_faults(pod)
    for pod in tree.workers:
        spreads = pod.spec.get("topologySpreadConstraints", ())
        if not any(one["topologyKey"] == HOST and one["whenUnsatisfiable"] == "DoNotSchedule" for one in spreads):
            yield f"{pod}: spread the pods over {HOST} (DoNotSchedule), or a machine that is lost takes several along."


def _service_faults(tree: Tree) -> Iterator[str]:
    who, spec = tree.manifests.product, tree.spec
    if (chosen := spec.get("upgradeStrategy", {}).get("type", "NewCluster")) != "NewCluster":
        yield f"{who}: upgradeStrategy is {chosen}; it must be NewCluster; others cut calls or ignore changes."
    if not spec.get("excludeHeadPodFromServeSvc"):
        yield f"{who}: excludeHeadPodFromServeSvc must be true: calls through the head end with it."
    if spec["rayClusterConfig"].get("authOptions", {}).get("mode") != "token":
        yield f"{who}: authOptions.mode must be token, or whoever reaches the head runs code on it."


def _store_faults(tree: Tree) -> Iterator[str]:
    who, store = tree.manifests.product, tree.spec["rayClusterConfig"].get("gcsFaultToleranceOptions")
    if store is None:
        yield f"{who}: gcsFaultToleranceOptions are missing, so all calls end with the head; add the Redis of Ray."
        return
    if "externalStorageNamespace" in store:
        yield f"{who}: remove externalStorageNamespace, or the new cluster of an upgrade reads the old one's state."
    if "valueFrom" not in store.get("redisPassword", {}):
        yield f"{who}: redisPassword must come from a Secret (valueFrom.secretKeyRef)."


def _pod_faults(pod: Pod) -> Iterator[str]:
    annotations = pod.template.get("metadata", {}).get("annotations", {})
    if annotations.get(SAFE_TO_EVICT) != "false":
        yield f'{pod}: the annotation {SAFE_TO_EVICT} must be "false", or nodes are emptied to save money.'
    if not pod.spec.get("securityContext", {}).get("runAsNonRoot"):
        yield f"{pod}: securityContext.runAsNonRoot must be true; the image has the user 10001."
