"""Rules for ports and probes: clients use ports that the pods have, and probes use the path that reports readiness."""

from __future__ import annotations

from collections.abc import Iterator

from deployments.cluster.manifests import Object, Pod
from deployments.cluster.tree import Tree

READY = "/ready"
"""Path that answers 200 as long as this node would serve a call."""

SERVE, METRICS, PROXY_METRICS = "serve", "metrics", "proxy-metrics"
"""Names of ports; KubeRay looks for the first two."""

METRICS_PORT = 8080
"""Port of Ray's metrics, set by KubeRay."""

PROXY_METRICS_PORT = 9101
"""Default of RAY_SERVE_HAPROXY_METRICS_PORT."""

LOAD_BALANCER_NETWORKS = {"35.191.0.0/16", "130.211.0.0/22"}
"""Networks of Google's load balancers and health checks."""


def faults(tree: Tree) -> Iterator[str]:
    """Yield a sentence for each port or probe that does not fit the others."""
    serve_port = int(tree.serve_config["http_options"]["port"])
    if tree.serve_config["http_options"].get("host") != "0.0.0.0":  # noqa: S104 -- compared, not bound
        yield "k8s/serve_overlay.yaml: http_options.host must be 0.0.0.0, or no other pod reaches the product."
    for pod in tree.workers:
        yield from _pod_faults(pod, serve_port, tree)
    yield from _service_faults(tree, serve_port)
    yield from _network_faults(tree, serve_port)


def _pod_faults(pod: Pod, serve_port: int, tree: Tree) -> Iterator[str]:
    ports = _ports_of(pod.ray_container)
    proxy_metrics = int(tree.environment.get("RAY_SERVE_HAPROXY_METRICS_PORT", PROXY_METRICS_PORT))
    for name, number in ((SERVE, serve_port), (METRICS, METRICS_PORT), (PROXY_METRICS, proxy_metrics)):
        if ports.get(name) != number:
            yield f"{pod}: the port {name} is {ports.get(name)}; it must be {number}, where the product listens."
    probe = pod.ray_container.get("readinessProbe", {})
    asked = probe.get("httpGet", {})
    if asked.get("path") != READY:
        yield (
            f"{pod}: readinessProbe must ask {READY} by httpGet; HAProxy answers other paths while any application "
            "lives on any node."
        )
    elif asked.get("port") not in {SERVE, serve_port}:
        yield f"{pod}: readinessProbe asks port {asked.get('port')}; it must be {SERVE} ({serve_port})."
    if probe and probe.get("timeoutSeconds", 1) < 3:
        yield f"{pod}: readinessProbe.timeoutSeconds must be 3 at least: {READY} itself waits 2 s for its checks."


def _service_faults(tree: Tree, serve_port: int) -> Iterator[str]:
    ports = tree.spec.get("serveService", {}).get("spec", {}).get("ports", ())
    service = [port for port in ports if port.get("name") == SERVE]
    if [(port["port"], port.get("targetPort", port["port"])) for port in service] != [(serve_port, serve_port)]:
        yield f"{tree.manifests.product}: serveService must have one port {SERVE}, {serve_port} on both sides."
    for one in tree.manifests.of_kind("HTTPRoute"):
        for rule in one.body["spec"].get("rules", ()):
            for backend in rule.get("backendRefs", ()):
                if backend.get("port") != serve_port:
                    yield f"{one}: it sends callers to port {backend.get('port')}; the product's is {serve_port}."
    for one in tree.manifests.of_kind("HealthCheckPolicy"):
        check = one.body["spec"]["default"]["config"].get("httpHealthCheck", {})
        if check.get("port") != serve_port:
            yield f"{one}: it asks port {check.get('port')}; the product's is {serve_port}."
        if check.get("requestPath") != READY:
            yield f"{one}: it asks {check.get('requestPath')}; it must ask {READY}, as the readiness probe does."


def _network_faults(tree: Tree, serve_port: int) -> Iterator[str]:
    named = {name: number for pod in tree.product_pods for name, number in _ports_of(pod.ray_container).items()}
    scraped: set[int] = set()
    for one in tree.manifests.of_kind("PodMonitoring"):
        for endpoint in one.body["spec"]["endpoints"]:
            port = endpoint["port"]
            if port not in named and port not in named.values():
                yield f"{one}: no pod has a port {port}; there are {', '.join(sorted(named))}."
            else:
                scraped.add(named.get(port, port))
    for one in tree.manifests.of_kind("NetworkPolicy"):
        if one.name != tree.manifests.product.name:
            continue
        rules = one.body["spec"].get("ingress", ())
        if not any(_lets_in(rule, serve_port) and _networks_of(rule) >= LOAD_BALANCER_NETWORKS for rule in rules):
            networks = " and ".join(sorted(LOAD_BALANCER_NETWORKS))
            yield f"{one}: the load balancer ({networks}) must reach port {serve_port}; add a rule for it."
        for port in sorted(scraped):
            if not any(_lets_in(rule, port) and _is_from_namespaces(rule) for rule in rules):
                yield f"{one}: Prometheus must reach port {port} (k8s/monitoring.yaml); add it to the rule for it."


def _ports_of(container: Object) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in container.get("ports", ())}


def _lets_in(rule: Object, port: int) -> bool:
    return any(one.get("port") == port for one in rule.get("ports", ()))


def _networks_of(rule: Object) -> set[str]:
    return {peer["ipBlock"]["cidr"] for peer in rule.get("from", ()) if "ipBlock" in peer}


def _is_from_namespaces(rule: Object) -> bool:
    return any("namespaceSelector" in peer for peer in rule.get("from", ()))
