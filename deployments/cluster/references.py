"""Rules for references between objects: names, keys of secrets, and labels that selectors match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployments.cluster.manifests import NAME, Manifest, Object, Pod
from deployments.cluster.tree import Tree

MAX_NAME_CHARS = 47
"""Limit for a RayService: KubeRay extends its name to names of pods and Services, which may have 63 characters."""

NEW_FOR_EACH_CLUSTER = "ray.io/cluster"


def faults(tree: Tree) -> Iterator[str]:
    """Yield a sentence for each reference to an object that does not exist."""
    yield from _names(tree)
    yield from _sources(tree)
    yield from _selectors(tree)
    yield from _routes(tree)


def _names(tree: Tree) -> Iterator[str]:
    for one in tree.manifests.of_kind("RayService"):
        if len(one.name) > MAX_NAME_CHARS:
            yield f"{one}: the name has {len(one.name)} characters; shorten it to {MAX_NAME_CHARS}, KubeRay extends it."
    namespaces = {one.name for one in tree.manifests.of_kind("Namespace")}
    for one in tree.manifests.all:
        if one.kind != "Namespace" and (given := one.body["metadata"].get("namespace")) not in namespaces:
            yield f"{one}: it is in the namespace {given}, which is not among the manifests; write {NAME}."


# -- secrets, config maps, accounts


def _sources(tree: Tree) -> Iterator[str]:
    known = {kind: _keys(tree, kind) for kind in ("Secret", "ConfigMap")}
    accounts = {one.name for one in tree.manifests.of_kind("ServiceAccount")}
    for pod in tree.manifests.pods():
        account = pod.spec.get("serviceAccountName")
        if account is not None and account not in accounts:
            yield f"{pod}: the service account {account} does not exist; add it to k8s/service-account.yaml."
        for container in pod.containers:
            for kind, name, key in _container_sources(container):
                yield from _source_faults(f"{pod}, container {container['name']}", known, kind, name, key)
    for one in tree.manifests.of_kind("RayService"):
        cluster = one.body["spec"]["rayClusterConfig"]
        for kind, name, key in _cluster_sources(cluster):
            yield from _source_faults(str(one), known, kind, name, key)


def _source_faults(
    who: str, known: Mapping[str, dict[str, set[str]]], kind: str, name: str, key: str | None
) -> Iterator[str]:
    where = "k8s/secrets.example.yaml" if kind == "Secret" else "k8s/kustomization.yaml"
    if name not in known[kind]:
        yield f"{who}: the {kind} {name} does not exist; add it to {where}, or correct the name."
    elif key is not None and key not in known[kind][name]:
        yield f"{who}: the {kind} {name} has no key {key}; add it to {where}, or correct the key."


def _keys(tree: Tree, kind: str) -> dict[str, set[str]]:
    """Return the keys of each Secret or ConfigMap. Secrets are made by hand; the example file lists their keys."""
    of_kind = [one for one in tree.manifests.all if one.kind == kind]
    return {one.name: {*one.body.get("data", {}), *one.body.get("stringData", {})} for one in of_kind}


def _container_sources(container: Object) -> Iterator[tuple[str, str, str | None]]:
    for source in container.get("envFrom", ()):
        for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
            if field in source:
                yield kind, source[field]["name"], None
    for variable in container.get("env", ()):
        yield from _value_sources(variable.get("valueFrom", {}))


def _value_sources(source: Object) -> Iterator[tuple[str, str, str | None]]:
    for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        if field in source:
            yield kind, source[field]["name"], source[field]["key"]


def _cluster_sources(cluster: Object) -> Iterator[tuple[str, str, str | None]]:
    store = cluster.get("gcsFaultToleranceOptions", {})
    for option in ("redisUsername", "redisPassword"):
        yield from _value_sources(store.get(option, {}).get("valueFrom", {}))
    if (secret := cluster.get("authOptions", {}).get("secretName")) is not None:
        yield "Secret", secret, "auth_token"


# -- selectors


def _selectors(tree: Tree) -> Iterator[str]:
    pods = list(tree.manifests.pods())
    for one in tree.manifests.of_kind("PodDisruptionBudget", "PodMonitoring"):
        yield from _selector_faults(str(one), one.body["spec"]["selector"], pods)
    for one in tree.manifests.of_kind("NetworkPolicy"):
        yield from _selector_faults(str(one), one.body["spec"]["podSelector"], pods)
        for rule in one.body["spec"].get("ingress", ()):
            for peer in rule.get("from", ()):
                if "podSelector" in peer and "namespaceSelector" not in peer:
                    yield from _selector_faults(f"{one}, ingress", peer["podSelector"], pods)
    for pod in pods:
        for spread in pod.spec.get("topologySpreadConstraints", ()):
            who = f"{pod}, topologySpreadConstraints"
            yield from _selector_faults(who, spread.get("labelSelector", {}), [pod])


def _selector_faults(who: str, selector: Object, pods: list[Pod]) -> Iterator[str]:
    wanted: dict[str, Any] = selector.get("matchLabels", {})
    if NEW_FOR_EACH_CLUSTER in wanted:
        yield f"{who}: {NEW_FOR_EACH_CLUSTER} is another for each cluster; select by ray.io/group and your own labels."
    elif not any(wanted.items() <= pod.labels.items() for pod in pods):
        listed = ", ".join(f"{key}={value}" for key, value in wanted.items())
        yield f"{who}: no pod has the labels {listed}; correct them, or add them to the pod's template."


# -- from the load balancer to the Service


def _routes(tree: Tree) -> Iterator[str]:
    gateways = {one.name: one for one in tree.manifests.of_kind("Gateway")}
    services = {f"Service {tree.serve_service}"} | {f"Gateway {name}" for name in gateways}
    for one in tree.manifests.of_kind("HTTPRoute"):
        yield from _parents(one, gateways)
        for rule in one.body["spec"].get("rules", ()):
            for backend in rule.get("backendRefs", ()):
                if backend["name"] != tree.serve_service:
                    yield f"{one}: there is no Service {backend['name']}; the product's is {tree.serve_service}."
    for one in tree.manifests.of_kind("GCPBackendPolicy", "HealthCheckPolicy", "GCPGatewayPolicy"):
        target = one.body["spec"]["targetRef"]
        if f"{target['kind']} {target['name']}" not in services:
            yield f"{one}: its target {target['kind']} {target['name']} does not exist; there is {_or(services)}."


def _parents(route: Manifest, gateways: Mapping[str, Manifest]) -> Iterator[str]:
    for parent in route.body["spec"].get("parentRefs", ()):
        if (gateway := gateways.get(parent["name"])) is None:
            yield f"{route}: there is no Gateway {parent['name']}; there is {_or(gateways)}."
            continue
        listeners = {one["name"]: one for one in gateway.body["spec"]["listeners"]}
        listener = listeners.get(parent.get("sectionName"))
        if listener is None:
            yield f"{route}: the Gateway has no listener {parent.get('sectionName')}; it has {_or(listeners)}."
        elif listener.get("hostname") not in route.body["spec"].get("hostnames", ()):
            yield f"{route}: the listener is for {listener.get('hostname')}; name the same host in both."


def _or(names: Any) -> str:
    return " or ".join(sorted(names)) or "none"
